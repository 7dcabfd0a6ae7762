"""Presets: what a pipeline is often launched with, under what the caller gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hostler.client.errors import NotFoundError
from hostler.client.lookup import not_found_message
from hostler.rpc.run_config import merged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hostler.v1.definitions_pb2 import Pipeline, Preset


def over_preset(
    pipeline: Pipeline,
    name: str,
    run_config: Mapping[str, Any] | None,
    tags: Mapping[str, str] | None,
    solids: Sequence[str],
) -> tuple[dict[str, Any], dict[str, str], Sequence[str]]:
    """Returns run config, tags and selection of a launch: what is given wins over the preset.

    Raises:
        NotFoundError: the pipeline has no preset of that name.
    """
    from google.protobuf import json_format  # 20 ms that most calls do without

    preset = _find(pipeline, name)
    config = merged(json_format.MessageToDict(preset.run_config), run_config or {})
    return config, {**preset.tags, **(tags or {})}, solids or list(preset.solids)


def _find(pipeline: Pipeline, name: str) -> Preset:
    """Returns the preset of a pipeline.

    Raises:
        NotFoundError: there is none of that name; the message names the nearest ones, or all.
    """
    presets: dict[str, Preset] = {one.name: one for one in pipeline.presets}
    if name in presets:
        return presets[name]
    raise NotFoundError(not_found_message("preset", name, set(presets)))
