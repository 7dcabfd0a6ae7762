"""Backfills by the command, against the double."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hostler.v1.run_pb2 import Run

if TYPE_CHECKING:
    from collections.abc import Callable

    from component.cli.commands import Outcome
    from component.facade_double.state import Facade

    Backfill = Callable[..., Outcome]

SET = "PIPELINES = {'totals': ['load'], 'long': ['block']}\nPARTITION_SETS = {'days': %r}"
NAMES = ["2026-01-01", "2026-01-02", "eu/2026-01-03", "a,b"]


@pytest.fixture
def backfill(facade: Facade, hostler: Callable[..., Outcome]) -> Backfill:
    partitions(facade, *NAMES)
    return lambda *options: hostler("partition", "backfill", "days", *options)


def partitions(facade: Facade, *names: str) -> None:
    Path("reports.py").write_text(SET % (list(names),))
    facade.load(Path("reports.py").absolute())


def launched(facade: Facade) -> list[str]:
    return [run.partition.partition("/partitions/")[2] for run in facade.runs.values()]


def test_all(backfill: Backfill, facade: Facade) -> None:
    done = backfill("--all", "--tag", "team=data", "-c", "{a: 1}", "--id", "x")
    assert done.code == 0
    assert launched(facade) == NAMES
    lines = [line.split() for line in done.out.splitlines()]
    assert [line[1] for line in lines] == NAMES * 2
    assert [line[2] for line in lines] == ["launched,"] * 4 + ["succeeded"] * 4
    assert done.err.splitlines() == [
        "hostler: backfill x: 4 partitions of set days",
        "hostler: backfill x: 4 succeeded",
    ]
    run = facade.runs["runs/3"]
    assert run.request_id == "backfill/x/eu/2026-01-03"
    assert run.run_config.fields["a"].number_value == 1
    assert (run.tags["team"], run.tags["hostler/backfill"]) == ("data", "x")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--partitions", "eu/2026-01-03,2026-01-01"], [NAMES[0], NAMES[2]]),
        (["--partitions", "a,b", "--partitions", "2026-01-02"], [NAMES[1], NAMES[3]]),
        ([], NAMES),
        (["--from", "2026-01-02"], NAMES[1:]),
        (["--to", "2026-01-02"], NAMES[:2]),
        (["--from", "2026-01-01", "--to", "2026-01-02"], NAMES[:2]),
        (["--from", "a,b", "--to", "a,b"], NAMES[3:]),
    ],
)
def test_some(backfill: Backfill, facade: Facade, options: list[str], expected: list[str]) -> None:
    assert backfill(*options).code == 0
    assert launched(facade) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--all", "--from", "a,b"], "cannot tell which partitions are meant; give only one of "),
        (["--all", "--to", "a,b"], "cannot tell which partitions are meant"),
        (["--partitions", "a,b", "--to", "a,b"], "cannot tell which partitions are meant"),
        (["--from", "a,b", "--to", "2026-01-02"], "in the set's order '2026-01-02' comes first"),
    ],
)
def test_wrong_usage(backfill: Backfill, facade: Facade, options: list[str], message: str) -> None:
    done = backfill(*options)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert not facade.runs


def test_wrong_names(backfill: Backfill, hostler: Callable[..., Outcome]) -> None:
    done = backfill("--partitions", "2026-01-1,2026-01-02,zzz")
    assert (done.code, done.out) == (1, "")
    for part in ("cannot find a partition '2026-01-1'; did you mean 2026-01-01 or", "'zzz'"):
        assert part in done.err
    done = backfill("--from", "2026-01-01", "--to", "2026-01-20")
    assert (done.code, done.out) == (1, "")
    assert "cannot find a partition '2026-01-20'; did you mean 2026-01-02" in done.err
    done = hostler("partition", "backfill", "dais", "--all")
    assert done.code == 4
    assert "hostler: broken does not answer: NameError" in done.err, "it may have been there"
    assert "cannot find a partition set 'dais'; did you mean days?" in done.err
    assert backfill("--all", "--id", "x" * 65).code == 1


def test_json(backfill: Backfill) -> None:
    done = backfill("--from", "a,b", "--json")
    assert done.code == 0
    states = [message.get("state") for message in done.messages]
    assert len(states) == 2
    assert states[1] == "SUCCEEDED"


def test_some_fail(backfill: Backfill, facade: Facade) -> None:
    partitions(facade, "good", "fails")
    done = backfill("--all", "--id", "x")
    assert done.code == 1
    assert "fails             failed, run 2: step fail: ValueError: boom" in done.out
    assert "backfill x: 1 succeeded, 1 failed" in done.err


def test_the_same_id_goes_on(backfill: Backfill, facade: Facade) -> None:
    partitions(facade, *NAMES[:2])
    assert backfill("--all", "--id", "x", "--no-wait").out.count("launched") == 2
    partitions(facade, *NAMES)
    done = backfill("--all", "--id", "x")
    assert (done.code, launched(facade)) == (0, NAMES)
    assert "backfill x: 4 succeeded" in done.err


def test_missing(backfill: Backfill, facade: Facade) -> None:
    partitions(facade, "good", "fails")
    backfill("--all")
    partitions(facade, "good", "fails", "new")
    done = backfill("--all", "--missing", "--id", "x")
    assert launched(facade) == ["good", "fails", "fails", "new"]
    assert done.code == 1
    again = backfill("--all", "--missing", "--id", "x")
    assert len(facade.runs) == 4
    assert "backfill x: 2 partitions" in again.err, "its own are not left out"
    done = backfill("--partitions", "good", "--missing", "--json")
    assert (done.code, done.out) == (0, "")
    assert "nothing to do, set days has none of them left" in done.err


def test_a_run_that_goes_on_is_not_missing(backfill: Backfill, facade: Facade) -> None:
    backfill("--from", "a,b")
    (run,) = facade.runs.values()
    for state, count in ((Run.QUEUED, 1), (Run.RUNNING, 1), (Run.CANCELING, 2)):
        run.state = state
        backfill("--from", "a,b", "--missing", "--no-wait")
        assert len(facade.runs) == count


def test_a_record_that_is_deleted_meanwhile(backfill: Backfill, facade: Facade) -> None:
    backfill("--from", "eu/2026-01-03", "--id", "x")
    for run in facade.runs.values():
        run.tags["hostler/backfill"] = "of another"  # as if it were not in the list
    done = backfill("--from", "eu/2026-01-03", "--id", "x")
    assert done.code == 1
    assert "the record of its run is deleted" in done.out
    assert "backfill x: 2 deleted" in done.err


def test_completion_has_the_partitions_of_the_set(
    backfill: Backfill, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from hostler.cli.main import main

    monkeypatch.setenv("_HOSTLER_COMPLETE", "bash_complete")
    for words in ("hostler partition backfill days --from e", "hostler partition show days e"):
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
        with pytest.raises(SystemExit):
            main([])
        assert capsys.readouterr().out.split() == ["plain,eu/2026-01-03"]


def test_without_a_daemon_there_is_a_private_one(
    folder: Path, hostler: Callable[..., Outcome]
) -> None:
    done = hostler("partition", "backfill", "-f", "reports.py")
    assert done.code == 0, done.err
    assert done.out.count("succeeded in") == 3
    assert "3 partitions of set days" in done.err


@pytest.mark.parametrize("option", [["--no-wait"], ["--missing"], ["--id", "x"]])
def test_what_is_about_other_runs_needs_a_daemon(
    folder: Path, hostler: Callable[..., Outcome], option: list[str]
) -> None:
    done = hostler("partition", "backfill", "days", *option)
    assert (done.code, done.out) == (3, "")
    assert "cannot reach a daemon" in done.err


def test_the_runs_are_those_of_the_contract(backfill: Backfill) -> None:
    found = json.loads(backfill("--from", "a,b", "--no-wait", "--json").out)
    assert found["partition"].endswith("/partitionSets/days/partitions/a,b")
