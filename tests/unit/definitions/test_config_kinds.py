"""Kinds of config: enumerations, selectors, whole values, and values of the environment."""

from __future__ import annotations

import contextlib
from typing import Any, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.definitions import (
    ConfigError,
    DefinitionError,
    Enum,
    Field,
    PipelineDefinition,
    Selector,
    SolidContext,
    SolidNode,
    execute_pipeline,
    solid,
)
from hostler.definitions._run_config import check_run_config, read_environment

Mode = Enum("Mode", ["fast", "safe"])
Store = Selector({"local": {"path": Field(str, default="/tmp")}, "s3": str, "none": {}})


def pipeline_of(schema: Any) -> PipelineDefinition:
    @solid(config_schema=schema)
    def it(context: SolidContext) -> Any:
        return context.config

    return PipelineDefinition("p", [SolidNode(it)])


def config_of(schema: Any, *given: Any, variables: dict[str, str] | None = None) -> Any:
    """Returns the config that a solid gets; without `given`, where there is none."""
    section = {"config": given[0]} if given else {}
    made = pipeline_of(schema)
    steps = check_run_config(made, {"solids": {"it": section}})
    return read_environment(made, steps, variables or {})[0]["it"].config


def problem_of(schema: Any, *given: Any, variables: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as raised:
        config_of(schema, *given, variables=variables)
    (problem,) = raised.value.problems
    return str(problem).removeprefix("solids.it.config")


@pytest.mark.parametrize(
    ("schema", "given", "config"),
    [
        (int, 3.0, 3),
        (str, "x", "x"),
        ([int], [1.0], [1]),
        (dict, {"a": 1}, {"a": 1}),
        (Mode, "fast", "fast"),
        ([Mode], ["fast", "safe"], ["fast", "safe"]),
        (Store, {"local": {}}, {"local": {"path": "/tmp"}}),
        (Store, {"local": None}, {"local": {"path": "/tmp"}}),
        (Store, {"s3": "bucket"}, {"s3": "bucket"}),
        ({"store": Store, "mode": Field(Mode, default="safe")}, {"store": {"none": {}}}, None),
        (Field(int, default=None), None, None),
    ],
)
def test_configs_that_fit(schema: Any, given: Any, config: Any) -> None:
    if config is None and given is not None:
        config = {**given, "mode": "safe"}
    assert config_of(schema, given) == config


def test_a_whole_value_that_is_left_out() -> None:
    assert config_of(Field(int, default=3)) == 3
    assert config_of(Field(int, is_required=False)) is None
    assert problem_of(int) == ": missing; expected int"
    assert execute_pipeline(pipeline_of(Field(int, default=3))).output("it") == 3


@pytest.mark.parametrize(
    ("schema", "given", "problem"),
    [
        (int, "x", ": found 'x' (str), expected int"),
        (int, {}, ": found {} (dict), expected int"),
        (Mode, "fats", ": found 'fats' (str), expected Mode; did you mean \"fast\"?"),
        (Mode, 3, ': found 3 (int), expected Mode; there are "fast", "safe"'),
        (Mode, ["fast"], ': found [\'fast\'] (list), expected Mode; there are "fast", "safe"'),
        (Store, {}, ': found {}, expected a dict with one of the keys "local", "s3", "none"'),
        (Store, None, ': found None, expected a dict with one of the keys "local", "s3", "none"'),
        (Store, {"lokal": {}}, '.lokal: unknown choice; did you mean "local"?'),
        (Store, {"s3": 3}, ".s3: found 3 (int), expected str"),
        (Store, {"local": {"path": 3}}, ".local.path: found 3 (int), expected str"),
        ({"store": Store}, {}, ".store: missing; expected selector"),
        (int, {"env": 3}, ": expected int, or {env: NAME} alone with the name of a variable"),
        (str, {"env": "A", "b": 1}, ": expected str, or {env: NAME} alone with the name of a var"),
        (str, {"env": ""}, ": expected str, or {env: NAME} alone"),
        (list, {"env": "A"}, ": found {'env': 'A'} (dict), expected list"),
    ],
)
def test_configs_that_do_not(schema: Any, given: Any, problem: str) -> None:
    assert problem_of(schema, given).startswith(problem)


def test_several_choices_are_too_many() -> None:
    assert problem_of(Store, {"s3": "x", "none": {}}).startswith(": found {'s3': 'x', 'none': {}}")


VARIABLES = {"A": "7", "F": "1.5", "B": "yes", "M": "fast", "T": " x ", "SECRET": "hunter2"}


@pytest.mark.parametrize(
    ("schema", "given", "config"),
    [
        (int, {"env": "A"}, 7),
        (str, {"env": "A"}, "7"),
        (str, {"env": "T"}, " x "),
        (float, {"env": "F"}, 1.5),
        (bool, {"env": "B"}, True),
        (Mode, {"env": "M"}, "fast"),
        ([int], [1, {"env": "A"}], [1, 7]),
        ({"a": {"b": str}}, {"a": {"b": {"env": "SECRET"}}}, {"a": {"b": "hunter2"}}),
        (Store, {"s3": {"env": "T"}}, {"s3": " x "}),
        # what is no scalar takes a dict as it is
        (dict, {"env": "A"}, {"env": "A"}),
        (Any, {"env": "A"}, {"env": "A"}),
    ],
)
def test_values_of_the_environment(schema: Any, given: Any, config: Any) -> None:
    assert config_of(schema, given, variables=VARIABLES) == config


@pytest.mark.parametrize(
    ("schema", "name", "problem"),
    [
        (str, "ABSENT", "the environment variable ABSENT is not set in the run's process; set it"),
        (int, "SECRET", "what the environment variable SECRET holds is not int"),
        (float, "SECRET", "what the environment variable SECRET holds is not float"),
        (bool, "SECRET", "what the environment variable SECRET holds is not bool"),
        (Mode, "SECRET", 'what the environment variable SECRET holds is not one of "fast", "safe"'),
    ],
)
def test_no_message_holds_a_value(schema: Any, name: str, problem: str) -> None:
    found = problem_of(schema, {"env": name}, variables=VARIABLES)
    assert found.startswith(f": {problem}")
    assert "hunter2" not in found


def test_a_check_reads_no_variable() -> None:
    made = pipeline_of(str)
    steps = check_run_config(made, {"solids": {"it": {"config": {"env": "ABSENT"}}}})
    assert repr(steps["it"].config) == "{env: ABSENT}"


def test_inputs_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    @solid
    def add(n: int, more: Optional[int] = None, names: list[str] = []) -> str:  # noqa: B006, UP045
        return f"{n} {more} {names}"

    made = PipelineDefinition("p", [SolidNode(add)])
    one = {"env": "N"}
    monkeypatch.setenv("N", "3")
    config = {"solids": {"add": {"inputs": {"n": one, "more": one, "names": [one]}}}}
    assert execute_pipeline(made, config).output("add") == "3 3 ['3']"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Enum("Mode", "fast"), "expected a list of strings that differ"),
        (lambda: Enum("Mode", []), "expected a list of strings that differ"),
        (lambda: Enum("Mode", ["a", "a"]), "expected a list of strings that differ"),
        (lambda: Enum("Mode", [1]), "expected a list of strings that differ"),  # type: ignore[list-item]
        (lambda: Enum("a b", ["a"]), "cannot name an enumeration 'a b'"),
        (lambda: Selector({}), "expected a dict with a type for each key"),
        (lambda: Selector([1]), "expected a dict with a type for each key"),  # type: ignore[arg-type]
        (lambda: Selector({1: int}), "cannot use 1 as a key"),  # type: ignore[dict-item]
        (lambda: Selector({"a": 3}), 'as the type of the choice "a" of a selector'),
        (lambda: Selector({"a": Field(int, default=3)}), "a selector a default"),
        (lambda: Field(Mode, default="slow"), "found 'slow' \\(str\\), expected Mode"),
        (lambda: Field(str, default={"env": "A"}), "expected str"),
    ],
)
def test_refused_definitions(make: Any, message: str) -> None:
    with pytest.raises(DefinitionError, match=message) as raised:
        make()
    assert raised.value.source is not None
    assert raised.value.source.file == __file__


_ANYTHING = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda one: (
        st.lists(one)
        | st.dictionaries(st.sampled_from(["env", "local", "s3"]) | st.text(), one, max_size=2)
    ),
    max_leaves=5,
)


@given(_ANYTHING)
def test_any_value_fits_or_is_a_problem(value: Any) -> None:
    for schema in (Store, Mode, int, [Mode], {"store": Store}):
        with contextlib.suppress(ConfigError):
            config_of(schema, value, variables=VARIABLES)
