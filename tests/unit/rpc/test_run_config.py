"""Merging run configs."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hostler.rpc.run_config import merged

_values = st.recursive(
    st.none() | st.integers() | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner),
)
configs = st.dictionaries(st.sampled_from("abc"), _values)


def test_mappings_are_merged_and_anything_else_is_replaced() -> None:
    below = {"a": {"x": 1, "y": [1, 2]}, "b": 1, "c": {"z": 1}}
    above = {"a": {"y": [3]}, "b": {"w": 1}, "c": None}
    assert merged(below, above) == {"a": {"x": 1, "y": [3]}, "b": {"w": 1}, "c": None}
    assert merged() == {}


@given(configs, configs, configs)
def test_merging_is_a_matter_of_order_alone(
    one: dict[str, Any], two: dict[str, Any], three: dict[str, Any]
) -> None:
    before = deepcopy((one, two, three))
    assert merged(one, two, three) == merged(merged(one, two), three)
    assert merged(one, merged(one)) == merged(one, {}) == merged({}, one) == one
    assert (one, two, three) == before


@given(configs, configs)
def test_what_the_later_one_says_holds(below: dict[str, Any], above: dict[str, Any]) -> None:
    def holds(wanted: dict[str, Any], found: dict[str, Any]) -> bool:
        return all(
            holds(value, found[key]) if isinstance(value, dict) else found[key] == value
            for key, value in wanted.items()
        )

    assert holds(above, merged(below, above))
