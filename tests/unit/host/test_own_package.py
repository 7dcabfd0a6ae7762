"""The advice where a file imports what lies above it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hostler.host.own_package import missing_module_hint

FILES = (
    "src/team/__init__.py",
    "src/team/orders.py",
    "src/team/rates.py",
    "src/team/deep/__init__.py",
    "src/team/deep/inner.py",
    "src/bare/one.py",
    "src/shared.py",
    "src/empty/notes.txt",
)


@pytest.mark.parametrize(
    ("file", "missing", "expected"),
    [
        ("src/team/orders.py", "team", "python_module team.orders"),
        ("src/team/orders.py", "team.rates", "python_module team.orders"),
        ("src/team/deep/inner.py", "team", "python_module team.deep.inner"),
        ("src/team/deep/inner.py", "deep", "python_module deep.inner"),
        ("src/team/__init__.py", "team", "python_module team,"),
        ("src/bare/one.py", "bare", "python_module bare.one"),
        ("src/team/orders.py", "shared", "set working_directory to that folder"),
        ("src/team/orders.py", "requests", ""),
        ("src/team/orders.py", "empty", ""),
        ("src/team/orders.py", None, ""),
    ],
)
def test_the_hint(file: str, missing: str | None, expected: str, tmp_path: Path) -> None:
    for each in FILES:
        (tmp_path / each).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / each).write_text("")
    hint = missing_module_hint(missing, {"file": str(tmp_path / file), "line": 1})
    assert expected in hint
    assert bool(expected) == bool(hint)


def test_without_a_place_there_is_none() -> None:
    assert missing_module_hint("team", None) == ""
