"""hostler pipeline execute: against a daemon, and with a private one that leaves nothing."""

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.command import Shell, Terminal, interrupt, line_with, shell_in
from e2e.harness import PATIENCE, Daemon, alive, eventually

from hostler.v1.repository_pb2 import ListPipelinesResponse
from hostler.v1.run_pb2 import RunEvent

SOURCE = """\
import os
import signal

from hostler.definitions import Field, pipeline, repository, solid


@solid(config_schema={"limit": Field(int, default=3)})
def load(context):
    context.log.info("limit is %d", context.config["limit"])
    return list(range(context.config["limit"]))


@solid
def total(rows: list) -> int:
    return sum(rows)


@pipeline
def totals():
    total(load())


@solid
def fail():
    def deeper():
        raise ValueError("no such customer: 42")
    deeper()


@pipeline
def failing():
    fail()


@solid
def wait():
    print("waiting in", os.getpid(), os.getppid(), flush=True)
    signal.pause()


@pipeline
def waiting():
    wait()


@solid(timeout=0.5)
def hang():
    print("hanging", flush=True)
    signal.pause()


@pipeline
def hanging():
    total(load())
    hang()


@pipeline
def twice():
    wait()
    wait()


@repository
def repo():
    return [totals, failing, waiting, hanging, twice]
"""

#: Replaces code that SIGINT would end.
IMPERTURBABLE = """\
while True:
        try:
            signal.pause()
        except KeyboardInterrupt:
            print("noted", flush=True)
"""

#: The steps of the pipeline `hanging`.
STEPS = ("load", "total", "hang")

#: Matches the line with the pids of the run process and its parent.
PIDS = re.compile(r"waiting in (\d+) (\d+)")


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """Makes a folder with repos.py and no daemon; asserts that a test leaves nothing."""
    with shell_in(tmp_path) as shell:
        shell.write("repos.py", SOURCE)
        yield shell
        eventually(lambda: not shell.processes(), "nothing is left")
        assert list((shell.folder / "run").rglob("*")) == []


def test_a_file_is_enough(shell: Shell) -> None:
    done = shell.run("pipeline", "execute", "-f", "repos.py", "totals")
    assert done.code == 0
    assert "INFO limit is 3" in done.out
    assert "result: int = 3" in done.out
    assert done.out.splitlines()[-1].endswith("succeeded")
    assert re.fullmatch(r"hostler: run \w+ of totals in repos\.py\n", done.said)
    assert list(shell.tmp.iterdir()) == []


def test_a_failing_pipeline(shell: Shell) -> None:
    done = shell.run("pipeline", "execute", "-f", "repos.py", "failing")
    assert done.code == 1
    assert "fail              failed" in done.out
    assert 'raise ValueError("no such customer: 42")' in done.out
    assert done.out.splitlines()[-1].endswith(
        "failed: step fail failed: ValueError: no such customer: 42"
    )
    assert [Path(name).name for name in re.findall(r'  File "(.+?)"', done.out)] == [
        "repos.py",
        "repos.py",
    ], "the user's frames alone"


def test_config_and_json(shell: Shell) -> None:
    shell.write("config.yaml", "solids:\n  load:\n    config: {limit: 5}\n")
    execute = ("pipeline", "execute", "-f", "repos.py", "totals", "--json", "-c")
    for given, value in (("config.yaml", "10"), ("{solids: {load: {config: {limit: 2}}}}", "1")):
        done = shell.run(*execute, given)
        events = done.messages(RunEvent)
        assert done.code == 0
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
        assert events[-1].HasField("run_succeeded")
        assert [e.step_output.preview for e in events if e.step == "total"][1] == value


def test_config_from_stdin_that_does_not_fit(shell: Shell) -> None:
    config = '{"solids": {"load": {"config": {"limitt": 5}}}}'
    done = shell.run("pipeline", "execute", "-f", "repos.py", "totals", "-c", "-", given=config)
    assert done.code == 1
    assert 'cannot execute pipeline "totals" with this run config:' in done.err
    assert 'solids.load.config.limitt: unknown field; did you mean "limit"?' in done.err
    assert "Traceback" not in done.out + done.err
    assert "hostler/definitions" not in done.out + done.err


def test_a_config_is_checked_without_a_run(shell: Shell) -> None:
    shell.write("config.yaml", "solids:\n  load:\n    config: {limit: 5, limitt: x}\n")
    validate = ("pipeline", "validate", "-f", "repos.py", "totals", "-c")
    done = shell.run(*validate, "config.yaml")
    assert done.code == 1
    assert "solids.load.config.limitt: unknown field" in done.out
    assert shell.run(*validate, "{}").code == 0
    schema = json.loads(shell.run("pipeline", "schema", "-f", "repos.py", "totals").out)
    assert "limit" in json.dumps(schema["properties"]["solids"]["properties"]["load"])


