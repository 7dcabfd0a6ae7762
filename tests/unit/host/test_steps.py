"""Steps in processes of their own: what they give, how they fail, and that nothing is left."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import json_format

from hostler.definitions import (
    DefinitionError,
    Output,
    OutputDefinition,
    PipelineDefinition,
    RetryPolicy,
    SolidContext,
    execute_pipeline,
    pipeline,
    solid,
)
from hostler.host.execution import ExecutionResult, execute
from hostler.v1 import run_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

Event = tuple[str, "str | None", dict[str, Any]]

#: A timeout that no test waits for.
LONG = 60.0

#: A timeout that tests wait for.
SHORT = 0.2
#: Longer than an attempt that does nothing takes on a machine that is busy.
MIDDLE = 1.0


def descriptors() -> set[str]:
    """Returns the descriptors that this process has open."""
    return {each.name for each in Path("/proc/self/fd").iterdir()}


def executed(made: PipelineDefinition, **arguments: Any) -> tuple[ExecutionResult, list[Event]]:
    """Returns the result and the events, as JSON; asserts that nothing is left."""
    events: list[Event] = []
    before = descriptors()

    def emit(event: str, step: str | None, data: dict[str, Any]) -> None:
        json_format.ParseDict({"step": step, event: data}, run_pb2.RunEvent())
        events.append((event, step, data))

    result = execute(made, {}, "run7", emit, {"by": "me"}, **arguments)
    assert descriptors() == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    return result, events


def of(made: Any) -> PipelineDefinition:
    """Makes a pipeline of one solid."""

    def alone() -> None:
        made()

    return pipeline(alone)


def failure_of(made: Any) -> str:
    """Returns the message with which a solid fails."""
    result, events = executed(of(made))
    assert result.exception is not None
    assert events[-1][0] == "step_failed"
    return f"{result.exception['type']}: {result.exception['message']}"


def test_only_a_step_with_a_timeout_has_a_process_of_its_own() -> None:
    @solid(timeout=LONG)
    def timed(context: SolidContext) -> dict[str, int]:
        context.log.info("by %(by)s", context.tags)
        return {"pid": os.getpid()}

    @solid
    def plain(given: dict[str, int]) -> None:
        assert given["pid"] != os.getpid() == me

    @pipeline
    def p() -> None:
        plain(timed())

    me = os.getpid()
    result, events = executed(p)
    assert result.succeeded
    assert [(event, step) for event, step, _ in events] == [
        ("step_started", "timed"),
        ("log_message", "timed"),
        ("step_output", "timed"),
        ("step_succeeded", "timed"),
        ("step_started", "plain"),
        ("step_output", "plain"),
        ("step_succeeded", "plain"),
    ]
    assert events[1][2] == {"level": "INFO", "message": "by me"}
    assert events[2][2]["type"] == "dict[str, int]"
    assert events[2][2]["preview"].startswith("{'pid': ")


def test_an_attempt_is_killed_after_its_timeout_and_retried() -> None:
    @solid(timeout=MIDDLE, retry_policy=RetryPolicy(2))
    def slow(context: SolidContext) -> int:
        if context.retry_number < 2:
            signal.pause()
        return context.retry_number

    started = time.monotonic()
    result, events = executed(of(slow))
    assert result.succeeded
    assert 2 * MIDDLE <= time.monotonic() - started < LONG
    assert [name for name, _, _ in events] == [
        "step_started",
        "step_retried",
        "step_retried",
        "step_output",
        "step_succeeded",
    ]
    assert events[1][2]["exception"] == {
        "type": "hostler.definitions.errors.StepTimeoutError",
        "message": 'cannot end solid "slow" within its timeout of 1 s; its process was killed',
        "traceback": 'hostler.definitions.errors.StepTimeoutError: cannot end solid "slow" within '
        "its timeout of 1 s; its process was killed\n",
    }


def test_what_an_overdue_step_has_started_is_killed_with_it() -> None:
    readable, writable = os.pipe()

    @solid(timeout=SHORT)
    def slow() -> None:
        os.fork()
        signal.pause()

    assert not execute(of(slow), {}, "run7", lambda *_: None).succeeded
    os.close(writable)
    assert select.select([readable], [], [], LONG)[0], "something of it lives, and holds the pipe"
    assert os.read(readable, 1) == b""
    os.close(readable)


def test_an_exception_is_told_as_it_was_raised() -> None:
    @solid(timeout=LONG)
    def fails() -> None:
        try:
            os.environ["NO KEY"]
        except KeyError as error:
            raise ValueError("no such customer") from error

    result, _ = executed(of(fails))
    assert result.failed_step == "fails"
    assert result.exception is not None
    assert result.exception["cause"] == {"type": "KeyError", "message": "'NO KEY'"}
    lines = result.exception["traceback"].splitlines()
    assert lines[1].strip().startswith(f'File "{__file__}"')
    assert not any("location/hostler/" in line for line in lines)


def dies() -> None:
    os.kill(os.getpid(), signal.SIGUSR1)


def is_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leaves() -> None:
    os._exit(3)


def exits() -> None:
    sys.exit("enough")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (dies, 'StepDiedError: cannot end solid "it": its process was killed by SIGUSR1'),
        (is_killed, "killed by SIGKILL, as the system does where memory runs out"),
        (leaves, 'cannot end solid "it": its process ended with exit code 3 before its function'),
        (exits, "SystemExit: enough"),
    ],
)
def test_a_step_that_dies_fails(function: Any, message: str) -> None:
    assert message in failure_of(solid(name="it", timeout=LONG)(function))


def test_an_output_that_cannot_be_pickled_fails_the_step_if_another_takes_it() -> None:
    @solid(timeout=LONG)
    def make() -> Any:
        return lambda: 1

    @solid
    def take(value: Any) -> None: ...

    @pipeline
    def p() -> None:
        take(make())

    result, events = executed(p)
    assert result.exception is not None
    message = result.exception["message"]
    assert message.startswith('cannot pass on the output "result" of solid "make", <function ')
    assert "return plain data" in message
    assert "location/hostler/" not in result.exception["traceback"]
    assert events[-1] == ("step_skipped", "take", {"reason": 'solid "make" failed'})
    assert executed(p, solids=["make"])[0].succeeded, "nobody takes it"


class Stubborn:
    """Can be pickled but not unpickled."""

    def __reduce__(self) -> Any:
        return (int, ("no number",))


def test_an_output_that_cannot_be_unpickled_fails_the_step_that_takes_it() -> None:
    @solid(timeout=LONG)
    def make() -> Stubborn:
        return Stubborn()

    @solid
    def take(values: list[Stubborn]) -> None: ...

    @pipeline
    def p() -> None:
        take([make()])

    result, _ = executed(p)
    assert result.failed_step == "take"
    assert result.exception is not None
    assert result.exception["message"].startswith(
        'cannot take the output "result" of solid "make" from the process of its step'
    )
    assert result.exception["cause"]["type"] == "ValueError"


def test_a_big_value_and_several_outputs() -> None:
    size = 5_000_000

    @solid(timeout=LONG, outputs=[OutputDefinition("big"), OutputDefinition("small")])
    def make() -> Iterator[Output]:
        yield Output(b"x" * size, "big")
        yield Output(None, "small")

    @solid(timeout=LONG)
    def take(big: bytes, small: None) -> int:
        assert small is None
        return len(big)

    @pipeline
    def p() -> None:
        parts = make()
        take(parts.big, parts.small)

    result, events = executed(p)
    assert result.succeeded
    previews = [data["preview"] for event, _, data in events if event == "step_output"]
    assert previews[0] == "b'" + "x" * 195 + "..."
    assert previews[1:] == ["None", str(size)]


def test_printed_lines_bear_the_step_and_come_before_what_follows() -> None:
    @solid(timeout=LONG)
    def talks(context: SolidContext) -> None:
        os.write(1, b"first\r\nsecond\n")
        os.write(2, b"wrong\n")
        context.log.info("logged")

    _, events = executed(of(talks))
    printed = [data for event, step, data in events if (event, step) == ("printed_line", "talks")]
    texts = {(data["stream"], text) for data in printed for text in (data["text"], *data["more"])}
    assert texts == {("STDOUT", "first"), ("STDOUT", "second"), ("STDERR", "wrong")}
    kinds = [event for event, _, _ in events if event != "printed_line"]
    assert kinds == ["step_started", "log_message", "step_output", "step_succeeded"]
    names = [event for event, _, _ in events]
    assert names.index("log_message") > max(
        index for index, name in enumerate(names) if name == "printed_line"
    )


def test_a_long_line_is_cut_and_the_last_one_needs_no_end() -> None:
    @solid(timeout=LONG)
    def talks() -> None:
        os.write(1, b"y" * 100_000 + b"\xff")

    _, events = executed(of(talks))
    lines = [data for event, _, data in events if event == "printed_line"]
    printed = [text for data in lines for text in (data["text"], *data["more"])]
    assert "".join(printed) == "y" * 100_000 + "\ufffd"
    assert len(printed) == 2
    assert events[-1][0] == "step_succeeded"


def test_an_interrupt_that_a_step_raises_ends_the_execution() -> None:
    @solid(timeout=LONG)
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        executed(of(interrupted))


def test_execute_pipeline_holds_no_timeout() -> None:
    @solid(timeout=0.001)
    def slow() -> int:
        return os.getpid()

    assert execute_pipeline(of(slow)).output("slow") == os.getpid()


@pytest.mark.parametrize(
    ("timeout", "message"),
    [
        (0, 'cannot use 0 as the timeout of solid "f": expected seconds above 0; leave it out'),
        (-1, "expected seconds above 0"),
        (float("nan"), "expected seconds above 0"),
        (float("inf"), "expected seconds above 0"),
        (True, "found a bool, expected seconds"),
        ("5", "found a str, expected seconds"),
    ],
)
def test_refused_timeouts(timeout: Any, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):

        @solid(timeout=timeout)
        def f() -> None: ...
