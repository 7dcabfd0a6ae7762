"""The lines of a source for linecache; they are split when the first of them is needed."""

from __future__ import annotations

from collections.abc import Sequence

from hostler.definitions._late import late

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class SourceLines(Sequence):  # type: ignore[type-arg]  # 3.8 cannot subscript it
    """The lines of a source file, each with its line break.

    None where the source cannot be decoded: compiling it says why.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._split: list[str] | None = None

    def __len__(self) -> int:
        return len(self._lines())

    def __getitem__(self, index: Any) -> Any:
        return self._lines()[index]

    def _lines(self) -> list[str]:
        if self._split is None:
            try:
                text = late("importlib.util").decode_source(self._content)
            except (SyntaxError, UnicodeDecodeError):
                text = ""
            self._split = [line + "\n" for line in text.split("\n")]
            if not text or text.endswith("\n"):
                self._split.pop()
        return self._split
