"""A pipeline as its location described it, for the definitions' own checks of launches.

The checks are those that a run makes itself (`hostler.definitions`); they need no process of the
location and none of the user's code.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from google.protobuf import json_format

from hostler.definitions._run_config import check_run_config
from hostler.definitions._selection import select
from hostler.definitions.config import ConfigType, Field, ListType, MappingType, ScalarType
from hostler.definitions.config_kinds import Enum, Selector, WholeType
from hostler.definitions.errors import ConfigError, ConfigProblem, SelectionError
from hostler.definitions.graph import OutputReference, SolidNode
from hostler.definitions.pipelines import PipelineDefinition
from hostler.definitions.ports import InputDefinition
from hostler.definitions.resources import ResourceDefinition
from hostler.definitions.solids import SolidDefinition
from hostler.definitions.source import MISSING
from hostler.v1 import definitions_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from google.protobuf.struct_pb2 import Struct

#: Pipelines that are kept as objects: those that people launch, and work on, at the same time.
_MOST_KEPT = 32

#: Problems that are told at once: more than anybody reads, and found within milliseconds.
MOST_PROBLEMS = 100

_SCALARS = {kind.__name__: kind for kind in (str, int, float, bool, list, dict)}


class DescribedPipeline(PipelineDefinition):
    """A pipeline that can be checked against, and not executed."""

    __slots__ = ()

    def __init__(self, described: definitions_pb2.Pipeline) -> None:
        self.source = None
        self.name = described.name.rpartition("/")[2]
        self.description = described.description
        self.tags = dict(described.tags)
        self._nodes = {each.name: _Node(each) for each in described.solids}
        self.presets = {}
        self.resources = {each.name: _Resource(each) for each in described.resources}


class _Node(SolidNode):
    """A use of a solid."""

    __slots__ = ()

    def __init__(self, described: definitions_pb2.Solid) -> None:
        self.source = None
        self.definition = _Solid(described)
        self.name = described.name
        self.tags = dict(described.tags)
        self.sources = {
            each.name: tuple(OutputReference(one.solid, one.output) for one in each.sources)
            for each in described.inputs
            if each.sources
        }
        self.fan_ins = set()


class _Solid(SolidDefinition[object]):
    """A solid without its function."""

    def __init__(self, described: definitions_pb2.Solid) -> None:
        self.name = described.definition
        self.description = described.description
        self.inputs = tuple(
            InputDefinition(
                each.name,
                each.type,
                description=each.description,
                # which default it is makes no difference, but for None, which null fits
                default=None if each.has_default else MISSING,
            )
            for each in described.inputs
        )
        self.config = _schema(described)
        self.required_resources = tuple(described.required_resources)


class _Resource(ResourceDefinition):
    """A resource without its function."""

    __slots__ = ()

    def __init__(self, described: definitions_pb2.Resource) -> None:
        self.source = None
        self.description = described.description
        self.config = _schema(described)


def _schema(described: definitions_pb2.Solid | definitions_pb2.Resource) -> ConfigType:
    if described.HasField("config"):
        return WholeType(_field(described.config))
    return MappingType(_fields(described.config_fields))


def _fields(described: Iterable[definitions_pb2.ConfigField]) -> dict[str, Field]:
    return {each.name: _field(each) for each in described}


def _field(described: definitions_pb2.ConfigField) -> Field:
    """Returns a field; its default was checked where it was declared."""
    field: Field = object.__new__(Field)
    field.type = _config_type(described.type, described)
    field.default = MISSING
    if described.HasField("default_value"):
        field.default = json_format.MessageToDict(described.default_value)
    field.description = described.description
    field.is_required = described.is_required
    return field


def _config_type(text: str, described: definitions_pb2.ConfigField) -> ConfigType:
    """Returns the type of a name; any value fits one that is not known."""
    if text.startswith("list[") and text.endswith("]"):
        return ListType(_config_type(text[len("list[") : -1], described))
    if described.enum_values:
        return Enum(text, list(described.enum_values))
    if described.is_selector:
        return Selector({each.name: _field(each) for each in described.fields})
    if described.fields:
        return MappingType(_fields(described.fields))
    return ScalarType(_SCALARS[text]) if text in _SCALARS else ConfigType()


@lru_cache(maxsize=_MOST_KEPT)
def described_pipeline(serialized: bytes) -> DescribedPipeline:
    """Returns the pipeline of a serialized hostler.v1.Pipeline."""
    return DescribedPipeline(definitions_pb2.Pipeline.FromString(serialized))


def selected(pipeline: DescribedPipeline, solids: Sequence[str]) -> PipelineDefinition:
    """Returns the part of a pipeline that is executed; all of it where no solid is named.

    Raises:
        SelectionError: the selection does not fit the pipeline.
    """
    return select(pipeline, solids) if solids else pipeline


def check_launch(serialized: bytes, run_config: Struct, solids: Sequence[str]) -> int:
    """Checks a launch; returns how many steps it has.

    Takes milliseconds where there is much to check or to tell; call it in a thread.

    Args:
        serialized: a hostler.v1.Pipeline.
        run_config: what JSON has a form for; see `facade.validation.require_config`.
        solids: the selection; empty for all solids.

    Raises:
        ConfigError, SelectionError: it does not fit the pipeline.
    """
    pipeline = selected(described_pipeline(serialized), solids)
    check_run_config(pipeline, json_format.MessageToDict(run_config), MOST_PROBLEMS)
    return len(pipeline.nodes)


def problems_of(error: ConfigError | SelectionError) -> list[ConfigProblem]:
    """Returns each problem; those of a selection have no path."""
    return [
        each if isinstance(each, ConfigProblem) else ConfigProblem("", each)
        for each in error.problems[:MOST_PROBLEMS]
    ]
