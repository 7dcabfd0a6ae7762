"""Claiming a socket path, against real locks, sockets and processes."""

from __future__ import annotations

import fcntl
import os
import socket
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc
import pytest

from hostler.daemon.facade.sockets import SocketBusyError, SocketError, claim_socket
from hostler.rpc.address import grpc_target

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "hostler" / "a.sock"


def bind(path: Path) -> socket.socket:
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    return server


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_folder_and_socket_are_ours_alone(path: Path) -> None:
    before = os.umask(0o022)
    try:
        claim = claim_socket(path)
        with claim.binding():
            server = bind(path)
        assert mode(path.parent) == 0o700
        assert mode(path) == 0o600
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)
    lock = path.with_name("a.sock.lock")
    assert lock.read_text() == f"{os.getpid()}\n"
    claim.release()
    claim.release()
    assert list(path.parent.iterdir()) == []
    server.close()


def test_a_grpc_server_binds_it(path: Path) -> None:
    claim = claim_socket(path)
    server = grpc.server(ThreadPoolExecutor(1))
    with claim.binding():
        server.add_insecure_port(grpc_target(path))
    assert mode(path) == 0o600
    server.stop(None).wait()
    claim.release()


def test_another_process_is_named(path: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from hostler.daemon.facade.sockets import claim_socket\n"
        "claim = claim_socket(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(SocketBusyError, match=f"process {holder.pid} has it") as caught:
            claim_socket(path)
        assert caught.value.pid == holder.pid
        holder.kill()
        holder.wait()
        claim_socket(path).release()


def test_a_stale_socket_is_taken_over(path: Path) -> None:
    path.parent.mkdir(parents=True)
    bind(path).close()
    claim = claim_socket(path)
    assert not path.exists()
    claim.release()


def test_a_socket_that_is_served_without_the_lock_is_left(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with bind(path):
        with pytest.raises(SocketBusyError, match=f"process {os.getpid()}"):
            claim_socket(path)
        assert path.exists()
    claim_socket(path).release()


def test_a_file_is_left(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("precious")
    with pytest.raises(SocketError, match="a file that is not a socket is there"):
        claim_socket(path)
    assert path.read_text() == "precious"
    assert [each.name for each in path.parent.iterdir()] == ["a.sock"]


def test_a_successor_s_socket_is_left(path: Path) -> None:
    claim = claim_socket(path)
    with claim.binding():
        bind(path).close()
    path.rename(path.with_name("moved"))  # not unlinked: its inode could be used again
    other = bind(path)
    claim.release()
    assert path.exists()
    other.close()


def test_a_path_that_is_too_long_says_so(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 120)
    with pytest.raises(SocketError, match=f"the path has {len(os.fsencode(path))} bytes"):
        claim_socket(path)


def test_our_folder_is_narrowed_and_a_chosen_one_is_not(tmp_path: Path) -> None:
    for chosen, expected in ((False, 0o700), (True, 0o755)):
        folder = tmp_path / str(chosen)
        folder.mkdir()
        folder.chmod(0o755)
        claim_socket(folder / "a.sock", chosen=chosen).release()
        assert mode(folder) == expected


def test_a_link_or_a_file_in_the_folder_s_place(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(SocketError, match="it is not a folder of user"):
        claim_socket(tmp_path / "link" / "a.sock")
    (tmp_path / "file").write_text("")
    with pytest.raises(SocketError, match="cannot serve on"):
        claim_socket(tmp_path / "file" / "a.sock")
    claim_socket(tmp_path / "link" / "a.sock", chosen=True).release()


def test_a_lock_that_was_removed_meanwhile_is_not_enough(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The holder ends and removes its lock between our open and our flock."""
    first = claim_socket(path)
    flock = fcntl.flock
    calls = 0

    def late(descriptor: int, operation: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            first.release()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    claim = claim_socket(path)
    assert calls == 2
    monkeypatch.undo()
    with pytest.raises(SocketBusyError):
        claim_socket(path)
    claim.release()
