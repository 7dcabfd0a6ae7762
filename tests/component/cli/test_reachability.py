"""A socket on which no daemon answers: what is there instead, and what to do, with real sockets."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hostler.cli.daemons import connection, reachability
from hostler.cli.daemons.connection import await_daemon
from hostler.cli.daemons.reachability import Reach, probe
from hostler.cli.options.target import Target
from hostler.cli.terminal.exits import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from component.cli.commands import Outcome
    from component.facade_double.state import Facade

NOBODY = 65534


@pytest.fixture
def path() -> Iterator[Path]:
    """Returns a path for a socket in a folder that every user may enter."""
    with tempfile.TemporaryDirectory(prefix="hostler-test-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder, "h.sock")


@contextlib.contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        yield server


@contextlib.contextmanager
def answering(path: Path, answer: bytes) -> Iterator[None]:
    """Serves a program that greets each client in another protocol."""
    with listening(path) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.recv(100)
                        connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


@contextlib.contextmanager
def like_a_daemon(*words: str) -> Iterator[int]:
    """Runs a process with a command line that ends with these words; gives its pid."""
    command = [sys.executable, "-c", "print(flush=True); input()", *words]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        process.stdout.readline()  # /proc has no command line while the program is being executed
        yield process.pid
        process.kill()


@contextlib.contextmanager
def daemon_like() -> Iterator[int]:
    """Runs a process that /proc shows as a daemon of hostler; gives its pid."""
    with like_a_daemon("hostlerd") as pid:
        yield pid


def failure(path: Path, hostler: Callable[..., Outcome]) -> str:
    """Returns what a command says that finds no daemon, after its common beginning."""
    done = hostler("ps", "--socket", str(path))
    assert (done.code, done.out) == (3, "")
    beginning = f"hostler: cannot reach a daemon on {path}: "
    assert done.err.startswith(beginning)
    assert "Traceback" not in done.err
    assert done.err.count("\n") == 1
    return done.err.removeprefix(beginning).rstrip()


def test_no_socket(path: Path, hostler: Callable[..., Outcome]) -> None:
    assert probe(path).reach == Reach.NO_SOCKET
    expected = f"there is no socket; start one there with: hostler up --socket {path} -w FILE"
    assert failure(path, hostler) == expected


def test_nobody_listens(path: Path, hostler: Callable[..., Outcome]) -> None:
    with listening(path):
        pass
    assert probe(path).reach == Reach.ABANDONED
    said = failure(path, hostler)
    assert said.startswith("nobody listens on it, since its daemon was killed; start one there ")


def test_a_file_that_is_no_socket(path: Path, hostler: Callable[..., Outcome]) -> None:
    path.write_text("precious")
    assert probe(path).reach == Reach.NO_SOCKET_FILE
    assert failure(path, hostler).startswith("that is a file, and no socket; name the daemon's ")


def test_a_daemon_that_is_starting(path: Path, hostler: Callable[..., Outcome]) -> None:
    with daemon_like() as pid:
        path.with_name("h.sock.lock").write_text(f"{pid}\n")
        found = probe(path)
        assert (found.reach, found.pid) == (Reach.STARTING, pid)
        said = failure(path, hostler)
    assert said == (
        f"the one with pid {pid} is starting, or ending; "
        f"wait for it with: hostler wait --socket {path}"
    )
    assert probe(path).reach == Reach.NO_SOCKET, "a lock whose holder has ended says nothing"


@pytest.mark.parametrize("text", ["", "x\n", "1\n", f"{2**22 + 1}\n"])
def test_a_lock_that_no_daemon_holds(path: Path, text: str) -> None:
    path.with_name("h.sock.lock").write_text(text)
    assert probe(path).reach == Reach.NO_SOCKET


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "it answers b'HTTP/1.1 '"),
        (b"-ERR unknown command\r\n", "it answers b'-ERR unkn'"),
        (b"+", "it answers b'+'"),
        (b"", "it closes the connection"),
    ],
)
def test_another_protocol(
    path: Path, hostler: Callable[..., Outcome], answer: bytes, says: str
) -> None:
    with answering(path, answer):
        found = probe(path)
        said = failure(path, hostler)
    assert (found.reach, found.pid) == (Reach.OTHER_PROTOCOL, os.getpid())
    assert said.startswith(f"process {os.getpid()} (")
    assert f"listens there, which is no daemon of hostler: {says}; name another socket" in said


def test_one_that_accepts_and_says_nothing(
    path: Path, hostler: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reachability, "GREETING_TIMEOUT", 0.05)
    with listening(path):
        assert probe(path).reach == Reach.SILENT
        said = failure(path, hostler)
    assert f"process {os.getpid()} (" in said
    assert "has not answered for 0.05 s; see what it does: ps -fp " in said


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Takes the rights of root, for which every file is open, where the tests have them."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("closed", ["socket", "folder"])
def test_permission_denied(path: Path, hostler: Callable[..., Outcome], closed: str) -> None:
    with listening(path):
        (path if closed == "socket" else path.parent).chmod(0)
        try:
            with unprivileged():
                found = probe(path)
                said = failure(path, hostler)
        finally:
            path.parent.chmod(0o755)
    what = "the socket" if closed == "socket" else f"the folder {path.parent}"
    assert found.reach == Reach.DENIED
    assert said.startswith(f"permission denied: {what} is user ")
    assert "'s, with mode 0000; run this as user " in said


@pytest.mark.parametrize("name", ["n" * 200, "n" * 300])
def test_a_path_that_no_socket_can_have(path: Path, name: str) -> None:
    assert probe(path.with_name(name)).reach == Reach.UNUSABLE


def test_an_address_of_a_network_is_refused(
    folder: Path, hostler: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in (["up"], ["ps"], ["down"]):
        done = hostler(*command, "--socket", "0.0.0.0:5000")
        assert (done.code, done.out) == (2, "")
        assert "cannot use 0.0.0.0:5000 as a socket: it is an address of a network" in done.err
    monkeypatch.setenv("HOSTLER_SOCKET", "localhost:5000")
    assert hostler("ps").code == 2
    assert list(folder.glob("*:*")) == []


@pytest.mark.usefixtures("facade")
class TestASocketBeforeTheCommand:
    def test_it_is_taken(self, folder: Path, hostler: Callable[..., Outcome]) -> None:
        assert "etl" in hostler("--socket", str(folder / "d.sock"), "ps").out
        assert hostler("--socket", "nothing.sock", "ps").code == 3

    def test_another_one_behind_is_refused(
        self, folder: Path, hostler: Callable[..., Outcome]
    ) -> None:
        done = hostler("--socket", "nothing.sock", "ps", "--socket", str(folder / "d.sock"))
        assert done.code == 2
        assert "cannot take two sockets, nothing.sock and " in done.err

    def test_with_another_target(self, hostler: Callable[..., Outcome]) -> None:
        done = hostler("--socket", "d.sock", "ps", "-w", "workspace.yaml")
        assert done.code == 2
        assert "cannot take --socket and -w together" in done.err

    def test_where_no_daemon_is_asked(self, hostler: Callable[..., Outcome]) -> None:
        done = hostler("--socket", "d.sock", "check")
        assert done.code == 2
        assert "cannot take --socket with check" in done.err


def test_wait_waits_for_a_daemon_that_is_starting(folder: Path, path: Path) -> None:
    from component.facade_double.server import served

    target = Target(files=(folder / "workspace.yaml",), socket=path)
    looked = threading.Event()
    outcome: list[object] = []

    def look(socket: Path) -> reachability.Finding:
        found = probe(socket)
        looked.set()
        return found

    def wait() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(connection, "probe", look)
            await_daemon(target, 30.0)
        outcome.append("it serves")

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert looked.wait(30)
    assert outcome == []
    with served([folder / "workspace.yaml"], path):
        waiting.join(30)
    assert outcome == ["it serves"]


def test_wait_gives_up(folder: Path, path: Path) -> None:
    target = Target(files=(folder / "workspace.yaml",), socket=path)
    with pytest.raises(CommandError, match="there is no socket"):
        await_daemon(target, 0.1)


def test_wait_waits_for_no_other_program(folder: Path, path: Path) -> None:
    target = Target(files=(folder / "workspace.yaml",), socket=path)
    with answering(path, b"no"), pytest.raises(CommandError, match="no daemon of hostler"):
        await_daemon(target, None)


def test_the_default_one_beside_a_chosen_one(
    folder: Path, hostler: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state folder knows which daemon uses it."""
    state = folder / "state"
    state.mkdir()
    monkeypatch.setenv("HOSTLER_STATE", str(state))
    with like_a_daemon("hostlerd", "--socket", "/run/other.sock") as pid:
        (state / "runs.lock").write_text(f"{pid}\n")
        said = hostler("ps").err
        refused = [hostler("up"), hostler("up", "-d"), hostler("down")]
    assert (
        f": one with pid {pid} serves it on another socket; "
        "name that with --socket /run/other.sock\n"
    ) in said
    assert [done.code for done in refused] == [1, 1, 3]
    assert all("/run/other.sock" in done.err for done in refused)


@pytest.mark.usefixtures("facade")
def test_a_daemon_that_serves(folder: Path, facade: Facade) -> None:
    found = probe(folder / "d.sock")
    assert (found.reach, found.pid) == (Reach.SERVES, os.getpid())
    assert facade.locations
