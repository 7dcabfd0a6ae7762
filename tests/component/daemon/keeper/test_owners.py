"""Which owner real processes have, and when all processes of the machine are read for that."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from hostler.daemon.keeper import prctl, table
from hostler.daemon.keeper.owners import Owners

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SLEEP = ("/bin/sleep", "1000")
INSTANCE = "test-owners"


class Keeping:
    """Stands for a keeper: the processes of the test are below it.

    Attributes:
        scans: how often all processes were read.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.owners = Owners(INSTANCE, os.getpid())
        self.scans = 0
        self._stack = contextlib.ExitStack()
        scan = table.scan

        def counted() -> dict[int, table.Process]:
            self.scans += 1
            return scan()

        monkeypatch.setattr(table, "scan", counted)

    def spawn(self, owner: str | None, *argv: str, mark: str = "") -> subprocess.Popen[bytes]:
        """Starts a process, registered for its owner; for none, it is as good as an orphan."""
        env = {table.MARK: f"{INSTANCE}:{mark}"} if mark else {}
        process = subprocess.Popen(
            argv or SLEEP, stdout=subprocess.PIPE, env=env, start_new_session=True
        )
        self._stack.callback(_end, process)
        if owner is not None:
            self.owners.register(process.pid, owner)
        return process

    def pids(self, *owners: str) -> set[int]:
        """Returns the pids of the owners' processes."""
        members = self.owners.members(owners)
        return {process.pid for owner in owners for process in members.of(owner)}

    def close(self) -> None:
        self._stack.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, 9)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


@pytest.fixture
def keeping(monkeypatch: pytest.MonkeyPatch) -> Iterator[Keeping]:
    keeping = Keeping(monkeypatch)
    try:
        yield keeping
    finally:
        keeping.close()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def only_child(pid: int) -> int:
    """Returns the one child of a process, once there is one."""
    until(lambda: bool(table.children(pid)))
    (child,) = table.children(pid) or []
    return child


def test_processes_that_are_alone_take_no_look_at_all_others(keeping: Keeping) -> None:
    first, second = keeping.spawn("a"), keeping.spawn("a")
    keeping.spawn("b")
    assert keeping.pids("a") == {first.pid, second.pid}
    assert keeping.pids("nobody") == set()
    first.kill()
    first.wait()
    assert keeping.owners.forget(first.pid) == "a"
    assert keeping.pids("a") == {second.pid}
    assert keeping.scans == 0


def test_children_of_an_owner_are_found_in_all_that_there_is(keeping: Keeping) -> None:
    parent = keeping.spawn("a", "/bin/sh", "-c", "sleep 1000 & wait")
    child = only_child(parent.pid)
    assert keeping.pids("a") == {parent.pid, child}
    assert keeping.scans == 1
    assert keeping.pids("b") == set()  # what is below another's process is that other's
    assert keeping.scans == 1


def test_a_child_of_a_thread_is_a_child(keeping: Keeping) -> None:
    code = (
        "import subprocess, threading, time\n"
        "def work():\n"
        "    subprocess.Popen(['/bin/sleep', '1000'], start_new_session=True)\n"
        "    time.sleep(1000)\n"
        "threading.Thread(target=work).start()"
    )
    parent = keeping.spawn("a", sys.executable, "-I", "-S", "-c", code)
    child = only_child(parent.pid)
    assert keeping.pids("a") == {parent.pid, child}
    os.kill(child, 9)


def test_an_orphan_is_found_by_its_mark_and_others_are_not_kept_waiting(keeping: Keeping) -> None:
    alone, orphan = keeping.spawn("a"), keeping.spawn(None, mark="b")
    until(lambda: table.owner_mark(orphan.pid, INSTANCE) == "b")
    assert keeping.pids("a") == {alone.pid}
    assert not keeping.owners.members(["a"]).is_exact  # the orphan's children may come and go
    assert keeping.scans == 0
    assert keeping.pids("b") == {orphan.pid}
    assert keeping.scans == 1


def test_what_an_orphan_has_started_is_found(keeping: Keeping) -> None:
    orphan = keeping.spawn(None, "/bin/sh", "-c", "sleep 1000 & wait", mark="b")
    child = only_child(orphan.pid)
    assert keeping.pids("b") == {orphan.pid, child}


def test_an_orphan_without_a_mark_is_found_by_its_session(keeping: Keeping) -> None:
    prctl.set_subreaper(on=True)
    try:
        parent = keeping.spawn("a", "/bin/sh", "-c", "env -i sleep 1000 >&- & echo $!")
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.wait()
        keeping.owners.forget(parent.pid)
        assert keeping.pids("a") == {child}
        assert keeping.scans == 1
        os.kill(child, 9)
        os.waitpid(child, 0)
        assert keeping.pids("a") == set()
        assert keeping.scans == 1
    finally:
        prctl.set_subreaper(on=False)


def test_a_process_below_anothers_is_its_own_owners(keeping: Keeping) -> None:
    parent = keeping.spawn("a", "/bin/sh", "-c", "sleep 1000 & wait")
    child = only_child(parent.pid)
    keeping.owners.register(child, "b")
    assert keeping.pids("b") == {child}
    assert keeping.pids("a") == {parent.pid}


def test_an_owner_that_has_ended_leaves_nothing_behind(keeping: Keeping) -> None:
    for number in range(20):
        process = keeping.spawn(f"owner {number}")
        process.kill()
        process.wait()
        keeping.owners.forget(process.pid)
        keeping.owners.forget_owner(f"owner {number}")
    kept = keeping.spawn("kept")
    keeping.owners.forget_owner("nobody")
    assert keeping.owners._sessions == {kept.pid: "kept"}
    assert keeping.owners._pids == {"kept": {kept.pid}}


def test_without_the_kernels_lists_all_processes_are_read(
    keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = keeping.spawn("a")
    monkeypatch.setattr(table, "children", lambda _: None)
    assert keeping.pids("a") == {alone.pid}
    assert keeping.scans == 1
