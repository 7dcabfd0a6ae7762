"""The keeper's process: its memory, what it withstands, and that it leaves nothing."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from component.daemon.keeping import is_alive

import hostler.daemon.keeper as package
from hostler.daemon.keeper.link import Link

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hostler.daemon.keeper.link import Packet

PYTHON = sys.executable
ROOT = Path(package.__path__[0]).parents[2]
CODE = (
    "import sys; sys.path.append({root!r}); from hostler.daemon.keeper.process import main; main()"
)

MIB = 1024 * 1024


def until(condition: Callable[[], bool], within: float) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.005)


def memory(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    (kib,) = re.findall(r"VmRSS:\s+(\d+) kB", status)
    return int(kib) * 1024


class BareKeeper:
    """Speaks to a keeper packet by packet."""

    def __init__(self, root: Path = ROOT) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.link = Link(ours)
        code = CODE.format(root=str(root))
        descriptor = str(theirs.fileno())
        with theirs:
            self.process = subprocess.Popen(
                [PYTHON, "-I", "-S", "-c", code, "hostler-keeper", descriptor, "test-keeper"],
                pass_fds=[theirs.fileno()],
            )
        self._heard: list[Packet] = []
        assert self.hear() == {"report": "ready"}

    def hear(self) -> Packet:
        """Returns the next report."""

        def comes() -> bool:
            self._heard += [packet for packet, _ in self.link.receive()]
            return bool(self._heard)

        until(comes, within=10)
        return self._heard.pop(0)

    def spawn(self, id_: int, *argv: str) -> None:
        body: dict[str, object] = {
            "owner": "a",
            "argv": argv,
            "env": {},
            "cwd": None,
            "memory": None,
            "nice": None,
            "room": 0,
        }
        memfd = os.memfd_create("order")
        os.write(memfd, json.dumps(body).encode())
        null = [os.open(os.devnull, os.O_RDWR) for _ in range(3)]
        self.link.post({"order": "spawn", "id": id_}, [memfd, *null])


@pytest.fixture
def keeper() -> Iterator[BareKeeper]:
    keeper = BareKeeper()
    yield keeper
    keeper.link.close()
    assert keeper.process.wait(10) == 0


def test_it_speaks_the_documented_packets(keeper: BareKeeper) -> None:
    keeper.spawn(1, "/bin/sleep", "1000")
    started = keeper.hear()
    pid = started["pid"]
    assert started == {"report": "started", "id": 1, "pid": pid}
    keeper.spawn(2, "/nowhere")
    assert keeper.hear() == {"report": "failed", "id": 2, "stage": "exec", "errno": 2}
    keeper.link.post({"order": "adopt", "pid": os.getpid(), "owner": "b"})
    assert keeper.hear() == {"report": "missing", "pid": os.getpid()}
    keeper.link.post({"order": "signal", "pid": pid, "signal": 15, "group": True})
    assert keeper.hear() == {"report": "exited", "pid": pid, "status": 15, "owner": "a"}
    keeper.spawn(3, "/bin/sh", "-c", "sleep 0 & exit 3")
    assert keeper.hear()["report"] == "started"
    exits = [keeper.hear(), keeper.hear()]  # the orphan's exit is reported too, in either order
    assert {(report["owner"], report["status"]) for report in exits} == {("a", 3 << 8), (None, 0)}
    keeper.link.post({"order": "end", "id": 4, "owner": "a"})
    assert keeper.hear() == {"report": "ended", "id": 4}
    keeper.link.post({"order": "stop"})
    assert keeper.process.wait(10) == 0


def test_it_waits_without_working(keeper: BareKeeper) -> None:
    keeper.spawn(1, "/bin/sleep", "1000")
    keeper.hear()

    def switches() -> int:
        status = Path(f"/proc/{keeper.process.pid}/status").read_text()
        return sum(int(count) for count in re.findall(r"ctxt_switches:\s+(\d+)", status))

    def is_blocked() -> bool:
        stat = Path(f"/proc/{keeper.process.pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] == "S"

    until(is_blocked, within=5)
    before = switches()
    assert select.select([keeper.link], [], [], 0.3) == ([], [], [])
    assert switches() - before <= 1


def test_it_is_small_and_imports_little(keeper: BareKeeper) -> None:
    keeper.spawn(1, "/bin/true")
    assert [keeper.hear()["report"] for _ in range(2)] == ["started", "exited"]
    keeper.link.post({"order": "end", "id": 2, "owner": "a"})
    keeper.hear()
    code = "print(flush=True); input()"
    with subprocess.Popen(
        [PYTHON, "-I", "-S", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as bare:
        assert bare.stdout is not None
        bare.stdout.readline()
        # The interpreter alone takes 8.2 MiB (3.11) to 9 MiB (3.12).
        assert memory(keeper.process.pid) - memory(bare.pid) < 4 * MIB
    status = Path(f"/proc/{keeper.process.pid}/status").read_text()
    assert "Threads:\t1\n" in status
    assert status.startswith("Name:\thostler-keeper\n")
    code = (
        f"import sys; sys.path.append({str(ROOT)!r}); import hostler.daemon.keeper.process; "
        "print(*sys.modules)"
    )
    loaded = subprocess.check_output([PYTHON, "-I", "-S", "-c", code], text=True).split()
    heavy = {"asyncio", "dataclasses", "inspect", "logging", "pathlib", "subprocess", "threading"}
    assert heavy.isdisjoint(loaded)
    assert "typing" not in loaded
    assert "site" not in loaded


def test_it_runs_from_any_folder_that_holds_the_package(tmp_path: Path) -> None:
    # As in site-packages, with another portion of the namespace beside it.
    target = tmp_path / "site packages" / "hostler"
    shutil.copytree(ROOT / "hostler" / "daemon" / "keeper", target / "daemon" / "keeper")
    (target / "client").mkdir()
    keeper = BareKeeper(target.parent)
    keeper.link.close()
    assert keeper.process.wait(10) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_signals_of_the_terminal_do_not_end_it(keeper: BareKeeper, number: int) -> None:
    keeper.process.send_signal(number)
    keeper.spawn(1, "/bin/sleep", "1000")
    pid = keeper.hear()["pid"]
    # Its children take them again.
    keeper.link.post({"order": "signal", "pid": pid, "signal": int(number), "group": True})
    status = keeper.hear()["status"]
    assert os.waitstatus_to_exitcode(status) == -number


#: A daemon that starts processes that resist their end, says so and does nothing more.
DAEMON = """
import asyncio, os, sys
from hostler.daemon.base.journal import Journal
from hostler.daemon.launching.launcher import KeeperLauncher, SpawnOrder

