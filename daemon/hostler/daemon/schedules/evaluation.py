"""Asks the functions of a schedule what one of its ticks is to launch."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from hostler.daemon.generations.kinds import SCHEDULE, DefinitionKey
from hostler.daemon.generations.workers import RetiredError, WorkerDiedError
from hostler.daemon.locations.replicas import NoProcessError
from hostler.daemon.processes.channel import RemoteError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hostler.daemon.base.clock import Clock, Timer
    from hostler.daemon.base.settings import Settings
    from hostler.daemon.generations.generation import Generation
    from hostler.daemon.locations.location import Location
    from hostler.daemon.runs.store.schedule_record import ScheduleKey

#: Seconds after its last tick that a location keeps the workers of its schedules: a schedule of
#: each minute is not to hold processes all the time.
_IDLE_SECONDS = 20.0


class EvaluationError(Exception):
    """The functions of a schedule gave no answer.

    Attributes:
        exception: a hostler.v1.ExceptionInfo as JSON; None where none was raised.
    """

    def __init__(self, message: str, exception: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.exception = exception


class ProcessLostError(EvaluationError):
    """The process of the functions died, or none could be made: mostly no fault of theirs."""


class CodeReplacedError(Exception):
    """The code was replaced, or its location stopped, before the functions have answered."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tick is to launch.

    Attributes:
        pipeline: its name in the schedule's repository.
        local_time: the tick as the clock of the schedule's zone shows it, in the ISO form.
        skip_reason: why nothing is launched; None where something is.
        problem: why the run config does not fit; None where it does.
        partition: the names of the partition set and of the partition; None for none.
    """

    pipeline: str
    local_time: str
    skip_reason: str | None = None
    problem: str | None = None
    run_config: Mapping[str, Any] | None = None
    tags: Mapping[str, str] | None = None
    environment_vars: Mapping[str, str] | None = None
    partition: Sequence[str] | None = None


class Evaluator(Protocol):
    """Asks what a tick is to launch."""

    async def evaluate(
        self, location: Location, generation: Generation, key: ScheduleKey, when: int
    ) -> Answer:
        """Returns what the functions of a schedule say of a tick.

        Args:
            when: the tick, in seconds since the epoch.

        Raises:
            EvaluationError: they raised, took too long, or their process died.
            CodeReplacedError: ask again.
        """
        ...


class WorkerEvaluator:
    """Asks a worker of the location."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._timeout = settings.tick_timeout
        self._clock = clock
        #: For each location, by name: how many ticks are evaluated, and what ends idle workers.
        self._going_on: dict[str, int] = {}
        self._idle_timers: dict[str, Timer] = {}

    async def evaluate(
        self, location: Location, generation: Generation, key: ScheduleKey, when: int
    ) -> Answer:
        self._begin(location)
        try:
            said = await self._ask(location, generation, key, when)
        finally:
            self._end(location)
        return Answer(
            said["pipeline"],
            said["localTime"],
            said.get("skipReason"),
            said.get("problem"),
            said.get("runConfig"),
            said.get("tags"),
            said["environmentVars"],
            said.get("partition"),
        )

    async def _ask(
        self, location: Location, generation: Generation, key: ScheduleKey, when: int
    ) -> dict[str, Any]:
        definition = DefinitionKey(SCHEDULE, key.repository, key.name)
        calls = location.replicas.tick_calls(generation)
        if calls.generation is not generation:
            raise CodeReplacedError
        try:
            async with asyncio.timeout(self._timeout or None):
                return await calls.call("evaluate_tick", definition, time=when)
        except TimeoutError:
            message = f"its functions took longer than {self._timeout:g} s (tick_timeout)"
            raise EvaluationError(message) from None
        except RemoteError as error:
            exception = error.body.get("exception")
            known = exception if isinstance(exception, dict) else None
            raise EvaluationError(str(error), known) from error
        except RetiredError as error:
            raise CodeReplacedError from error
        except (WorkerDiedError, NoProcessError) as error:
            raise ProcessLostError(str(error)) from error

    def _begin(self, location: Location) -> None:
        self._going_on[location.name] = self._going_on.get(location.name, 0) + 1
        timer = self._idle_timers.pop(location.name, None)
        if timer is not None:
            timer.cancel()

    def _end(self, location: Location) -> None:
        self._going_on[location.name] -= 1
        if self._going_on[location.name]:
            return
        del self._going_on[location.name]

        def end_workers() -> None:
            self._idle_timers.pop(location.name, None)
            location.replicas.retire_tick_workers()

        self._idle_timers[location.name] = self._clock.call_later(_IDLE_SECONDS, end_workers)
