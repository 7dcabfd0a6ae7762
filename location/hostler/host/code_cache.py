"""A cache of the compiled code of the user's modules, by content; forks inherit it.

A template fills it: it reads and compiles, which runs nothing. Whoever is forked from it reads each
file again and compiles only what has another content by now.
"""

from __future__ import annotations

import os
import stat
import time

from hostler.definitions._late import late
from hostler.host.wire import content_digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Callable, Tuple

    #: What differs between two states of a file: device, inode, size, mtime_ns, ctime_ns.
    Signature = Tuple[int, int, int, int, int]

#: Git's racy rule: two writes within one tick of a file system's clock share their times, so a
#: stat says "unchanged" only of a file that was last written this long before it was read. Some
#: file systems count in 2 s.
RACY_SECONDS = 2.0

#: Files at most: a project of this size is rare, and what is left out is only slower.
MAX_FILES = 20_000


class CompiledFile:
    """A file as it was read, and its compiled code.

    Attributes:
        path: where it lies.
        content: its bytes.
        digest: see `hostler.host.wire.content_digest`.
        code: what it compiles to; None where it does not.
    """

    __slots__ = ("code", "content", "digest", "path", "signature")

    def __init__(self, path: str, content: bytes, digest: str, code: CodeType | None) -> None:
        self.path = path
        self.content = content
        self.digest = digest
        self.code = code
        #: None where the racy rule forbids to trust it.
        self.signature: Signature | None = None


class CodeCache:
    """Keeps files by path, each with its compiled code.

    Args:
        stat_of: `os.stat`; the edge that a test replaces.
        now: the time since the epoch in seconds, by the clock that files are stamped with.
    """

    def __init__(
        self,
        stat_of: Callable[[str], os.stat_result] = os.stat,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._stat_of = stat_of
        self._now = now
        self._files: dict[str, CompiledFile] = {}

    def __len__(self) -> int:
        return len(self._files)

    def fill(self, path: str) -> None:
        """Reads and compiles a file, unless what is kept of it is proved to be up to date."""
        if self.unchanged(path) is not None:
            return
        try:
            began = self._now()
            before = self._signature(path)
            if before is None:  # not a regular file: to open a pipe would wait for its writer
                self._files.pop(path, None)
                return
            with open(path, "rb") as file:
                content = file.read()
            after = self._signature(path)
        except OSError:
            self._files.pop(path, None)
            return
        is_sure = before == after and not _is_racy(before, began)
        kept = self._files.get(path)
        digest = content_digest(content)
        if kept is None or kept.digest != digest:
            if kept is None and len(self._files) >= MAX_FILES:
                return
            kept = self._files[path] = CompiledFile(path, content, digest, _compiled(content, path))
        kept.signature = before if is_sure else None

    def unchanged(self, path: str) -> CompiledFile | None:
        """Returns what is kept of a file, if a stat proves that the file has not changed."""
        kept = self._files.get(path)
        if kept is None or kept.signature is None:
            return None
        try:
            return kept if self._signature(path) == kept.signature else None
        except OSError:
            return None

    def get(self, path: str) -> CompiledFile | None:
        """Returns what is kept of a file, which may have changed."""
        return self._files.get(path)

    def touch(self, path: str) -> None:
        """Copies the memory pages of a file's code into this process, as executing it would."""
        kept = self._files.get(path)
        if kept is not None and kept.code is not None:
            _touch(kept.code)

    def _signature(self, path: str) -> Signature | None:
        found = self._stat_of(path)
        if not stat.S_ISREG(found.st_mode):
            return None
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _touch(code: CodeType) -> None:
    for each in code.co_names:  # taking an object writes its reference count
        del each
    for each in code.co_consts:
        if isinstance(each, type(code)):
            _touch(each)


def _is_racy(signature: Signature, read_at: float) -> bool:
    newest = max(signature[3], signature[4]) / 1e9
    return newest > read_at - RACY_SECONDS


def _compiled(content: bytes, path: str) -> CodeType | None:
    warnings = late("warnings")
    with warnings.catch_warnings():
        # a file that warns is compiled at its import, where the user sees the warning
        warnings.simplefilter("error")
        try:
            made: CodeType = compile(content, path, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError, Warning):
            return None
    return made


#: Of this process and of its forks.
cache = CodeCache()
