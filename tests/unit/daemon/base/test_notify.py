"""The messages to a service manager, on a real datagram socket."""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

import pytest

from hostler.daemon.base.notify import MAX_STATUS, ServiceManager

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "path":
        return str(tmp_path / "n.sock")
    return f"@hostler-test-{os.getpid()}"


@pytest.fixture
def manager(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind("\0" + address[1:] if address.startswith("@") else address)
        made.settimeout(10)
        yield made


def test_each_message(manager: socket.socket, address: str) -> None:
    told = ServiceManager.from_environment({"NOTIFY_SOCKET": address})
    told.ready("2 READY")
    assert manager.recv(1000) == b"READY=1\nSTATUS=2 READY"
    told.status("a\nb")
    assert manager.recv(1000) == b"STATUS=a b"
    told.status("x" * 1000)
    assert len(manager.recv(2000).decode()) == len("STATUS=") + MAX_STATUS
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    told.reloading()
    reloading, moment = manager.recv(1000).decode().split("\n")
    assert reloading == "RELOADING=1"
    name, _, microseconds = moment.partition("=")
    assert name == "MONOTONIC_USEC"
    assert before <= int(microseconds) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    told.ping()
    assert manager.recv(1000) == b"WATCHDOG=1"
    told.stopping()
    assert manager.recv(1000) == b"STOPPING=1"
    told.close()


def test_the_variables_are_taken_so_that_no_child_inherits_them() -> None:
    environ = {
        "NOTIFY_SOCKET": "/nowhere/n.sock",
        "WATCHDOG_USEC": "500000",
        "WATCHDOG_PID": str(os.getpid()),
        "PATH": "/bin",
    }
    told = ServiceManager.from_environment(environ)
    assert environ == {"PATH": "/bin"}
    assert told.watchdog == 0.5
    told.ping()  # nobody listens there
    told.close()
    told.ping()


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"NOTIFY_SOCKET": "", "WATCHDOG_USEC": "500000"},
        {"NOTIFY_SOCKET": "relative", "WATCHDOG_USEC": "500000"},
        {"NOTIFY_SOCKET": "vsock:2:1", "WATCHDOG_USEC": "500000"},
        {"NOTIFY_SOCKET": "/n.sock", "WATCHDOG_USEC": "soon"},
        {"NOTIFY_SOCKET": "/n.sock", "WATCHDOG_USEC": "500000", "WATCHDOG_PID": "1"},
    ],
)
def test_no_heartbeat_is_wanted(environ: dict[str, str]) -> None:
    told = ServiceManager.from_environment(environ)
    assert told.watchdog == 0
    told.status("nobody hears it")
    told.close()


def test_a_manager_that_does_not_read_stops_nobody(manager: socket.socket, address: str) -> None:
    told = ServiceManager(address)
    for _ in range(10_000):
        told.ping()
    assert manager.recv(1000) == b"WATCHDOG=1"
    told.close()
