"""A launch is checked as the run itself would check it, on what the location said alone."""

from __future__ import annotations

import copy
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st
from unit.line_count import counted_lines

from hostler.daemon.generations.config_schema import config_schema
from hostler.daemon.generations.described_pipeline import (
    MOST_PROBLEMS,
    check_launch,
    described_pipeline,
    problems_of,
    selected,
)
from hostler.definitions import (
    ConfigError,
    Enum,
    Field,
    InputDefinition,
    Nothing,
    ResourceContext,
    SelectionError,
    Selector,
    pipeline,
    resource,
    solid,
)
from hostler.definitions._run_config import check_run_config
from hostler.definitions._selection import select
from hostler.host.describe import describe_pipeline
from hostler.v1.definitions_pb2 import Pipeline


class Table:
    """What no run config can hold."""


@solid(
    config_schema={
        "path": str,
        "limit": Field(int, default=10, description="Rows at most."),
        "ratio": Field(float, is_required=False),
        "maybe": Field(str, default=None),
        "rows": [{"id": int, "tags": Field([str], default=[])}],
        "mode": Field(Enum("Mode", ["fast", "safe"]), default="safe"),
        "modes": Field([Enum("Mode", ["fast", "safe"])], is_required=False),
        "to": Field(Selector({"local": {"path": str}, "s3": str}), is_required=False),
        "options": {"fast": Field(bool, default=False), "any": Field(Any, is_required=False)},
    }
)
def load(context: object, since: str, days: int = 3) -> Table:
    """Loads."""
    return Table()


@solid
def clean(rows: Table) -> Table:
    return rows


@solid
def count(rows: Table, factor: float) -> int:
    return 1


@pipeline
def totals() -> None:
    """Adds up."""
    rows = clean(load())
    count(rows)


SERIALIZED = json_format.ParseDict(
    describe_pipeline("etl", "repo", totals), Pipeline()
).SerializeToString()

GOOD: dict[str, Any] = {
    "solids": {
        "load": {
            "config": {"path": "a", "rows": [{"id": 1}, {"id": 2, "tags": ["x"]}]},
            "inputs": {"since": "2026-01-01"},
        },
        "count": {"inputs": {"factor": 1.5}},
    }
}


def changed(*path: str | int, value: object) -> dict[str, Any]:
    """Returns the good config with another value at a place."""
    config = copy.deepcopy(GOOD)
    place: Any = config
    for key in path[:-1]:
        place = place.setdefault(key, {}) if isinstance(place, dict) else place[key]
    place[path[-1]] = value
    return config


FITTING = [
    GOOD,
    changed("solids", "load", "config", "limit", value=3),
    changed("solids", "load", "config", "ratio", value=3),
    changed("solids", "load", "config", "maybe", value=None),
    changed("solids", "load", "config", "options", value={"fast": True, "any": [1, {"a": None}]}),
    changed("solids", "load", "inputs", "days", value=4),
    changed("solids", "clean", value=None),
    changed("solids", "clean", value={"config": None, "inputs": {}}),
]

WRONG = [
    {},
    {"solids": None},
    {"solid": {}},
    {"solids": 3},
    {"solids": {"laod": {}}},
    changed("solids", "load", "config", value=None),
    changed("solids", "load", "config", "path", value=1),
    changed("solids", "load", "config", "path", value=None),
    changed("solids", "load", "config", "limit", value=1.5),
    changed("solids", "load", "config", "limit", value=True),
    changed("solids", "load", "config", "limit", value=None),
    changed("solids", "load", "config", "limits", value=1),
    changed("solids", "load", "config", "rows", value=3),
    changed("solids", "load", "config", "rows", value=[{}]),
    changed("solids", "load", "config", "rows", value=[{"id": 1, "tag": "x"}]),
    changed("solids", "load", "config", "rows", value=[{"id": 1, "tags": [2]}]),
    changed("solids", "load", "config", "options", value={"fast": "yes"}),
    changed("solids", "load", "inputs", "since", value=3),
    changed("solids", "load", "inputs", "until", value="x"),
    changed("solids", "clean", "inputs", value={"rows": 3}),
    changed("solids", "count", "inputs", value={}),
    changed("solids", "count", "output", value=1),
]


def problems(config: dict[str, Any], solids: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    try:
        steps = check_launch(SERIALIZED, json_format.ParseDict(config, Struct()), solids)
    except (ConfigError, SelectionError) as error:
        return [(each.path, each.message) for each in problems_of(error)]
    assert steps == (len(select(totals, solids).nodes) if solids else 3)
    return []


def problems_of_the_run(
    config: dict[str, Any], solids: tuple[str, ...] = ()
) -> list[tuple[str, str]]:
    try:
        of = select(totals, solids) if solids else totals
        check_run_config(of, json_format.MessageToDict(json_format.ParseDict(config, Struct())))
    except ConfigError as error:
        return [(each.path, each.message) for each in error.problems]
    except SelectionError as error:
        return [("", each) for each in error.problems]
    return []


@pytest.mark.parametrize("config", FITTING, ids=lambda config: str(config)[-60:])
def test_what_fits_is_taken(config: dict[str, Any]) -> None:
    assert problems(config) == problems_of_the_run(config) == []


@pytest.mark.parametrize("config", WRONG, ids=lambda config: str(config)[-60:])
def test_what_does_not_fit_has_the_problems_that_the_run_would_have(config: dict[str, Any]) -> None:
    found = problems(config)
    assert found
    assert found == problems_of_the_run(config)


def test_all_problems_come_at_once() -> None:
    config = {"solids": {"load": {"config": {"path": 1, "limit": "x"}}, "nothing": {}}, "a": 1}
    assert [path for path, _ in problems(config)] == [
        *("a", "solids.nothing", "solids.load.config.path", "solids.load.config.limit"),
        *("solids.load.config.rows", "solids.load.inputs.since", "solids.count.inputs.factor"),
    ]


@pytest.mark.parametrize(
    "solids", [("load",), ("*clean",), ("count",), ("clean+",), ("nothing",), ("*",), ("load", "a")]
)
def test_a_selection_is_checked_too(solids: tuple[str, ...]) -> None:
    assert problems(GOOD, solids) == problems_of_the_run(GOOD, solids)
    assert problems(GOOD, solids), "each of these leaves out what the config names"


TEXTS = ["", "x", "fast"]
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats(-9, 9)
    | st.sampled_from(["", "x", "fast"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["id", "tags", "fast", "s3", "env"]), inner, max_size=2)
    ),
    max_leaves=5,
)
PLACES = st.sampled_from(
    [
        *(("solids", "load", "config", name) for name in load.config.fields),
        *(("solids", "load", "inputs", name) for name in ("since", "days", "until")),
        *(("solids", name) for name in ("load", "clean", "count", "other")),
        ("solids", "clean", "inputs"),
        ("other",),
    ]
)


