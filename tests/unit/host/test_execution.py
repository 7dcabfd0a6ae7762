"""Executing in a run process: the events, what fails, what is skipped."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import pytest
from unit.host.executing import (
    Event,
    executed,
    executed_alone,
    failure_of,
    outputs_of,
)

from hostler.definitions import (
    ConfigError,
    DefinitionError,
    Output,
    OutputDefinition,
    RetryPolicy,
    SolidContext,
    SolidDefinition,
    UnknownNameError,
    execute_pipeline,
    pipeline,
    solid,
)
from hostler.host.execution import execute

if TYPE_CHECKING:
    from collections.abc import Iterator


TWO = [OutputDefinition("a", int), OutputDefinition("b", is_required=False)]


def test_events_of_a_good_run() -> None:
    @solid
    def start(context: SolidContext) -> int:
        context.log.warning("%s of %s", context.solid_name, context.pipeline_name)
        context.log.debug("%(by)s, %(team)s, " + context.run_id, context.tags)
        return 7

    @solid
    def end(number: int) -> None: ...

    @pipeline(tags={"team": "a"})
    def good() -> None:
        end.alias("last")(start())

    result, events = executed(good)
    assert result.succeeded
    assert (result.failed_step, result.exception) == (None, None)
    duration = events[4][2]["duration"]
    assert re.fullmatch(r"0\.\d{6}s", duration)
    assert events[:5] == [
        ("step_started", "start", {}),
        ("log_message", "start", {"level": "WARNING", "message": "start of good"}),
        (
            "log_message",
            "start",
            {"level": "DEBUG", "message": "me, a, run7"},
        ),
        ("step_output", "start", {"output": "result", "type": "int", "preview": "7"}),
        ("step_succeeded", "start", {"duration": duration}),
    ]
    assert [(event, step) for event, step, _ in events[5:]] == [
        ("step_started", "last"),
        ("step_output", "last"),
        ("step_succeeded", "last"),
    ]


def test_failure_skips_what_depends_on_it_and_nothing_else() -> None:
    @solid
    def broken(context: SolidContext) -> int:
        raise LookupError("gone")

    @solid
    def fine(value: Any = 0) -> int:
        return 1

    @pipeline
    def mixed() -> None:
        fine.alias("after")(fine.alias("next")(broken()))
        fine.alias("fan")([fine(), broken.alias("also")()])

    result, events = executed(mixed)
    assert result.failed_step == "broken"
    assert [
        (event, step) for event, step, _ in events if event in ("step_failed", "step_succeeded")
    ] == [
        ("step_failed", "broken"),
        ("step_succeeded", "fine"),
        ("step_failed", "also"),
    ]
    assert [(step, data["reason"]) for event, step, data in events if event == "step_skipped"] == [
        ("next", 'solid "broken" failed'),
        ("after", 'solid "next" was skipped'),
        ("fan", 'solid "also" failed'),
    ]


def test_traceback_begins_in_the_users_code() -> None:
    def breaks() -> None:
        raise LookupError("gone")

    result, _ = executed_alone(breaks)
    assert result.exception is not None
    lines = result.exception["traceback"].splitlines()
    assert lines[1].strip().startswith(f'File "{__file__}"')
    assert not any("location/hostler/" in line for line in lines)


def test_mistake_in_outputs_has_no_traceback_of_ours() -> None:
    result, _ = executed_alone(yields_plain)
    assert result.exception is not None
    assert result.exception["traceback"].startswith("hostler.definitions.errors.OutputError: cann")


def test_output_that_is_left_out_skips_what_hangs_on_it() -> None:
    @solid(outputs=TWO)
    def split() -> Iterator[Output]:
        yield Output(1, "a")

    @solid
    def take(value: Any) -> None: ...

    @pipeline
    def p() -> None:
        parts = split()
        take.alias("after")(take.alias("alone")(parts.b))
        take.alias("some")([parts.b, parts.a])
        take.alias("none")([parts.b])

    result, events = executed(p)
    assert result.succeeded
    assert [(step, data["reason"]) for event, step, data in events if event == "step_skipped"] == [
        ("alone", 'solid "split" left out its output "b"'),
        ("after", 'solid "alone" was skipped'),
        ("none", 'solid "split" left out its output "b"'),
    ]


def yields_both() -> Iterator[Output]:
    yield Output(1, "a")
    yield Output(2, "b")


@pytest.mark.parametrize(
    ("function", "outputs", "expected"),
    [
        (lambda: 1, None, {"result": "1"}),
        (lambda: None, None, {"result": "None"}),
        (lambda: (1, 2), None, {"result": "(1, 2)"}),
        (lambda: [0], None, {"result": "[0]"}),
        (lambda: Output(1), None, {"result": "1"}),
        (lambda: 1, [OutputDefinition("x")], {"x": "1"}),
        (lambda: None, [], {}),
        (yields_both, TWO, {"a": "1", "b": "2"}),
        (lambda: (1, 2), TWO, {"a": "1", "b": "2"}),
        (lambda: Output(1, "a"), TWO, {"a": "1"}),
        (lambda: [Output(1, "a"), Output(2, "b")], TWO, {"a": "1", "b": "2"}),
        (lambda: None, [OutputDefinition("a", is_required=False), TWO[1]], {}),
    ],
)
def test_outputs(function: Any, outputs: Any, expected: dict[str, str]) -> None:
    assert outputs_of(function, outputs=outputs) == expected


def yields_plain() -> Iterator[Any]:
    yield 3


def yields_unknown() -> Iterator[Output]:
    yield Output(1, "aa")


def yields_twice() -> Iterator[Output]:
    yield Output(1, "a")
    yield Output(1, "a")


def exits() -> None:
    sys.exit("enough")


class RudeError(BaseException):
    """Derives from BaseException, as errors of some test frameworks do."""


def is_rude() -> None:
    raise RudeError


@pytest.mark.parametrize(
    ("function", "outputs", "message"),
    [
        (yields_plain, None, 'cannot take 3 (int) from solid "it": a function that yields'),
        (yields_unknown, TWO, 'output "aa" from solid "it": it declares none of that name; did'),
        (yields_twice, TWO, 'cannot take the output "a" from solid "it" twice'),
        (lambda: 3, TWO, 'cannot take 3 (int) from solid "it": it declares 2 outputs (a, b)'),
        (lambda: None, TWO, 'without its output "a"; yield Output(value, "a"), or declare it wi'),
        (lambda: 3, [], "it declares 0 outputs (none)"),
        (exits, None, "SystemExit: enough"),
        (is_rude, None, "RudeError"),
    ],
)
def test_failures(function: Any, outputs: Any, message: str) -> None:
    assert message in failure_of(function, outputs=outputs)


def test_generator_is_closed_when_its_output_is_refused() -> None:
    closed = []

    def function() -> Iterator[Any]:
        try:
            yield 3
        finally:
            closed.append(True)

    failure_of(function)
    assert closed == [True]


def test_interrupt_ends_the_execution() -> None:
    calls = []

    def interrupted() -> int:
        raise KeyboardInterrupt

    first: SolidDefinition[Any] = SolidDefinition(interrupted)

    @solid
    def second(value: Any = 0) -> None:
        calls.append(value)

    @pipeline
    def p() -> None:
        first()
        second()

    with pytest.raises(KeyboardInterrupt):
        executed(p)
    assert calls == []


def test_bad_config_is_raised_before_any_event() -> None:
    @solid
    def take(number: int) -> None: ...

    @pipeline
    def p() -> None:
        take()

    events: list[Event] = []
    with pytest.raises(ConfigError, match=r"solids.take.inputs.number: missing; expected int"):
        execute(p, {}, "r", lambda *event: events.append(event), {})
    assert events == []
    result, _ = executed(p, {"solids": {"take": {"inputs": {"number": 3.0}}}})
    assert result.succeeded


def test_values_are_forgotten_when_nobody_will_read_them() -> None:
    alive: set[int] = set()

    class Big:
        def __init__(self) -> None:
            alive.add(id(self))

        def __del__(self) -> None:
            alive.discard(id(self))

    @solid
    def make() -> Big:
        return Big()

    @solid
    def use(big: Big) -> int:
        return 1

    @solid
    def count(value: int) -> int:
        return len(alive)

    @pipeline
    def p() -> None:
        big = make()
        make.alias("unread")()
        count(use(big))

    _, events = executed(p)
    previews = {step: data["preview"] for event, step, data in events if event == "step_output"}
    assert previews["count"] == "0"


def test_the_partition_of_a_run() -> None:
    from hostler.definitions import Partition

    @solid
    def asks(context: SolidContext) -> object:
        return context.partition and context.partition.value

    @pipeline
    def p() -> None:
        asks()

    assert execute_pipeline(p).output("asks") is None
    assert execute_pipeline(p, partition=Partition(7, "seven")).output("asks") == 7
    assert asks(SolidContext(partition=Partition(8))) == 8


def test_a_partition_is_looked_up_when_it_is_asked_for_and_once() -> None:
    from hostler.definitions import Partition

    asked: list[int] = []

    def find() -> Partition:
        asked.append(1)
        return Partition(7, "seven")

    context = SolidContext(partition=find)
    assert not asked
    assert context.partition is context.partition
    assert asked == [1]
    assert SolidContext().partition is None


def test_execute_pipeline_gives_a_result() -> None:
    @solid
    def broken() -> None:
        raise LookupError("gone")

    @solid
    def take(value: Any) -> Any:
        return value

    @solid
    def one() -> int:
        return 1

    @pipeline
    def p() -> None:
        take(broken())
        take.alias("fine")(one())

    result = execute_pipeline(p, raise_on_error=False)
    assert not result.success
    assert result.succeeded == ["one", "fine"]
    assert list(result.failed) == ["broken"]
    assert result.skipped == {"take": 'solid "broken" failed'}
    assert result.output("fine") == 1
    with pytest.raises(UnknownNameError, match=r"output fin.result .* did you mean \"fine.result"):
        result.output("fin")
    with pytest.raises(LookupError, match="gone"):
        execute_pipeline(p)
    with pytest.raises(DefinitionError, match="cannot execute <solid"):
        execute_pipeline(one)  # type: ignore[arg-type]  # the mistake is the point


def test_a_retry_is_an_event() -> None:
    def shaky(context: SolidContext) -> None:
        if not context.retry_number:
            raise OSError("away")

    result, events = executed_alone(shaky, retry_policy=RetryPolicy(1))
    assert result.succeeded
    assert [name for name, _, _ in events] == [
        "step_started",
        "step_retried",
        "step_output",
        "step_succeeded",
    ]
    _, step, data = events[1]
    assert (step, data["retry"], data["delay"]) == ("it", 1, "0.000000s")
    assert data["exception"]["message"] == "away"
    assert "engine.py" not in data["exception"]["traceback"]