async def main(folder):
    keeper = KeeperLauncher("test-keeper", lambda: None, Journal())
    await keeper.open()
    python = [sys.executable, "-I", "-S"]
    for number, code in enumerate(CHILDREN):
        argv = (*python, "-c", code, folder, str(number))
        await keeper.start(SpawnOrder("a", argv, {"PATH": os.environ["PATH"]}, None))
    wrapper = f'{sys.executable} -I -S -c "$1" {folder} wrapped; true'
    argv = ("/bin/sh", "-c", wrapper, "sh", CHILDREN[0])
    await keeper.start(SpawnOrder("b", argv, {"PATH": os.environ["PATH"]}, None))
    print(keeper.pid, flush=True)
    await asyncio.Event().wait()
"""

SAY = """
import os, signal, sys, time
def say(name):
    open(f"{sys.argv[1]}/.{name}", "w").write(str(os.getpid()))
    os.rename(f"{sys.argv[1]}/.{name}", f"{sys.argv[1]}/{name}")
"""

CHILDREN = {
    "deaf": """
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
say("deaf" + sys.argv[2])
time.sleep(1000)
""",
    "loops": """
say("loops")
while True: pass
""",
    "stopped": """
say("stopped")
os.kill(os.getpid(), signal.SIGSTOP)
""",
    "double fork": """
if os.fork():
    say("parent")
    time.sleep(1000)
os.setsid()
if os.fork():
    os._exit(0)
code = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(1000)"
os.execve(sys.executable, [sys.executable, "-I", "-S", "-c", code, sys.argv[1] + "/scrubbed"], {})
""",
    "group": """
import subprocess
child = subprocess.Popen(["/bin/sleep", "1000"], start_new_session=True, env={})
open(f"{sys.argv[1]}/.child", "w").write(str(child.pid))
os.rename(f"{sys.argv[1]}/.child", f"{sys.argv[1]}/child")
say("group")
time.sleep(1000)
""",
}

NAMES = ("deaf0", "deafwrapped", "loops", "stopped", "parent", "scrubbed", "child", "group")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_the_death_of_the_daemon_leaves_nothing(tmp_path: Path, number: int) -> None:
    children = [SAY + code for code in CHILDREN.values()]
    code = f"{DAEMON}\nCHILDREN = {children!r}\nasyncio.run(main({str(tmp_path)!r}))"
    with subprocess.Popen([PYTHON, "-c", code], stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout is not None
        pids = [int(daemon.stdout.readline())]
        said = [tmp_path / name for name in NAMES]
        until(lambda: all(file.exists() and file.read_text() for file in said), within=20)
        pids += [int(file.read_text()) for file in said]
        assert len(set(pids)) == len(NAMES) + 1
        assert all(is_alive(pid) for pid in pids)
        daemon.send_signal(number)
        assert daemon.wait(5) == -number
        until(lambda: not any(is_alive(pid) for pid in pids), within=2)
