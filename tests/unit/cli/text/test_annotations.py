from __future__ import annotations

from pathlib import Path

import pytest

from hostler.cli.text.annotations import annotation


def test_what_has_a_meaning_there_is_escaped() -> None:
    line = annotation("error", "50% of\r\nit: a, b", title="a:b, 50%\n", file="/x,y:z/a.py", line=3)
    place = "file=/x%2Cy%3Az/a.py,line=3,title=a%3Ab%2C 50%25%0A"
    assert line == f"::error {place}::50%25 of%0D%0Ait: a, b"


def test_what_is_not_known_is_left_out() -> None:
    assert annotation("warning", "x", title="etl") == "::warning title=etl::x"


def test_a_file_is_named_from_the_root_of_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "team").mkdir()
    monkeypatch.chdir(tmp_path / "team")
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    assert "file=a.py," in annotation("error", "x", title="t", file=f"{tmp_path}/team/a.py")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    for file in (f"{tmp_path}/team/a.py", "a.py"):
        assert "file=team/a.py," in annotation("error", "x", title="t", file=file)
