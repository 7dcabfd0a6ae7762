"""Retry policies, and how a solid that fails is executed again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

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
from hostler.definitions._engine import Engine, Observer
from hostler.definitions._run_config import check_run_config


class Record(Observer):
    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []

    def step_started(self, step: str) -> None:
        self.events.append(("started", step))

    def step_retried(self, step: str, exception: BaseException, retry: int, delay: float) -> None:
        self.events.append(("retried", step, str(exception), retry, delay))

    def step_failed(self, step: str, exception: BaseException) -> None:
        self.events.append(("failed", step, str(exception)))

    def step_succeeded(self, step: str, seconds: float) -> None:
        self.events.append(("succeeded", step))


def executed(made: PipelineDefinition) -> tuple[list[tuple[Any, ...]], list[float]]:
    """Returns the events, and how long the engine has slept."""
    record = Record()
    slept: list[float] = []
    Engine(made, check_run_config(made, {}), record, sleep=slept.append).execute()
    return record.events, slept


def failing(times: int, policy: RetryPolicy | None) -> PipelineDefinition:
    """Makes a pipeline of a solid that fails so many times."""
    attempts: list[int] = []

    @solid(retry_policy=policy)
    def shaky(context: SolidContext) -> int:
        attempts.append(context.retry_number)
        if len(attempts) <= times:
            raise OSError(f"attempt {context.retry_number}")
        return 1

    @pipeline
    def p() -> None:
        shaky()

    return p


def test_a_solid_that_fails_is_executed_again() -> None:
    policy = RetryPolicy(3, delay=2, backoff="exponential")
    events, slept = executed(failing(2, policy))
    assert events == [
        ("started", "shaky"),
        ("retried", "shaky", "attempt 0", 1, 2.0),
        ("retried", "shaky", "attempt 1", 2, 4.0),
        ("succeeded", "shaky"),
    ]
    assert slept == [2.0, 4.0]


def test_after_the_last_retry_it_has_failed() -> None:
    events, _ = executed(failing(9, RetryPolicy(1)))
    assert events[1:] == [
        ("retried", "shaky", "attempt 0", 1, 0.0),
        ("failed", "shaky", "attempt 1"),
    ]
    events, _ = executed(failing(9, None))
    assert events[1:] == [("failed", "shaky", "attempt 0")]


@pytest.mark.parametrize(
    ("backoff", "delays"),
    [
        ("constant", [3, 3, 3, 3]),
        ("linear", [3, 6, 9, 12]),
        ("exponential", [3, 6, 12, 24]),
    ],
)
def test_backoff(backoff: str, delays: list[float]) -> None:
    policy = RetryPolicy(10_000, delay=3, backoff=backoff)
    assert [policy.delay_before(retry) for retry in range(1, 5)] == delays
    assert policy.delay_before(10_000) <= 24 * 3600


def test_what_a_failed_attempt_produced_is_forgotten() -> None:
    @solid(
        outputs=[OutputDefinition("early", int, is_required=False), OutputDefinition("late", int)],
        retry_policy=RetryPolicy(),
    )
    def shaky(context: SolidContext) -> Iterator[Output]:
        if not context.retry_number:
            yield Output(1, "early")
            raise OSError
        yield Output(2, "late")

    @solid
    def take(number: int) -> int:
        return number

    @pipeline
    def p() -> None:
        parts = shaky()
        take.alias("first")(parts.early)
        take.alias("second")(parts.late)

    result = execute_pipeline(p)
    assert result.succeeded == ["shaky", "second"]
    assert result.skipped == {"first": 'solid "shaky" left out its output "early"'}
    with pytest.raises(DefinitionError, match=r"cannot find the output shaky\.early"):
        result.output("shaky", "early")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_retries": -1}, "max_retries=-1: expected a whole number"),
        ({"max_retries": True}, "max_retries=True"),
        ({"max_retries": 1.5}, "max_retries=1.5"),
        ({"delay": -1}, "delay=-1: expected seconds, from 0 to 86400"),
        ({"delay": float("nan")}, "delay=nan"),
        ({"delay": "1"}, "delay='1'"),
        ({"backoff": "exponental"}, "backoff='exponental': did you mean \"exponential\""),
    ],
)
def test_refused_policies(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        RetryPolicy(**arguments)


def test_what_is_no_policy() -> None:
    wrong: Any = 3
    with pytest.raises(DefinitionError, match='as the retry policy of solid "f": found an int'):

        @solid(retry_policy=wrong)
        def f() -> None: ...
