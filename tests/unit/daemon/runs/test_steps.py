"""Steps and progress, as events make them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from unit.daemon.runs.run_record import created, on_disk, opened, started, sync

from hostler.daemon.runs.store.record import Run, RunEvent, make_event
from hostler.daemon.runs.store.steps import Step, Steps
from hostler.v1 import run_pb2

RUN = Run(name="runs/a", progress=run_pb2.RunProgress(total=3))


def event(kind: str, step: str = "", value: object = None) -> RunEvent:
    made = make_event(kind, value)
    made.step = step
    return made


def retried() -> RunEvent:
    value = run_pb2.StepRetried(retry=1)
    value.delay.FromSeconds(5)
    return event("step_retried", "load", value)


def test_a_step_from_its_start_to_its_end() -> None:
    steps = Steps(RUN)
    begun = event("step_started", "load")
    begun.sequence = 3
    (step,) = steps.apply(begun)
    assert (step.name, step.state, step.attempt_count) == ("runs/a/steps/load", Step.RUNNING, 1)
    assert not steps.apply(event("log_message", "load")), "a log message changes no step"
    again = retried()
    steps.apply(again)
    assert step.attempts[0].end_time == again.time
    due = again.time.ToNanoseconds() + 5_000_000_000
    assert step.attempts[1].start_time.ToNanoseconds() == due
    ended = event("step_succeeded", "load")
    ended.sequence = 9
    steps.apply(ended)
    assert (step.state, step.first_sequence, step.last_sequence) == (Step.SUCCEEDED, 3, 9)
    elapsed = ended.time.ToNanoseconds() - begun.time.ToNanoseconds()
    assert step.duration.ToNanoseconds() == elapsed
    assert steps.progress == run_pb2.RunProgress(total=3, succeeded=1, retries=1)


def test_the_end_of_a_run_stops_what_was_under_way() -> None:
    steps = Steps(RUN)
    for name in ("load", "clean"):
        steps.apply(event("step_started", name))
    steps.apply(event("step_failed", "load"))
    (stopped,) = steps.apply(event("run_canceled"))
    assert (stopped.name, stopped.state) == ("runs/a/steps/clean", Step.STOPPED)
    assert steps.progress == run_pb2.RunProgress(total=3, failed=1, stopped=1)


def test_a_step_that_is_skipped_has_no_attempt() -> None:
    steps = Steps(RUN)
    (step,) = steps.apply(event("step_skipped", "load"))
    assert (step.state, step.attempt_count, step.HasField("start_time")) == (Step.SKIPPED, 0, False)
    assert not step.HasField("duration")


def test_only_the_last_attempts_are_kept() -> None:
    steps = Steps(RUN)
    steps.apply(event("step_started", "load"))
    for _ in range(1000):
        (step,) = steps.apply(retried())
    assert (step.attempt_count, len(step.attempts)) == (1001, 20)
    assert steps.progress.retries == 1000


KINDS = ("step_started", "step_retried", "step_succeeded", "step_failed", "step_skipped")


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from("abc")), max_size=30))
def test_the_counts_are_those_of_the_steps_whatever_comes(events: list[tuple[str, str]]) -> None:
    steps, known = Steps(RUN), dict[str, Step]()
    for kind, name in [*events, ("run_failed", "")]:
        known.update({step.name: step for step in steps.apply(event(kind, name))})
    counts = Counter(Step.State.Name(step.state) for step in known.values())
    progress = steps.progress
    assert progress.running == counts["RUNNING"] == 0
    for state in ("SUCCEEDED", "FAILED", "SKIPPED", "STOPPED"):
        assert getattr(progress, state.lower()) == counts[state]
    assert Steps(RUN, known.values()).progress == progress, "read again they give the same"


@sync
async def test_steps_are_recorded_and_deleted_with_their_run(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await created(store, "a", progress=run_pb2.RunProgress(total=2))
        store.append("a", started())
        store.append("a", event("step_started", "load"))
        store.append("a", event("step_succeeded", "load"))
        store.append("a", event("step_started", "clean"))
        await store.flush()
        run = await store.get("a")
        assert run is not None
        assert run.progress == run_pb2.RunProgress(total=2, running=1, succeeded=1)
    async with opened(tmp_path) as store:  # the daemon before it was killed
        run = await store.get("a")
        assert run is not None
        assert run.progress == run_pb2.RunProgress(total=2, succeeded=1, stopped=1)
        found = [Step.FromString(data) for _, data in await store.steps("a", 10, 0)]
        assert [(step.name, step.state) for step in found] == [
            ("runs/a/steps/load", Step.SUCCEEDED),
            ("runs/a/steps/clean", Step.STOPPED),
        ]
        assert len(await store.steps("a", 10, found[0].first_sequence)) == 1
        await store.delete("a")
    assert on_disk(tmp_path, "SELECT count(*) FROM steps") == [(0,)]
