"""Several steps at once, each in a process of its own."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from hostler.definitions import (
    Output,
    OutputDefinition,
    PipelineDefinition,
    RetryPolicy,
    SolidContext,
    pipeline,
    solid,
)
from hostler.host.execution import ExecutionResult, execute

if TYPE_CHECKING:
    from collections.abc import Iterator

Event = tuple[str, "str | None", dict[str, Any]]

#: How long a step waits for another one at most; no test that passes waits that long.
PATIENCE = 30.0

#: Seconds before a retry: longer than two other steps take on a busy machine.
DELAY = 2.0


def executed(
    made: PipelineDefinition, limit: int, **arguments: Any
) -> tuple[ExecutionResult, list[Event]]:
    """Returns the result and the events; asserts that no process is left."""
    events: list[Event] = []
    try:
        result = execute(
            made,
            {},
            "run7",
            lambda *event: events.append(event),
            max_concurrency=limit,
            **arguments,
        )
    finally:
        with pytest.raises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
    return result, events


def steps(events: list[Event], kind: str) -> list[str | None]:
    return [step for event, step, _ in events if event == kind]


def test_steps_are_executed_at_once_in_processes_of_their_own() -> None:
    """Each step waits until it has heard from all others."""
    count = 4
    pipes = [os.pipe() for _ in range(count)]

    def solid_of(index: int) -> Any:
        @solid(name=f"s{index}", timeout=PATIENCE)
        def meet() -> int:
            for _, writable in pipes:
                os.write(writable, b"!")
            heard = 0
            while heard < count:
                heard += len(os.read(pipes[index][0], count - heard))
            return os.getpid()

        return meet

    @pipeline
    def p() -> None:
        for index in range(count):
            solid_of(index)()

    result, events = executed(p, count)
    for descriptor in sum(pipes, ()):
        os.close(descriptor)
    assert result.succeeded
    pids = {data["preview"] for event, _, data in events if event == "step_output"}
    assert len(pids) == count
    assert str(os.getpid()) not in pids


@pytest.mark.parametrize("limit", [1, 3])
def test_there_are_no_more_at_once_than_the_limit(limit: int) -> None:
    @solid
    def one() -> None: ...

    @pipeline
    def p() -> None:
        for _ in range(7):
            one()

    _, events = executed(p, limit)
    running = most = 0
    for event, _, _ in events:
        running += {"step_started": 1, "step_succeeded": -1}.get(event, 0)
        most = max(most, running)
    assert most == limit
    assert steps(events, "step_started") == ["one", *(f"one_{n}" for n in range(2, 8))]


def test_values_go_on_pickled_and_the_run_s_process_never_opens_them() -> None:
    here = os.getpid()

    class Told:
        def __reduce__(self) -> Any:
            return (opened, ())

    def opened() -> int:
        return os.getpid()

    globals()["opened"] = opened
    opened.__qualname__ = "opened"

    @solid(outputs=[OutputDefinition("a"), OutputDefinition("b", is_required=False)])
    def make() -> Iterator[Output]:
        yield Output(Told(), "a")

    @solid
    def take(value: int) -> bool:
        return value == os.getpid() != here

    @solid
    def gather(values: list[int]) -> int:
        return len(values)

    @pipeline
    def p() -> None:
        parts = make()
        take(parts.a)
        gather([parts.a, parts.b])

    _, events = executed(p, 2)
    shown = {step: data["preview"] for event, step, data in events if event == "step_output"}
    assert (shown["take"], shown["gather"]) == ("True", "1")


def test_a_failure_skips_what_depends_on_it_and_lets_the_rest_go_on() -> None:
    @solid
    def broken() -> int:
        raise LookupError("gone")

    @solid
    def killed() -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return 1

    @solid
    def fine(value: Any = 0) -> int:
        return 1

    @pipeline
    def p() -> None:
        fine.alias("after")(fine.alias("next")(broken()))
        fine.alias("fan")([fine(), killed()])
        fine.alias("good")(fine())

    result, events = executed(p, 3)
    assert result.failed_step in {"broken", "killed"}
    assert set(steps(events, "step_failed")) == {"broken", "killed"}
    assert set(steps(events, "step_succeeded")) == {"fine", "fine_2", "good"}
    reasons = {step: data["reason"] for event, step, data in events if event == "step_skipped"}
    assert reasons == {
        "next": 'solid "broken" failed',
        "after": 'solid "next" was skipped',
        "fan": 'solid "killed" failed',
    }


def test_a_step_that_waits_for_its_retry_blocks_no_other() -> None:
    @solid(retry_policy=RetryPolicy(1, delay=DELAY))
    def shaky(context: SolidContext) -> int:
        if not context.retry_number:
            raise OSError("not yet")
        return 1

    @solid
    def other() -> None: ...

    @solid
    def after(number: int) -> None: ...

    @pipeline
    def p() -> None:
        after(shaky())
        other()
        other()

    started = time.monotonic()
    result, events = executed(p, 1)
    assert result.succeeded
    assert time.monotonic() - started >= DELAY
    told = [(event, step) for event, step, _ in events if event != "step_output"]
    assert told == [
        ("step_started", "shaky"),
        ("step_retried", "shaky"),
        ("step_started", "other"),
        ("step_succeeded", "other"),
        ("step_started", "other_2"),
        ("step_succeeded", "other_2"),
        ("step_succeeded", "shaky"),
        ("step_started", "after"),
        ("step_succeeded", "after"),
    ]


def test_a_timeout_is_held_here_too() -> None:
    @solid(timeout=0.2, retry_policy=RetryPolicy(1))
    def slow() -> None:
        signal.pause()

    @pipeline
    def p() -> None:
        slow()
        slow()

    result, events = executed(p, 2)
    assert sorted(map(str, steps(events, "step_retried"))) == ["slow", "slow_2"]
    assert set(steps(events, "step_failed")) == {"slow", "slow_2"}
    assert result.exception is not None
    assert result.exception["type"].endswith("StepTimeoutError")


def test_no_lock_of_another_step_is_inherited() -> None:
    lock = threading.Lock()

    @solid
    def takes() -> None:
        threading.Thread(target=lock.acquire).start()

    @solid
    def needs(after: None) -> bool:
        return lock.acquire(timeout=PATIENCE)

    @pipeline
    def p() -> None:
        needs(takes())

    _, events = executed(p, 1)
    assert [data["preview"] for event, _, data in events if event == "step_output"][-1] == "True"


def test_what_steps_say_at_once_comes_whole_in_order_and_by_step() -> None:
    count = 300

    @solid
    def talks(context: SolidContext) -> None:
        for number in range(count):
            context.log.info("%d", number)
            os.write(1, b"%d\n" % number)

    @pipeline
    def p() -> None:
        for _ in range(4):
            talks()

    _, events = executed(p, 4)
    for step in steps(events, "step_started"):
        logged = [d["message"] for e, s, d in events if (e, s) == ("log_message", step)]
        assert logged == [str(number) for number in range(count)]
        ours = [event for event, each, _ in events if each == step]
        assert ours[0] == "step_started"
        assert ours[-2:] == ["step_output", "step_succeeded"]


def test_an_interrupt_of_one_step_ends_all() -> None:
    @solid
    def waits() -> None:
        while True:  # a signal just before a single `signal.pause()` would be missed
            time.sleep(0.01)

    @solid
    def interrupted() -> None:
        raise KeyboardInterrupt

    @pipeline
    def p() -> None:
        waits()
        interrupted()

    with pytest.raises(KeyboardInterrupt):
        executed(p, 2)


def test_a_fault_of_the_run_s_process_leaves_no_step() -> None:
    @solid
    def waits(context: SolidContext) -> None:
        context.log.info("waiting")
        signal.pause()

    @pipeline
    def p() -> None:
        waits()
        waits()

    def emit(event: str, *_: object) -> None:
        if event == "log_message":
            raise ConnectionError("the daemon is gone")

    with pytest.raises(ConnectionError):
        execute(p, {}, "run7", emit, max_concurrency=2)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_process_that_cannot_be_made_fails_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    @solid(retry_policy=RetryPolicy(1))
    def one() -> None: ...

    @pipeline
    def p() -> None:
        one()

    monkeypatch.setattr(os, "fork", refuse)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 (a count is all that is needed)
    result, events = executed(p, 1)
    assert steps(events, "step_retried") == ["one"]
    assert result.exception is not None
    assert result.exception["message"].startswith('cannot start a process for solid "one": ')
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
