"""The run config and the tags that a run would be launched with, as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml
from google.protobuf.json_format import MessageToDict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from google.protobuf.struct_pb2 import Struct


def run_config_lines(run_config: Struct, indent: str) -> Iterator[str]:
    """Yields a run config as YAML, as `-c` of `hostler pipeline execute` takes it."""
    if run_config.fields:
        value = exact_numbers(MessageToDict(run_config))
        for line in yaml.safe_dump(value, allow_unicode=True, sort_keys=False).splitlines():
            yield indent + line


def tags_lines(tags: Mapping[str, str], indent: str) -> Iterator[str]:
    """Yields the tags in a line; nothing where there are none."""
    if tags:
        yield f"{indent}tags: " + ", ".join(f"{key}={value}" for key, value in sorted(tags.items()))


def exact_numbers(value: object) -> object:
    """Returns a value with whole numbers without a point: a Struct has doubles alone."""
    if isinstance(value, dict):
        return {key: exact_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [exact_numbers(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
