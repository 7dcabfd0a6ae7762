"""Previews: any value as a short text."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Sequence

#: Characters of a preview at most: what fits a line or two of a terminal.
PREVIEW_LENGTH = 200

_BRACKETS: dict[type, Sequence[str]] = {
    list: "[]",
    tuple: "()",
    set: "{}",
    frozenset: ("frozenset({", "})"),
    dict: "{}",
}


def preview(value: object, length: int = PREVIEW_LENGTH) -> str:
    """Returns the repr of a value, cut at `length` characters.

    Never raises for a repr that does, and never builds the whole text of a big builtin
    container or string.
    """
    text = ""
    try:
        for piece in _pieces(value, length):
            text += piece
            if len(text) > length:
                return encodable(text[: length - 3]) + "..."
    except Exception as error:  # noqa: BLE001 (a repr of the user's may raise anything)
        return f"<{type(value).__name__}, whose repr raised {type(error).__name__}>"
    return encodable(text)


def encodable(text: str) -> str:
    """Returns the text with lone surrogates escaped: protobuf and UTF-8 files take no others."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _pieces(value: object, length: int) -> Iterator[str]:
    """Yields the parts of a repr, each of them made when it is asked for.

    A container of containers of itself gives a piece at each level, so that the reader stops.
    """
    kind = type(value)
    if isinstance(value, (str, bytes, bytearray)) and kind in (str, bytes, bytearray):
        yield repr(value[: length + 1])
    elif isinstance(value, (list, tuple, set, frozenset, dict)) and value and kind in _BRACKETS:
        opening, closing = _BRACKETS[kind]
        yield opening
        separator = ""
        for item in value:
            yield separator
            yield from _pieces(item, length)
            if isinstance(value, dict):
                yield ": "
                yield from _pieces(value[item], length)
            separator = ", "
        yield ",)" if kind is tuple and len(value) == 1 else closing
    else:
        yield repr(value)
