"""What the function of a repository returns: a list, a dict or a RepositoryData."""

from __future__ import annotations

from hostler.definitions._definition_collection import DefinitionKind, return_hint
from hostler.definitions._names import suggestion, type_phrase
from hostler.definitions._preview import preview
from hostler.definitions._signatures import is_function
from hostler.definitions.errors import DefinitionError
from hostler.definitions.partitions import PartitionSetDefinition
from hostler.definitions.pipelines import PipelineDefinition
from hostler.definitions.schedules import ScheduleDefinition

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterable

    from hostler.definitions._definition_collection import Definition
    from hostler.definitions.source import SourcePosition

    #: By the kind's key: definitions or functions by name.
    DefinitionsByKind = Dict[str, Dict[str, Any]]

PIPELINES = DefinitionKind("pipelines", PipelineDefinition)
SCHEDULES = DefinitionKind("schedules", ScheduleDefinition)
PARTITION_SETS = DefinitionKind("partition_sets", PartitionSetDefinition)
KINDS = (PIPELINES, SCHEDULES, PARTITION_SETS)

_LISTED = "a pipeline, schedule or partition set"


class RepositoryData:
    """The base of the user's own ways to find definitions: subclass it and return an instance.

    The methods that give names are called once each, when the repository is defined; the others
    once for each definition that is needed.
    """

    def pipeline_names(self) -> Iterable[str]:
        """Returns the names of all pipelines; should construct none."""
        raise NotImplementedError(f"{type(self).__name__} does not define pipeline_names")

    def pipeline(self, name: str) -> PipelineDefinition:
        """Returns the pipeline of this name."""
        raise NotImplementedError(f"{type(self).__name__} does not define pipeline")

    def schedule_names(self) -> Iterable[str]:
        """Returns the names of all schedules; none unless a subclass says so."""
        return ()

    def schedule(self, name: str) -> ScheduleDefinition:
        """Returns the schedule of this name."""
        raise NotImplementedError(f"{type(self).__name__} does not define schedule")

    def partition_set_names(self) -> Iterable[str]:
        """Returns the names of all partition sets; none unless a subclass says so."""
        return ()

    def partition_set(self, name: str) -> PartitionSetDefinition:
        """Returns the partition set of this name."""
        raise NotImplementedError(f"{type(self).__name__} does not define partition_set")


def definitions_by_kind(
    name: str, contents: object, source: SourcePosition | None
) -> DefinitionsByKind:
    """Returns the definitions and functions of a repository, by the keys of their kinds.

    Args:
        name: the repository's.
        contents: what its function returned.
        source: where it is defined.

    Raises:
        DefinitionError: it is nothing that a repository is made of.
    """
    if isinstance(contents, list):
        return _from_list(name, contents, source)
    if isinstance(contents, dict):
        return _from_dict(name, contents, source)
    if isinstance(contents, RepositoryData):
        return _from_data(name, contents, source)
    raise DefinitionError(
        f'cannot make repository "{name}": its function returned {preview(contents)} '
        f"({type(contents).__name__}), expected a list of pipelines, schedules and partition sets, "
        f'a dict {{"pipelines": ...}} or a RepositoryData{return_hint(contents)}',
        source,
    )


def _from_list(name: str, contents: list[Any], source: SourcePosition | None) -> DefinitionsByKind:
    found: DefinitionsByKind = {kind.key: {} for kind in KINDS}
    places: dict[tuple[str, str], int] = {}
    for index, one in enumerate(contents):
        kind = next((kind for kind in KINDS if isinstance(one, kind.definition)), None)
        if kind is None:
            advice = '; a function goes into a dict, {"pipelines": {name: function}}'
            advice = advice if is_function(one) else ""
            raise DefinitionError(
                f'cannot make repository "{name}": its list holds {preview(one)} '
                f"({type(one).__name__}) at index {index}, expected {_LISTED}{advice}",
                source,
            )
        same_kind: dict[str, Definition] = found[kind.key]
        if one.name in same_kind:
            where = "" if same_kind[one.name] is one else f" (defined at {one.source})"
            raise DefinitionError(
                f'cannot make repository "{name}": its list holds {kind.noun} "{one.name}" at '
                f"index {places[kind.key, one.name]} and at index {index}{where}; "
                "rename or remove one of them",
                source,
            )
        same_kind[one.name] = one
        places[kind.key, one.name] = index
    return found


def _from_dict(
    name: str, contents: dict[Any, Any], source: SourcePosition | None
) -> DefinitionsByKind:
    keys = [kind.key for kind in KINDS]
    for key in contents:
        if key not in keys:
            raise DefinitionError(
                f'cannot make repository "{name}": its dict has the unknown key {preview(key)}; '
                f"{suggestion(key, keys)}; under each, return {{name: definition or function}}",
                source,
            )
    found: DefinitionsByKind = {}
    for kind in KINDS:
        entries = contents.get(kind.key, {})
        if not isinstance(entries, dict):
            raise DefinitionError(
                f'cannot make repository "{name}": its "{kind.key}" are {preview(entries)} '
                f"({type(entries).__name__}), expected a dict of names and {kind.noun}s or "
                "functions",
                source,
            )
        found[kind.key] = entries
    return found


def _from_data(
    name: str, contents: RepositoryData, source: SourcePosition | None
) -> DefinitionsByKind:
    ways: dict[str, tuple[Callable[[], Iterable[str]], Callable[[str], Definition]]] = {
        PIPELINES.key: (contents.pipeline_names, contents.pipeline),
        SCHEDULES.key: (contents.schedule_names, contents.schedule),
        PARTITION_SETS.key: (contents.partition_set_names, contents.partition_set),
    }
    return {
        kind.key: _constructors(name, type(contents).__name__, kind, *ways[kind.key], source)
        for kind in KINDS
    }


def _constructors(
    name: str,
    provider: str,
    kind: DefinitionKind,
    names: Callable[[], Iterable[str]],
    construct: Callable[[str], Definition],
    source: SourcePosition | None,
) -> dict[str, Callable[[], Definition]]:
    from functools import partial

    given: object = names()
    if isinstance(given, str) or not hasattr(given, "__iter__"):
        raise DefinitionError(
            f'cannot make repository "{name}": {provider} gives {type_phrase(given)} as the names '
            f"of its {kind.noun}s, expected a list of strings",
            source,
        )
    found: dict[str, Callable[[], Definition]] = {}
    for one in given:
        if not isinstance(one, str):
            raise DefinitionError(
                f'cannot make repository "{name}": {provider} gives {preview(one)} '
                f"({type(one).__name__}) as the name of a {kind.noun}, expected a string",
                source,
            )
        if one in found:
            raise DefinitionError(
                f'cannot make repository "{name}": {provider} names {kind.noun} "{one}" twice',
                source,
            )
        found[one] = partial(construct, one)
    return found
