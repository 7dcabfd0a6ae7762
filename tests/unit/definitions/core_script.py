"""The core of the definitions under whatever interpreter runs this file: no pytest in there.

Standard library alone, CPython 3.8 and later; run by test_interpreters.py.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import datetime, timezone
from itertools import islice

from hostler.definitions import (
    ConfigError,
    DefinitionError,
    Field,
    InputDefinition,
    Output,
    OutputDefinition,
    Partition,
    PipelineDefinition,
    RetryPolicy,
    ScheduleContext,
    ScheduleDefinition,
    SolidContext,
    SolidDefinition,
    daily_partitions,
    execute_pipeline,
    partition_set,
    pipeline,
    repository,
    schedule,
    solid,
)
from hostler.definitions._run_requests import RunRequest
from hostler.host.discovery import repositories_in
from hostler.host.execution import execute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    Events = list[tuple[str, str | None, dict[str, Any]]]


@solid
def one() -> int:
    """Gives one."""
    return 1


@solid(config_schema={"by": Field(int, default=2), "deep": {"names": [str]}})
def scale(context: SolidContext, number: int, offset: int = 0) -> int:
    context.log.info("scaling %d by %s", number, context.config["by"])
    return number * int(context.config["by"]) + offset


@solid(outputs=[OutputDefinition("even", int, is_required=False), OutputDefinition("odd", int)])
def split(number: int) -> Iterator[Output]:
    yield Output(number, "odd")


@solid(inputs=[InputDefinition("numbers", description="to add")])
def total(numbers: list[int]) -> int:
    return sum(numbers)


@pipeline(tags={"team": "numbers"})
def numbers() -> None:
    """Plays with numbers."""
    first = one()
    scaled = scale(first)
    parts = split(scaled)
    total([first, parts.odd, parts.even])
    total.alias("of_the_even")([parts.even])


def late() -> object:
    @pipeline(name="late")
    def made() -> None:
        one()

    return made


@repository
def everything() -> dict[str, dict[str, Any]]:
    return {"pipelines": {"numbers": lambda: numbers, "late": late}}


CONFIG = {"solids": {"scale": {"config": {"deep": {"names": ["a"]}}, "inputs": {"offset": 1.0}}}}


def refused(attempt: Callable[[], object], *words: str) -> None:
    """Asserts that the attempt raises a DefinitionError with these words."""
    message = ""
    try:
        attempt()
    except DefinitionError as error:
        message = str(error)
    for word in words:
        assert word in message, (word, message)


def check_execution() -> None:
    result = execute_pipeline(numbers, CONFIG)
    assert result.success
    assert result.succeeded == ["one", "scale", "split", "total"], result.succeeded
    assert list(result.skipped) == ["of_the_even"]
    assert result.output("total") == 4, result.output("total")


def check_events() -> None:
    events: Events = []
    result = execute(numbers, CONFIG, "r1", lambda *event: events.append(event), {})
    assert result.succeeded
    assert [name for name, step, _ in events if step == "scale"] == [
        "step_started",
        "log_message",
        "step_output",
        "step_succeeded",
    ]
    log = [data for name, _, data in events if name == "log_message"]
    assert log == [{"level": "INFO", "message": "scaling 1 by 2"}]


def check_failure() -> None:
    @solid
    def broken(number: int) -> int:
        raise LookupError(f"no {number}")

    @pipeline
    def breaks() -> None:
        total([broken(one())])

    events: Events = []
    result = execute(breaks, {}, "r2", lambda *event: events.append(event), {})
    assert result.failed_step == "broken"
    assert result.exception is not None
    assert result.exception["type"] == "LookupError"
    assert "core_script.py" in result.exception["traceback"]
    assert "engine.py" not in result.exception["traceback"], result.exception["traceback"]
    assert events[-1] == ("step_skipped", "total", {"reason": 'solid "broken" failed'})


def check_config() -> None:
    wrong = {"solids": {"scale": {"config": {"by": "x", "dep": 1, "deep": {"names": [1]}}}}}
    paths: list[str] = []
    try:
        execute_pipeline(numbers, wrong)
    except ConfigError as error:
        paths += [problem.path for problem in error.problems]
    assert paths == [
        "solids.scale.config.dep",
        "solids.scale.config.by",
        "solids.scale.config.deep.names[0]",
    ], paths


def check_repository() -> None:
    (found,) = repositories_in(sys.modules[__name__], None)
    assert found is everything
    assert found.pipeline_names == ("numbers", "late")
    assert found.pipelines.constructed() == {}
    assert found.get_pipeline("late") is found.get_pipeline("late")
    refused(lambda: found.get_pipeline("nunbers"), 'did you mean "numbers"?')


def check_signatures() -> None:
    def positional(a: int, b: object = 3, *, c: str | None = None) -> None: ...

    made: SolidDefinition[Any] = solid(positional)
    assert [one.name for one in made.inputs] == ["a", "b", "c"]
    assert [one.has_default for one in made.inputs] == [False, True, True]
    assert [one.type_name for one in made.inputs] == ["int", "object", "str | None"]
    assert made.source is not None
    assert made.source.file == __file__
    assert SolidDefinition[int] is not None
    assert total([1, 2]) == 3
    assert scale(SolidContext(config={"by": 5}), 2) == 10


def check_schedules() -> None:
    @schedule("30 2 * * *", "numbers", execution_timezone="Europe/Berlin")
    def nightly(context: ScheduleContext) -> dict[str, Any]:
        return {"at": context.scheduled_execution_time.isoformat()}

    after = datetime(2026, 3, 28, 12, tzinfo=timezone.utc)
    first, second = islice(nightly.ticks(after), 2)
    assert first.isoformat() == "2026-03-29T03:00:00+02:00", first
    assert second.isoformat() == "2026-03-30T02:30:00+02:00", second
    request = nightly.run_request(first)
    assert isinstance(request, RunRequest)
    assert request.run_config == {"at": first.isoformat()}
    refused(lambda: ScheduleDefinition("s", "61 * * * *", "numbers"), '"61"', "0 to 59", __file__)
    refused(
        lambda: ScheduleDefinition("s", "@daily", "p", execution_timezone="Europe/Berln"),
        'did you mean "Europe/Berlin"',
    )


def check_partitions() -> None:
    @partition_set("numbers", daily_partitions("2026-03-28", "2026-03-30"))
    def days(partition: Partition) -> dict[str, Any]:
        return {"day": partition.name}

    assert list(days.partitions()) == ["2026-03-28", "2026-03-29"], list(days.partitions())
    assert days.run_request(days.partition("2026-03-29")).run_config == {"day": "2026-03-29"}
    refused(lambda: days.partition("2026-03-30"), 'did you mean "2026-03-')
    repo = repository(name="repo")(lambda: [numbers, days])
    assert repo.partition_sets.names == ("days",)


def check_retries() -> None:
    attempts: list[int] = []

    @solid(retry_policy=RetryPolicy(2))
    def shaky(context: SolidContext) -> None:
        attempts.append(context.retry_number)
        if len(attempts) < 3:
            raise OSError

    @pipeline
    def p() -> None:
        shaky()

    assert execute_pipeline(p).success
    assert attempts == [0, 1, 2]


@solid(timeout=60)
def timed(number: int) -> dict[str, int]:
    print("in a process of its own")
    return {"pid": os.getpid(), "number": number}


@solid(timeout=0.1)
def overdue() -> None:
    signal.pause()


@solid
def pid_of(given: dict[str, int]) -> int:
    return given["pid"]


def check_steps() -> None:
    @pipeline
    def p() -> None:
        pid_of(timed(one()))
        overdue()

    for limit in (0, 1, 3):
        steps_at_once(p, limit)


def steps_at_once(p: PipelineDefinition, limit: int) -> None:
    events: Events = []
    result = execute(p, {}, "r3", lambda *event: events.append(event), {}, max_concurrency=limit)
    assert result.failed_step == "overdue"
    assert result.exception is not None
    assert result.exception["type"] == "hostler.definitions.errors.StepTimeoutError"
    printed = [(step, data["text"]) for name, step, data in events if name == "printed_line"]
    assert printed == [("timed", "in a process of its own")], printed
    pids = [
        data["preview"] for name, step, data in events if step == "pid_of" and "preview" in data
    ]
    assert pids != [str(os.getpid())]
    try:
        os.wait()
    except ChildProcessError:
        pass
    else:
        raise AssertionError("a step was not reaped")


def check_refusals() -> None:
    async def later() -> None: ...

    def many(*args: int) -> None: ...

    refused(lambda: solid(later), "async", "plain function", __file__)
    refused(lambda: solid(many), "*args")
    refused(lambda: solid(name="a b")(late), "'a b'", "letters")
    refused(lambda: solid(name="class")(late), "keyword")
    refused(lambda: pipeline(total), "found a SolidDefinition")


if __name__ == "__main__":
    checks = [value for name, value in list(globals().items()) if name.startswith("check_")]
    for check in checks:
        check()
    print(f"{len(checks)} checks passed")
