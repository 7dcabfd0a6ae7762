"""Discovery: which repositories a module holds.

Without an attribute: every repository in the module; else the one pipeline in it, in a repository
of its own. With one: a repository, a pipeline, or a function without arguments that returns one.
"""

from __future__ import annotations

from hostler.host.errors import TargetError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, TypeVar

    from hostler.definitions import PipelineDefinition, RepositoryDefinition

    _Definition = TypeVar("_Definition", PipelineDefinition, RepositoryDefinition)

#: Before the name of a pipeline that stands alone: the name of the repository made for it.
LONE_PIPELINE_PREFIX = "__repository__"

# The definitions are imported inside the functions: the host starts without them, and code that
# defines something has imported them by then.


def repositories_in(module: ModuleType, attribute: str | None) -> list[RepositoryDefinition]:
    """Returns the repositories that a loaded module offers.

    Args:
        module: the module.
        attribute: the name of one attribute of the module; None or "" for all.

    Raises:
        TargetError: there is none, or it is not clear which.
        DefinitionError: the attribute names a function that takes arguments.
        Exception: whatever the function raises that the attribute names.
    """
    from hostler.definitions import PipelineDefinition, RepositoryDefinition

    if attribute:
        return [_of_attribute(module, attribute)]
    repositories = _instances(module, RepositoryDefinition)
    if repositories:
        _check_names(module, repositories)
        return [repository for _, repository in repositories]
    pipelines = _instances(module, PipelineDefinition)
    if len(pipelines) == 1:
        return [_wrapped(pipelines[0][1])]
    raise TargetError(_unclear(module, pipelines) if pipelines else _empty(module))


def _of_attribute(module: ModuleType, attribute: str) -> RepositoryDefinition:
    from hostler.definitions import PipelineDefinition, RepositoryDefinition
    from hostler.definitions._signatures import check_no_arguments, is_function
    from hostler.definitions.source import position_of

    place = f'the attribute "{attribute}" of {_title(module)}'
    missing = object()
    value: Any = getattr(module, attribute, missing)
    if value is missing:
        from hostler.definitions._names import suggestion

        raise TargetError(f"cannot find {place}; {suggestion(attribute, _public_names(module))}")
    found = _type_of(value)
    if is_function(value):
        check_no_arguments(f"use {place}", value, position_of(value))
        value = value()
        found = f"a function that returned {_type_of(value)}"
    if isinstance(value, RepositoryDefinition):
        return value
    if isinstance(value, PipelineDefinition):
        return _wrapped(value)
    raise TargetError(
        f"cannot use {place}: found {found}, expected a repository, a pipeline, or a function "
        "without arguments that returns one; decorate it with @repository or @pipeline of "
        "hostler.definitions, or name another attribute"
    )


def _wrapped(pipeline: PipelineDefinition) -> RepositoryDefinition:
    """Makes a repository for a pipeline that is in none."""
    from hostler.definitions import RepositoryDefinition

    return RepositoryDefinition(
        LONE_PIPELINE_PREFIX + pipeline.name,
        {pipeline.name: pipeline},
        description=pipeline.description,
        source=pipeline.source,
    )


def _instances(module: ModuleType, kind: type[_Definition]) -> list[tuple[str, _Definition]]:
    """Returns the definitions of one class in a module, each once, with its first name there."""
    found: dict[int, tuple[str, _Definition]] = {}
    for name, value in list(vars(module).items()):
        # isinstance would have a lazy proxy of the user's load what it stands for; type does not.
        if issubclass(type(value), kind):
            found.setdefault(id(value), (name, value))
    return list(found.values())


def _check_names(module: ModuleType, repositories: list[tuple[str, RepositoryDefinition]]) -> None:
    seen: dict[str, RepositoryDefinition] = {}
    for _, repository in repositories:
        other = seen.setdefault(repository.name, repository)
        if other is not repository:
            raise TargetError(
                f'cannot use two repositories named "{repository.name}" in {_title(module)}: found '
                f"them at {other.source} and {repository.source}; rename one of them"
            )


def _unclear(module: ModuleType, pipelines: list[tuple[str, PipelineDefinition]]) -> str:
    listed = ", ".join(f"{name} ({value.source})" for name, value in pipelines)
    return (
        f"cannot choose among the {len(pipelines)} pipelines of {_title(module)}: found no "
        f"repository, and {listed}; put them into a @repository, or name one as the attribute"
    )


def _empty(module: ModuleType) -> str:
    names = _public_names(module)
    listed = ", ".join(f"{name} ({_type_of(vars(module)[name])})" for name in names[:10])
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return (
        f"cannot find a repository or a pipeline in {_title(module)}: found {listed or 'nothing'}"
        f"{more}; decorate a function of it with @repository or @pipeline of hostler.definitions, "
        "or name as the attribute a function that returns one"
    )


def _public_names(module: ModuleType) -> list[str]:
    return [name for name in vars(module) if not name.startswith("_")]


def _title(module: ModuleType) -> str:
    file = getattr(module, "__file__", None)
    return f"module {module.__name__}" + (f" ({file})" if file else "")


def _type_of(value: object) -> str:
    from hostler.definitions._names import type_phrase

    return type_phrase(value)
