from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from component.facade_double.server import served

from hostler.client import (
    AmbiguousNameError,
    Client,
    DeadlineError,
    InvalidArgumentError,
    LoadFailedError,
    NotFoundError,
    NotReadyError,
    UnreachableError,
)
from hostler.v1.run_pb2 import Run
from hostler.v1.workspace_pb2 import Location

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from component.facade_double.state import Facade

FILES = {
    "etl": "PIPELINES = {'totals': ['load', 'add'], 'bad': ['load', 'fail'], 'long': ['block']}",
    "reports": "PIPELINES = {'totals': ['load']}",
    "broken": "x = undefined_name",
    "slow": "LOADING = True",
}


@pytest.fixture
def facade(tmp_path: Path) -> Iterator[Facade]:
    for name, text in FILES.items():
        (tmp_path / f"{name}.py").write_text(text)
    file = tmp_path / "workspace.yaml"
    file.write_text("load_from:\n" + "".join(f"- python_file: {name}.py\n" for name in FILES))
    with served([file], tmp_path / "d.sock") as facade:
        yield facade


@pytest.fixture
def client(facade: Facade, tmp_path: Path) -> Iterator[Client]:
    with Client(tmp_path / "d.sock") as client:
        yield client


def test_locations_turn_the_pages(client: Client) -> None:
    assert [location.name for location in client.locations()] == [f"locations/{x}" for x in FILES]
    assert len(client.workspace().locations) == len(FILES)


def test_a_location_is_named_either_way(client: Client) -> None:
    assert client.location("etl") == client.location("locations/etl")
    assert client.location("etl").serving


def test_reload_tells_what_came_of_it(client: Client, tmp_path: Path) -> None:
    (tmp_path / "etl.py").write_text("PIPELINES = {'new': []}")
    (loaded,) = client.reload("etl")
    assert loaded.generation == 2
    assert [item.name for item in client.pipelines("etl")] == [
        "locations/etl/repositories/nightly/pipelines/new"
    ]
    assert len(client.restart()) == len(FILES)


def test_stop_and_start(client: Client) -> None:
    assert client.stop("etl").state == Location.STOPPED
    assert client.start("etl").state == Location.READY


def test_watch_begins_with_the_present_state_and_goes_on(client: Client) -> None:
    with client.watch() as changes:
        first = next(changes)
        assert len(first.workspace.locations) == len(FILES)
        client.stop("etl")
        change = next(changes)
        assert change.location.name == "locations/etl"
        assert change.old_state == Location.READY
    with client.watch(first.revision) as changes:
        assert next(changes) == change


def test_watch_with_history(client: Client) -> None:
    with client.watch(history=True) as changes:
        assert [next(changes).revision for _ in FILES] == [1, 2, 3, 4]


def test_a_watch_that_is_canceled_from_another_thread_ends_without_error(client: Client) -> None:
    changes = client.watch()
    next(changes)
    threading.Timer(0.05, changes.cancel).start()
    assert list(changes) == []


def test_a_watch_with_a_timeout_says_so(client: Client) -> None:
    with pytest.raises(DeadlineError):
        list(client.watch(timeout=0.1))


@pytest.mark.parametrize(("last", "lines"), [(None, 2), (1, 1), (0, 0), (9, 2)])
def test_logs(client: Client, last: int | None, lines: int) -> None:
    client.reload("etl")
    assert len(list(client.logs("etl", last))) == lines


def test_logs_follow(client: Client, facade: Facade) -> None:
    with client.logs("etl", 0, follow=True) as lines:
        client.reload("etl")
        # If the reload came before the call had begun, another reload brings the new line.
        threading.Timer(0.2, facade.log, ("locations/etl", "second")).start()
        assert next(lines).text in {"loaded etl.py", "second"}


def test_repositories(client: Client) -> None:
    assert len(client.repositories()) == 2
    assert len(client.repositories("etl")) == 1
    repository = client.repository("etl", "nightly")
    assert client.repositories("etl") == [repository]
    assert len(client.pipelines("etl", "nightly")) == 3
    assert len(client.pipelines()) == 4


def test_a_pipeline_by_its_names(client: Client) -> None:
    pipeline = client.pipeline("etl", "nightly", "totals")
    assert [solid.name for solid in pipeline.solids] == ["load", "add"]


def test_a_pipeline_is_found_where_one_location_has_it(client: Client) -> None:
    found = client.find_pipeline("bad")
    assert found.name == "locations/etl/repositories/nightly/pipelines/bad"
    assert client.find_pipeline(found.name) == found
    assert client.find_pipeline("totals", "reports").solid_count == 1


def test_a_name_that_two_locations_have_is_refused_with_the_candidates(client: Client) -> None:
    with pytest.raises(AmbiguousNameError) as raised:
        client.find_pipeline("totals")
    assert raised.value.candidates == (
        "locations/etl/repositories/nightly/pipelines/totals",
        "locations/reports/repositories/nightly/pipelines/totals",
    )
    assert "of location reports" in str(raised.value)


@pytest.mark.parametrize(("name", "part"), [("total", "mean totals"), ("zzz", "bad, long, totals")])
def test_a_name_that_is_not_there_gets_the_nearest(client: Client, name: str, part: str) -> None:
    with pytest.raises(NotFoundError, match=part):
        client.find_pipeline(name)


