"""Processes that a daemon and a keeper left, killed together, are found by their mark."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from component.daemon.keeping import is_alive

from hostler.daemon.keeper.table import MARK
from hostler.daemon.launching.leftovers import instance_id, kill_leftovers

if TYPE_CHECKING:
    import pytest

#: Kills its keeper and itself at once; the processes that it started do not die of that.
DAEMON = """
import asyncio, os, signal, sys
from hostler.daemon.base.journal import Journal
from hostler.daemon.launching.launcher import KeeperLauncher, SpawnOrder

CODE = '''
import os, signal, subprocess, sys, time
first = os.getpid()
if os.fork():
    time.sleep(1000)
os.setsid()
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen(["/bin/sleep", "1000"], env={})
os.write(1, b"%d %d\\\\n" % (first, os.getpid()))
time.sleep(1000)
'''

async def main():
    keeper = KeeperLauncher(sys.argv[1], lambda: None, Journal())
    await keeper.open()
    argv = (sys.executable, "-I", "-S", "-c", CODE)
    handle = await keeper.start(SpawnOrder("a", argv, {}, None))
    os.set_blocking(handle.stdout, True)
    print(os.read(handle.stdout, 100).decode(), flush=True)
    os.kill(keeper.pid, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def test_what_daemon_and_keeper_left_is_killed() -> None:
    instance = f"stale-{os.getpid()}"
    with subprocess.Popen(
        [sys.executable, "-c", DAEMON, instance], stdout=subprocess.PIPE, text=True
    ) as daemon:
        assert daemon.stdout is not None
        first, left = map(int, daemon.stdout.readline().split())
        assert daemon.wait(10) == -signal.SIGKILL
    deadline = time.monotonic() + 5
    while is_alive(first):  # the kernel ends those that the keeper started, by PDEATHSIG
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert is_alive(left)
    assert kill_leftovers(f"{instance}x") == []
    assert kill_leftovers(instance[:-1]) == []
    assert is_alive(left)
    killed = kill_leftovers(instance)
    assert left in killed
    assert len(killed) == 2  # and its child, which has no mark
    assert not any(is_alive(pid) for pid in killed)
    assert kill_leftovers(instance) == []


def test_who_sweeps_is_spared_with_those_above() -> None:
    sweep = (
        "from hostler.daemon.launching.leftovers import kill_leftovers; import sys; "
        "print(kill_leftovers(sys.argv[1]))"
    )
    instance = f"own-{os.getpid()}"
    swept = subprocess.run(
        ["/bin/sh", "-c", '"$0" -c "$1" "$2"; exit 5', sys.executable, sweep, instance],
        env=os.environ | {MARK: f"{instance}:a"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (swept.returncode, swept.stdout) == (5, "[]\n"), swept.stderr


def test_an_instance_is_the_boot_and_the_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = instance_id(tmp_path / "one.sock")
    assert len(one) == 16
    assert int(one, 16) >= 0
    assert one != instance_id(tmp_path / "two.sock")
    monkeypatch.chdir(tmp_path)
    assert one == instance_id("one.sock")
    (tmp_path / "link").symlink_to(tmp_path)
    assert one == instance_id(tmp_path / "link" / "one.sock")
    boot = tmp_path / "boot_id"
    boot.write_text("another boot\n")
    monkeypatch.setattr("hostler.daemon.launching.leftovers._BOOT_ID", boot)
    assert one != instance_id("one.sock")