def test_a_subset_of_solids(shell: Shell) -> None:
    execute = ("pipeline", "execute", "-f", "repos.py", "totals", "--solids")
    done = shell.run(*execute, "load+", "--json")
    assert done.code == 0
    steps = [e.step for e in done.messages(RunEvent) if e.HasField("step_succeeded")]
    assert steps == ["load", "total"]
    config = "{solids: {total: {inputs: {rows: [4, 5]}}}}"
    assert "result: int = 9" in shell.run(*execute, "total", "-c", config).out
    missing = shell.run(*execute, "total")
    assert missing.code == 1
    assert 'solids.total.inputs.rows: missing; nothing feeds it without "load"' in missing.err
    unknown = shell.run(*execute, "totl")
    assert unknown.code == 1
    assert 'cannot select these solids of pipeline "totals":' in unknown.err
    assert "'totl': unknown; did you mean \"total\"?" in unknown.err
    assert "Traceback" not in unknown.err


def test_a_step_that_takes_too_long(shell: Shell) -> None:
    assert "  killed after 500 ms" in shell.run("pipeline", "show", "-f", "repos.py", "hanging").out
    done = shell.run("pipeline", "execute", "-f", "repos.py", "hanging")
    assert done.code == 1
    assert "hang              | hanging" in done.out
    assert 'cannot end solid "hang" within its timeout of 0.5 s; its process was kil' in done.out
    assert "result: int = 3" in done.out


def test_steps_at_once(shell: Shell) -> None:
    execute = ("pipeline", "execute", "-f", "repos.py", "--max-concurrency", "2")
    done = shell.run(*execute, "hanging", "--json")
    assert done.code == 1
    events = done.messages(RunEvent)
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    kinds = {step: [e.WhichOneof("event") for e in events if e.step == step] for step in STEPS}
    assert kinds == {
        "load": ["step_started", "log_message", "step_output", "step_succeeded"],
        "total": ["step_started", "step_output", "step_succeeded"],
        "hang": ["step_started", "printed_line", "step_failed"],
    }


def test_ctrl_c_cancels_steps_at_once(shell: Shell) -> None:
    execute = shell.start(
        *("pipeline", "execute", "-f", "repos.py", "--max-concurrency", "2", "twice")
    )
    pids = [PIDS.search(line_with(execute, "waiting in")) for _ in range(2)]
    ended = interrupt(execute)
    assert ended.code == 1
    assert "run               canceled: " in ended.out
    assert not any(alive(int(found[1])) for found in pids if found)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("[1]", "a mapping is expected, found a list"),
        ("missing.yaml", "cannot find the run config 'missing.yaml'"),
        ("{a: [", "line 1, column 6"),
    ],
)
def test_config_that_is_none(shell: Shell, config: str, said: str) -> None:
    done = shell.run("pipeline", "execute", "-f", "repos.py", "totals", "-c", config)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_other_targets(shell: Shell) -> None:
    shell.write("team/__init__.py", "")
    shell.write("team/repos.py", SOURCE.replace("totals", "sums"))
    named = {
        ("-m", "team.repos"): {"sums", "failing", "waiting", "hanging", "twice"},
        ("-m", "repos", "-d", "team"): {"sums", "failing", "waiting", "hanging", "twice"},
        ("-f", "team/repos.py", "-a", "sums"): {"sums"},
    }
    for target, names in named.items():
        done = shell.run("pipeline", "list", *target, "--json")
        found = done.message(ListPipelinesResponse).pipelines
        assert {pipeline.name.rpartition("/")[2] for pipeline in found} == names, done.err


def test_packages(shell: Shell) -> None:
    done = shell.run("pipeline", "list", "--package", "no_such_package")
    assert (done.code, done.out) == (4, "")
    assert done.said.startswith("hostler: no_such_package does not answer: cannot find ")
    site = shell.write("site/nightly/__init__.py", SOURCE).parents[1]
    found = shell.run("pipeline", "list", "--package", "nightly", environ={"PYTHONPATH": str(site)})
    assert (found.code, found.said) == (0, "")
    assert found.out.splitlines()[1].split()[:3] == ["totals", "repo", "nightly"]


