"""Partition sets: the parts of a pipeline's work, each with its run config."""

from __future__ import annotations

from hostler.definitions._names import (
    check_name,
    check_tags,
    check_text,
    suggestion,
    type_phrase,
)
from hostler.definitions._preview import encodable, preview
from hostler.definitions._run_requests import (
    RunRequest,
    call_with,
    check_run_config,
    check_run_request_function,
)
from hostler.definitions._signatures import check_function, check_no_arguments, is_function
from hostler.definitions._value_object import ValueObject
from hostler.definitions.errors import DefinitionError, UnknownNameError
from hostler.definitions.source import MISSING, calling_position, documentation_of, position_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable, Mapping, Union

    from hostler.definitions.source import SourcePosition

    PartitionFunction = Callable[[], Iterable[Any]]
    RunConfigFunction = Union[
        Callable[["Partition"], Mapping[str, Any]], Callable[[], Mapping[str, Any]]
    ]
    TagsFunction = Union[
        Callable[["Partition"], Mapping[str, str]], Callable[[], Mapping[str, str]]
    ]


class Partition(ValueObject):
    """One part of a pipeline's work.

    Args:
        value: what it stands for.
        name: the value's own name if left out: its attribute `name` if that is a string, else
            `str(value)`.

    Raises:
        DefinitionError: the name is empty, or no string.
    """

    __slots__ = ("name", "value")

    def __init__(self, value: Any = MISSING, name: str | None = None) -> None:
        if value is MISSING:
            raise DefinitionError(
                "cannot make a partition of nothing: give the value that it stands for, as "
                'Partition("eu"), and a name where the value has none, as Partition(value, "eu")',
                calling_position(),
            )
        if name is None:
            name = getattr(value, "name", None)
        if name is None or (name is not None and not isinstance(name, str)):
            name = str(value)
        if not name or not name.isprintable() or encodable(name) != name:
            raise DefinitionError(
                f"cannot name a partition {preview(name)}: expected text without line breaks; "
                "give another as Partition(value, name)",
                calling_position(),
            )
        self.value = value
        self.name = name


