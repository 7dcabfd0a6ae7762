"""Repositories: named collections of pipelines, schedules and partition sets."""

from __future__ import annotations

from hostler.definitions._definition_collection import DefinitionCollection
from hostler.definitions._names import check_name, check_text, suggestion
from hostler.definitions._signatures import check_function, check_no_arguments
from hostler.definitions.errors import DefinitionError
from hostler.definitions.partitions import PartitionSetDefinition
from hostler.definitions.repository_data import (
    PARTITION_SETS,
    PIPELINES,
    SCHEDULES,
    definitions_by_kind,
)
from hostler.definitions.source import (
    calling_position,
    documentation_of,
    position_of,
)

TYPE_CHECKING = False
if not TYPE_CHECKING:
    from hostler.definitions._typing import overload
else:
    from typing import Any, Callable, Mapping, Sequence, Union, overload

    from hostler.definitions._definition_collection import Definition
    from hostler.definitions.pipelines import PipelineDefinition
    from hostler.definitions.repository_data import RepositoryData
    from hostler.definitions.schedules import ScheduleDefinition
    from hostler.definitions.solids import SolidDefinition
    from hostler.definitions.source import SourcePosition

    #: What the function of a repository returns.
    Contents = Union[
        Sequence[Definition],
        Mapping[str, Mapping[str, Union[Definition, Callable[[], Definition]]]],
        RepositoryData,
    ]


