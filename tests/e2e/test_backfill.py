"""Backfills in a real daemon: the queue paces them, and they go on after any end."""

import signal

import pytest
from e2e.command import Terminal, line_with, shell_in
from e2e.harness import PATIENCE, Daemon, eventually

from hostler.client import Backfill, Client
from hostler.v1.run_pb2 import Run

CODE = """\
import os
from hostler.definitions import Partition, partition_set, pipeline, repository, solid


@solid
def works(context):
    context.log.info(str(context.partition.value))
    while os.path.exists("gate"):
        pass
    if context.partition.value in (3, 4):
        raise OSError("away")


@pipeline
def p():
    works()


@partition_set("p", lambda: [Partition(n, f"number_{n}") for n in range(6)])
def numbers(partition):
    if partition.value == 5 and os.path.exists("broken"):
        raise ValueError("broken")
    return {}


@repository
def repo():
    return [p, numbers]
"""


@pytest.fixture
def served(daemon: Daemon) -> Daemon:
    daemon.write("repos.py", CODE)
    daemon.workspace.write_text("load_from:\n  - python_file: repos.py\n")
    daemon.environ["HOSTLER_RUN_LIMIT"] = "2"
    daemon.start().ready("repos.py")
    return daemon


def partition_of(run: Run) -> str:
    return run.partition.rpartition("/")[2]


def test_each_partition_has_its_run(served: Daemon) -> None:
    backfill = served.client.backfill("numbers", tags={"team": "a"})
    launched = [partition_of(run) for run in backfill.launch()]
    assert launched == backfill.partitions == [f"number_{n}" for n in range(6)]
    ended = {partition_of(run): run for run in backfill.watch()}
    states = [ended[name].state for name in launched]
    assert states == [Run.SUCCEEDED] * 3 + [Run.FAILED] * 2 + [Run.SUCCEEDED]
    assert not backfill.succeeded
    missing = served.client.backfill("numbers", missing=True)
    assert missing.partitions == ["number_3", "number_4"]
    assert len(served.client.runs(tags={"team": "a", "hostler/backfill": backfill.id})) == 6


def test_it_outlives_the_daemon(served: Daemon) -> None:
    gate = served.folder / "gate"
    gate.touch()

    def begun(client: Client) -> Backfill:
        return client.backfill("numbers", ["number_0", "number_1", "number_2"], backfill_id="x")

    first = begun(served.client)
    names = [run.name for run in first.launch()]
    eventually(lambda: len(served.client.runs(states=[Run.RUNNING])) == 2, "as the limit has it")
    served.kill()
    gate.unlink()
    served.start()
    # a run is queued again, or interrupted; its watcher waits for the daemon, and sees each end
    ended = {partition_of(run): run.state for run in first.watch()}
    interrupted = {"number_0": Run.INTERRUPTED, "number_1": Run.INTERRUPTED}
    assert ended == {**interrupted, "number_2": Run.SUCCEEDED}
    served.ready("repos.py")
    assert [run.name for run in begun(served.client).launch()] == names


def test_the_command(served: Daemon) -> None:
    with shell_in(served.folder) as shell:
        backfill = ("partition", "backfill", "--socket", served.socket, "numbers", "--id", "x")
        broken = served.write("broken", "")
        done = shell.run(*backfill, "--all")
        assert done.code == 1
        assert "ValueError: broken" in done.err
        expected = "stopped; 5 of 6 runs are launched and go on; it was the turn of number_5; go on"
        assert f"hostler: {expected} with the same command and --id x" in done.err
        broken.unlink()
        messages = shell.run(*backfill, "--all", "--json").messages(Run)
        assert len(messages) == 12
        assert {run.state for run in messages[6:]} == {Run.SUCCEEDED, Run.FAILED}
        assert len(served.client.runs()) == 6
        done = shell.run(*backfill[:-1], "y", "--partitions", "number_1,number_2")
        assert done.code == 0, done.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_the_runs(served: Daemon, number: signal.Signals) -> None:
    gate = served.folder / "gate"
    gate.touch()
    with shell_in(served.folder) as shell:
        backfill = ("partition", "backfill", "--socket", served.socket, "numbers", "--id", "x")
        some = ("--from", "number_0", "--to", "number_2")
        command = shell.start(*backfill, *some)
        line_with(command, "number_2          launched")
        command.send_signal(number)
        _, err = command.communicate(timeout=PATIENCE)
        assert command.returncode == 128 + number
        expected = "stopped; 3 of 3 runs are launched and go on; go on with the same command and"
        assert f"hostler: {expected} --id x" in err
        with Terminal(shell, *backfill, *some) as terminal:
            terminal.read_until(lambda screen: "running" in screen and "0/3" in screen)
            gate.unlink()
            assert terminal.end() == 0
            assert "backfill x: 3 succeeded" in terminal.screen
    assert {run.state for run in served.client.runs()} == {Run.SUCCEEDED}
    assert len(served.client.runs()) == 3
