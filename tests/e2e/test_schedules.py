"""Schedules, partition sets and lazy repositories in a real daemon."""

import json
from datetime import UTC, datetime

import pytest
from e2e.harness import Daemon, eventually
from google.protobuf import json_format

from hostler.client import InvalidArgumentError, NotFoundError, ProcessDiedError, UserCodeError
from hostler.v1 import repository_pb2, run_pb2

CODE = """\
import os
from hostler.definitions import (
    Partition, PartitionSetDefinition, RetryPolicy, ScheduleDefinition, partition_set, pipeline,
    repository, schedule, solid,
)


def note(text):
    with open("constructed", "a") as file:
        file.write(text + "\\n")


@solid(retry_policy=RetryPolicy(2))
def shaky(context):
    if context.retry_number < 1:
        raise OSError("away")


@pipeline
def p():
    shaky()


@schedule("30 2 * * *", "p", tags={"team": "a"}, execution_timezone="Europe/Berlin")
def nightly(context):
    "Each night."
    return {"at": context.scheduled_execution_time.isoformat()}


def numbers():
    note("numbers")
    return [Partition(n, f"number/{n}") for n in range(12)]


@partition_set("p", numbers)
def by_number(partition):
    return {"solids": {"n": {"config": {"n": partition.value}}}}


def lazy_schedule():
    note("lazy_schedule")
    return ScheduleDefinition("lazy", "@daily", "p", should_execute=lambda: False)


def dying():
    return ScheduleDefinition("dying", "@daily", "p", run_config_fn=lambda: os._exit(3))


def wrong():
    return ScheduleDefinition("wrong", "@daily", "nothing")


def raising():
    return PartitionSetDefinition("raising", "p", lambda: 1 / 0)


@repository
def repo():
    return {
        "pipelines": {"p": p},
        "schedules": {
            "nightly": nightly, "lazy": lazy_schedule, "dying": dying, "wrong": wrong,
        },
        "partition_sets": {"by_number": by_number, "raising": raising},
    }
"""

PLACE = ("repos.py", "repo")


@pytest.fixture
def served(daemon: Daemon) -> Daemon:
    daemon.write("repos.py", CODE)
    daemon.workspace.write_text("load_from:\n  - python_file: repos.py\n")
    daemon.start().ready("repos.py")
    return daemon


def constructed(daemon: Daemon) -> list[str]:
    path = daemon.folder / "constructed"
    return path.read_text().splitlines() if path.exists() else []


def test_lists_come_from_memory_and_construct_nothing(served: Daemon) -> None:
    client = served.client
    schedules = client.schedules()
    assert [one.name.rpartition("/")[2] for one in schedules] == [
        "nightly",
        "lazy",
        "dying",
        "wrong",
    ]
    assert [one.lazy for one in schedules] == [False, True, True, True]
    assert (schedules[0].cron_schedule, schedules[0].execution_timezone) == (
        "30 2 * * *",
        "Europe/Berlin",
    )
    sets = client.partition_sets("repos.py", "repo")
    assert [one.lazy for one in sets] == [False, True]
    assert sets[0].pipeline == "locations/repos.py/repositories/repo/pipelines/p"
    assert client.schedule(*PLACE, "nightly").description == "Each night."
    assert client.partition_set(*PLACE, "by_number").computes_run_config
    assert constructed(served) == []


def test_a_lazy_schedule_is_constructed_once(served: Daemon) -> None:
    for _ in range(2):
        assert served.client.schedule(*PLACE, "lazy").computes_should_execute
    assert constructed(served) == ["lazy_schedule"]
    assert served.client.schedules()[1].lazy


def test_preview(served: Daemon) -> None:
    after = datetime(2026, 3, 28, 12, tzinfo=UTC)
    ticks = served.client.preview_schedule(*PLACE, "nightly", count=2, after=after)
    assert [tick.local_time for tick in ticks] == [
        "2026-03-29T03:00:00+02:00",
        "2026-03-30T02:30:00+02:00",
    ]
    assert ticks[0].time.ToDatetime(UTC) == datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert json_format.MessageToDict(ticks[0].run_config) == {"at": ticks[0].local_time}
    assert dict(ticks[0].tags) == {"team": "a"}
    now = served.client.preview_schedule(*PLACE, "lazy")
    assert [tick.skipped for tick in now] == [True] * 5
    assert all(tick.time.ToDatetime(UTC) > datetime.now(UTC) for tick in now)
    with pytest.raises(InvalidArgumentError, match="cannot preview 101 ticks"):
        served.client.preview_schedule(*PLACE, "lazy", count=101)


