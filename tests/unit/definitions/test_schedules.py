"""Schedules: what they are made of, what a tick asks for, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from hostler.definitions import (
    DefinitionError,
    PipelineDefinition,
    RepositoryDefinition,
    ScheduleContext,
    ScheduleDefinition,
    SkipReason,
    repository,
    schedule,
)
from hostler.definitions._run_requests import RunRequest

if TYPE_CHECKING:
    from collections.abc import Callable

TICK = datetime(2026, 1, 31, 6, tzinfo=UTC)


def p() -> PipelineDefinition:
    return PipelineDefinition("p", [])


@schedule("0 6 * * mon-fri", "p", tags={"team": "a"}, execution_timezone="Europe/Berlin")
def workdays(context: ScheduleContext) -> dict[str, Any]:
    """On workdays."""
    day = context.scheduled_execution_time.date()
    return {"solids": {"read": {"config": {"day": day.isoformat()}}}}


def test_decorator() -> None:
    assert (workdays.name, workdays.pipeline_name) == ("workdays", "p")
    assert workdays.description == "On workdays."
    assert (workdays.cron_schedule, workdays.execution_timezone) == (
        "0 6 * * mon-fri",
        "Europe/Berlin",
    )
    assert workdays.source is not None
    assert workdays.source.file == __file__
    first = next(workdays.ticks(TICK))
    assert first.isoformat() == "2026-02-02T06:00:00+01:00"
    request = workdays.run_request(first)
    assert isinstance(request, RunRequest)
    assert request.run_config == {"solids": {"read": {"config": {"day": "2026-02-02"}}}}
    assert request.tags == {"team": "a"}


def test_definition_with_values() -> None:
    given = {"solids": {"read": {"config": {"rows": (1, 2), "deep": [{"a": None}]}}}}
    made = ScheduleDefinition(
        "nightly",
        "@daily",
        "p",
        run_config=given,
        tags={"a": "b"},
        environment_vars={"REGION": "eu"},
    )
    request = made.run_request(TICK)
    assert isinstance(request, RunRequest)
    assert request.run_config["solids"]["read"]["config"] == {"rows": [1, 2], "deep": [{"a": None}]}
    assert made.environment_vars == {"REGION": "eu"}
    assert (made.execution_timezone, repr(made)) == ("UTC", '<schedule "nightly">')
    given["solids"].clear()
    assert made.run_config["solids"]


@pytest.mark.parametrize("answer", [True, False])
def test_should_execute_decides_before_anything_else_is_made(answer: bool) -> None:
    made: list[str] = []

    def should(context: ScheduleContext) -> bool:
        assert (context.schedule_name, context.scheduled_execution_time) == ("s", TICK)
        return answer

    def run_config() -> dict[str, Any]:
        made.append("config")
        return {}

    def tags(*_: object) -> dict[str, str]:
        made.append("tags")
        return {"a": "b"}

    it = ScheduleDefinition(
        "s", "@daily", "p", run_config_fn=run_config, tags_fn=tags, should_execute=should
    )
    request = it.run_request(TICK)
    assert made == (["config", "tags"] if answer else [])
    assert (request is None) is not answer


class Frame:
    def __repr__(self) -> str:
        return "Frame()"


looped: list[Any] = []
looped.append(looped)


@pytest.mark.parametrize(
    ("run_config", "message"),
    [
        (3, r"found an int, expected a dict"),
        ({"a": {"b": [Frame()]}}, r"a\.b\[0\]: found Frame\(\) \(Frame\), expected a string"),
        ({"a": {1: 2}}, r"a\.1: the key is an int, expected a string"),
        ({"a": float("nan")}, "a: found nan, expected a number that JSON has"),
        ({"a": -float("inf")}, "a: found -inf"),
        ({"a": 2**53 + 1}, "a: found 9007199254740993, too great to travel; give it as a string"),
        ({"a": "\udc80"}, "a: found .*, which UTF-8 has not"),
        ({"a": looped}, "goes too deep, or contains itself"),
    ],
)
def test_run_configs_that_cannot_travel(run_config: Any, message: str) -> None:
    message = 'run config of schedule "s".*' + message
    with pytest.raises(DefinitionError, match=message):
        ScheduleDefinition("s", "@daily", "p", run_config=run_config)
    made = ScheduleDefinition("s", "@daily", "p", run_config_fn=lambda: run_config)
    with pytest.raises(DefinitionError, match=message) as raised:
        made.run_request(TICK)
    assert raised.value.source is not None
    assert raised.value.source.file == __file__


def refused_arguments() -> list[tuple[dict[str, Any], str]]:
    async def later() -> dict[str, Any]:
        return {}

    def two(a: int, b: int) -> dict[str, Any]:
        return {}

    return [
        ({"name": "a b"}, "cannot name a schedule 'a b'"),
        (
            {"cron_schedule": "x"},
            "cannot use 'x' as the cron schedule of schedule \"s\": found 1 f",
        ),
        ({"cron_schedule": 5}, 'found an int, expected a string as "0 6'),
        ({"pipeline_name": p}, 'cannot name the pipeline of schedule "s"'),
        ({"run_config": {}, "run_config_fn": dict}, "with run_config and run_config_fn; leave out"),
        ({"run_config": p}, "found a function; give a function as run_config_fn"),
        ({"tags": {}, "tags_fn": p}, "with tags and tags_fn"),
        ({"tags": {"a": 1}}, "keys and values of tags are strings"),
        ({"tags_fn": 3}, 'cannot use 3 as tags_fn of schedule "s": found an int, expected a func'),
        ({"run_config_fn": two}, "run_config_fn of .*: it takes a, b, expected a plain function"),
        ({"run_config_fn": later}, "it is an async function, expected a plain function"),
        ({"should_execute": True}, "cannot use True as should_execute"),
        ({"environment_vars": {"A": 1}}, "environment_vars"),
        ({"execution_timezone": 3}, 'time zone of schedule "s": found an int'),
        ({"execution_timezone": "Berlin"}, 'no time zone "Berlin" is known'),
        ({"description": 3}, "cannot describe"),
    ]


@pytest.mark.parametrize(("arguments", "message"), refused_arguments())
def test_refused(arguments: dict[str, Any], message: str) -> None:
    given = {"name": "s", "cron_schedule": "@daily", "pipeline_name": "p", **arguments}
    with pytest.raises(DefinitionError, match=message) as raised:
        ScheduleDefinition(**given)
    assert raised.value.source is not None
    assert raised.value.source.file == __file__


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"should_execute": lambda: 1},
            r"should_execute of .* returned: found 1 \(int\), expected T",
        ),
        ({"tags_fn": lambda: {"a": 1}}, "keys and values of tags are strings"),
        ({"tags_fn": lambda: None, "run_config_fn": lambda: 3}, "found an int, expected a dict"),
    ],
)
def test_functions_that_give_something_else(arguments: dict[str, Any], message: str) -> None:
    made = ScheduleDefinition("s", "@daily", "p", **arguments)
    with pytest.raises(DefinitionError, match=message):
        made.run_request(TICK)


def test_an_exception_of_a_function_is_the_users_own() -> None:
    made = ScheduleDefinition("s", "@daily", "p", tags_fn=lambda: {"day": workdays.tags["day"]})
    with pytest.raises(KeyError):
        made.run_request(TICK)


def test_what_is_no_function_cannot_be_decorated() -> None:
    with pytest.raises(DefinitionError, match="cannot make a schedule of 3: found an int"):
        schedule("@daily", "p")(3)  # type: ignore[arg-type] # what a user may write


def test_repository_keeps_schedules_lazily_and_checks_their_pipelines() -> None:
    made: list[str] = []

    def lazy(name: str, pipeline: str) -> Callable[[], ScheduleDefinition]:
        def make() -> ScheduleDefinition:
            made.append(name)
            return ScheduleDefinition(name, "@daily", pipeline)

        return make

    @repository
    def repo() -> dict[str, dict[str, Any]]:
        return {
            "pipelines": {"p": p},
            "schedules": {"good": lazy("good", "p"), "bad": lazy("bad", "q"), "workdays": workdays},
        }

    assert repo.schedules.names == ("good", "bad", "workdays")
    assert repo.schedules.constructed() == {"workdays": workdays}
    assert made == []
    assert repo.schedules.get("good") is repo.schedules.get("good")
    assert made == ["good"]
    with pytest.raises(DefinitionError, match='"q", which is not in the repository; there are "p"'):
        repo.schedules.get("bad")
    with pytest.raises(DefinitionError, match='for pipeline "p", which is not in the repository'):
        RepositoryDefinition("repo", {}, schedules={"workdays": workdays})


@pytest.mark.parametrize("by", ["should_execute", "run_config_fn"])
def test_a_skip_reason_is_what_the_tick_gives(by: str) -> None:
    functions: dict[str, Any] = {by: lambda: SkipReason("nothing new")}
    made = ScheduleDefinition("s", "@daily", "p", **functions)
    assert made.run_request(TICK) == SkipReason("nothing new")


def test_a_skip_reason_is_a_text() -> None:
    with pytest.raises(DefinitionError, match="cannot make a SkipReason of 3: found an int"):
        SkipReason(3)  # type: ignore[arg-type]


def empty() -> dict[str, Any]:
    return {}


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("default_status", True),
        ("default_status", "on"),
        ("catch_up", "last"),
        ("catch_up", ["all"]),
        ("max_catch_up", 0),
        ("max_catch_up", True),
        ("max_catch_up", 2.0),
        ("max_retries", -1),
        ("max_retries", 10**9),
        ("tick_patience", -1),
        ("tick_patience", float("nan")),
        ("tick_patience", "10"),
        ("overlap", "allow"),
    ],
)
def test_a_setting_of_ticks_that_cannot_be_used(setting: str, value: object) -> None:
    given: dict[str, Any] = {setting: value}
    with pytest.raises(DefinitionError, match=f'as {setting} of schedule "s"; expected'):
        ScheduleDefinition("s", "@daily", "p", **given)
    with pytest.raises(DefinitionError, match=f"as {setting} of schedule"):
        schedule("@daily", "p", **given)(empty)


@pytest.mark.parametrize("variables", [{"": "a"}, {"A=B": "c"}, {"A": "b\0"}, {"A\0": "b"}])
def test_a_variable_that_no_environment_has(variables: dict[str, str]) -> None:
    with pytest.raises(DefinitionError, match=r'cannot set the variable .* for schedule "s"'):
        ScheduleDefinition("s", "@daily", "p", environment_vars=variables)
