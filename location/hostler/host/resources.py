"""Data files of the user's packages, read through importlib.resources; CPython 3.10 and later."""

from __future__ import annotations

from importlib.readers import FileReader  # pyright: ignore[reportMissingImports]  # 3.10
from pathlib import Path, PosixPath

from hostler.host import sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import SourceFileLoader
    from typing import Any


class RecordedPath(PosixPath):
    """A path that records itself when it is opened for reading, also by its `read_text`."""

    def open(self, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if not set(mode) & set("wax+"):
            sources.record_file(str(self))
        return super().open(mode, *args, **kwargs)

    def __reduce__(self) -> Any:
        # A process that the user's code starts has no recording finder.
        return (Path, (str(self),))


class RecordingReader(FileReader):
    """importlib's reader of files, with recorded paths."""

    def __init__(self, loader: SourceFileLoader) -> None:
        super().__init__(loader)
        self.path = RecordedPath(self.path)
