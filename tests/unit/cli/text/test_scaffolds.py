"""Scaffolds of run configs, made by the describing side and checked by the executing side."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest
import yaml
from google.protobuf import json_format

from hostler.cli.options.run_config import read_run_config
from hostler.cli.text.scaffolds import IN_PLACE, scaffold_lines
from hostler.definitions import (
    Field,
    InputDefinition,
    PipelineDefinition,
    SolidNode,
    pipeline,
    repository,
    solid,
)
from hostler.definitions._run_config import check_run_config
from hostler.host import describe
from hostler.v1.definitions_pb2 import Pipeline

#: Names that YAML takes for something else, unless they are quoted.
NAMES = (
    "path",
    "yes",
    "null",
    "1",
    "a: b",
    "#x",
    "- y",
    "é",
    "with space",
    "*z",
    "2026-01-01",
    "'",
)
DEFAULTS: dict[Any, Any] = {
    str: "yes",
    int: 2**40,
    float: 1e-7,
    bool: True,
    list: [1, "#"],
    dict: {"a": [1]},
}
DESCRIPTIONS = ("", "Rows at most.", "Two\nlines # and: a mark", "\x00\x85\u2028 odd")


def scaffold_of(definition: PipelineDefinition) -> list[str]:
    """Returns the scaffold of a pipeline, as the command gets it from the daemon."""

    @repository
    def repo() -> list[PipelineDefinition]:
        return [definition]

    told = describe.describe_definition("here", repo, "pipelines", definition.name)
    return list(scaffold_lines(json_format.ParseDict(told, Pipeline())))


def uncommented(lines: list[str]) -> str:
    """Returns the scaffold with all that is optional; its first two lines are for people."""
    kept: list[str] = []
    for line in lines[2:]:
        start = line.lstrip(" ")
        indent = line[: len(line) - len(start)]
        text = indent + start.removeprefix("# ")
        if kept and kept[-1].endswith(IN_PLACE):  # of two ways to give a value, the keys
            kept[-1] = re.sub(r"(?<=:) \[*\{\}\]*  #.*", "", kept[-1])
        kept.append(text)
    return "\n".join(kept)


def random_type(choose: random.Random, depth: int = 0) -> Any:
    kinds = [str, int, float, bool, list, dict, Any]
    kind = choose.choice([*kinds, *(["dict", "list"] * 3 if depth < 3 else [])])
    if kind == "list":
        return [random_type(choose, depth + 1)]
    if kind == "dict":
        return random_fields(choose, depth + 1)
    return kind


def random_fields(choose: random.Random, depth: int = 0) -> dict[str, Any]:
    names = choose.sample(NAMES, choose.randint(1, 4))
    return {name: random_field(choose, depth) for name in names}


def random_field(choose: random.Random, depth: int) -> Any:
    kind = random_type(choose, depth)
    description = choose.choice(DESCRIPTIONS)
    how = choose.choice(["plain", "required", "optional", "none", "default"])
    if how == "plain":
        return kind
    if how == "none":
        return Field(kind, default=None, description=description)
    if how == "default" and kind in list(DEFAULTS):
        defaults = {
            str: "yes",
            int: 2**40,
            float: 1e-7,
            bool: True,
            list: [1, "#"],
            dict: {"a": [1]},
        }
        return Field(kind, default=defaults[kind], description=description)
    return Field(kind, is_required=how == "required", description=description)


@pytest.mark.parametrize("seed", range(200))
def test_every_scaffold_is_accepted_as_it_is_and_with_all_that_is_optional(seed: int) -> None:
    choose = random.Random(seed)

    def function(context: object, **_: object) -> None: ...

    made = [
        solid(name=f"s{number}", config_schema=random_fields(choose))(function)
        for number in range(choose.randint(1, 3))
    ]
    definition = PipelineDefinition(
        "p", [SolidNode(one, name=one.name, sources={}) for one in made]
    )
    lines = scaffold_of(definition)
    for text in ("\n".join(lines), uncommented(lines)):
        config = read_run_config([text + "\n"])
        check_run_config(definition, json.loads(json.dumps(config)))


@solid(
    config_schema={
        "path": Field(str, description="Where the rows are."),
        "limit": Field(int, default=10, description="Rows at most."),
        "names": [str],
        "rows": [{"id": int, "note": Field(str, is_required=False)}],
        "database": {"host": str, "port": Field(int, default=5432)},
        "options": Field({"fast": Field(bool, default=False)}, is_required=False),
    }
)
def read(context: Any, day: str, code: int = 3) -> list[str]:
    return []


@solid(config_schema={"strict": Field(bool, default=True)})
def count(context: Any, rows: list[str]) -> int:
    return 0


@pipeline
def report() -> None:
    count(read())


def test_what_it_looks_like() -> None:
    assert scaffold_of(report) == [
        "# A run config of pipeline report, for: hostler pipeline execute -c FILE",
        "# Replace the values; the lines that begin with # are optional.",
        "solids:",
        "  read:",
        "    config:",
        '      path: ""  # str, required. Where the rows are.',
        "      # limit: 10  # int, default. Rows at most.",
        '      names: [""]  # list[str], required',
        "      rows:  # list[dict], required",
        "        - id: 0  # int, required",
        '          # note: ""  # str, optional',
        "      database:  # dict, required",
        '        host: ""  # str, required',
        "        # port: 5432  # int, default",
        "      # options:  # dict, optional",
        "      #   fast: false  # bool, default",
        "    inputs:",
        '      day: ""  # str, required',
        "      # code: 0  # int, has a default",
        "  # count:",
        "  #   config:",
        "  #     strict: true  # bool, default",
    ]


def test_nothing_is_required() -> None:
    @solid
    def rows() -> list[str]:
        return []

    @pipeline
    def easy() -> None:
        count.alias("other")(rows())

    lines = scaffold_of(easy)
    assert yaml.safe_load("\n".join(lines)) is None
    assert lines[1].startswith("# Nothing is required")
    assert lines[2] == "# solids:"


def test_it_takes_none() -> None:
    @solid
    def one() -> int:
        return 1

    @pipeline
    def bare() -> None:
        one()

    assert scaffold_of(bare)[1:] == ["# It takes none."]


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        ("int | None", 0),
        ("Optional[List[float]]", [0.0]),
        ("typing.Dict[str, int]", {}),
        ("Union[str, int]", ""),
        ("Any", None),
        ("Sequence[Mapping[str, Any]]", [{}]),
    ],
)
def test_an_input_gets_a_value_of_its_type(annotation: str, value: object) -> None:
    @solid(inputs=[InputDefinition("x", annotation)])
    def one(x: Any) -> None: ...

    definition = PipelineDefinition("p", [SolidNode(one, name="one", sources={})])
    config = read_run_config(["\n".join(scaffold_of(definition))])
    assert config["solids"]["one"]["inputs"] == {"x": value}
    check_run_config(definition, config)
