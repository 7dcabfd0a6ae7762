"""Entries for systemd's journal, on a real datagram socket."""

from __future__ import annotations

import array
import os
import socket
import struct
from typing import TYPE_CHECKING

import pytest

from hostler.daemon.base.journal import Journal
from hostler.daemon.base.journald import JournaldSink, is_journal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "journal")


@pytest.fixture
def journald(path: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(path)
        made.settimeout(10)
        yield made


def fields(entry: bytes) -> dict[str, str]:
    """Parses an entry as journald does."""
    found = {}
    while entry:
        line, _, rest = entry.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            (size,) = struct.unpack_from("<Q", rest)
            value, rest = rest[8 : 8 + size], rest[8 + size + 1 :]
        found[name.decode()] = value.decode()
        entry = rest
    return found


def test_an_event_has_its_level_and_its_values_as_fields(
    path: str, journald: socket.socket
) -> None:
    journal = Journal("journald", journald=JournaldSink(path))
    journal.warning("run ended", run="ab12", location="team a", pid=7, left_out=None)
    assert fields(journald.recv(10_000)) == {
        "MESSAGE": 'run ended run=ab12 location="team a" pid=7',
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "hostlerd",
        "HOSTLER_EVENT": "run ended",
        "HOSTLER_RUN": "ab12",
        "HOSTLER_LOCATION": "team a",
        "HOSTLER_PID": "7",
    }
    journal.info("location", name="a", now="READY")
    assert fields(journald.recv(10_000))["HOSTLER_LOCATION"] == "a"
    journal.error("x", traceback="line 1\nPRIORITY=0\n", **{"odd key-é": "\udcff"})
    found = fields(journald.recv(10_000))
    assert found["PRIORITY"] == "3"
    assert found["HOSTLER_TRACEBACK"] == "line 1\nPRIORITY=0\n"
    assert found["HOSTLER_ODD_KEY__"] == "\\udcff"
    journal.close()


def test_the_least_level_holds_there_too(path: str, journald: socket.socket) -> None:
    journal = Journal("journald", "error", journald=JournaldSink(path))
    journal.warning("left out")
    journal.error("told")
    assert fields(journald.recv(10_000))["MESSAGE"] == "told"
    journal.close()


def test_what_is_too_large_for_a_datagram_comes_as_a_file(
    path: str, journald: socket.socket
) -> None:
    journal = Journal("journald", journald=JournaldSink(path))
    journal.error("large", traceback="x" * 1_000_000)
    descriptors = array.array("i")
    data, ancillary, _, _ = journald.recvmsg(10_000, socket.CMSG_LEN(descriptors.itemsize))
    assert data == b""
    descriptors.frombytes(ancillary[0][2])
    with os.fdopen(descriptors[0], "rb") as file:
        file.seek(0)
        assert fields(file.read())["HOSTLER_TRACEBACK"] == "x" * 1_000_000
    journal.close()


def test_no_journal_stops_nobody(path: str) -> None:
    journal = Journal("journald", journald=JournaldSink(path))
    journal.info("nobody listens")
    journal.close()


def test_stderr_is_the_journal_only_where_it_is_that_very_stream(tmp_path: Path) -> None:
    with (tmp_path / "stream").open("wb") as stream:
        found = os.fstat(stream.fileno())
        named = f"{found.st_dev}:{found.st_ino}"
        assert is_journal(stream.fileno(), {"JOURNAL_STREAM": named})
        assert not is_journal(stream.fileno(), {})
        assert not is_journal(stream.fileno(), {"JOURNAL_STREAM": "1:2"})
        assert not is_journal(stream.fileno(), {"JOURNAL_STREAM": named.replace(":", "")})
    assert not is_journal(10**6, {"JOURNAL_STREAM": named})
