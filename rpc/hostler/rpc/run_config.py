"""Merges run configs that come from several places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def merged(*configs: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the run configs in one: mappings are merged deeply, otherwise the later one wins.

    The given configs are not changed, and the result shares no mapping with them.
    """
    result: dict[str, Any] = {}
    for config in configs:
        for key, value in config.items():
            if isinstance(value, dict):
                below = result.get(key)
                result[key] = merged(below if isinstance(below, dict) else {}, value)
            else:
                result[key] = value
    return result
