"""Memory that a load has used and a location does not need."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import NoReturn

import pytest

from hostler.host import interpreter


def test_it_asks_the_c_library_where_ctypes_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    library = SimpleNamespace(malloc_trim=asked.append)
    monkeypatch.setitem(sys.modules, "ctypes", SimpleNamespace(CDLL=lambda _: library))
    interpreter.trim_memory()
    assert asked == [0]


def test_it_imports_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ctypes", raising=False)
    interpreter.trim_memory()
    assert "ctypes" not in sys.modules


def test_a_c_library_without_it_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_library(_: object) -> NoReturn:
        raise OSError("no such library")

    for ctypes in (
        SimpleNamespace(CDLL=lambda _: SimpleNamespace()),
        SimpleNamespace(CDLL=open_library),
    ):
        monkeypatch.setitem(sys.modules, "ctypes", ctypes)
        interpreter.trim_memory()
