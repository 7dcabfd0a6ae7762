"""Resources: made once, cleaned up at the end, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hostler.definitions import (
    ConfigError,
    DefinitionError,
    Field,
    PipelineDefinition,
    ResourceContext,
    ResourceError,
    SolidContext,
    SolidNode,
    execute_pipeline,
    pipeline,
    resource,
    solid,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

done: list[str] = []


@pytest.fixture(autouse=True)
def clear() -> None:
    done.clear()


@resource(config_schema={"url": Field(str, default="db://local")})
def db(context: ResourceContext) -> Iterator[str]:
    """A database."""
    done.append(f"open {context.resource_name} for {context.pipeline_name}")
    yield context.config["url"]
    done.append("close db")


@resource
def cache() -> dict[str, int]:
    done.append("make cache")
    return {}


@solid(required_resources={"db", "cache"})
def load(context: SolidContext) -> str:
    context.resources.cache["loads"] = 1
    return str(context.resources.db)


@solid(required_resources=["cache"])
def count(context: SolidContext, url: str) -> int:
    assert url
    return int(context.resources.cache["loads"])


@solid
def alone() -> int:
    done.append("alone")
    return 1


@pipeline(resources={"db": db, "cache": cache})
def counting() -> None:
    alone()
    count(load())


def test_a_resource_is_made_once_and_cleaned_up() -> None:
    result = execute_pipeline(counting)
    assert (result.output("load"), result.output("count")) == ("db://local", 1)
    assert done == ["alone", "make cache", "open db for counting", "close db"]
    assert (db.description, db.takes_context, db.is_generator) == ("A database.", True, True)


def test_config_of_a_resource(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("URL", "db://far")
    config = {"resources": {"db": {"config": {"url": {"env": "URL"}}}}}
    assert execute_pipeline(counting, config).output("load") == "db://far"
    wrong = {"resources": {"db": {"config": {"ulr": "x"}, "x": 1}, "dbb": {}}}
    with pytest.raises(ConfigError) as raised:
        execute_pipeline(counting, wrong)
    assert [str(one) for one in raised.value.problems] == [
        'resources.dbb: unknown; did you mean "db"?',
        'resources.db.x: unknown; there are "config"',
        'resources.db.config.ulr: unknown field; did you mean "url"?',
    ]


def test_what_no_selected_solid_requires_is_not_made_and_needs_no_config() -> None:
    @resource(config_schema=int)
    def number(context: ResourceContext) -> int:
        return int(context.config)

    @solid(required_resources={"number"})
    def show(context: SolidContext) -> int:
        return int(context.resources.number)

    @pipeline(resources={"number": number})
    def p() -> None:
        alone()
        show()

    assert execute_pipeline(p, solids=["alone"]).success
    with pytest.raises(ConfigError, match=r"resources\.number\.config: missing; expected int"):
        execute_pipeline(p)
    assert execute_pipeline(p, {"resources": {"number": {"config": 3}}}).output("show") == 3


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_cleaned_up_after_a_failure_and_on_cancel(error: BaseException) -> None:
    @solid(required_resources={"db"})
    def fails(context: SolidContext) -> None:
        raise error

    made = PipelineDefinition("p", [SolidNode(fails)], resources={"db": db})
    with pytest.raises(type(error)):
        execute_pipeline(made)
    assert done == ["open db for p", "close db"]


def test_a_resource_that_cannot_be_made_fails_the_step() -> None:
    @resource
    def broken() -> None:
        raise OSError("no network")

    @resource
    def empty() -> Iterator[int]:
        yield from ()

    @solid(required_resources={"db", "it"})
    def uses(context: SolidContext) -> None: ...

    for one, message in ((broken, "no network"), (empty, "ended without a yield")):
        made = PipelineDefinition("p", [SolidNode(uses)], resources={"db": db, "it": one})
        result = execute_pipeline(made, raise_on_error=False)
        assert message in str(result.failed["uses"])
        assert isinstance(result.failed["uses"], (OSError, ResourceError))
    assert done == ["open db for p", "close db"] * 2, "what was made is cleaned up"


def test_what_fails_in_the_cleanup_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    @resource
    def breaks() -> Iterator[int]:
        yield 1
        raise OSError("still in use")

    @resource
    def twice() -> Iterator[int]:
        yield 1
        yield 2

    @solid(required_resources={"breaks", "db", "twice"})
    def uses(context: SolidContext) -> None: ...

    resources = {"breaks": breaks, "db": db, "twice": twice}
    made = PipelineDefinition("p", [SolidNode(uses)], resources=resources)
    assert execute_pipeline(made).success
    assert "close db" in done
    logged = [one.getMessage() for one in caplog.records]
    assert 'the resource "twice" was yielded twice; yield once, then clean up' in logged
    assert 'cannot clean up the resource "breaks": OSError: still in use' in logged


def test_in_a_test_resources_are_given() -> None:
    context = SolidContext(resources={"db": "fake", "cache": {}})
    assert load(context) == "fake"
    with pytest.raises(AttributeError, match=r'requires no resource "x".*required_resources'):
        _ = context.resources.x
    assert cache() == {}


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        (None, r'solid "load" requires the resource "cache"; there are none; .*resources='),
        ({"cach": cache, "db": db}, 'requires the resource "cache"; did you mean "cach"'),
        ([db], 'found a list, expected a dict, as {"db": db}'),
        ({"db": 3}, 'cannot use 3 as resource "db" .* found an int, expected what @resource makes'),
        ({"a b": db}, "cannot name a resource of pipeline \"p\" 'a b'"),
    ],
)
def test_refused_resources_of_a_pipeline(resources: Any, message: str) -> None:
    with pytest.raises(DefinitionError, match=message) as raised:
        PipelineDefinition("p", [SolidNode(load)], resources=resources)
    assert raised.value.source is not None
    assert raised.value.source.file == __file__


def test_refused_definitions() -> None:
    makers: Any = resource
    with pytest.raises(DefinitionError, match="takes a, b"):
        makers(lambda a, b: 1)
    with pytest.raises(DefinitionError, match="expected a function"):
        makers("db")
    with pytest.raises(DefinitionError, match="cannot use 3 as the type of the config"):
        makers(config_schema=3)(lambda: 1)
    wrongs: list[Any] = ["db", 3, {"a": 1}, ["a b"], [3]]
    for wrong in wrongs:
        with pytest.raises(DefinitionError, match="required resources of solid"):
            solid(required_resources=wrong)(clear_nothing)


def clear_nothing() -> None: ...
