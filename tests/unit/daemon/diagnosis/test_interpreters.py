"""Interpreters, asked for real."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from hostler.daemon.diagnosis.interpreters import check_interpreters
from hostler.daemon.workspace.text.models import LocationSpec, Position, Target

if TYPE_CHECKING:
    from pathlib import Path


def spec(name: str, executable: str) -> LocationSpec:
    target = Target("python_file", "/w/a.py")
    return LocationSpec(name, target, Position("workspace.yaml", 1, 1), executable)


def test_each_is_asked_once() -> None:
    found = list(check_interpreters([spec(name, sys.executable) for name in "abcd"]))
    assert len(found) == 1
    assert found[0].level == "ok"
    assert "(a, b, c, …)" in found[0].message


@pytest.mark.parametrize(
    ("script", "mode", "said"),
    [
        (None, 0, "there is no such file"),
        ("#!/bin/sh\necho 3.12.1\n", 0o644, "cannot execute"),
        ("#!/bin/sh\nprintf 3.7.17\n", 0o755, "is Python 3.7.17"),
        ("#!/bin/sh\necho not found >&2; exit 1\n", 0o755, "says no version of Python: not found"),
        ("#!/no/such/interpreter\n", 0o755, "cannot execute"),
        ("\x7fELF", 0o755, "cannot execute"),
    ],
)
def test_one_that_cannot_be_used(tmp_path: Path, script: str | None, mode: int, said: str) -> None:
    path = tmp_path / "python"
    if script is not None:
        path.write_text(script)
        path.chmod(mode)
    (found,) = check_interpreters([spec("a", str(path))])
    assert found.level == "problem"
    assert said in found.message
    assert str(path) in found.message
    assert found.remedy


def test_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "python").symlink_to(tmp_path / "gone")
    (found,) = check_interpreters([spec("a", str(tmp_path / "python"))])
    assert "its link leads nowhere" in found.message
