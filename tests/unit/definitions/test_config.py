"""Config schemas and run configs: what fits, and every problem at once."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from hostler.definitions import (
    ConfigError,
    ConfigProblem,
    DefinitionError,
    Field,
    InputDefinition,
    SolidContext,
    pipeline,
    solid,
)
from hostler.definitions._run_config import StepConfig, check_run_config


@solid(
    config_schema={
        "path": str,
        "limit": Field(int, default=10, description="At most."),
        "ratio": Field(float, is_required=False),
        "nested": {"names": [str], "any": Field(Any, default=[1])},
        "optional": {"deep": {"flag": Field(bool, default=True)}},
        "nullable": Field(str, default=None),
        "rows": Field([{"key": str, "value": Field(int, default=0)}], default=[]),
    },
    inputs=[InputDefinition("extra", dict)],
)
def load(context: SolidContext, start: int = 0, extra: Any = None) -> int:
    return start


@solid
def show(number: int, title: str) -> None: ...


@pipeline
def report() -> None:
    show(load())


GOOD: dict[str, Any] = {
    "solids": {
        "load": {"config": {"path": "a", "nested": {"names": ["b"]}}},
        "show": {"inputs": {"title": "t"}},
    }
}


def problems_of(run_config: object) -> list[tuple[str, str]]:
    with pytest.raises(ConfigError) as raised:
        check_run_config(report, run_config)
    assert raised.value.pipeline == "report"
    return [(problem.path, problem.message) for problem in raised.value.problems]


def with_config(**fields: object) -> dict[str, Any]:
    config = {**GOOD["solids"]["load"]["config"], **fields}
    return {"solids": {**GOOD["solids"], "load": {"config": config}}}


def test_defaults_fill_what_is_left_out() -> None:
    assert check_run_config(report, GOOD) == {
        "load": StepConfig(
            {
                "path": "a",
                "limit": 10,
                "nested": {"names": ["b"], "any": [1]},
                "optional": {"deep": {"flag": True}},
                "nullable": None,
                "rows": [],
            },
            {},
        ),
        "show": StepConfig({}, {"title": "t"}),
    }


def test_a_default_is_not_shared() -> None:
    first = check_run_config(report, GOOD)["load"].config
    first["nested"]["any"].append(2)
    first["rows"].append({})
    second = check_run_config(report, GOOD)["load"].config
    assert (second["nested"]["any"], second["rows"]) == ([1], [])


@pytest.mark.parametrize(
    ("fields", "name", "value"),
    [
        # As google.protobuf.Struct has it: no other number than float.
        ({"limit": 3.0}, "limit", 3),
        ({"ratio": 1}, "ratio", 1.0),
        ({"nullable": None}, "nullable", None),
        ({"rows": [{"key": "k"}]}, "rows", [{"key": "k", "value": 0}]),
    ],
)
def test_values_that_fit(fields: dict[str, object], name: str, value: object) -> None:
    found = check_run_config(report, with_config(**fields))["load"].config[name]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("fields", "path", "message"),
    [
        ({"path": 3}, "path", "found 3 (int), expected str"),
        ({"path": None}, "path", "found None, expected str"),
        ({"limit": 2.5}, "limit", "found 2.5 (float), expected int"),
        ({"limit": True}, "limit", "found True (bool), expected int"),
        ({"limit": None}, "limit", "found None, expected int"),
        ({"ratio": True}, "ratio", "found True (bool), expected float"),
        ({"ratio": 10**400}, "ratio", None),
        ({"nested": 3}, "nested", "found 3 (int), expected dict"),
        ({"nested": {}}, "nested.names", "missing; expected list[str]"),
        ({"nested": {"names": "ab"}}, "nested.names", "found 'ab' (str), expected list[str]"),
        ({"nested": {"names": ["a", 2]}}, "nested.names[1]", "found 2 (int), expected str"),
        ({"optional": {"deep": {"flg": 1}}}, "optional.deep.flg", None),
        ({"rows": [{"value": 1}]}, "rows[0].key", "missing; expected str"),
        ({"pth": "x"}, "pth", 'unknown field; did you mean "path"?'),
        ({"\n": "x"}, "'\\n'", None),
    ],
)
def test_values_that_do_not_fit(fields: dict[str, object], path: str, message: str | None) -> None:
    ((found_path, found_message),) = problems_of(with_config(**fields))
    assert found_path == f"solids.load.config.{path}"
    if message is not None:
        assert found_message == message


def test_all_problems_come_at_once() -> None:
    assert problems_of(
        {
            "solid": {},
            "solids": {
                "laod": {},
                "load": {"config": {"limit": "x"}, "outputs": 3},
                "show": {"inputs": {"number": 3, "titel": "t"}},
            },
        }
    ) == [
        ("solid", 'unknown; did you mean "solids"?'),
        ("solids.laod", 'unknown; did you mean "load"?'),
        ("solids.load.outputs", 'unknown; did you mean "inputs"?'),
        ("solids.load.config.path", "missing; expected str"),
        ("solids.load.config.limit", "found 'x' (str), expected int"),
        ("solids.load.config.nested", "missing; expected dict"),
        ("solids.show.inputs.titel", 'unknown; did you mean "title"?'),
        ("solids.show.inputs.number", "the pipeline feeds this input from load.result; remove it"),
        ("solids.show.inputs.title", "missing; expected str"),
    ]


@pytest.mark.parametrize(
    ("run_config", "path"),
    [
        ([], ""),
        ("x", ""),
        ({"solids": 3}, "solids"),
        ({"solids": {"load": []}}, "solids.load"),
        ({"solids": {"load": {"config": 3}}}, "solids.load.config"),
        ({"solids": {"load": {"inputs": 3}}}, "solids.load.inputs"),
        ({3: {}}, "3"),
    ],
)
def test_sections_are_dicts(run_config: object, path: str) -> None:
    assert path in [found for found, _ in problems_of(run_config)]


@pytest.mark.parametrize("run_config", [None, {}, {"solids": None}, {"solids": {"load": None}}])
def test_what_is_empty_in_yaml_is_empty(run_config: object) -> None:
    assert [path for path, _ in problems_of(run_config)] == [
        "solids.load.config.path",
        "solids.load.config.nested",
        "solids.show.inputs.title",
    ]


def test_inputs_are_checked_and_passed() -> None:
    given = {"start": 3.0, "extra": None}
    run_config = {"solids": {**with_config()["solids"], "show": {"inputs": {"title": "t"}}}}
    run_config["solids"]["load"]["inputs"] = given
    assert check_run_config(report, run_config)["load"].inputs == {"start": 3, "extra": None}
    given["start"] = "x"  # type: ignore[assignment]  # what a config holds is anything
    assert problems_of(run_config) == [
        ("solids.load.inputs.start", "found 'x' (str), expected int")
    ]


def test_error_lists_its_problems_and_survives_a_process_boundary() -> None:
    error = ConfigError("p", [ConfigProblem("a.b", "wrong"), ConfigProblem("", "worse")])
    text = 'cannot execute pipeline "p" with this run config:\n  a.b: wrong\n  worse'
    assert str(error) == str(pickle.loads(pickle.dumps(error))) == text


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"a": "str"}, "cannot use 'str' as the type of the field \"a\" of the config of solid"),
        (
            {"a": [int, str]},
            "expected str, int, float, bool, list, dict, Any, Enum, Selector, a list of one type",
        ),
        ({"a": []}, "a list of one type"),
        ({"a": [set]}, 'as the type of an item of the field "a"'),
        ({"a": {"b": None}}, 'as the type of the field "b" of the field "a"'),
        ({3: int}, "cannot use 3 as a field of the config .* found an int, expected a string"),
    ],
)
def test_refused_schema(schema: Any, message: str) -> None:
    def function(context: SolidContext) -> None: ...

    with pytest.raises(DefinitionError, match=message) as raised:
        solid(config_schema=schema)(function)
    assert raised.value.source is not None
    assert raised.value.source.file == __file__


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"config_type": int, "default": "x"}, "of type int: default: found 'x' .str., expected"),
        ({"config_type": int, "default": 1, "is_required": True}, "required .* with a default"),
        ({"config_type": Field(int)}, "cannot use <.*Field"),
        ({"config_type": [{"a": int}], "default": [{}]}, r"default\[0\].a: missing; expected int"),
    ],
)
def test_refused_field(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        Field(**arguments)
