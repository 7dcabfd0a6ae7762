"""Which locations are stopped outlasts the daemon; a broken file of it stops nobody."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from hostler.daemon.base.journal import Journal
from hostler.daemon.supervision.stopped import FILE, StoppedLocations


class Log:
    """A journal, and what it says."""

    def __init__(self) -> None:
        self._stream = io.StringIO()
        self.journal = Journal(stream=self._stream)

    def text(self) -> str:
        self.journal.close()
        return self._stream.getvalue()


@pytest.fixture
def log() -> Log:
    return Log()


def stopped(folder: Path, log: Log) -> StoppedLocations:
    return StoppedLocations(folder, log.journal)


def test_the_next_daemon_knows_them(tmp_path: Path, log: Log) -> None:
    first = stopped(tmp_path / "state", log)
    for name in ("a.py", "größe", "b c", 'quote"', "b.py"):
        first.add(name)
    first.discard("b.py")
    first.discard("never")
    second = stopped(tmp_path / "state", log)
    assert all(name in second for name in ("a.py", "größe", "b c", 'quote"'))
    assert "b.py" not in second
    assert [each.name for each in (tmp_path / "state").iterdir()] == [FILE]
    assert log.text() == ""


def test_nothing_is_written_without_a_change(tmp_path: Path, log: Log) -> None:
    names = stopped(tmp_path, log)
    names.add("a")
    (tmp_path / FILE).unlink()
    names.add("a")
    names.discard("b")
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff", b'"a"', b'{"a": 1}', b"null", b"[" * 100_000, b"\0"],
    ids=["empty", "half", "no text", "a text", "an object", "null", "deep", "zero"],
)
def test_a_broken_file_is_told_of_and_replaced(tmp_path: Path, log: Log, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    stopped(tmp_path, log).add("a")
    assert "cannot read which locations were stopped" in log.text()
    assert json.loads((tmp_path / FILE).read_bytes()) == ["a"]


def test_what_is_no_name_is_left_out(tmp_path: Path, log: Log) -> None:
    (tmp_path / FILE).write_text('["a", 1, null, ["b"], {"c": "d"}]')
    names = stopped(tmp_path, log)
    names.add("z")
    assert json.loads((tmp_path / FILE).read_text()) == ["a", "z"]


def test_where_it_cannot_be_written_that_is_told(tmp_path: Path, log: Log) -> None:
    (tmp_path / "state").write_text("a file in the way")
    names = stopped(tmp_path / "state", log)
    names.add("a")
    assert "a" in names
    assert "cannot write which locations are stopped" in log.text()
