"""What a path reads as: its content, never a time stamp, decides whether a file has changed."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from dataclasses import dataclass
from io import FileIO

from hostler.host.wire import content_digest, listing_digest

#: Larger files are read in a thread: 256 KiB take the loop about half a millisecond.
LARGE = 256 * 1024

#: A time stamp this close to the read proves nothing: two writes can share it (git's racy rule).
RACY_NS = 2_000_000_000

# With these errors, nothing is there to load; others (EIO, ESTALE) say nothing about the content.
_ABSENT = frozenset(
    {
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.EACCES,
        errno.EPERM,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENXIO,
    }
)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a stat tells about a file; another stamp is a reason to read the file."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


@dataclass(frozen=True, slots=True)
class FileState:
    """What a path read as at one moment."""

    #: As `content_digest` names the content; None where no readable regular file is.
    digest: str | None
    stamp: Stamp | None = None
    #: When the read began, in nanoseconds since 1970; 0 where the file was written to meanwhile.
    read_ns: int = 0

    def is_current(self, stamp: Stamp) -> bool:
        """Returns whether a file with this stamp need not be read again."""
        newest = max(stamp.modified_ns, stamp.changed_ns)
        return self.stamp == stamp and self.read_ns - newest > RACY_NS


ABSENT = FileState(None)


def is_large(path: str) -> bool:
    """Returns whether reading the file takes longer than the loop can wait."""
    try:
        return os.stat(path).st_size > LARGE  # noqa: PTH116 - on the loop; Path costs as much again
    except OSError:
        return False


def read_state(path: str, last: FileState | None = None) -> FileState | None:
    """Returns what the path reads as: a file by its content, a folder by the names in it.

    It is `last`, without a read, where its stamp shows that it holds.

    Returns:
        None where an error such as EIO hides the content: the caller keeps what it knew.
    """
    try:
        if last is not None and last.is_current(_stamp(os.stat(path))):  # noqa: PTH116 - as above
            return last
        # An ordinary open would block at a pipe until a writer opens it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return _read_listing(descriptor) if is_listing(path) else _read(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        return ABSENT if error.errno in _ABSENT else None


def _read(descriptor: int) -> FileState:
    before = os.fstat(descriptor)
    if not stat.S_ISREG(before.st_mode):
        return ABSENT
    read_ns = time.time_ns()
    with FileIO(descriptor, closefd=False) as file:
        if before.st_size <= LARGE:
            digest = content_digest(file.read())
        else:
            digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    stamp = _stamp(os.fstat(descriptor))
    # A write in the meantime: the digest may be of a content that never was; read again next time.
    return FileState(digest, stamp, read_ns if stamp == _stamp(before) else 0)


def is_listing(path: str) -> bool:
    """Returns whether the path stands for the names in a folder, in place of a file's content."""
    return path.endswith("/")


def _read_listing(descriptor: int) -> FileState:
    before = os.fstat(descriptor)
    if not stat.S_ISDIR(before.st_mode):
        return ABSENT
    read_ns = time.time_ns()
    digest = listing_digest(os.listdir(descriptor))
    stamp = _stamp(os.fstat(descriptor))
    return FileState(digest, stamp, read_ns if stamp == _stamp(before) else 0)


def _stamp(found: os.stat_result) -> Stamp:
    return Stamp(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def digest_of(path: str) -> str | None:
    """Returns the content digest of a file as it is now; None where no readable regular file is."""
    state = read_state(path)
    return state.digest if state is not None else None
