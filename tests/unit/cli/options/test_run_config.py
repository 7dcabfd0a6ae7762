from __future__ import annotations

import io
from typing import TYPE_CHECKING

import click
import pytest

from hostler.cli.options.run_config import read_run_config, read_tags

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("solids: {load: {config: {limit: 10}}}")
    assert read_run_config([str(file)]) == {"solids": {"load": {"config": {"limit": 10}}}}


@pytest.mark.parametrize(
    ("text", "config"),
    [
        ("{a: 1}", {"a": 1}),
        ('{"a": [1, 2.5, null, true]}', {"a": [1, 2.5, None, True]}),
        ("a: 1\nb: x", {"a": 1, "b": "x"}),
        ("day: 2026-11-22", {"day": "2026-11-22"}),
        ("{}", {}),
    ],
)
def test_text_is_taken_as_it_is(text: str, config: object) -> None:
    assert read_run_config([text]) == config


def test_an_empty_file_is_no_config(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("# nothing yet\n")
    assert read_run_config([str(file)]) == {}


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_an_empty_text_is_a_variable_that_is_not_set(text: str) -> None:
    with pytest.raises(
        click.UsageError, match=r"cannot take an empty --config; give a file, or \{\}"
    ):
        read_run_config([text])


def test_stdin_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a: 1"))
    assert read_run_config(["-"]) == {"a": 1}


@pytest.mark.parametrize("text", ["missing.yaml", "[1, 2]", "3", "{a: ", "x" * 5000])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(click.UsageError, match=r"^cannot "):
        read_run_config([text])


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(click.UsageError, match=r"config\.yaml"):
        read_run_config([str(file)])


def test_tags() -> None:
    assert read_tags(["a=1", "b=x=y", "c="]) == {"a": "1", "b": "x=y", "c": ""}


@pytest.mark.parametrize("tag", ["a", "=x", ""])
def test_a_tag_without_key_and_value_is_refused(tag: str) -> None:
    with pytest.raises(click.UsageError, match="KEY=VALUE"):
        read_tags([tag])


def test_a_mistake_in_the_text_has_its_place() -> None:
    with pytest.raises(click.UsageError, match=r"in --config: line 1, column 7: expected"):
        read_run_config(["{a: [b"])


def test_several_are_merged_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    preset = tmp_path / "preset.yaml"
    preset.write_text(
        "solids:\n  load: {config: {limit: 10, paths: [a, b]}}\n  send: {config: {to: x}}\n"
    )
    more = tmp_path / "more.json"
    more.write_text('{"solids": {"load": {"config": {"paths": ["c"]}}}}')
    monkeypatch.setattr("sys.stdin", io.StringIO("solids: {send: null}"))
    values = [str(preset), "{solids: {load: {config: {limit: 3}}}}", str(more), "{}", "-"]
    assert read_run_config(values) == {
        "solids": {"load": {"config": {"limit": 3, "paths": ["c"]}}, "send": None}
    }
    assert read_run_config([]) == {}


def test_of_several_the_one_that_is_wrong_is_named(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("[1]")
    with pytest.raises(click.UsageError, match=r"in --config 2 of 3: line 1, column 7: expected"):
        read_run_config(["{a: 1}", "{a: [b", "{}"])
    with pytest.raises(
        click.UsageError, match=r"config\.yaml: a mapping is expected, found a list"
    ):
        read_run_config(["{a: 1}", str(file)])
    with pytest.raises(click.UsageError, match=r"cannot find the run config 'missing\.yaml'"):
        read_run_config(["{a: 1}", "missing.yaml"])
    with pytest.raises(click.UsageError, match="it contains itself"):
        read_run_config(["&a {b: *a}"])
    with pytest.raises(click.UsageError, match="cannot read stdin twice"):
        read_run_config(["-", "-"])


def test_a_glob_is_merged_in_the_order_of_the_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("10.yaml", "9.yaml", "b/1.yaml", "note.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"last: {name}\n{name[:-5]!r}: 1\n")
    monkeypatch.chdir(tmp_path)
    assert read_run_config(["*.yaml"]) == {"last": "9.yaml", "10": 1, "9": 1}
    assert read_run_config(["**/*.yaml", "{last: me}"])["b/1"] == 1
    assert read_run_config([f"{tmp_path}/?.yaml"])["last"] == "9.yaml"
    (tmp_path / "[x].yaml").write_text("a: 1")
    assert read_run_config(["[x].yaml"]) == {"a": 1}, "the name of a file is no pattern"


@pytest.mark.parametrize("pattern", ["conf/*.yaml", "?", "[ab].json", "/*/no/such"])
def test_a_glob_without_a_file_is_refused(pattern: str) -> None:
    with pytest.raises(click.UsageError, match="no file matches"):
        read_run_config([pattern])


@pytest.mark.parametrize("text", ["{a: '*'}", "a: '*'", "a:\n  - '[b]'", " {'x?': 1}"])
def test_yaml_is_no_glob(text: str) -> None:
    assert read_run_config([text])
