"""The JSON Schema and the loader come from one grammar, and give the same verdict."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import (  # type: ignore[import-untyped]  # it ships no types
    Draft202012Validator,
)

from hostler.daemon.workspace.grammar.schema import render, workspace_schema
from hostler.daemon.workspace.loading import load_workspace
from hostler.daemon.workspace.text.problems import WorkspaceError

ROOT = Path(__file__).parents[4]
SAMPLE = ROOT / "config" / "workspace.yaml"
VALIDATOR = Draft202012Validator(workspace_schema())


def refusals(file: Path) -> list[str]:
    try:
        load_workspace([file], {"SET": "1"})
    except WorkspaceError as error:
        return [str(problem) for problem in error.problems]
    return []


def test_the_schema_in_config_is_current() -> None:
    assert (ROOT / "config" / "workspace.schema.json").read_text() == render()


def test_the_module_prints_it() -> None:
    command = [sys.executable, "-W", "error", "-m", "hostler.daemon.workspace.grammar.schema"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == render()


def test_the_schema_is_valid_itself() -> None:
    Draft202012Validator.check_schema(workspace_schema())


def test_importing_the_workspace_does_not_import_the_tools() -> None:
    code = (
        "import sys, hostler.daemon.workspace as w; "
        "sys.exit(' '.join({'jsonschema', 'asyncio', 'grpc', 'google'} & set(sys.modules)) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_object_and_key_is_described() -> None:
    schema = workspace_schema()
    for definition in [schema, *schema["$defs"].values()]:
        assert definition["description"]
        for name, key in definition["properties"].items():
            assert name == "env" or key["description"].endswith("."), name


def test_the_sample_is_valid_and_begins_with_the_editor_line(tmp_path: Path) -> None:
    text = SAMPLE.read_text()
    assert text.startswith("# yaml-language-server: $schema=workspace.schema.json\n")
    VALIDATOR.validate(yaml.safe_load(text))
    workspace = load_workspace([SAMPLE], {"HOME": "/home/ada"})
    assert len(workspace.locations) == 5


def test_the_sample_shows_and_the_reference_explains_every_key() -> None:
    sample, reference = SAMPLE.read_text(), (ROOT / "docs" / "workspace.md").read_text()
    for definition in workspace_schema()["$defs"].values():
        for key in definition["properties"]:
            assert f"{key}:" in sample, key
            assert f"`{key}`" in reference or f"{key}:" in reference, key


def test_what_the_sample_comments_out_is_valid_too(tmp_path: Path) -> None:
    text = SAMPLE.read_text()
    for commented in ("# REPORTS_PASSWORD:", "# env_file:"):
        assert commented in text
        text = text.replace(commented, commented.removeprefix("# "))
    (tmp_path / "workspace.yaml").write_text(text)
    (tmp_path / "legacy").mkdir()
    (tmp_path / "legacy" / ".env").touch()
    VALIDATOR.validate(yaml.safe_load(text))
    load_workspace([tmp_path / "workspace.yaml"], {"HOME": "/h", "REPORTS_PASSWORD": "x"})


GOOD = [
    "load_from: []",
    "load_from: [{python_file: a.py}]",
    "load_from: [{python_file: {env: SET}}]",
    "load_from: [{python_file: {relative_path: {env: SET}}}]",
    "load_from: [{python_file: {relative_path: a, env: {env: b, X: 1, Y: true, Z: 1.5}}}]",
    "load_from: [{python_module: größe.maße}]",
    "load_from: [{python_package: {package_name: a, watch: a, limits: {memory: 1.5 GiB}}}]",
    "load_from: [{python_package: {package_name: a, watch: [a, {env: SET}], fork: never}}]",
    "load_from: [{python_package: {package_name: a, limits: {memory: 1048576, nice: -20}}}]",
    "load_from: [{python_package: {package_name: a, health: {failures: 2.0, interval: 0.1}}}]",
    "load_from: [{python_environment: {executable_path: a, target: {python_file: b}}}]",
    (
        "load_from: [{python_environment: {executable_path: a, load_timeout: 0,"
        " target: {python_module: {module_name: b, attribute: _c1}}}}]"
    ),
]
BAD = [
    "- python_file: a",
    "{}",
    "load_from:",
    "load_from: {python_file: a}",
    "load_from: [a]",
    "load_from: [{}]",
    "load_from: [{python_file: a, python_module: b}]",
    "load_from: [{grpc_server: {host: a}}]",
    "load_from: [{python_file: 1}]",
    "load_from: [{python_file: ''}]",
    "load_from: [{python_file: {}}]",
    "load_from: [{python_file: {env: {A: b}}}]",
    "load_from: [{python_file: {relative_path: a, zzz: 1}}]",
    "load_from: [{python_file: {relative_path: a, attribute: a-b}}]",
    "load_from: [{python_file: {relative_path: a, attribute: 1a}}]",
    "load_from: [{python_file: {relative_path: a, location_name: a b}}]",
    "load_from: [{python_file: {relative_path: a, location_name: a/b}}]",
    'load_from: [{python_file: {relative_path: a, location_name: "a\\n"}}]',
    'load_from: [{python_file: {relative_path: a, location_name: "-"}}]',
    f"load_from: [{{python_file: {{relative_path: a, location_name: {'x' * 201}}}}}]",
    "load_from: [{python_file: {relative_path: a, reload: 1}}]",
    "load_from: [{python_file: {relative_path: a, reload: 'true'}}]",
    "load_from: [{python_file: {relative_path: a, fork: always}}]",
    "load_from: [{python_file: {relative_path: a, load_timeout: -1}}]",
    "load_from: [{python_file: {relative_path: a, load_timeout: .inf}}]",
    "load_from: [{python_file: {relative_path: a, health: {interval: 0}}}]",
    "load_from: [{python_file: {relative_path: a, health: {failures: 1.5}}}]",
    "load_from: [{python_file: {relative_path: a, health: {failures: true}}}]",
    "load_from: [{python_file: {relative_path: a, limits: {memory: 512M}}}]",
    "load_from: [{python_file: {relative_path: a, limits: {memory: 5}}}]",
    "load_from: [{python_file: {relative_path: a, limits: {nice: 20}}}]",
    "load_from: [{python_file: {relative_path: a, env: {'A=': b}}}]",
    "load_from: [{python_file: {relative_path: a, env: {A: [b]}}}]",
    "load_from: [{python_file: {relative_path: a, env: {A: }}}]",
    "load_from: [{python_file: {relative_path: a, watch: [[b]]}}]",
    "load_from: [{python_module: a.py}]",
    "load_from: [{python_module: a..b}]",
    "load_from: [{python_module: a/b}]",
    "load_from: [{python_environment: {executable_path: a}}]",
    "load_from: [{python_environment: {target: {python_file: b}}}]",
    "load_from: [{python_environment: {executable_path: a, target: b}}]",
    "load_from: [{python_environment: {executable_path: a, target: {}}}]",
    (
        "load_from: [{python_environment: {executable_path: a,"
        " target: {python_file: {relative_path: b, reload: true}}}}]"
    ),
]


@pytest.mark.parametrize(("text", "verdict"), [(t, True) for t in GOOD] + [(t, False) for t in BAD])
def test_both_give_one_verdict(tmp_path: Path, text: str, verdict: bool) -> None:
    file = tmp_path / "workspace.yaml"
    file.write_text(text)
    assert (VALIDATOR.is_valid(yaml.safe_load(text)), not refusals(file)) == (verdict, verdict)


TEXTS = ("a", "a.b", "x/y.py", "", "-", "a b", "auto", "512MiB", "5KB")
NUMBERS = (0, 1, 3, 20, -21, 2.5, 1e6, 2**20)
SCALARS: st.SearchStrategy[object] = st.sampled_from([*TEXTS, *NUMBERS, True, False, None])
VALUES: st.SearchStrategy[object] = st.one_of(
    SCALARS, st.just({"env": "SET"}), st.lists(SCALARS, max_size=2), st.just({})
)


def objects(schema: dict[str, Any]) -> st.SearchStrategy[object]:
    """Generates values that are much like those that a schema asks for."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name == "variable":
            return st.just({"env": "SET"})
        return objects(workspace_schema()["$defs"][name])
    if "anyOf" in schema:
        return st.one_of([VALUES, *map(objects, schema["anyOf"])])
    if schema.get("type") == "array":
        return st.lists(objects(schema["items"]), max_size=2)
    if "properties" not in schema:
        return VALUES | st.dictionaries(st.sampled_from(["A", "env", "B C"]), VALUES, max_size=2)
    keys = {name: objects(key) for name, key in schema["properties"].items()}
    if "maxProperties" in schema:
        return st.sampled_from(sorted(keys)).flatmap(
            lambda name: st.fixed_dictionaries({name: keys[name]})
        )
    required = {name: keys.pop(name) for name in schema.get("required", ())}
    return st.fixed_dictionaries(required, optional=keys)


@given(entry=objects(workspace_schema()["$defs"]["entry"]))
@settings(max_examples=300, deadline=None)
def test_both_give_one_verdict_on_arbitrary_entries(
    tmp_path_factory: pytest.TempPathFactory, entry: dict[str, Any]
) -> None:
    # What no schema knows: env files must exist, a default name must be a name, and a variable must
    # be set and fit in its place.
    for location in entry.values():
        if isinstance(location, dict):
            location.pop("env_file", None)
    document = {"load_from": [entry]}
    valid = VALIDATOR.is_valid(document)
    file = tmp_path_factory.getbasetemp() / "entry.yaml"
    file.write_text(yaml.safe_dump(document))
    messages = refusals(file)
    beyond = ("cannot name the location", "the variable `", "`5KB`")
    known = [one for one in messages if not any(part in one for part in beyond)]
    assert valid or messages
    assert not (valid and known), known
