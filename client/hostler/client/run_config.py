"""The calls about run configs: what is wrong with one, and what one may hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from google.protobuf.struct_pb2 import Struct

from hostler.client.errors import InvalidArgumentError
from hostler.client.names import (
    definition_name,
    is_pipeline_name,
    parse_pipeline,
    partition_name,
)
from hostler.client.presets import over_preset
from hostler.client.repository import RepositoryCalls
from hostler.v1 import repository_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Sequence

#: A number travels as a double; an integer above this would arrive as another one.
MAX_INTEGER = 2**53


class RunConfigCalls(RepositoryCalls):
    """Makes the calls of RepositoryService about the run configs of pipelines."""

    def validate(
        self,
        pipeline: str,
        run_config: Mapping[str, Any] | None = None,
        *,
        location: str | None = None,
        repository: str | None = None,
        solids: Sequence[str] = (),
        partition: str | tuple[str, str] | None = None,
        preset: str | None = None,
    ) -> pb.ValidateRunConfigResponse:
        """Returns all that `launch` would refuse in a run config and a selection; launches nothing.

        The arguments are those of `launch`.

        Raises:
            NotFoundError, AmbiguousNameError: the name is of no pipeline, or of several, or there
                is no such partition or preset.
            UserCodeError: the function raised that constructs the pipeline, or one of the set's.
            InvalidArgumentError: the run config cannot be sent.
            NotReadyError, LoadFailedError: the location does not answer.
        """
        pipeline = self._pipeline_name(pipeline, location, repository)
        if preset is not None:
            described = self.pipeline(*parse_pipeline(pipeline))
            run_config, _, solids = over_preset(described, preset, run_config, None, solids)
        request = pb.ValidateRunConfigRequest(
            pipeline=pipeline,
            run_config=as_struct(run_config or {}),
            solids=as_names(solids),
            partition=as_partition(pipeline, partition),
        )
        return self._unary(self._repository.ValidateRunConfig, request)

    def config_schema(
        self,
        pipeline: str,
        *,
        location: str | None = None,
        repository: str | None = None,
        solids: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Returns the JSON Schema (draft 2020-12) of a pipeline's run config.

        Args:
            pipeline: the pipeline's resource name, or its name alone where that is not ambiguous.
            location: where to look for the pipeline's name.
            repository: where to look for the pipeline's name.
            solids: which would be executed, as `launch` takes them.

        Raises:
            NotFoundError, AmbiguousNameError: the name is of no pipeline, or of several.
            InvalidArgumentError: the selection does not fit the pipeline.
            UserCodeError: the function raised that constructs the pipeline.
            NotReadyError, LoadFailedError: the location does not answer.
        """
        pipeline = self._pipeline_name(pipeline, location, repository)
        request = pb.GetConfigSchemaRequest(pipeline=pipeline, solids=as_names(solids))
        found = self._unary(self._repository.GetConfigSchema, request)
        schema: dict[str, Any] = json.loads(found.json_schema)
        return schema

    def _pipeline_name(self, pipeline: str, location: str | None, repository: str | None) -> str:
        if is_pipeline_name(pipeline):
            return pipeline
        return self.find_pipeline(pipeline, location, repository).name


def as_names(solids: Sequence[str]) -> Sequence[str]:
    """Returns the names; refuses one string, whose letters would be taken for names.

    Raises:
        InvalidArgumentError: one string is given.
    """
    if isinstance(solids, str):
        raise InvalidArgumentError(f"cannot select {solids!r}: expected a list, [{solids!r}]")
    return solids


def as_partition(pipeline: str, partition: str | tuple[str, str] | None) -> str:
    """Returns the resource name of a partition of a set of the pipeline's repository."""
    if partition is None or isinstance(partition, str):
        return partition or ""
    path = parse_pipeline(pipeline)
    partition_set, name = partition
    parent = definition_name(path.location, path.repository, "partitionSets", partition_set)
    return partition_name(parent, name)


def as_struct(config: Mapping[str, Any]) -> Struct:
    """Returns the run config as it is sent.

    Raises:
        InvalidArgumentError: JSON cannot hold a value in it, or not exactly.
    """
    from google.protobuf import json_format  # 20 ms that most calls do without

    _check_values(config, "run_config")
    try:
        return json_format.ParseDict(dict(config), Struct())
    except (json_format.ParseError, TypeError, ValueError) as error:
        raise InvalidArgumentError(f"cannot send the run config: {error}") from error


def _check_values(value: object, place: str) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise InvalidArgumentError(
                    f"cannot send {place}: its key {key!r} is of the type {type(key).__name__}, "
                    f'expected a string; write it in quotes, "{key}"'
                )
            _check_values(item, f"{place}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _check_values(item, f"{place}[{index}]")
    elif isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise InvalidArgumentError(
            f"cannot send {place} exactly: {value} is above 2**53; write it as a string"
        )