@given(PLACES, VALUES)
def test_any_value_anywhere(place: tuple[str, ...], value: Any) -> None:
    config = changed(*place, value=value)
    found, of_the_run = problems(config), problems_of_the_run(config)
    # the description does not say what the default of an input is, so null fits each that has one
    if place[-1] != "days" or value is not None:
        assert found == of_the_run
    if not of_the_run:
        jsonschema.validate(config, SCHEMA)


SCHEMA = config_schema(described_pipeline(SERIALIZED))


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    config = SCHEMA["properties"]["solids"]["properties"]["load"]["properties"]["config"]
    assert config["required"] == ["path", "rows"]
    limit = config["properties"]["limit"]
    assert (limit["description"], limit["default"]) == ("Rows at most.", 10)
    assert limit["anyOf"][0] == {"type": "integer"}
    assert list(limit["anyOf"][1]["properties"]) == ["env"], "or a variable"


@pytest.mark.parametrize("config", FITTING, ids=lambda config: str(config)[-60:])
def test_the_schema_takes_what_fits(config: dict[str, Any]) -> None:
    jsonschema.validate(config, SCHEMA)


@pytest.mark.parametrize("config", WRONG, ids=lambda config: str(config)[-60:])
def test_the_schema_refuses_what_does_not_fit(config: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(config, SCHEMA)


def test_the_schema_of_a_part_has_that_part() -> None:
    schema = config_schema(selected(described_pipeline(SERIALIZED), ("load",)))
    assert list(schema["properties"]["solids"]["properties"]) == ["load"]


def test_a_million_problems_are_not_looked_for() -> None:
    config = json_format.ParseDict({"solids": {f"a{n}": {} for n in range(20_000)}}, Struct())
    with pytest.raises(ConfigError) as caught, counted_lines() as count:
        check_launch(SERIALIZED, config, ())
    assert len(problems_of(caught.value)) == MOST_PROBLEMS
    assert count.lines < 1_000_000


def test_a_type_that_is_not_known_takes_anything() -> None:
    described = Pipeline.FromString(SERIALIZED)
    described.solids[0].config_fields[0].type = "Decimal"
    config = changed("solids", "load", "config", "path", value={"a": 1})
    assert check_launch(described.SerializeToString(), json_format.ParseDict(config, Struct()), ())


@resource(config_schema=Field(str))
def store(context: ResourceContext) -> str:
    return str(context.config)


@resource(config_schema={"size": int})
def spare() -> None: ...


@solid(config_schema=int, required_resources={"store"})
def take(context: object) -> None: ...


@solid(config_schema=Field(float, default=1.0), inputs=[InputDefinition("after", Nothing)])
def rest(context: object) -> None: ...


@pipeline(resources={"store": store, "spare": spare})
def whole() -> None:
    rest(take())


WHOLE = json_format.ParseDict(
    describe_pipeline("etl", "repo", whole), Pipeline()
).SerializeToString()
WHOLE_SCHEMA = config_schema(described_pipeline(WHOLE))
STORE = {"resources": {"store": {"config": "x"}}}


@pytest.mark.parametrize(
    ("config", "places"),
    [
        ({"solids": {"take": {"config": 3}}, **STORE}, []),
        ({"solids": {"take": {"config": {"env": "N"}}, "rest": {"config": 2}}, **STORE}, []),
        ({"solids": {}}, ["solids.take.config", "resources.store.config"]),
        ({"solids": {"take": {"config": "x"}}, **STORE}, ["solids.take.config"]),
        ({"solids": {"take": {"config": {}}}, **STORE}, ["solids.take.config"]),
        (
            {"solids": {"take": {"config": 3}}, "resources": {"store": {"config": 3}}},
            ["resources.store.config"],
        ),
        (
            {
                "solids": {"take": {"config": 3}, "rest": {"inputs": {"after": 1}}},
                "resources": {"store": {"config": "x"}, "spare": {"config": {}}, "stroe": {}},
            },
            ["solids.rest.inputs.after", "resources.stroe", "resources.spare.config.size"],
        ),
    ],
)
def test_whole_configs_and_resources(config: dict[str, Any], places: list[str]) -> None:
    found = []
    try:
        check_launch(WHOLE, json_format.ParseDict(config, Struct()), ())
    except ConfigError as error:
        found = [each.path for each in problems_of(error)]
    assert found == places
    assert jsonschema.Draft202012Validator(WHOLE_SCHEMA).is_valid(config) is not bool(places)
