"""Repositories: laziness, names, and what is refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from hostler.definitions import (
    DefinitionError,
    PipelineDefinition,
    RepositoryData,
    RepositoryDefinition,
    SolidNode,
    UnknownNameError,
    pipeline,
    repository,
    solid,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostler.definitions import SolidDefinition


@solid
def one() -> int:
    return 1


@pipeline
def first() -> None:
    one()


@pipeline
def second() -> None:
    one()


def test_list_of_pipelines() -> None:
    @repository
    def repo() -> list[PipelineDefinition]:
        """Both."""
        return [first, second]

    assert repo.name == "repo"
    assert repo.description == "Both."
    assert repo.pipeline_names == ("first", "second")
    assert repo.pipelines.constructed() == {"first": first, "second": second}
    assert not repo.pipelines.is_lazy("first")
    assert repo.source is not None
    assert repo.source.file == __file__


def test_function_runs_once_and_pipelines_are_constructed_on_first_need() -> None:
    calls: list[str] = []

    def make() -> PipelineDefinition:
        calls.append("pipeline")
        return first

    @repository(name="lazy", description="Lazy.")
    def repo() -> dict[str, dict[str, Any]]:
        calls.append("repository")
        return {"pipelines": {"first": make, "second": second}}

    assert (repo.name, repo.description) == ("lazy", "Lazy.")
    assert repo.pipeline_names == ("first", "second")
    assert (repo.pipelines.is_lazy("first"), repo.pipelines.is_lazy("second")) == (True, False)
    assert repo.pipelines.constructed() == {"second": second}
    assert calls == ["repository"]
    assert repo.get_pipeline("first") is repo.get_pipeline("first") is first
    assert calls == ["repository", "pipeline"]
    assert repo.pipelines.constructed() == {"first": first, "second": second}


def test_a_thousand_lazy_pipelines_are_listed_without_constructing_one() -> None:
    constructed: list[str] = []

    def lazy(name: str) -> Callable[[], PipelineDefinition]:
        def make() -> PipelineDefinition:
            constructed.append(name)
            return PipelineDefinition(name, [])

        return make

    @repository
    def repo() -> dict[str, dict[str, Any]]:
        return {"pipelines": {f"p{index}": lazy(f"p{index}") for index in range(1000)}}

    assert len(repo.pipeline_names) == 1000
    assert constructed == []
    repo.get_pipeline("p7")
    assert constructed == ["p7"]


def test_data_of_the_users_own() -> None:
    class Data(RepositoryData):
        def __init__(self) -> None:
            self.asked: list[str] = []

        def pipeline_names(self) -> list[str]:
            return ["first", "second"]

        def pipeline(self, name: str) -> PipelineDefinition:
            self.asked.append(name)
            return {"first": first, "second": first}[name]

    data = Data()

    @repository
    def repo() -> RepositoryData:
        return data

    assert repo.pipeline_names == ("first", "second")
    assert data.asked == []
    assert repo.get_pipeline("first") is first
    assert repo.get_pipeline("first") is first
    assert data.asked == ["first"]
    with pytest.raises(DefinitionError, match=r'pipeline "first" .* under the key "second"'):
        repo.get_pipeline("second")


class NamesNothing(RepositoryData):
    """Leaves out what a subclass must define."""


def names_nothing() -> RepositoryData:
    return NamesNothing()


def test_data_that_defines_nothing_says_so() -> None:
    with pytest.raises(NotImplementedError, match="NamesNothing does not define pipeline_names"):
        repository(name="r")(names_nothing)
    with pytest.raises(NotImplementedError, match="RepositoryData does not define pipeline"):
        RepositoryData().pipeline("x")


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (None, r"returned None \(NoneType\), expected a list of pipelines.*is a return missing\?"),
        (3, r"returned 3 \(int\)"),
        ((first,), r"\(tuple\), expected a list of pipelines"),
        ([first, 3], r"its list holds 3 \(int\) at index 1, expected a pipeline"),
        ([one], r"\(SolidDefinition\) at index 0, expected a pipeline, schedule or part"),
        ([lambda: first], r"\(function\) at index 0, .*a function goes into a dict"),
        ([first, second, first], 'pipeline "first" at index 0 and at index 2; rename or remove'),
        ({"pipeline": {}}, "unknown key 'pipeline'; did you mean \"pipelines\"\\?; under each"),
        ({3: {}}, "unknown key 3"),
        ({"schedules": []}, r'its "schedules" are \[\] \(list\), expected a dict of names and sch'),
        ({"pipelines": {}, "partition_sets": {"a": 1}}, 'cannot use 1 as partition set "a" of rep'),
        ({"pipelines": [first]}, r'its "pipelines" are \[.*\] \(list\), expected a dict'),
        ({"pipelines": {"first": 3}}, 'cannot use 3 as pipeline "first" .*found an int'),
        ({"pipelines": {"first": one}}, 'as pipeline "first" .*found a SolidDefinition'),
        ({"pipelines": {3: first}}, 'cannot name a pipeline of repository "repo" 3: it is an'),
        ({"pipelines": {"a b": first}}, "cannot name a pipeline of repository \"repo\" 'a b'"),
        (
            {"pipelines": {"other": first}},
            (
                r'"first" .* under the key "other" of repository "repo": the key must be the name '
                r'of .*change the key to "first", or the name with name="other"'
            ),
        ),
    ],
)
def test_refused_contents(contents: Any, message: str) -> None:
    def repo() -> Any:
        return contents

    with pytest.raises(DefinitionError, match=message) as raised:
        repository(repo)
    assert raised.value.source is not None
    assert raised.value.source.file == __file__
    assert raised.value.source.line == repo.__code__.co_firstlineno


def returns_none() -> None: ...
def returns_solid() -> Any:
    return one


def returns_other() -> PipelineDefinition:
    return second


def takes_something(x: int) -> PipelineDefinition:
    return first


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["first", "first"], 'Names names pipeline "first" twice'),
        ("first", "Names gives a str as the names of its pipelines, expected a list of strings"),
        (None, "Names gives None as the names"),
        ([3], r"Names gives 3 \(int\) as the name of a pipeline, expected a string"),
        ([["first"]], r"Names gives \['first'\] \(list\) as the name of a pipeline"),
        (["a b"], "cannot name a pipeline of repository \"repo\" 'a b'"),
        (["class"], "it is a keyword of Python"),
    ],
)
def test_refused_names_of_data(names: Any, message: str) -> None:
    class Names(RepositoryData):
        def pipeline_names(self) -> Any:
            return names

    def repo() -> RepositoryData:
        return Names()

    with pytest.raises(DefinitionError, match=message) as raised:
        repository(repo)
    assert raised.value.source is not None
    assert raised.value.source.line == repo.__code__.co_firstlineno


async def returns_later() -> PipelineDefinition:
    return first


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (returns_later, "its function is an async one, expected a plain function; leave out async"),
        (returns_none, r"its function returned None \(NoneType\), expected a pipeline; is a ret"),
        (returns_solid, r"its function returned <solid \"one\"> \(SolidDefinition\)"),
        (returns_other, 'cannot use pipeline "second" .* under the key "first"'),
        (takes_something, "its function takes x, expected a function without arguments"),
    ],
)
def test_refused_constructor(function: Any, message: str) -> None:
    repo = RepositoryDefinition("repo", {"first": function})
    for _ in range(2):  # a failure is no pipeline to keep
        with pytest.raises(DefinitionError, match=message) as raised:
            repo.get_pipeline("first")
        assert raised.value.source is not None
        assert raised.value.source.line == function.__code__.co_firstlineno


@pytest.mark.parametrize("kind", ["pipelines", "schedules", "partition_sets"])
def test_what_a_repository_is_made_of_is_a_dict(kind: str) -> None:
    given: dict[str, Any] = {"pipelines": {}, kind: [first]}
    noun = kind.replace("_", " ")
    with pytest.raises(DefinitionError, match=rf'"r": its {noun} are \[.*\] \(list\), expected a'):
        RepositoryDefinition("r", **given)


def test_exception_of_a_constructor_is_the_users_own() -> None:
    def make() -> PipelineDefinition:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        RepositoryDefinition("repo", {"first": make}).get_pipeline("first")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("frist", 'cannot find pipeline \'frist\' in repository "repo"; did you mean "first"'),
        ("FIRST", 'did you mean "first"'),
        ("zzz", 'there are "first", "second"'),
    ],
)
def test_unknown_pipeline_gives_the_nearest(name: str, message: str) -> None:
    repo = RepositoryDefinition("repo", {"first": first, "second": second})
    with pytest.raises(UnknownNameError, match=message):
        repo.get_pipeline(name)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (first, 'cannot make a repository of <pipeline "first">: found a PipelineDefinition'),
        ("x", r'write @repository\(name="x"\)'),
        (takes_something, "its function takes x, expected a function without arguments"),
        (lambda: [first], "cannot name a repository '<lambda>'"),
        (returns_later, 'cannot make repository "returns_later": its function is an async one'),
    ],
)
def test_refused_function(function: Any, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        repository(function)


def _using(name: str, definition: SolidDefinition[Any]) -> PipelineDefinition:
    return PipelineDefinition(name, [SolidNode(definition)])


def _load(value: int) -> SolidDefinition[Any]:
    @solid
    def load() -> int:
        return value

    return load


def test_two_solids_of_one_name_are_told_with_their_places() -> None:
    one, other = _load(1), _load(2)
    place = f"{__file__}:[0-9]+"
    with pytest.raises(
        DefinitionError, match='two solids named "load" in repository "r"'
    ) as raised:
        RepositoryDefinition("r", {"a": _using("a", one), "b": _using("b", other)})
    told = f'"a" uses the one at {place}, pipeline "b" the one at {place}'
    assert re.search(told, str(raised.value))
    both = PipelineDefinition("p", [SolidNode(one), SolidNode(other, name="again")])
    with pytest.raises(DefinitionError, match='two solids named "load"'):
        RepositoryDefinition("r", {"p": both})


def test_one_solid_may_be_used_often() -> None:
    one = _load(1)
    nodes = [SolidNode(one), SolidNode(one, name="again")]
    made = RepositoryDefinition("r", {"a": _using("a", one), "p": PipelineDefinition("p", nodes)})
    assert made.pipeline_names == ("a", "p")


def test_a_lazy_pipeline_is_compared_with_those_that_are_there() -> None:
    def lazy(name: str) -> Callable[[], PipelineDefinition]:
        return lambda: _using(name, _load(2))

    made = RepositoryDefinition("r", {"b": lazy("b"), "a": _using("a", _load(1))})
    with pytest.raises(DefinitionError, match='two solids named "load"'):
        made.get_pipeline("b")
    alone = RepositoryDefinition("r", {"b": lazy("b"), "c": lazy("c")})
    # whichever is constructed first, in whichever process
    assert [alone.get_pipeline(name).name for name in ("b", "c")] == ["b", "c"]