class PartitionSetDefinition:
    """A partition set. The decorator `partition_set` makes one, too.

    The functions are called when the partitions are looked at, never when the set is defined.

    Args:
        name: the name.
        pipeline_name: the pipeline, by its name in the same repository.
        partition_fn: a function without arguments that gives the partitions: `Partition` objects,
            or any values that have a name, see `Partition`. For dates there are
            `hourly_partitions`, `daily_partitions`, `weekly_partitions` and `monthly_partitions`.
        run_config_fn_for_partition: gives the run config for a partition; an empty one if left out.
        tags_fn_for_partition: gives the tags for a partition; none if left out.
        description: what it is for.
        source: where it is defined; the caller's place if left out.

    Raises:
        DefinitionError: an argument is invalid.
    """

    __slots__ = (
        "description",
        "name",
        "partition_fn",
        "pipeline_name",
        "run_config_fn_for_partition",
        "source",
        "tags_fn_for_partition",
    )

    def __init__(
        self,
        name: str,
        pipeline_name: str,
        partition_fn: PartitionFunction,
        *,
        run_config_fn_for_partition: RunConfigFunction | None = None,
        tags_fn_for_partition: TagsFunction | None = None,
        description: str | None = None,
        source: SourcePosition | None = None,
    ) -> None:
        self.source = source = source or calling_position()
        self.name = check_name("a partition set", name, source)
        what = f'partition set "{name}"'
        self.pipeline_name = check_name(f"the pipeline of {what}", pipeline_name, source)
        if not is_function(partition_fn):
            raise DefinitionError(
                f"cannot use {preview(partition_fn)} as partition_fn of {what}: found "
                f"{type_phrase(partition_fn)}, expected a function that gives the partitions",
                source,
            )
        check_no_arguments(
            f"use partition_fn of {what}", partition_fn, position_of(partition_fn, source)
        )
        self.partition_fn = partition_fn
        self.run_config_fn_for_partition = run_config_fn_for_partition
        self.tags_fn_for_partition = tags_fn_for_partition
        for key in ("run_config_fn_for_partition", "tags_fn_for_partition"):
            check_run_request_function(what, key, getattr(self, key), "partition", source)
        self.description = check_text(what, description, source)

    def partitions(self) -> dict[str, Partition]:
        """Returns the partitions by name, in the order in which the function gives them.

        Raises:
            DefinitionError: the function gives none, or two of one name.
            Exception: whatever the function raises.
        """
        what = f'partition set "{self.name}"'
        source = position_of(self.partition_fn, self.source)
        given: object = self.partition_fn()
        try:
            values = iter(given)  # type: ignore[call-overload] # what is no iterable is reported
        except TypeError:
            raise DefinitionError(
                f"cannot use what partition_fn of {what} returned: found {preview(given)} "
                f"({type(given).__name__}), expected a list of partitions",
                source,
            ) from None
        if isinstance(given, (str, bytes, dict)):
            raise DefinitionError(
                f"cannot use what partition_fn of {what} returned: found {type_phrase(given)}, "
                "expected a list of partitions",
                source,
            )
        found: dict[str, Partition] = {}
        for value in values:
            one = value if isinstance(value, Partition) else Partition(value)
            if one.name in found:
                raise DefinitionError(
                    f'cannot use two partitions named "{one.name}" in {what}; give each a name of '
                    "its own as Partition(value, name)",
                    source,
                )
            found[one.name] = one
        return found

    def partition(self, name: str) -> Partition:
        """Returns the partition of this name.

        Raises:
            UnknownNameError: there is none; the message gives the nearest.
            DefinitionError, Exception: as `partitions`.
        """
        found = self.partitions()
        if name not in found:
            raise UnknownNameError(
                f'cannot find partition {preview(name)} in partition set "{self.name}"; '
                f"{suggestion(name, found)}",
                self.source,
            )
        return found[name]

    def run_request(self, partition: Partition) -> RunRequest:
        """Returns the run config and the tags that a run for a partition is launched with.

        Raises:
            DefinitionError: a function returned a value of the wrong type.
            Exception: whatever the functions raise.
        """
        what = f'partition "{partition.name}" of partition set "{self.name}"'
        run_config: dict[str, Any] = {}
        tags: dict[str, str] = {}
        function = self.run_config_fn_for_partition
        if function is not None:
            made: object = call_with(function, partition)
            run_config = check_run_config(what, made, position_of(function, self.source))
        tags_function = self.tags_fn_for_partition
        if tags_function is not None:
            made = call_with(tags_function, partition)
            tags = check_tags(what, made, position_of(tags_function, self.source))
        return RunRequest(run_config, tags)

    def __repr__(self) -> str:
        return f'<partition set "{self.name}">'


class PartitionSetDecorator:
    """What `partition_set(...)` returns: it makes a partition set of the function below it."""

    __slots__ = ("_arguments", "_name")

    def __init__(self, name: str | None, arguments: dict[str, Any]) -> None:
        self._name = name
        self._arguments = arguments

    def __call__(self, function: RunConfigFunction) -> PartitionSetDefinition:
        check_function("a partition_set", function)
        name: Any = self._name
        if name is None:
            name = getattr(function, "__name__", None)
        arguments = dict(self._arguments)
        arguments["description"] = arguments["description"] or documentation_of(function)
        return PartitionSetDefinition(
            name, run_config_fn_for_partition=function, source=position_of(function), **arguments
        )


def partition_set(
    pipeline_name: str,
    partition_fn: PartitionFunction,
    *,
    name: str | None = None,
    tags_fn_for_partition: TagsFunction | None = None,
    description: str | None = None,
) -> PartitionSetDecorator:
    """Makes a partition set of a function that gives the run config for a partition.

    The function takes a `Partition`, or nothing.

    Args:
        name: the function's name if left out.
        description: the function's docstring if left out.

    The other arguments are those of `PartitionSetDefinition`.

    Raises:
        DefinitionError: an argument is invalid.
    """
    return PartitionSetDecorator(
        name,
        {
            "pipeline_name": pipeline_name,
            "partition_fn": partition_fn,
            "tags_fn_for_partition": tags_fn_for_partition,
            "description": description,
        },
    )