def test_a_workspace_with_a_location_that_fails(shell: Shell) -> None:
    shell.write("broken.py", "import no_such_module\n")
    shell.write(
        "workspace.yaml", "load_from:\n  - python_file: repos.py\n  - python_file: broken.py\n"
    )
    done = shell.run("pipeline", "execute", "totals")
    assert done.code == 0
    listed = shell.run("pipeline", "list")
    assert listed.code == 4
    assert "totals" in listed.out
    assert "import no_such_module" in listed.err, "no other command would show its traceback"


def test_a_workspace_that_is_wrong(shell: Shell) -> None:
    shell.write("workspace.yaml", "load_from:\n  - python_fil: repos.py\n")
    done = shell.run("pipeline", "list")
    assert (done.code, done.out) == (2, "")
    first, second = done.said.splitlines()
    assert first == "hostler: cannot start a daemon for workspace.yaml:"
    assert second.startswith(f"{shell.folder}/workspace.yaml:2:5: cannot ")
    assert "did you mean `python_file`?" in second


def test_ctrl_c_cancels_the_run(shell: Shell) -> None:
    execute = shell.start("pipeline", "execute", "-f", "repos.py", "waiting")
    run = PIDS.search(line_with(execute, "waiting in"))
    assert run is not None
    ended = interrupt(execute)
    assert ended.code == 1
    assert re.search(r"hostler: canceling run \w+; Ctrl-C again to kill it", ended.err)
    assert "run               canceled: " in ended.out
    assert not alive(int(run[1]))
    assert list(shell.tmp.iterdir()) == []


def test_a_second_ctrl_c_kills_the_run(shell: Shell) -> None:
    shell.write("repos.py", SOURCE.replace("signal.pause()", IMPERTURBABLE))
    with Terminal(shell, "pipeline", "execute", "-f", "repos.py", "waiting") as terminal:
        terminal.read_until(PIDS.search)
        terminal.ctrl_c()
        terminal.read_until(lambda screen: "noted" in screen)
        terminal.ctrl_c()
        assert terminal.end() == 1
    assert "canceled: " in terminal.screen
    run = PIDS.search(terminal.screen)
    assert run is not None
    assert not alive(int(run[1]))


def test_ctrl_c_on_a_terminal(shell: Shell) -> None:
    with Terminal(shell, "pipeline", "execute", "-f", "repos.py", "waiting") as terminal:
        terminal.read_until(PIDS.search)
        terminal.read_until(lambda screen: "0/1" in screen)
        terminal.ctrl_c()
        assert terminal.end() == 1
        assert "canceled: " in terminal.screen


def test_kill_9_of_the_command_leaves_no_process(shell: Shell) -> None:
    execute = shell.start("pipeline", "execute", "-f", "repos.py", "waiting")
    run = PIDS.search(line_with(execute, "waiting in"))
    assert run is not None
    assert len(shell.processes()) >= 5, "command, daemon, keeper, location, run"
    execute.kill()
    execute.wait()
    eventually(lambda: not shell.processes(), "nothing is left")
    assert not alive(int(run[1]))
    assert shell.run("pipeline", "list", "-f", "repos.py").code == 0
    assert list(shell.tmp.iterdir()) == [], "the next command sweeps"


def test_sigterm_of_the_command(shell: Shell) -> None:
    execute = shell.start("pipeline", "execute", "-f", "repos.py", "waiting")
    line_with(execute, "waiting in")
    execute.terminate()
    assert execute.wait(PATIENCE) == 128 + signal.SIGTERM
    assert shell.processes() == []
    assert list(shell.tmp.iterdir()) == []


def test_a_reader_that_leaves_ends_the_run(shell: Shell) -> None:
    done = shell.piped("hostler pipeline execute -f repos.py totals | head -1")
    assert done.out.rstrip().endswith("queued")
    assert "Traceback" not in done.err
    assert "BrokenPipe" not in done.err


def test_a_daemon_that_runs_is_used(shell: Shell, daemon: Daemon) -> None:
    daemon.workspace.write_text("load_from:\n  - python_file: repos.py\n")
    daemon.start().ready("repos.py")
    by_option = shell.run("pipeline", "execute", "--socket", daemon.socket, "totals")
    by_variable = shell.run(
        "pipeline", "execute", "totals", environ={"HOSTLER_SOCKET": str(daemon.socket)}
    )
    assert (by_option.code, by_variable.code) == (0, 0)
    assert len(daemon.client.runs()) == 2
    # what the command line names says more than the variable
    elsewhere = shell.run(
        "pipeline", "list", "-f", "repos.py", environ={"HOSTLER_SOCKET": "/nowhere/d.sock"}
    )
    assert elsewhere.code == 0
    daemon.stop()
    (shell.folder / "xdg-run").rmdir()
