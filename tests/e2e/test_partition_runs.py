"""Runs for partitions in a real daemon."""

import pytest
from e2e.harness import Daemon
from google.protobuf import json_format

from hostler.client import Client, InvalidArgumentError, NotFoundError, UserCodeError
from hostler.v1.run_pb2 import Run

CODE = """\
from hostler.definitions import (
    Partition, PartitionSetDefinition, partition_set, pipeline, repository, solid,
)


def note(text):
    with open("called", "a") as file:
        file.write(text + "\\n")


@solid(config_schema={"limit": int, "names": [str]})
def works(context):
    note("step")
    partition = context.partition
    if partition is None:
        return "of no partition"
    assert context.partition is partition
    return f"{partition.name} is {partition.value['n']}, {context.tags['team']}"


@solid
def asks(context):
    return context.partition and context.partition.value["n"]


@pipeline
def p():
    works()
    asks()


@pipeline
def other():
    asks()


def numbers():
    note("numbers")
    with open("count") as file:
        return [Partition({"n": n}, f"number/{n}") for n in range(int(file.read()))]


@partition_set("p", numbers, tags_fn_for_partition=lambda one: {"team": "a", "n": one.name[7:]})
def by_number(partition):
    limit = 10 // partition.value["n"]
    return {"solids": {"works": {"config": {"limit": limit, "names": ["a", "b"]}}}}


def lazy_set():
    return PartitionSetDefinition("lazy", "p", lambda: ["x"])


@repository
def repo():
    return {
        "pipelines": {"p": p, "other": other},
        "partition_sets": {"by_number": by_number, "lazy": lazy_set},
    }


@repository
def second():
    return [p, by_number]
"""

PARENT = "locations/repos.py/repositories/repo"
PIPELINE = f"{PARENT}/pipelines/p"
SET = f"{PARENT}/partitionSets/by_number"


@pytest.fixture
def served(daemon: Daemon) -> Daemon:
    daemon.write("count", "12")
    daemon.write("repos.py", CODE)
    daemon.workspace.write_text("load_from:\n  - python_file: repos.py\n")
    daemon.start().ready("repos.py")
    return daemon


@pytest.fixture
def client(served: Daemon) -> Client:
    return served.client


def outputs(client: Client, run: Run) -> dict[str, str]:
    events = client.watch_run(run.name)
    return {event.step: event.step_output.preview for event in events if event.step_output.output}


def called(daemon: Daemon) -> list[str]:
    return (daemon.folder / "called").read_text().splitlines()


def test_the_set_gives_what_the_launch_leaves_out(client: Client) -> None:
    run = client.launch(
        PIPELINE,
        {"solids": {"works": {"config": {"names": ["c"]}}}},
        {"team": "b"},
        partition=("by_number", "number/5"),
    )
    config = {"solids": {"works": {"config": {"limit": 2, "names": ["c"]}}}}
    assert json_format.MessageToDict(run.run_config) == config
    tags = {"hostler/partition_set": "by_number", "hostler/partition": "number/5"}
    assert dict(run.tags) == {"team": "b", "n": "5", **tags}
    assert run.partition == f"{SET}/partitions/number/5"
    assert outputs(client, run) == {"works": "'number/5 is 5, b'", "asks": "5"}
    found = client.run(run.name)
    assert found.state == Run.SUCCEEDED
    assert found.partition == run.partition
    assert [each.name for each in client.runs(tags=tags)] == [run.name]
    assert not client.runs(tags={"hostler/partition": "number/6"})


def test_a_run_for_none_has_none(served: Daemon, client: Client) -> None:
    config = {"solids": {"works": {"config": {"limit": 1, "names": []}}}}
    run = client.launch(PIPELINE, config)
    assert outputs(client, run) == {"works": "'of no partition'", "asks": "None"}
    assert called(served) == ["step"], "nobody has asked for the partitions"


def test_a_retry_compares_what_was_asked_for(served: Daemon, client: Client) -> None:
    def launch(name: str, **tags: str) -> str:
        partition = f"{SET}/partitions/{name}"
        return client.launch(PIPELINE, tags=tags, request_id="one", partition=partition).name

    first = launch("number/5")
    served.write("count", "2")  # what the set gives has changed, what is asked for has not
    assert launch("number/5") == first
    served.kill()
    served.start().ready("repos.py")
    assert launch("number/5") == first
    for name, tags in (("number/1", {}), ("number/5", {"team": "c"})):
        with pytest.raises(InvalidArgumentError, match=f"'one': {first} has it, with another"):
            launch(name, **tags)
    with pytest.raises(InvalidArgumentError, match="with another content"):
        client.launch(PIPELINE, request_id="one")
    assert len(client.runs()) == 1


def test_what_is_refused(client: Client) -> None:
    def launch(pipeline: str, *partition: str) -> None:
        client.launch(f"{PARENT}/pipelines/{pipeline}", partition="/".join((PARENT, *partition)))

    with pytest.raises(NotFoundError, match=r"cannot find partition 'number/99'; .*'number/9'"):
        launch("p", "partitionSets/by_number/partitions/number/99")
    with pytest.raises(NotFoundError, match=r"partition set 'by_nummer'; did you mean 'by_number'"):
        launch("p", "partitionSets/by_nummer/partitions/number/9")
    for name, partition in (("by_number", "number/9"), ("lazy", "x")):
        refused = f"'other' for a partition of set '{name}', which is for pipeline 'p'"
        with pytest.raises(InvalidArgumentError, match=refused):
            launch("other", f"partitionSets/{name}/partitions/{partition}")
    with pytest.raises(InvalidArgumentError, match=r"expected locations/.*/partitions/{partition}"):
        launch("p", "partitionSets/by_number")
    with pytest.raises(InvalidArgumentError, match="is not of the pipeline's repository"):
        client.launch(f"{PARENT[:-4]}second/pipelines/p", partition=f"{SET}/partitions/number/1")
    with pytest.raises(UserCodeError, match="ZeroDivisionError"):
        launch("p", "partitionSets/by_number/partitions/number/0")
    assert not client.runs()


def test_a_partition_that_is_gone_fails_the_step_that_asks_for_it(
    served: Daemon, client: Client
) -> None:
    served.write("count", "6")
    gate = served.folder / "gate"
    served.write(
        "repos.py",
        CODE.replace('    note("step")\n', '    note("step")\n    import os\n'
                     '    while not os.path.exists("gate"):\n        pass\n'),
    )  # fmt: skip
    served.ready("repos.py", 2)
    run = client.launch(PIPELINE, partition=("by_number", "number/5"))
    served.write("count", "2")
    gate.touch()
    kinds = [event.WhichOneof("event") for event in client.watch_run(run.name)]
    assert kinds[-1] == "run_failed"
    message = client.run(run.name).failure.message
    assert "UnknownNameError: cannot find partition 'number/5' in partition set" in message
