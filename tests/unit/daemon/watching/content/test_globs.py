"""Which files a pattern finds."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from hostler.daemon.watching.content.globs import Glob, files_in

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.sql", {"a.sql"}),
        ("**/*.sql", {"a.sql", "sub/b.sql", "sub/deep/c.sql"}),
        ("**", {"a.sql", "note.txt", "sub/b.sql", "sub/deep/c.sql"}),
        ("*/b.sql", {"sub/b.sql"}),
        ("s?b/[a-c].sql", {"sub/b.sql"}),
        ("a.sql", {"a.sql"}),
        (".*", {".hidden"}),
        ("*~", {"a.sql~"}),
        ("sub/**/c.sql", {"sub/deep/c.sql"}),
        ("missing/*.sql", set()),
    ],
)
def test_patterns(tmp_path: Path, pattern: str, expected: set[str]) -> None:
    for name in (
        "a.sql", "note.txt", ".hidden", "a.sql~", "4913", "x.pyc", "sub/b.sql", "sub/deep/c.sql",
        "node_modules/n.sql", ".git/g.sql", "env/pyvenv.cfg", "env/e.sql",
    ):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (tmp_path / "sub" / "link").symlink_to(tmp_path)
    found = {file for listing in Glob(f"{tmp_path}/{pattern}").walk() for file in files_in(listing)}
    assert {os.path.relpath(file, tmp_path) for file in found} == expected