def test_partitions(served: Daemon) -> None:
    client = served.client
    names = [
        one.name.partition("/partitions/")[2] for one in client.partitions(*PLACE, "by_number")
    ]
    assert names == [f"number/{n}" for n in range(12)]
    parent = "locations/repos.py/repositories/repo/partitionSets/by_number"
    request = repository_pb2.ListPartitionsRequest(parent=parent, page_size=5)
    pages = list(client._pages(client._repository.ListPartitions, request))
    assert [len(page.partitions) for page in pages] == [5, 5, 2]
    found = client.partition(*PLACE, "by_number", "number/7")
    assert found.name == f"{parent}/partitions/number/7"
    config = json_format.MessageToDict(found.run_config)
    assert config == {"solids": {"n": {"config": {"n": 7}}}}


def test_what_goes_wrong(served: Daemon) -> None:
    client = served.client
    with pytest.raises(NotFoundError, match=r"cannot find schedule .*did you mean 'nightly'"):
        client.schedule(*PLACE, "nighty")
    with pytest.raises(NotFoundError, match="cannot find partition set"):
        list(client.partitions(*PLACE, "by_numbers"))
    with pytest.raises(NotFoundError, match=r"cannot find partition .*'number/7'"):
        client.partition(*PLACE, "by_number", "number/77")
    with pytest.raises(UserCodeError, match='for pipeline "nothing", which is not in'):
        client.schedule(*PLACE, "wrong")
    with pytest.raises(UserCodeError, match="division by zero") as raised:
        list(client.partitions(*PLACE, "raising"))
    assert "ZeroDivisionError" in (raised.value.details.traceback or "")
    with pytest.raises(ProcessDiedError, match="exit"):
        client.preview_schedule(*PLACE, "dying")
    assert client.preview_schedule(*PLACE, "nightly"), "the next worker answers"


def test_a_reload_says_what_changed(served: Daemon) -> None:
    text = CODE.replace('"30 2 * * *"', '"0 3 * * *"').replace('"raising": raising', '"r": raising')
    served.write("repos.py", "\n" + text)
    changes = eventually(
        lambda: (
            served.client.location("repos.py").generation == 2
            and served.client.location("repos.py").last_changes
        )
    )
    assert list(changes.altered) == ["repo/schedules/nightly"]
    assert list(changes.added) == ["repo/partitionSets/r"]
    assert list(changes.removed) == ["repo/partitionSets/raising"]


def test_a_retry_is_seen_by_who_watches_the_run(served: Daemon) -> None:
    events = list(served.client.execute("p"))
    (retried,) = [event.step_retried for event in events if event.HasField("step_retried")]
    assert (retried.retry, retried.exception.type) == (1, "OSError")
    assert events[-1].WhichOneof("event") == "run_succeeded"
    assert served.client.runs()[0].state == run_pb2.Run.SUCCEEDED


THOUSAND = """\
import json, time
from hostler.definitions import PipelineDefinition, repository


def lazy(name):
    def make():
        time.sleep(0.1)
        with open("constructed", "a") as file:
            file.write(json.dumps(name) + "\\n")
        return PipelineDefinition(name, [])

    return make


@repository
def repo():
    return {"pipelines": {f"p{n}": lazy(f"p{n}") for n in range(1000)}}
"""


def test_of_a_thousand_lazy_pipelines_only_the_one_that_is_shown_is_constructed(
    daemon: Daemon,
) -> None:
    daemon.write("repos.py", THOUSAND)
    daemon.workspace.write_text("load_from:\n  - python_file: repos.py\n")
    daemon.start().ready("repos.py")
    assert len(daemon.client.pipelines()) == 1000
    assert len(daemon.client.repository(*PLACE).pipelines) == 1000
    assert constructed(daemon) == []
    for _ in range(2):
        assert daemon.client.pipeline(*PLACE, "p500").name.endswith("/p500")
    assert [json.loads(line) for line in constructed(daemon)] == ["p500"]