class RepositoryDefinition:
    """A repository. The decorator `repository` makes one.

    Where a function stands in the place of a definition, it takes no arguments and is called when
    the definition is first asked for.

    Args:
        name: the name.
        pipelines: by name.
        schedules: by name.
        partition_sets: by name.
        description: what it holds.
        source: where it is defined; the caller's place if left out.

    Attributes:
        pipelines, schedules, partition_sets: what there is of each kind.

    Raises:
        DefinitionError: a bad name, a name that differs from its key, neither a definition nor a
            function, a schedule or partition set of an unknown pipeline, or two solids of one name.
    """

    __slots__ = (
        "_solids",
        "description",
        "name",
        "partition_sets",
        "pipelines",
        "schedules",
        "source",
    )

    def __init__(
        self,
        name: str,
        pipelines: Mapping[str, PipelineDefinition | Callable[[], PipelineDefinition]],
        *,
        schedules: Mapping[str, ScheduleDefinition | Callable[[], ScheduleDefinition]]
        | None = None,
        partition_sets: Mapping[str, PartitionSetDefinition | Callable[[], PartitionSetDefinition]]
        | None = None,
        description: str | None = None,
        source: SourcePosition | None = None,
    ) -> None:
        self.source = source = source or calling_position()
        self.name = check_name("a repository", name, source)
        self.description = check_text(f'repository "{name}"', description, source)
        #: The solids of the pipelines that are there from the begin, and a pipeline of each.
        self._solids: dict[str, tuple[SolidDefinition[Any], PipelineDefinition]] = {}
        self.pipelines: DefinitionCollection[PipelineDefinition] = DefinitionCollection(
            PIPELINES, name, pipelines, source, self._check_solids
        )
        for pipeline in self.pipelines.constructed().values():
            self._check_solids(pipeline, is_there=True)
        self.schedules: DefinitionCollection[ScheduleDefinition] = DefinitionCollection(
            SCHEDULES, name, schedules or {}, source, self._check_pipeline
        )
        self.partition_sets: DefinitionCollection[PartitionSetDefinition] = DefinitionCollection(
            PARTITION_SETS,
            name,
            self._with_sets_of_schedules(partition_sets or {}),
            source,
            self._check_pipeline,
        )

    @property
    def pipeline_names(self) -> tuple[str, ...]:
        """Returns the names of all pipelines in the order of declaration; constructs nothing."""
        return self.pipelines.names

    def get_pipeline(self, name: str) -> PipelineDefinition:
        """Returns the pipeline of this name; see `DefinitionCollection.get`."""
        return self.pipelines.get(name)

    def __repr__(self) -> str:
        return f'<repository "{self.name}">'

    def _with_sets_of_schedules(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Adds the partition sets that constructed schedules have."""
        own: dict[str, PartitionSetDefinition] = {}
        for schedule in self.schedules.constructed().values():
            # Only a schedule by partition has one; its class is not imported for this question.
            of_schedule: PartitionSetDefinition | None = getattr(schedule, "partition_set", None)
            if of_schedule is None:
                continue
            own[of_schedule.name] = of_schedule
            other = given.get(of_schedule.name, of_schedule) if hasattr(given, "get") else None
            if isinstance(other, PartitionSetDefinition) and other is not of_schedule:
                raise DefinitionError(
                    f'cannot make repository "{self.name}": {other!r} (defined at {other.source}) '
                    f"has the name of the set that {schedule!r} brings along; rename one of them",
                    schedule.source,
                )
        return {**own, **given} if own and hasattr(given, "keys") else given

    def _check_solids(self, pipeline: PipelineDefinition, *, is_there: bool = False) -> None:
        """Refuses a solid that has the name of another one of the repository.

        A lazy pipeline is compared with those that are there from the begin: which other lazy ones
        have been constructed differs from process to process.
        """
        for node in pipeline.nodes:
            definition = node.definition
            known, place = self._solids.get(definition.name, (definition, pipeline))
            if known is not definition:
                raise DefinitionError(
                    f'cannot use two solids named "{definition.name}" in repository "{self.name}": '
                    f'pipeline "{place.name}" uses the one at {known.source}, pipeline '
                    f'"{pipeline.name}" the one at {definition.source}; rename one of them with '
                    '@solid(name="...")',
                    definition.source,
                )
            if is_there:
                self._solids[definition.name] = (definition, pipeline)

    def _check_pipeline(self, definition: ScheduleDefinition | PartitionSetDefinition) -> None:
        known = self.pipelines.names
        if definition.pipeline_name not in known:
            raise DefinitionError(
                f'cannot use {definition!r} in repository "{self.name}": it is for pipeline '
                f'"{definition.pipeline_name}", which is not in the repository; '
                f"{suggestion(definition.pipeline_name, known)}",
                definition.source,
            )


class RepositoryDecorator:
    """What `repository(...)` with arguments returns: it makes a repository of the function."""

    __slots__ = ("_description", "_name")

    def __init__(self, name: str | None, description: str | None) -> None:
        self._name = name
        self._description = description

    def __call__(self, function: Callable[[], Contents]) -> RepositoryDefinition:
        check_function("a repository", function)
        source = position_of(function)
        name = self._name
        if name is None:
            name = getattr(function, "__name__", None)
        name = check_name("a repository", name, source)
        check_no_arguments(f'make repository "{name}"', function, source)
        found: dict[str, Any] = definitions_by_kind(name, function(), source)
        return RepositoryDefinition(
            name,
            **found,
            description=self._description or documentation_of(function),
            source=source,
        )


@overload
def repository(function: Callable[[], Contents], /) -> RepositoryDefinition: ...
@overload
def repository(
    *, name: str | None = None, description: str | None = None
) -> RepositoryDecorator: ...


def repository(
    function: Callable[[], Contents] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
) -> RepositoryDefinition | RepositoryDecorator:
    """Makes a repository of a function that returns what it holds.

    The function is called once, at once. It returns a list of pipelines, schedules and partition
    sets; or `{"pipelines": {name: pipeline or function}, "schedules": ..., "partition_sets": ...}`,
    where each function takes no arguments and is called when its definition is first needed; or a
    `RepositoryData`.

    Args:
        name: the function's name if left out.
        description: the function's docstring if left out.

    Raises:
        DefinitionError: the function takes arguments, or returns something else.
    """
    decorator = RepositoryDecorator(name, description)
    return decorator if function is None else decorator(function)
