"""Presets: from values, files and packages, and what is refused."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from hostler.definitions import (
    DefinitionError,
    PipelineDefinition,
    PresetDefinition,
    SolidContext,
    pipeline,
    solid,
)
from hostler.definitions.source import SourcePosition

HERE = SourcePosition(__file__, 1)


@solid(config_schema={"limit": int})
def load(context: SolidContext) -> int:
    return int(context.config["limit"])


@solid
def double(n: int) -> int:
    return 2 * n


@pipeline(
    presets=[
        PresetDefinition(
            "local-dev",
            {"solids": {"load": {"config": {"limit": 1}}}},
            solids=["load"],
            tags={"env": "dev"},
            description="Few rows.",
        ),
        PresetDefinition("empty"),
    ]
)
def numbers() -> None:
    double(load())


def test_presets_of_a_pipeline() -> None:
    assert list(numbers.presets) == ["local-dev", "empty"]
    one = numbers.presets["local-dev"]
    assert one.run_config == {"solids": {"load": {"config": {"limit": 1}}}}
    assert (one.solids, one.tags, one.description) == (("load",), {"env": "dev"}, "Few rows.")
    assert one.source is not None
    assert one.source.file == __file__
    empty = numbers.presets["empty"]
    assert (empty.run_config, empty.solids, empty.tags) == ({}, (), {})


def test_files_are_merged_in_order(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"solids": {"load": {"config": {"limit": 1}}, "x": {}}}')
    (tmp_path / "b.yaml").write_text("solids:\n  load:\n    config: {limit: 2, day: 2026-01-31}\n")
    (tmp_path / "c.yaml").write_text("")
    made = PresetDefinition.from_files("both", [str(tmp_path / "*.*")], tags={"a": "b"})
    config = {"limit": 2, "day": "2026-01-31"}
    assert made.run_config == {"solids": {"load": {"config": config}, "x": {}}}
    assert made.tags == {"a": "b"}
    assert made.source is not None
    assert made.source.file == __file__


def test_a_path_is_relative_to_the_calling_file(tmp_path: Path) -> None:
    (tmp_path / "local.json").write_text('{"solids": {}}')
    code = (
        "from hostler.definitions import PresetDefinition\n"
        'made = PresetDefinition.from_files("local", ["local.json"])\n'
    )
    namespace: dict[str, Any] = {"__name__": "somewhere"}
    exec(compile(code, str(tmp_path / "module.py"), "exec"), namespace)
    assert namespace["made"].run_config == {"solids": {}}


def test_files_of_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "preset_package_of_a_test"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "local.yaml").write_text("solids: {load: {config: {limit: 3}}}")
    monkeypatch.syspath_prepend(tmp_path)
    made = PresetDefinition.from_packages("local", [(package.name, "local.yaml")])
    assert made.run_config == {"solids": {"load": {"config": {"limit": 3}}}}
    for wrong, message in (
        ((package.name, "absent.yaml"), "cannot read absent.yaml of package preset_package"),
        (("absent_package", "local.yaml"), "cannot read local.yaml of package absent_package"),
        ("local.yaml", "expected a package and a path"),
    ):
        with pytest.raises(DefinitionError, match=message):
            PresetDefinition.from_packages("local", [wrong])  # type: ignore[list-item]


def test_yaml_needs_a_package_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.yaml").write_text('{"a": 1}')
    (tmp_path / "plain.yaml").write_text("a: 1")
    monkeypatch.setitem(sys.modules, "yaml", None)
    made = PresetDefinition.from_files("p", [str(tmp_path / "json.yaml")])
    assert made.run_config == {"a": 1}  # JSON is YAML
    with pytest.raises(DefinitionError, match=r"no PyYAML; install it there .* as JSON"):
        PresetDefinition.from_files("p", [str(tmp_path / "plain.yaml")])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.yaml", None, r"cannot make preset \"p\": cannot read .*a.yaml: No such file"),
        ("a.yaml", b"\xff\xfe", "cannot read .*a.yaml: "),
        ("a.yaml", b"- 1", "a.yaml holds a list, expected a mapping"),
        ("a.yaml", b"a: [1", "a.yaml is no YAML: "),
        ("a.json", b'{"a": 1', "a.json is no JSON: "),
        ("a.yaml", b"a: &a {b: *a}", "contains itself"),
        ("a.yaml", b"1: 2", "the key is an int, expected a string"),
        ("a.yaml", b"a: !!python/object:os.system {}", "is no YAML: "),
        ("a.json", b"[" * 100_000, "a.json"),
    ],
)
def test_refused_files(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DefinitionError, match=message) as raised:
        PresetDefinition.from_files("p", [str(tmp_path / name)])
    assert raised.value.source is not None
    assert raised.value.source.file == __file__


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ("a.yaml", "its files are 'a.yaml', expected a list of paths"),
        ([], "its list of files is empty"),
        ([3], "its file 3 is an int, expected a path"),
        (["absent-*.yaml"], "no file fits the pattern 'absent-"),
    ],
)
def test_refused_lists_of_files(files: Any, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        PresetDefinition.from_files("p", files)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "a\nb"}, r"cannot name a preset 'a\\nb'"),
        ({"name": ""}, "cannot name a preset ''"),
        ({"name": 3}, "cannot name a preset 3"),
        ({"run_config": [1]}, "expected a dict"),
        ({"run_config": {"a": {1, 2}}}, "expected a string, number"),
        ({"solids": "load"}, 'expected a list of names as \\["load"'),
        ({"solids": []}, "leave it out for all"),
        ({"tags": {"a": 1}}, "keys and values of tags are strings"),
        ({"description": 3}, "expected a string"),
    ],
)
def test_refused_values(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=message) as raised:
        PresetDefinition(**{"name": "p", **arguments})
    assert raised.value.source is not None
    assert raised.value.source.file == __file__


@pytest.mark.parametrize(
    ("presets", "message"),
    [
        (3, "cannot use 3 as the presets of pipeline"),
        ([{}], "as a preset of pipeline .* at index 0: found a dict"),
        ([PresetDefinition("a"), PresetDefinition("a")], 'two presets named "a" \\(the first at'),
        ([PresetDefinition("a", solids=["laod"])], 'preset "a".*did you mean "load"'),
    ],
)
def test_refused_presets_of_a_pipeline(presets: Any, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        PipelineDefinition("p", numbers.nodes, presets=presets)
