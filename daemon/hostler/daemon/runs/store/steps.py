"""The steps of a run, made of its events: what each is doing, and how many are at what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostler.v1 import run_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hostler.daemon.runs.store.record import Run, RunEvent

Step = run_pb2.Step

#: Attempts of a step that are kept: a retry policy may allow a million.
_MOST_ATTEMPTS = 20

_ENDS = {
    "step_succeeded": Step.SUCCEEDED,
    "step_failed": Step.FAILED,
    "step_skipped": Step.SKIPPED,
}

_RUN_ENDS = frozenset({"run_succeeded", "run_failed", "run_canceled", "run_interrupted"})

_FIELDS = {
    Step.RUNNING: "running",
    Step.SUCCEEDED: "succeeded",
    Step.FAILED: "failed",
    Step.SKIPPED: "skipped",
    Step.STOPPED: "stopped",
}


class Steps:
    """Follows the events of a run.

    Attributes:
        progress: how many steps are at what.
    """

    __slots__ = ("_name", "_steps", "progress")

    def __init__(self, run: Run, known: Iterable[Step] = ()) -> None:
        """
        Args:
            run: its name, and how many steps it has in all.
            known: the steps that its events so far have made.
        """
        self._name = run.name
        self._steps = {step.name: step for step in known}
        self.progress = run_pb2.RunProgress(total=run.progress.total)
        for step in self._steps.values():
            self._count(step.state, 1)
            self.progress.retries += max(0, step.attempt_count - 1)

    def apply(self, event: RunEvent) -> list[Step]:
        """Takes an event; returns the steps that it has changed."""
        kind = event.WhichOneof("event")
        if kind in _RUN_ENDS:
            return self._stop_all(event)
        if kind not in {"step_started", "step_retried", *_ENDS}:
            return []
        name = f"{self._name}/steps/{event.step}"
        step = self._steps.get(name)
        if step is None:
            step = self._steps[name] = Step(name=name, first_sequence=event.sequence)
        step.last_sequence = event.sequence
        if kind == "step_started":
            step.start_time.CopyFrom(event.time)
            self._begin_attempt(step, event.time.ToNanoseconds())
            self._set_state(step, Step.RUNNING)
        elif kind == "step_retried":
            if step.attempts:
                step.attempts[-1].end_time.CopyFrom(event.time)
            delay = event.step_retried.delay.ToNanoseconds()
            self._begin_attempt(step, event.time.ToNanoseconds() + delay)
            self._set_state(step, Step.RUNNING)
        else:
            self._end(step, event, _ENDS[kind])
        return [step]

    def _begin_attempt(self, step: Step, time: int) -> None:
        self.progress.retries += step.attempt_count > 0
        step.attempt_count += 1
        step.attempts.add().start_time.FromNanoseconds(time)
        if len(step.attempts) > _MOST_ATTEMPTS:
            del step.attempts[0]

    def _end(self, step: Step, event: RunEvent, state: Step.State.ValueType) -> None:
        step.end_time.CopyFrom(event.time)
        if step.attempts:
            last = step.attempts[-1]
            # a run that ends during the wait for a retry has not begun that one
            last.end_time.FromNanoseconds(
                max(event.time.ToNanoseconds(), last.start_time.ToNanoseconds())
            )
            begun = step.start_time.ToNanoseconds()
            step.duration.FromNanoseconds(max(0, event.time.ToNanoseconds() - begun))
        self._set_state(step, state)

    def _stop_all(self, event: RunEvent) -> list[Step]:
        stopped = [step for step in self._steps.values() if step.state == Step.RUNNING]
        for step in stopped:
            self._end(step, event, Step.STOPPED)
        return stopped

    def _set_state(self, step: Step, state: Step.State.ValueType) -> None:
        self._count(step.state, -1)
        step.state = state
        self._count(state, 1)

    def _count(self, state: Step.State.ValueType, by: int) -> None:
        field = _FIELDS.get(state)
        if field is not None:
            setattr(self.progress, field, getattr(self.progress, field) + by)
