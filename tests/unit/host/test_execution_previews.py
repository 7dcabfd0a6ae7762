"""The previews of values in events, and how much of a message they keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from unit.host.executing import (
    executed_alone,
    outputs_of,
)

from hostler.definitions import (
    SolidContext,
)

if TYPE_CHECKING:
    pass


class Broken:
    """Raises an error when it is printed."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    __str__ = __repr__


class Huge:
    def __repr__(self) -> str:
        return "x" * 10_000


@pytest.mark.parametrize(
    ("value", "preview"),
    [
        (Broken(), "<Broken, whose repr raised RuntimeError>"),
        ([Broken()], "<list, whose repr raised RuntimeError>"),
        (Huge(), "x" * 197 + "..."),
        ("y" * 10_000_000, "'" + "y" * 196 + "..."),
        ("\udc80", "'\\udc80'"),
        ({"a": (1,), "b": {2}}, "{'a': (1,), 'b': {2}}"),
        (frozenset([1]), "frozenset({1})"),
        (set(), "set()"),
    ],
)
def test_previews(value: object, preview: str) -> None:
    assert outputs_of(lambda: value) == {"result": preview}


def test_preview_of_what_holds_itself() -> None:
    endless: list[Any] = [1]
    endless.append(endless)
    (text,) = outputs_of(lambda: endless).values()
    assert text.startswith("[1, [1, [1, [")
    assert len(text) == 200


def test_preview_reads_no_more_than_it_shows() -> None:
    read = []

    class Item:
        def __repr__(self) -> str:
            read.append(self)
            return "item"

    outputs_of(lambda: [Item() for _ in range(10_000)])
    assert len(read) < 100


@pytest.mark.parametrize(
    ("message", "args", "expected"),
    [
        ("%d items", (3,), "3 items"),
        ("100%", (), "100%"),
        ("%d", ("x",), "'%d' ('x',) (cannot be formatted: TypeError)"),
        (Broken(), (), "<Broken, whose repr raised RuntimeError> () (cannot be formatted: Runt"),
        ("\udc80", (), "\\udc80"),
        (3, (), "3"),
    ],
)
def test_log_messages(message: object, args: tuple[object, ...], expected: str) -> None:
    def function(context: SolidContext) -> None:
        context.log.error(message, *args)
        context.log.critical("end")

    _, events = executed_alone(function)
    (first, last) = [data for event, _, data in events if event == "log_message"]
    assert first["level"] == "ERROR"
    assert first["message"].startswith(expected)
    assert last == {"level": "CRITICAL", "message": "end"}