def test_execute_gives_the_events(client: Client) -> None:
    execution = client.execute("totals", {"a": 1}, {"team": "data"}, location="etl")
    events = list(execution)
    assert [event.sequence for event in events] == list(range(1, 13))
    assert events[-1].WhichOneof("event") == "run_succeeded"
    run = execution.run()
    assert run.state == Run.SUCCEEDED
    assert run.run_config["a"] == 1
    assert run.tags == {"team": "data"}
    assert list(execution) == []


def test_an_execution_goes_on_where_it_was_left_and_is_canceled(client: Client) -> None:
    execution = client.execute("long")
    for event in execution:
        if event.WhichOneof("event") == "step_started":
            break
    assert execution.cancel().name == execution.name
    (last,) = execution
    assert last.WhichOneof("event") == "run_canceled"
    assert client.run(execution.name).state == Run.CANCELED


def test_runs_are_listed_newest_first(client: Client) -> None:
    names = [client.launch("bad").name for _ in range(3)]
    assert [run.name for run in client.runs()] == names[::-1]
    assert [run.name for run in client.runs(limit=2)] == names[:0:-1]
    last = list(client.watch_run("1", after=6))
    assert [event.WhichOneof("event") for event in last][-2:] == ["step_failed", "run_failed"]


@pytest.mark.parametrize("value", [2**53 + 1, -(2**60), {"b": [2**70]}, object(), {1, 2}])
def test_a_config_that_cannot_travel_is_refused(client: Client, value: object) -> None:
    with pytest.raises(InvalidArgumentError, match=r"^cannot send "):
        client.launch("bad", {"a": value})


def test_a_selection_of_solids(client: Client) -> None:
    assert list(client.launch("bad", solids=["a", "*b"]).solids) == ["a", "*b"]
    assert list(client.execute("bad", solids=("a",)).launched.solids) == ["a"]
    with pytest.raises(InvalidArgumentError, match=r"cannot select 'abc': expected a list"):
        client.launch("bad", solids="abc")


def test_concurrency(client: Client) -> None:
    assert client.launch("bad", max_concurrency=2).max_concurrency == 2
    assert client.execute("bad").launched.max_concurrency == 0


def test_a_location_that_never_loaded(client: Client) -> None:
    with pytest.raises(LoadFailedError) as raised:
        client.pipeline("broken", "nightly", "totals")
    assert raised.value.traceback is not None
    assert "undefined_name" in raised.value.traceback


def test_a_location_whose_first_load_is_under_way(client: Client) -> None:
    with pytest.raises(NotReadyError) as raised:
        client.repositories("slow")
    assert raised.value.retry_delay == 0.5


def test_a_name_that_the_daemon_does_not_know(client: Client) -> None:
    with pytest.raises(NotFoundError) as raised:
        client.location("nothing")
    assert raised.value.details.resource_type == "location"
    assert raised.value.details.resource_name == "locations/nothing"


def test_no_daemon(tmp_path: Path) -> None:
    with (
        Client(tmp_path / "nothing.sock") as client,
        pytest.raises(UnreachableError, match=r"nothing\.sock"),
    ):
        client.workspace()


def test_a_daemon_that_comes_back_is_found_again(tmp_path: Path) -> None:
    (tmp_path / "etl.py").write_text(FILES["etl"])
    file = tmp_path / "workspace.yaml"
    file.write_text("load_from: [{python_file: etl.py}]")
    with Client(tmp_path / "d.sock") as client:
        with served([file], tmp_path / "d.sock"):
            assert client.location("etl").generation == 1
        with pytest.raises(UnreachableError):
            client.workspace()
        with served([file], tmp_path / "d.sock"):
            deadline = threading.Event()
            threading.Timer(10, deadline.set).start()
            while not deadline.is_set():
                try:
                    assert client.workspace().locations
                except UnreachableError:
                    continue
                return
    pytest.fail("not found within 10 s")


def test_the_environment_names_the_socket(
    facade: Facade, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOSTLER_SOCKET", str(tmp_path / "d.sock"))
    with Client() as client:
        assert client.location("etl").serving


def test_many_runs(client: Client) -> None:
    with client.watch_runs(location="etl") as changes:
        assert not next(changes).snapshot.runs
        names = [client.launch("long").name for _ in range(2)]
        assert next(changes).run.name in names
    assert client.count_runs(pipeline="long") == {Run.RUNNING: 2}
    unknown = f"runs/{'0' * 32}"
    done = client.cancel_runs([*names, unknown])
    assert (done.canceled_count, done.problems[0].name) == (2, unknown)
    for name in names:
        list(client.watch_run(name))
    assert [step.name for step in client.steps(names[0])] == [f"{names[0]}/steps/block"]
    assert client.delete_runs(names[:1]).deleted_count == 1
    assert client.delete_runs(states=[Run.CANCELED]).deleted_count == 1
    with pytest.raises(InvalidArgumentError, match="both runs and a filter"):
        client.delete_runs(names, location="etl")
    with pytest.raises(InvalidArgumentError, match="empty list of runs"):
        client.cancel_runs([])


def test_a_run_config_is_validated(client: Client) -> None:
    found = client.validate("bad", {"invalid": 1}, solids=["load"])
    assert [each.path for each in found.problems] == ["invalid"]
    assert not client.validate("bad").problems
    assert client.config_schema("bad")["type"] == "object"
    with pytest.raises(InvalidArgumentError, match="expected a list"):
        client.validate("bad", solids="load")
    with pytest.raises(InvalidArgumentError, match=r"2\*\*53"):
        client.validate("bad", {"n": 2**60})
