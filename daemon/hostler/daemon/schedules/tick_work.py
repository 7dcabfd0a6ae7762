"""One tick, from when it is on record as pending to when it is settled."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

from google.protobuf import json_format

from hostler.daemon.runs.queue import SCHEDULE_TAG
from hostler.daemon.runs.store.record import Run, set_partition
from hostler.daemon.runs.store.schedule_record import (
    ScheduleKey,
    Tick,
    TickState,
    tick_name,
    tick_time,
)
from hostler.daemon.runs.store.tables import RequestIdConflictError
from hostler.daemon.schedules import rules
from hostler.daemon.schedules.evaluation import (
    Answer,
    CodeReplacedError,
    EvaluationError,
    ProcessLostError,
)
from hostler.daemon.schedules.waiting import pause
from hostler.v1 import definitions_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostler.daemon.base.clock import Clock
    from hostler.daemon.base.settings import Settings
    from hostler.daemon.generations.generation import Generation
    from hostler.daemon.locations.location import Location
    from hostler.daemon.runs.runs import Created
    from hostler.daemon.runs.store.run_store import RunStore
    from hostler.daemon.runs.store.tables import RunTables
    from hostler.daemon.schedules.code import Code, Launch
    from hostler.daemon.schedules.evaluation import Evaluator

#: The tag of a run with the moment at which its schedule was due.
TIME_TAG = "hostler/scheduled_time"

#: The tags that only the daemon sets.
_RESERVED = "hostler/"

#: Times that a tick is evaluated again whose process died without an answer, whatever the schedule
#: says: a process that is killed is no fault of the functions, one that always ends itself is.
MAX_LOST = 4

#: Seconds until code that was just replaced is asked again.
_REPLACED_PAUSE = 0.02

#: Characters of a line that says why a tick failed.
_MAX_REASON = 500


@dataclass(frozen=True, slots=True)
class TickContext:
    """What the work of all ticks shares."""

    clock: Clock
    settings: Settings
    evaluator: Evaluator
    code: Code
    launch: Launch
    store: RunStore


class TickWork:
    """Finds out what becomes of one tick, and has the record say so.

    Args:
        policy: returns what the code says of ticks now.
    """

    def __init__(
        self,
        context: TickContext,
        key: ScheduleKey,
        tick: Tick,
        policy: Callable[[], definitions_pb2.TickPolicy],
    ) -> None:
        self.key = key
        self.tick = Tick()
        self.tick.CopyFrom(tick)
        self._context = context
        self._policy = policy
        self._lost = 0
        self._failures = 0
        self._took = 0.0

    async def settle(self) -> Tick:
        """Returns the tick as it is on record at last.

        Raises:
            NotRecordedError: the record cannot be written; the tick is still pending.
        """
        deadline = self._context.clock.monotonic() + rules.patience(self._policy())
        while True:
            code = await self._context.code.wait_for(self.key, deadline)
            if isinstance(code, str):
                return await self._end(TickState.MISSED, code)
            try:
                answer = await self._evaluate(*code)
            except CodeReplacedError:
                await pause(self._context.clock, _REPLACED_PAUSE)
                continue
            except EvaluationError as error:
                delay = self._delay_after(error)
                if delay is None:
                    return await self._fail(error)
                await pause(self._context.clock, delay)
                continue
            if answer.skip_reason is not None:
                return await self._end(TickState.SKIPPED, answer.skip_reason)
            return await self._launch(*code, answer)

    async def give_up(self, reason: str) -> Tick:
        """Returns the tick, which has failed for a reason of the daemon's own.

        Raises:
            NotRecordedError: as `settle`.
        """
        return await self._end(TickState.FAILED, reason)

    async def _evaluate(self, location: Location, generation: Generation) -> Answer:
        began = self._context.clock.monotonic()
        self.tick.attempts += 1
        try:
            return await self._context.evaluator.evaluate(
                location, generation, self.key, tick_time(self.tick)
            )
        except CodeReplacedError:
            self.tick.attempts -= 1
            raise
        finally:
            self._took += self._context.clock.monotonic() - began
            self.tick.duration.FromNanoseconds(int(self._took * 1e9))

    def _delay_after(self, error: EvaluationError) -> float | None:
        if isinstance(error, ProcessLostError) and self._lost < MAX_LOST:
            self._lost += 1
            return float(2 ** (self._lost - 1))
        self._failures += 1
        return rules.retry_delay(self._failures, self._policy())

    async def _fail(self, error: EvaluationError) -> Tick:
        if error.exception is not None:
            json_format.ParseDict(dict(error.exception), self.tick.exception)
        return await self._end(TickState.FAILED, str(error))

    async def _launch(self, location: Location, generation: Generation, answer: Answer) -> Tick:
        if answer.problem is not None:
            return await self._end(TickState.FAILED, answer.problem, cut=False)
        try:
            run = self._run(answer)
        except json_format.ParseError as error:
            return await self._end(TickState.FAILED, f"cannot use its run config: {error}")
        size, limit = run.run_config.ByteSize(), self._context.settings.config_bytes
        if size > limit:
            reason = f"its run config has {size} bytes; at most {limit} (config_bytes)"
            return await self._end(TickState.FAILED, reason)
        try:
            await self._context.launch(run, location, generation, self._recorder(run))
        except RequestIdConflictError as error:
            reason = f"{error} was launched for this tick before, with another content"
            return await self._end(TickState.FAILED, reason)
        return self.tick

    def _recorder(self, run: Run) -> Callable[[RunTables, Callable[[], Created]], Created]:
        """Returns what records the run and the tick, both or none of them."""
        skips = self._policy().overlap == definitions_pb2.TickPolicy.SKIP
        key, tick = self.key, self.tick

        def record(tables: RunTables, create: Callable[[], Created]) -> Created:
            when = tick_time(tick)
            if not tables.schedules.is_pending(key, when):
                return None, None  # the schedule was stopped meanwhile
            if skips:
                tag = (SCHEDULE_TAG, key.name)
                active = tables.active_run(key.location, key.repository, tag)
                if active:
                    reason = f'{active} still goes on; overlap is "skip"'
                    self._mark(TickState.SKIPPED, reason)
                    tables.schedules.settle(key, tick)
                    return None, None
            made, first = create()
            self._mark(TickState.LAUNCHED, "")
            tick.run = made.name if made is not None else run.name
            tables.schedules.settle(key, tick)
            return made, first

        return record

    def _run(self, answer: Answer) -> Run:
        key, when = self.key, tick_time(self.tick)
        parent = f"locations/{key.location}/repositories/{key.repository}"
        given = answer.tags or {}
        tags = {name: text for name, text in given.items() if not name.startswith(_RESERVED)}
        tags.update({SCHEDULE_TAG: key.name, TIME_TAG: answer.local_time})
        run = Run(
            pipeline=f"{parent}/pipelines/{answer.pipeline}",
            tags=tags,
            request_id=request_id(key, when),
            environment_vars=answer.environment_vars,
        )
        if answer.partition is not None:
            set_partition(run, parent, *answer.partition)
        json_format.ParseDict(dict(answer.run_config or {}), run.run_config)
        seconds = self._context.settings.run_timeout
        if seconds:
            run.timeout.FromNanoseconds(int(seconds * 1e9))
        return run

    async def _end(self, state: TickState.ValueType, reason: str, *, cut: bool = True) -> Tick:
        self._mark(state, reason[:_MAX_REASON] if cut else reason)
        key, tick = self.key, self.tick
        await self._context.store.write(lambda tables: tables.schedules.settle(key, tick))
        return tick

    def _mark(self, state: TickState.ValueType, reason: str) -> None:
        self.tick.state = state
        self.tick.reason = reason
        self.tick.end_time.FromNanoseconds(int(self._context.clock.time() * 1e9))


def request_id(key: ScheduleKey, when: int) -> str:
    """Returns the request id of the run of a tick; the same each time."""
    named = blake2b("\0".join(key).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"schedule-{named}-{when}"


def new_tick(
    key: ScheduleKey, when: int, now: float, state: TickState.ValueType, reason: str = ""
) -> Tick:
    """Returns the record of a tick that was seen at `now`."""
    tick = Tick(name=tick_name(key, when), state=state, reason=reason)
    tick.scheduled_time.seconds = when
    tick.create_time.FromNanoseconds(int(now * 1e9))
    if state != TickState.PENDING:
        tick.end_time.CopyFrom(tick.create_time)
    return tick
