"""The loader of the user's modules: it compiles the bytes that were recorded, never takes a pyc."""

from __future__ import annotations

import io
import os
import sys
from importlib.machinery import SourceFileLoader

from hostler.definitions._late import late
from hostler.host.code_cache import cache
from hostler.host.source_lines import SourceLines
from hostler.host.sources import SourceRecorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.readers import FileReader  # pyright: ignore[reportMissingImports]  # 3.10
    from typing import Any, Mapping


class UserLoader(SourceFileLoader):
    """Loads a source of the user's from the bytes that were recorded, never from a pyc."""

    def __init__(self, fullname: str, path: str, sources: SourceRecorder) -> None:
        super().__init__(fullname, path)
        self._sources = sources

    def path_stats(self, path: str) -> Mapping[str, Any]:
        # importlib neither reads nor writes a pyc for a source without stats. To replace
        # get_code instead would show frames of hostler in the tracebacks of every SyntaxError.
        raise OSError(f"no pyc is used for {path}")

    def set_data(self, path: str, data: Any, *, _mode: int = 0o666) -> None:
        """Writes nothing: importlib would only write a pyc."""

    def get_data(self, path: str) -> bytes:
        content = self._sources.read(path)
        if path == self.path:
            _prime_linecache(path, content)
        return content

    def use_cached_code(self, content: bytes | None = None) -> None:
        """Has importlib use the code that a template has compiled, if the file has not changed.

        Args:
            content: the file's, where it was just read.

        `get_code` is set on the object: a method would show in the traceback of every SyntaxError.
        """
        kept = cache.get(self.path)
        if kept is None or kept.code is None:
            return
        if content is None and self._is_unchanged():
            content = kept.content
            self._sources.record_compiled(kept)
            _prime_linecache(self.path, content)
        elif content is None:
            try:
                content = self.get_data(self.path)
            except OSError:
                return  # the import says so
        if content != kept.content:
            return
        code = kept.code
        self.get_code = lambda fullname: code  # type: ignore[method-assign]  # noqa: ARG005

    def _is_unchanged(self) -> bool:
        """Returns whether a stat proves that the file is as a template has compiled it."""
        path, sources = self.path, self._sources
        return (
            path not in sources.overlay
            and path in sources.user_paths
            and cache.unchanged(path) is not None
        )

    def get_source(self, fullname: str) -> str:
        """Returns the source that was loaded, also where the file has changed since."""
        path = self.get_filename(fullname)
        content = self._sources.loaded.get(path)
        if content is None:
            return super().get_source(fullname) or ""
        text: str = late("importlib.util").decode_source(content)
        return text

    if sys.version_info >= (3, 10):

        def get_resource_reader(self, name: str | None = None) -> FileReader:
            from hostler.host.resources import RecordingReader

            self.get_filename(name)  # raises for a module that is not this loader's
            return RecordingReader(self)

    else:

        def open_resource(self, resource: str) -> Any:
            return io.BytesIO(self.get_data(os.path.join(os.path.dirname(self.path), resource)))


def _prime_linecache(path: str, content: bytes) -> None:
    """Gives tracebacks and `inspect.getsource` the lines that were loaded.

    An entry without an mtime is never compared with the disk: linecache takes it as given by a
    loader.
    """
    # with the tokenizer 2 ms, so not before there is something to load
    late("linecache").cache[path] = (len(content), None, SourceLines(content), path)
