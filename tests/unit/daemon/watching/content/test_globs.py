"""Which files a pattern finds."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from hostler.daemon.watching.content.globs import Tree, files_in, globs_of

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
        ("sub", {"sub/b.sql", "sub/deep/c.sql"}),
        ("sub/deep/", {"sub/deep/c.sql"}),
        ("s[u]b/deep", {"sub/deep/c.sql"}),
        ("{a,b}.sql", {"a.sql"}),
        ("{sub,missing}/*.sql", {"sub/b.sql"}),
        ("{*.{sql,txt},sub/b.sql}", {"a.sql", "note.txt", "sub/b.sql"}),
        ("sub{,/deep}/?.sql", {"sub/b.sql", "sub/deep/c.sql"}),
        ("{a}.sql", set()),
        ("{a,b.sql", set()),
        ("[{]a,b}.sql", set()),
        ("linked/*.sql", {"linked/o.sql"}),
        ("linked", {"linked/o.sql", "linked/in/p.sql"}),
        ("**/o.sql", set()),
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
    other = tmp_path.with_name(tmp_path.name + "-other")
    for name in ("o.sql", "in/p.sql"):
        (other / name).parent.mkdir(parents=True, exist_ok=True)
        (other / name).write_text("")
    if "linked" in pattern:  # elsewhere it would be found by `**`
        (tmp_path / "linked").symlink_to(other)
    assert _found(tmp_path, pattern) == expected


def _found(folder: Path, pattern: str) -> set[str]:
    walks = [glob.walk() for glob in globs_of(f"{folder}/{pattern}")]
    found = {file for walk in walks for listing in walk for file in files_in(listing)}
    return {os.path.relpath(file, folder) for file in found}


def test_two_stars_follow_links_and_enter_each_folder_once(tmp_path: Path) -> None:
    project, other = tmp_path / "project", tmp_path / "other"
    for name in ("project/a.sql", "project/sub/b.sql", "other/o.sql", "other/in/p.sql"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (project / "linked").symlink_to(other)
    (project / "again").symlink_to(other)
    (project / "self").symlink_to(project)
    (project / "root").symlink_to("/")
    (project / "sub" / "up").symlink_to(tmp_path)
    (project / "broken").symlink_to(tmp_path / "nothing")
    (other / "back").symlink_to(project)
    found = _found(project, "**/*.sql")
    assert found == {"a.sql", "sub/b.sql", "again/o.sql", "again/in/p.sql"}


def test_braces_are_bounded(tmp_path: Path) -> None:
    assert len(globs_of(f"{tmp_path}/" + "{a,b}" * 30)) == 256
    assert [glob.given for glob in globs_of(f"{tmp_path}/{{a,b}}")] == [f"{tmp_path}/{{a,b}}"] * 2


def test_a_tree_is_all_folders_but_those_that_hold_much(tmp_path: Path) -> None:
    for name in ("sub/deep", "node_modules/n", ".git/g", "env/lib"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    walked = {os.path.relpath(listing.folder, tmp_path) for listing in Tree(str(tmp_path)).walk()}
    assert walked == {".", "sub", "sub/deep"}
