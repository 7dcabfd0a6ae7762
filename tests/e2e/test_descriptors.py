"""Locations keep the limit of descriptors that the daemon was started with."""

import resource

import pytest
from e2e.harness import Daemon, eventually

from hostler.v1.workspace_pb2 import Location

CODE = """\
import resource
from hostler.definitions import pipeline, solid

{more}

@solid
def one(context):
    return resource.getrlimit(resource.RLIMIT_NOFILE)

@pipeline(description=str(resource.getrlimit(resource.RLIMIT_NOFILE)))
def p():
    one()
"""


@pytest.mark.parametrize("fork", ["auto", "never"])
def test_the_daemon_alone_takes_the_hard_limit(daemon: Daemon, fork: str) -> None:
    daemon.write("a.py", CODE.format(more=""))
    daemon.workspace.write_text(
        f"load_from:\n  - python_file: {{relative_path: a.py, fork: {fork}}}\n"
    )
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    try:
        daemon.start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    daemon.ready("a.py")
    assert resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE) == (before[1], before[1])
    for generation in (1, 2):
        if generation == 2:
            daemon.client.reload()
        (pipeline,) = daemon.client.pipelines("a.py")
        assert pipeline.description == f"(256, {before[1]})"
    launched = daemon.client.launch("p")
    events = list(daemon.client.watch_run(launched.name))
    previews = [each.step_output.preview for each in events if each.HasField("step_output")]
    assert previews == [f"(256, {before[1]})"]
    assert "few descriptors" not in daemon.log.read_text()


def test_too_few_are_told(daemon: Daemon) -> None:
    daemon.write("a.py", CODE.format(more=""))
    daemon.workspace.write_text("load_from:\n  - python_file: a.py\n")
    before = resource.prlimit(0, resource.RLIMIT_NOFILE)
    daemon.environ["HOSTLER_RUN_LIMIT"] = str(before[1])
    daemon.start()
    daemon.ready("a.py")
    assert "warning few descriptors" in daemon.log.read_text()
    assert "raise the hard limit to" in daemon.log.read_text()


CLOSING = """\
import os, subprocess
from hostler.definitions import pipeline, solid

{at_import}


@solid
def closes(context):
    {in_solid}
    context.log.info("goes on")
    return subprocess.check_output(["echo", "printed"]).decode().strip()


@pipeline
def p():
    closes()
"""

#: What closes descriptors that it does not know, and leaves the daemon's alone.
HARMLESS = {
    "from 3 to 255": "os.closerange(3, 256)",
    "the first": "os.close(3) if os.path.exists('/proc/self/fd/3') else None",
    "of a daemon that detaches": (
        "os.closerange(0, 64); [os.open(os.devnull, os.O_RDWR) for _ in '012']"
    ),
    "the standard ones": "os.closerange(0, 3)",
}

EVERYTHING = "os.closerange(3, os.sysconf('SC_OPEN_MAX'))"

LOST = "its code closed the descriptor through which the daemon speaks to it"


def serve_closing(daemon: Daemon, fork: str, at_import: str = "", in_solid: str = "pass") -> Daemon:
    daemon.write("a.py", CLOSING.format(at_import=at_import, in_solid=in_solid))
    daemon.workspace.write_text(
        f"load_from:\n  - python_file: {{relative_path: a.py, fork: {fork}}}\n"
    )
    return daemon.start()


@pytest.mark.parametrize("fork", ["auto", "never"])
@pytest.mark.parametrize("where", ["at_import", "in_solid"])
@pytest.mark.parametrize("code", HARMLESS.values(), ids=HARMLESS)
def test_code_that_closes_what_it_does_not_know(
    daemon: Daemon, code: str, where: str, fork: str
) -> None:
    serve_closing(daemon, fork, **{where: code}).ready("a.py")
    for max_concurrency in (0, 2):
        launched = daemon.client.launch("p", max_concurrency=max_concurrency)
        events = list(daemon.client.watch_run(launched.name))
        assert events[-1].HasField("run_succeeded"), events[-1]
        previews = [each.step_output.preview for each in events if each.HasField("step_output")]
        assert previews == ["'printed'"]


@pytest.mark.parametrize("fork", ["auto", "never"])
def test_a_load_that_closes_the_wire_fails_once_and_says_so(daemon: Daemon, fork: str) -> None:
    serve_closing(daemon, fork)
    daemon.ready("a.py")
    daemon.write("a.py", CLOSING.format(at_import=EVERYTHING, in_solid="pass"))
    found = eventually(lambda: failed(daemon))
    assert LOST in found.error.message
    assert (daemon.state("a.py"), found.restarts) == ("FAILED", 0)
    daemon.write("a.py", CLOSING.format(at_import="", in_solid="pass"))
    location = daemon.ready("a.py", generation=2)
    assert (location.start_mode == location.FORKED) == (fork == "auto"), location.start_reason


@pytest.mark.parametrize("max_concurrency", [0, 2])
def test_a_run_that_closes_the_wire_says_so(daemon: Daemon, max_concurrency: int) -> None:
    serve_closing(daemon, "auto", in_solid=EVERYTHING).ready("a.py")
    launched = daemon.client.launch("p", max_concurrency=max_concurrency)
    events = list(daemon.client.watch_run(launched.name))
    assert events[-1].HasField("run_failed"), events[-1]
    assert "its code closed the descriptor through" in events[-1].run_failed.failure.message


def failed(daemon: Daemon) -> Location | None:
    found = daemon.client.location("a.py")
    return found if found.HasField("error") else None
