"""hostler run: beginnings of ids, and runs that are launched again."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest

from hostler.cli.text.runs import short_ids
from hostler.client import AmbiguousNameError, Client, NotFoundError
from hostler.v1.run_pb2 import Run, RunEvent, RunSucceeded

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from component.cli.commands import Outcome
    from component.facade_double.state import Facade

PIPELINE = "locations/etl/repositories/nightly/pipelines/totals"
IDS = ["3f9a" + "0" * 28, "3f9b" + "0" * 28, "77" + "0" * 30]


@pytest.fixture
def runs(facade: Facade) -> Facade:
    """Records runs with ids like those of the daemon."""
    for name in IDS:
        facade.runs[f"runs/{name}"] = Run(
            name=f"runs/{name}", pipeline=PIPELINE, state=Run.SUCCEEDED, last_sequence=1
        )
        facade.runs[f"runs/{name}"].end_time.GetCurrentTime()
        facade.canceled[f"runs/{name}"] = threading.Event()
        facade.events[f"runs/{name}"] = [RunEvent(sequence=1, run_succeeded=RunSucceeded())]
    return facade


@pytest.mark.usefixtures("runs")
class TestBeginningsOfIds:
    @pytest.mark.parametrize("command", [["show"], ["watch"], ["cancel"], ["delete"]])
    def test_every_command_takes_them(
        self, hostler: Callable[..., Outcome], command: list[str]
    ) -> None:
        assert hostler("run", *command, "3f9b").code == 0
        assert hostler("run", *command, f"runs/{IDS[0]}").code == 0

    @pytest.mark.parametrize("command", [["show"], ["retry"], ["cancel"], ["delete"]])
    def test_an_ambiguous_one_lists_the_candidates(
        self, hostler: Callable[..., Outcome], command: list[str]
    ) -> None:
        done = hostler("run", *command, "3f9")
        assert (done.code, done.out) == (1 if command == ["delete"] else 2, "")
        assert "cannot tell which run '3f9' is meant; give more of its id:" in done.err
        assert f"{IDS[0]}  totals  SUCCEEDED" in done.err
        assert IDS[2] not in done.err

    def test_one_that_no_run_has(self, hostler: Callable[..., Outcome]) -> None:
        done = hostler("run", "show", "abc")
        assert (done.code, done.out) == (1, "")
        assert "cannot find a run 'abc'" in done.err
        assert "hostler run list" in done.err

    def test_of_the_client(self, folder: Path) -> None:
        with Client(folder / "d.sock") as client:
            assert client.run("77").name == f"runs/{IDS[2]}"
            with pytest.raises(AmbiguousNameError) as raised:
                client.run("3")
            assert sorted(raised.value.candidates) == [f"runs/{name}" for name in IDS[:2]]
            with pytest.raises(NotFoundError):
                client.run("")

    def test_a_whole_id_asks_for_no_list(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Client, "_all_runs", None)
        with Client(folder / "d.sock") as client:
            assert client.run(IDS[0]).name == f"runs/{IDS[0]}"


def test_short_ids_are_as_long_as_it_takes() -> None:
    runs = [Run(name=f"runs/{name}") for name in ("a" * 32, "b" * 32)]
    assert short_ids(runs) == ["a" * 8, "b" * 8]
    runs.append(Run(name="runs/" + "a" * 20 + "c" * 12))
    assert short_ids(runs) == ["a" * 21, "b" * 21, "a" * 20 + "c"]
    assert short_ids([runs[0], runs[0]]) == ["a" * 8] * 2
    assert short_ids([]) == []


class TestRetry:
    @pytest.fixture
    def before(self, facade: Facade) -> Run:
        run = Run(
            name=f"runs/{IDS[0]}",
            pipeline=PIPELINE,
            state=Run.FAILED,
            tags={"team": "data", "hostler/backfill": "b"},
            solids=["load"],
            max_concurrency=3,
        )
        run.run_config.update({"solids": {"load": {"config": {"limit": 10}}}})
        run.timeout.seconds = 60
        facade.runs[run.name] = run
        return run

    def test_it_launches_the_same_again(
        self, hostler: Callable[..., Outcome], facade: Facade, before: Run
    ) -> None:
        done = hostler("run", "retry", IDS[0][:6])
        assert done.code == 0
        again = facade.runs[f"runs/{done.out.strip()}"]
        assert again.name != before.name
        assert dict(again.tags) == {"team": "data"}
        for field in ("pipeline", "run_config", "solids", "max_concurrency", "timeout"):
            assert getattr(again, field) == getattr(before, field)

    def test_a_run_without_a_timeout_gets_none(
        self, hostler: Callable[..., Outcome], facade: Facade, before: Run
    ) -> None:
        before.ClearField("timeout")
        again = facade.runs[f"runs/{hostler('run', 'retry', IDS[0]).out.strip()}"]
        assert again.HasField("timeout")
        assert again.timeout.seconds == 0

    def test_of_a_partition(
        self, hostler: Callable[..., Outcome], facade: Facade, before: Run
    ) -> None:
        repository = "locations/reports/repositories/nightly"
        before.pipeline = f"{repository}/pipelines/totals"
        before.partition = f"{repository}/partitionSets/days/partitions/2026-01-01"
        before.tags["hostler/partition"] = "2026-01-01"
        again = facade.runs[f"runs/{hostler('run', 'retry', IDS[0]).out.strip()}"]
        assert again.partition == before.partition
        assert again.tags["hostler/partition"] == "2026-01-01", "the daemon gives it anew"

    @pytest.mark.usefixtures("before")
    def test_watching_it(self, hostler: Callable[..., Outcome]) -> None:
        done = hostler("run", "retry", "--watch", IDS[0])
        assert done.code == 0
        assert "succeeded" in done.out
        assert f"repeats run {IDS[0]}" in done.err

    @pytest.mark.usefixtures("before")
    def test_as_json(self, hostler: Callable[..., Outcome]) -> None:
        assert json.loads(hostler("run", "retry", IDS[0], "--json").out)["pipeline"] == PIPELINE

    @pytest.mark.usefixtures("facade")
    def test_of_a_run_that_is_not_there(self, hostler: Callable[..., Outcome]) -> None:
        assert hostler("run", "retry", IDS[0]).code == 1
