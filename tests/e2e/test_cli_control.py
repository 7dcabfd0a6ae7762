"""The commands that change something: reload, restart, start, stop, wait, run cancel."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from e2e.command import Outcome, Shell, shell_in
from e2e.harness import Daemon, alive, daemon_in, eventually

from hostler.v1.run_pb2 import Run
from hostler.v1.workspace_pb2 import (
    Location,
    ReloadLocationsResponse,
    RestartLocationsResponse,
)

#: A location that never ends its load.
SLOW = "import signal\nsignal.pause()\n"

WAITING = """\
import signal

from hostler.definitions import pipeline, solid


@solid
def wait(context):
    context.log.info("under way")
    signal.pause()


@pipeline
def waiting():
    wait()
"""

#: Each test has a location of its own, so that their order does not matter.
NAMES = ("reloaded", "edited", "restarted", "stopped", "awaited", "waiting", "broken", "slow")


class Served(NamedTuple):
    daemon: Daemon
    shell: Shell

    def run(self, *arguments: str) -> Outcome:
        return self.shell.run(*arguments)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Starts a daemon that HOSTLER_SOCKET names; one location fails and one never loads."""
    folder = tmp_path_factory.mktemp("cli")
    with daemon_in(folder) as daemon, shell_in(folder) as shell:
        for name in NAMES:
            daemon.write(f"{name}.py", WAITING)
        daemon.write("broken.py", "\ndef wrong(:\n")
        daemon.write("slow.py", SLOW)
        items = [f"  - python_file: {{relative_path: {n}.py, location_name: {n}}}" for n in NAMES]
        daemon.workspace.write_text("\n".join(["load_from:", *items]))
        daemon.start()
        for name in NAMES[:-2]:
            daemon.ready(name)
        daemon.in_state("broken", "FAILED")
        shell.environ["HOSTLER_SOCKET"] = str(daemon.socket)
        yield Served(daemon, shell)


def test_reload(served: Served) -> None:
    done = served.run("reload", "reloaded")
    assert (done.code, done.err) == (0, "")
    assert re.fullmatch(r"reloaded  READY  generation 2  loaded in \S+ m?s\n", done.out)
    again = served.run("reload", "--json", "reloaded").message(ReloadLocationsResponse)
    assert [location.generation for location in again.locations] == [3]


def test_a_reload_that_fails(served: Served) -> None:
    done = served.run("reload", "broken")
    assert (done.code, done.out) == (4, "broken  FAILED\n")
    assert "def wrong(:" in done.err
    assert f"hostler: broken: SyntaxError: invalid syntax ({served.daemon.folder}" in done.err


def test_why_it_was_loaded(served: Served) -> None:
    done = served.run("reload", "--why", "edited")
    assert done.code == 0
    assert "    no file: it was started, or a reload was asked for\n" in done.out
    served.daemon.write("edited.py", WAITING.replace("def waiting()", "def lasting()"))
    served.daemon.ready("edited", 2)
    done = served.run("reload", "--why", "edited")
    first, file, changed = done.out.splitlines()
    assert re.fullmatch(r"edited  generation 2  \d\d:\d\d:\d\d\.\d{3}", first)
    assert file.endswith("/edited.py")
    assert "+ " in changed
    assert "/lasting" in changed
    assert "- " in changed
    assert "/waiting" in changed
    served.daemon.write("edited.py", WAITING + "broken(\n")
    served.daemon.in_state("edited", "FAILED")
    failed = served.run("reload", "--why", "edited").out.splitlines()
    assert failed[:3] == [first, file, changed], "what is served came of that"
    assert failed[3].startswith("    the newest load failed: SyntaxError")


def test_restart(served: Served) -> None:
    before = served.daemon.client.location("restarted").pid
    done = served.run("restart", "--json", "restarted")
    (location,) = done.message(RestartLocationsResponse).locations
    assert done.code == 0
    assert location.state == Location.READY
    assert location.pid != before
    eventually(lambda: not alive(before), "the old process ends")


def test_stop_and_start(served: Served) -> None:
    pid = served.daemon.client.location("stopped").pid
    done = served.run("stop", "stopped")
    assert (done.code, done.out) == (0, "stopped  STOPPED\n")
    assert not alive(pid)
    waited = served.run("wait", "stopped")
    assert (waited.code, waited.err) == (4, "hostler: stopped is STOPPED\n")
    refused = served.run("pipeline", "execute", "-l", "stopped", "waiting")
    assert (refused.code, refused.out) == (4, "")
    assert "start it with `hostler start stopped`" in refused.err
    started = served.run("start", "--json", "stopped")
    assert started.code == 0
    assert started.message(Location).state == Location.READY


@pytest.mark.parametrize("command", ["reload", "restart"])
def test_what_is_stopped_stays_so_and_the_command_says_it(served: Served, command: str) -> None:
    assert served.run("stop", "stopped").code == 0
    try:
        done = served.run(command, "stopped")
        assert (done.code, done.out) == (4, "stopped  STOPPED\n")
        assert "stopped was stopped and stays so; start it with: hostler start stopped" in done.err
        assert served.run(command, "--no-wait", "stopped").code == 4
    finally:
        assert served.run("start", "stopped").code == 0


def test_wait(served: Served) -> None:
    assert served.run("wait", "awaited", "waiting") == Outcome(0, "", "")
    served.run("reload", "--no-wait", "awaited")
    assert served.run("wait", "awaited") == Outcome(0, "", "")


def test_wait_until_the_timeout(served: Served) -> None:
    done = served.run("wait", "--timeout", "0.3", "slow")
    assert (done.code, done.out) == (4, "")
    assert done.err == "hostler: gave up after 0.3 s\nhostler: slow is STARTING\n"


def test_wait_for_what_has_failed(served: Served) -> None:
    done = served.run("wait", "broken")
    assert (done.code, done.out) == (4, "")
    assert done.err.startswith("hostler: broken is FAILED: SyntaxError: invalid syntax (")
    assert "def wrong(:" in done.err


@pytest.mark.parametrize("command", ["reload", "restart", "start", "stop", "wait"])
def test_an_unknown_location(served: Served, command: str) -> None:
    done = served.run(command, "reloadd")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("hostler: cannot find ")
    assert re.search(r"did you mean '?reloaded'?", done.err)


def test_run_cancel(served: Served) -> None:
    run = served.daemon.client.launch("waiting", location="waiting")
    with served.daemon.client.watch_run(run.name) as events:
        next(event for event in events if event.HasField("log_message"))
    done = served.run("run", "cancel", "--json", run.name.removeprefix("runs/"))
    assert done.code == 0
    assert done.message(Run).state in {Run.CANCELING, Run.CANCELED}
    watched = served.run("run", "watch", run.name.removeprefix("runs/"))
    assert watched.code == 1
    assert "canceled: " in watched.out.splitlines()[-1]
