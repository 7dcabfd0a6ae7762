"""The parts of the watcher that decide without waiting for anything."""

from __future__ import annotations

import dataclasses
import os
import time
from typing import TYPE_CHECKING

import pytest

from hostler.daemon.watching.content.digests import ABSENT, LARGE, RACY_NS, read_state
from hostler.daemon.watching.content.globs import Glob, files_in
from hostler.daemon.watching.content.throttle import Throttle
from hostler.daemon.watching.content.trace import Tracer
from hostler.daemon.watching.folders.mounts import Mounts
from hostler.host.wire import content_digest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("size", [0, 10, LARGE, LARGE + 1, 3 * LARGE])
def test_a_digest_is_the_wire_s(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * size)
    sight = read_state(str(path))
    assert sight is not None
    assert sight.digest == content_digest(b"x" * size)


def test_what_is_not_a_file_is_absent(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("", "missing", "pipe", "loop", "missing/below", "x" * 300):
        assert read_state(str(tmp_path / name)) == ABSENT


def test_an_old_stamp_spares_the_reading_and_a_young_one_does_not(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("one")
    sight = read_state(str(path))
    assert sight is not None
    assert read_state(str(path), sight) is not sight
    # As if it had been read 3 s after the file was last changed.
    late = dataclasses.replace(sight, read_ns=time.time_ns() + RACY_NS + 10**9)
    assert read_state(str(path), late) is late
    path.write_text("two")
    again = read_state(str(path), late)
    assert again is not None
    assert again.digest == content_digest(b"two")


def test_a_trace_has_each_link_and_folder(tmp_path: Path) -> None:
    top = tmp_path.resolve()
    (top / "v1" / "pkg").mkdir(parents=True)
    (top / "v1" / "pkg" / "real.py").write_text("")
    (top / "v1" / "pkg" / "mod.py").symlink_to("../pkg/real.py")
    (top / "now").symlink_to("v1")
    trace = Tracer().trace(f"{top}/now/pkg/mod.py")
    assert trace.real == f"{top}/v1/pkg/real.py"
    assert trace.entries == {f"{top}/now", f"{top}/v1/pkg/mod.py", f"{top}/v1/pkg/real.py"}
    assert {str(top), f"{top}/v1", f"{top}/v1/pkg"} <= trace.folders
    assert "/" not in trace.folders


def test_a_trace_of_what_is_missing_ends_at_the_first_gap(tmp_path: Path) -> None:
    top = tmp_path.resolve()
    trace = Tracer().trace(f"{top}/a/b/c.py")
    assert trace.real is None
    assert trace.entries == {f"{top}/a"}
    (top / "a").write_text("a file")
    assert Tracer().trace(f"{top}/a/b/c.py").real is None
    (top / "one").symlink_to("two")
    (top / "two").symlink_to("one")
    looped = Tracer().trace(f"{top}/one/c.py")
    assert looped.real is None
    assert looped.entries == {f"{top}/one", f"{top}/two"}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.sql", {"a.sql"}),
        ("**/*.sql", {"a.sql", "sub/b.sql", "sub/deep/c.sql"}),
        ("**", {"a.sql", "note.txt", "sub/b.sql", "sub/deep/c.sql"}),
        ("*/b.sql", {"sub/b.sql"}),
        ("s?b/[a-c].sql", {"sub/b.sql"}),
        ("a.sql", {"a.sql"}),
        (".*", {".hidden"}),
        ("*~", {"a.sql~"}),
        ("sub/**/c.sql", {"sub/deep/c.sql"}),
        ("missing/*.sql", set()),
    ],
)
def test_patterns(tmp_path: Path, pattern: str, expected: set[str]) -> None:
    for name in (
        "a.sql", "note.txt", ".hidden", "a.sql~", "4913", "x.pyc", "sub/b.sql", "sub/deep/c.sql",
        "node_modules/n.sql", ".git/g.sql", "env/pyvenv.cfg", "env/e.sql",
    ):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (tmp_path / "sub" / "link").symlink_to(tmp_path)
    found = {file for listing in Glob(f"{tmp_path}/{pattern}").walk() for file in files_in(listing)}
    assert {os.path.relpath(file, tmp_path) for file in found} == expected


def test_remote_file_systems() -> None:
    mounts = Mounts(
        "/dev/vda / ext4 rw 0 0\nserver:/x /mnt/a\\040b nfs4 rw 0 0\n"
        "tmpfs /mnt/a\\040b/local tmpfs rw 0 0\nhost /home/me/sshfs fuse.sshfs rw 0 0\n"
        "/dev/sdb /ntfs fuseblk rw 0 0\n"
    )
    assert [
        mounts.is_remote(path)
        for path in ("/", "/mnt", "/mnt/a b", "/mnt/a b/c", "/mnt/a b/local/d", "/mnt/a bc")
    ] == [False, False, True, True, False, False]
    assert mounts.is_remote("/home/me/sshfs/project")
    assert not mounts.is_remote("/ntfs/project")


def test_the_first_change_is_told_at_once_and_the_next_ones_wait_longer() -> None:
    throttle = Throttle(0.010, 0.050)
    assert [throttle.delay(1.0 + i / 1000) for i in range(6)] == [
        0,
        0.010,
        0.020,
        0.040,
        0.050,
        0.050,
    ]
    throttle.reset()
    assert throttle.delay(1.01) == 0
    assert throttle.delay(1.02) == 0.010
    assert throttle.delay(9.0) == 0
    assert throttle.delay(9.001) == 0.010
