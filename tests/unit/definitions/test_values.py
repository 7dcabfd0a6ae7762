"""Values of a run config keep their types, although they travel as doubles."""
# ruff: noqa: UP007, UP045 (as users of 3.8 write them)

from __future__ import annotations

from datetime import date
from typing import Any, Optional, Union

import pytest

from hostler.definitions import (
    ConfigError,
    Field,
    daily_partitions,
    execute_pipeline,
    monthly_partitions,
    pipeline,
    solid,
)
from hostler.definitions._annotations import config_type_of


def typed(value: object) -> object:
    """Returns the value with the type of each number."""
    if isinstance(value, list):
        return [typed(item) for item in value]
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    return (type(value).__name__, value)


def given(schema: object, value: object) -> object:
    seen = []

    @solid(config_schema={"x": schema})
    def one(context: Any) -> None:
        seen.append(context.config["x"])

    @pipeline
    def p() -> None:
        one()

    execute_pipeline(p, {"solids": {"one": {"config": {"x": value}}}})
    return seen[0]


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        (list, [1.0, 2.5, [3.0]], [1, 2.5, [3]]),
        (dict, {"rows": 2.0, "deep": {"a": [1.0]}}, {"rows": 2, "deep": {"a": [1]}}),
        (Any, 7.0, 7),
        (Any, -3.0, -3),
        (Any, 0.5, 0.5),
        (Any, 2.0**53, 2**53),
        (Any, 2.0**54, 2.0**54),
        (Any, 1e300, 1e300),
        (Any, True, True),
        (Any, None, None),
        ([float], [1, 2.0], [1.0, 2.0]),
        ([int], [1.0, 2], [1, 2]),
        ([dict], [{"a": 1.0}], [{"a": 1}]),
        (float, 3, 3.0),
        ({"n": Any}, {"n": 4.0}, {"n": 4}),
    ],
)
def test_numbers_by_schema(schema: object, value: object, expected: object) -> None:
    assert typed(given(schema, value)) == typed(expected)


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (list[float], [1, 2.0], [1.0, 2.0]),
        (list[int], [1.0], [1]),
        (dict[str, float], {"a": 2}, {"a": 2.0}),
        (dict[str, list[int]], {"a": [2.0]}, {"a": [2]}),
        (Optional[float], 2.0, 2.0),
        (Optional[int], 2.0, 2),
        (Union[float, int], 2.0, 2),
        (Union[float, int], 2.5, 2.5),
        (list, [1.0, "a", None], [1, "a", None]),
        (list[int], ["not one"], ["not one"]),
        ("list[float] | None", [1], [1.0]),
    ],
)
def test_numbers_by_annotation(annotation: object, value: object, expected: object) -> None:
    kind = config_type_of(annotation)
    assert kind is not None
    problems: list[Any] = []
    assert typed(kind.check(value, "x", problems)) == typed(expected)
    assert not problems


def test_a_default_is_as_the_code_has_it() -> None:
    assert typed(Field(Any, default=2.0).default) == ("float", 2.0)
    assert Field(dict, default={1: 2.0}).default == {1: 2.0}


@pytest.mark.parametrize("key", [2024, None, True, 1.5, (1, 2), b"a"])
@pytest.mark.parametrize("schema", [dict, Any, list])
def test_a_key_that_is_no_string_is_named(schema: object, key: object) -> None:
    value: object = {"a": {key: 1}}
    with pytest.raises(ConfigError, match="expected a string") as caught:
        given(schema, [value] if schema is list else value)
    assert repr(key) in str(caught.value)


@pytest.mark.parametrize(
    ("zone", "day", "start", "end"),
    [
        ("Pacific/Apia", "2011-12-30", "2011-12-28", "2012-01-03"),
        ("Pacific/Fakaofo", "2011-12-30", "2011-12-28", "2012-01-03"),
        ("Pacific/Kwajalein", "1993-08-21", "1993-08-19", "1993-08-24"),
        ("Pacific/Kiritimati", "1994-12-31", "1994-12-29", "1995-01-03"),
        ("Pacific/Enderbury", "1994-12-31", "1994-12-29", "1995-01-03"),
    ],
)
def test_a_day_that_never_was_is_no_partition(zone: str, day: str, start: str, end: str) -> None:
    found = daily_partitions(start, end, timezone=zone)()
    assert day not in [one.name for one in found]
    moments = [one.value.timestamp() for one in found]
    days = date.fromisoformat(end) - date.fromisoformat(start)
    assert len(set(moments)) == len(moments) == days.days - 1


def test_a_position_is_the_users() -> None:
    for name_format in ("%b", "%m", "\n%b"):
        with pytest.raises(Exception, match="partition") as caught:
            monthly_partitions("2024-01-01", "2026-01-01", name_format=name_format)
        assert "hostler/definitions" not in str(caught.value)
        assert __file__ in str(caught.value)
