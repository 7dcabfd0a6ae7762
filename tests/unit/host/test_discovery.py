"""Which repositories a module offers."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from hostler.definitions import (
    DefinitionError,
    PipelineDefinition,
    RepositoryDefinition,
    pipeline,
    repository,
    solid,
)
from hostler.host.discovery import repositories_in
from hostler.host.errors import TargetError


@solid
def one() -> int:
    return 1


@pipeline
def first() -> None:
    """The first."""
    one()


@pipeline
def second() -> None:
    one()


@repository
def left() -> list[PipelineDefinition]:
    return [first]


@repository
def right() -> list[PipelineDefinition]:
    return [second]


def module(**values: object) -> ModuleType:
    made = ModuleType("repos")
    made.__file__ = "/code/repos.py"
    vars(made).update(values)
    return made


def takes(x: int) -> RepositoryDefinition:
    return left


class Proxy:
    """Acts as a lazy proxy: it tells isinstance what it stands for, and loads it for that."""

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(f"loaded for {name}")


def test_every_repository_once_whatever_its_names() -> None:
    found = repositories_in(module(a=right, b=left, c=right, d=first, p=Proxy()), None)
    assert found == [right, left]


def test_lone_pipeline_is_wrapped() -> None:
    (found,) = repositories_in(module(x=first, again=first, one=one), None)
    assert found.name == "__repository__first"
    assert found.description == "The first."
    assert found.source == first.source
    assert found.pipelines.constructed() == {"first": first}


@pytest.mark.parametrize(
    ("value", "name", "pipelines"),
    [
        (left, "left", {"first": first}),
        (second, "__repository__second", {"second": second}),
        (lambda: right, "right", {"second": second}),
        (lambda: first, "__repository__first", {"first": first}),
        (lambda x=1: left, "left", {"first": first}),
    ],
)
def test_attribute(value: object, name: str, pipelines: dict[str, PipelineDefinition]) -> None:
    (found,) = repositories_in(module(it=value, other=left), "it")
    assert found.name == name
    assert found.pipelines.constructed() == pipelines


@pytest.mark.parametrize(
    ("values", "attribute", "message"),
    [
        (
            {"first": first, "second": second},
            None,
            (
                r"cannot choose among the 2 pipelines of module repos \(/code/repos.py\): found "
                r"no repository, and first \(.*\), second \(.*\); put them into a @repository"
            ),
        ),
        ({}, None, r"cannot find a repository or a pipeline in module repos .*: found nothing;"),
        ({"x": 3, "one": one}, None, r"found x \(an int\), one \(a SolidDefinition\); decorate"),
        ({f"x{n}": 3 for n in range(12)}, None, r"x9 \(an int\) and 2 more"),
        (
            {"a": left, "b": RepositoryDefinition("left", {})},
            None,
            r"cannot use two repositories named \"left\" .* found them at .* and .*; rename one",
        ),
        ({"left": left}, "lfet", r'cannot find the attribute "lfet" of .*did you mean "left"'),
        ({"x": 3}, "x", r'the attribute "x" of .*: found an int, expected a repository, a pipel'),
        ({"x": one}, "x", r"found a SolidDefinition, expected a repository"),
        ({"x": Proxy}, "x", r"found a type, expected"),
        ({"x": lambda: None}, "x", r"found a function that returned None, expected a reposit"),
    ],
)
def test_refused(values: dict[str, object], attribute: str | None, message: str) -> None:
    with pytest.raises(TargetError, match=message):
        repositories_in(module(**values), attribute)


def test_function_with_arguments_is_refused() -> None:
    message = 'cannot use the attribute "takes" of .*: its function takes x, expected a function'
    with pytest.raises(DefinitionError, match=message):
        repositories_in(module(takes=takes), "takes")


def test_exception_of_a_function_is_the_users_own() -> None:
    with pytest.raises(ZeroDivisionError):
        repositories_in(module(x=lambda: 1 / 0), "x")
