"""All runs: records them, starts them within the limits, ends them."""

import asyncio
import contextlib
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from hostler.daemon.base.journal import Journal
from hostler.daemon.base.settings import Settings
from hostler.daemon.base.tag_limits import parse_tag_limits
from hostler.daemon.base.tasks import Tasks
from hostler.daemon.generations.generation import Generation
from hostler.daemon.locations.location import Location
from hostler.daemon.processes.factory import ProcessFactory
from hostler.daemon.runs.execution import Execution, RunContext
from hostler.daemon.runs.queue import RunLimits, RunQueue
from hostler.daemon.runs.store.events import StoredEvent
from hostler.daemon.runs.store.record import (
    Run,
    RunEvent,
    is_same_launch,
    make_event,
    pipeline_parts,
    run_id,
)
from hostler.daemon.runs.store.run_store import NotRecordedError, RunStore
from hostler.daemon.runs.store.tables import RequestIdConflictError, RunTables
from hostler.v1 import run_pb2

#: Seconds after a launch by a schedule in which others may follow: nobody waits for such a run.
BURST_PAUSE = 0.05

#: Seconds after which runs are started, whatever else is launched.
LONGEST_BURST = 1.0

#: What `RunTables.create` returns; None twice where no run was made.
Created = tuple[Run | None, StoredEvent | None]


@dataclass(frozen=True, slots=True)
class _QueuedRun:
    """A run in the queue.

    Attributes:
        code: what it executes; None for what the location has when it has loaded: an earlier daemon
            recorded the run, whose code is gone, or nothing had been loaded when it was launched.
    """

    run: Run
    code: tuple[Location, Generation] | None

    @property
    def run_id(self) -> str:
        return run_id(self.run)

    @property
    def location_name(self) -> str:
        return pipeline_parts(self.run)[0]

    @property
    def tags(self) -> Mapping[str, str]:
        return self.run.tags

    @property
    def ready_key(self) -> str:
        """Returns the location whose load the run waits for; "" for one that has its code."""
        return "" if self.code else self.location_name


class Runs:
    """Queues the runs, and executes each in a process of its own."""

    def __init__(
        self,
        store: RunStore,
        factory: ProcessFactory,
        settings: Settings,
        tasks: Tasks,
        journal: Journal,
    ) -> None:
        self.store = store
        self._context = RunContext(store, factory, settings, tasks)
        self._journal = journal
        self._active: dict[str, Execution] = {}
        limits = RunLimits(
            settings.run_limit,
            settings.run_limit_location,
            parse_tag_limits(settings.run_limit_tags),
        )
        self._queue: RunQueue[_QueuedRun] = RunQueue(limits)
        self._find_location: Callable[[str], Location | None] | None = None
        self._is_closing = False
        #: Of runs that schedules launch at one second.
        self._burst_timer: asyncio.TimerHandle | None = None
        self._burst_end = 0.0

    def resume(self, find_location: Callable[[str], Location | None]) -> None:
        """Takes over the runs that an earlier daemon left in the queue.

        Args:
            find_location: returns the location of a name, None where the workspace has none.
        """
        self._find_location = find_location
        for run in self.store.queued:
            self._queue.add(_QueuedRun(run, None))
        self.start_due()

    async def find_launched(self, run: Run) -> Run | None:
        """Returns the run that was launched with the same request id before; None without one.

        Raises:
            RequestIdConflictError: it was launched with another content.
        """
        known = await self.store.find_by_request_id(run.request_id) if run.request_id else None
        if known is None:
            return None
        found, asked = known
        if not is_same_launch(asked, run):
            raise RequestIdConflictError(found.name)
        return found

    async def launch(
        self, run: Run, location: Location, generation: Generation | None, asked: Run | None = None
    ) -> Run:
        """Records a run, and starts it as soon as the limits allow.

        Args:
            run: its pipeline, config, tags, solids, concurrency, timeout and request id.
            generation: what it executes; None for what the location's load under way brings.
            asked: the run as the caller asked for it, where its partition has added to that.

        Raises:
            RequestIdConflictError: the request id was used for another launch.
            NotRecordedError: the run cannot be written.
        """
        _name(run, generation)

        def on_recorded(recorded: Run) -> None:
            self._queue.add(_QueuedRun(recorded, (location, generation) if generation else None))
            self.start_due()

        return await self.store.create(run, make_event("run_queued"), on_recorded, asked)

    async def launch_within(
        self,
        run: Run,
        location: Location,
        generation: Generation,
        within: Callable[[RunTables, Callable[[], Created]], Created],
    ) -> Run | None:
        """Records a run together with something else, as `launch` does; returns None for no run.

        Args:
            within: called on the writer's thread, in a transaction, with the tables and a function
                that records the run; returns what that returned, or None twice.

        Raises:
            RequestIdConflictError, NotRecordedError: as `launch`.
        """
        _name(run, generation)

        def write(tables: RunTables) -> Created:
            return within(tables, lambda: tables.create(run, make_event("run_queued")))

        def on_recorded(recorded: Run) -> None:
            self._queue.add(_QueuedRun(recorded, (location, generation)))
            self._start_after_burst()

        return await self.store.create_by(run_id(run), write, on_recorded)

    def _start_after_burst(self) -> None:
        """Starts the runs once no more are recorded at once: their processes would hold that up."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._burst_timer is None:
            self._burst_end = now + LONGEST_BURST
        else:
            self._burst_timer.cancel()

        def on_end() -> None:
            self._burst_timer = None
            self.start_due()

        self._burst_timer = loop.call_at(min(now + BURST_PAUSE, self._burst_end), on_end)

    def pids(self, location: Location) -> list[int]:
        """Returns the pids of the location's runs."""
        return [
            execution.pid
            for execution in self._active.values()
            if execution.pid and execution.location is location
        ]

    async def cancel(self, run_id: str, reason: str, *, kill: bool = False) -> None:
        """Asks the run to end, terminates it within the stop grace, then kills it, or kills it now.

        A run in the queue ends at once. Nothing happens to a run that has ended.

        Raises:
            NotRecordedError: the cancel cannot be written.
        """
        canceled = make_event("run_canceled", run_pb2.RunCanceled(reason=reason))
        if self._queue.remove(run_id) is not None:
            self.store.append(run_id, canceled)
            await self.store.flush()
        elif (execution := self._active.get(run_id)) is not None:
            (execution.kill if kill else execution.stop)(canceled)
            await self.store.mark_canceling(run_id)

    async def cancel_all(self, run_ids: Iterable[str], reason: str, *, kill: bool = False) -> int:
        """Cancels runs as `cancel` does; returns how many had not ended. Each is cancelled at once.

        Raises:
            NotRecordedError: a cancel cannot be written.
        """
        count = 0
        marked = []
        for each in run_ids:
            canceled = make_event("run_canceled", run_pb2.RunCanceled(reason=reason))
            if self._queue.remove(each) is not None:
                self.store.append(each, canceled)
            elif (execution := self._active.get(each)) is not None:
                (execution.kill if kill else execution.stop)(canceled)
                marked.append(self.store.mark_canceling(each))
            else:
                continue
            count += 1
        await asyncio.gather(*marked)
        await self.store.flush()
        return count

    def start_due(self) -> None:
        """Starts the runs that may start; for when a run has ended or a location has changed."""
        if self._is_closing:
            return
        found: dict[str, tuple[Location, Generation]] = {}

        def is_ready(queued: _QueuedRun) -> bool:
            code = queued.code or self._current_code(queued)
            if code is None:
                return False
            found[queued.run_id] = code
            return True

        for queued in self._queue.start_due(is_ready):
            location, generation = found[queued.run_id]
            execution = Execution(self._context, queued.run, location, generation)
            self._active[queued.run_id] = execution
            self._context.tasks.start(self._execute(execution), f"run {queued.run_id}")

    async def close(self) -> None:
        """Interrupts the active runs and waits for their end; runs that wait stay in the queue."""
        self._is_closing = True
        going_on = list(self._active.values())
        for execution in going_on:
            reason = run_pb2.RunInterrupted(reason="the daemon stopped")
            execution.stop(make_event("run_interrupted", reason))
        await asyncio.gather(*(execution.ended() for execution in going_on))
        self.store.limit_patience()
        with contextlib.suppress(NotRecordedError):  # the writer has logged it
            await self.store.flush()
        self.store.end_followers()

    def _current_code(self, queued: _QueuedRun) -> tuple[Location, Generation] | None:
        """Returns what a run of an earlier daemon executes; None while that is not known."""
        assert self._find_location is not None
        name, repository, pipeline = pipeline_parts(queued.run)
        location = self._find_location(name)
        if location is None:
            self._fail_queued(queued, f"the workspace has no location {name!r} any more")
            return None
        generation = location.generation
        if generation is None:
            return None
        if not generation.has_pipeline(repository, pipeline):
            missing = f"location {name!r} has no pipeline {pipeline!r} any more"
            self._fail_queued(queued, f"{missing} in repository {repository!r}")
            return None
        return location, generation

    def _fail_queued(self, queued: _QueuedRun, message: str) -> None:
        self._queue.remove(queued.run_id)
        failure = run_pb2.RunFailure(message=f"cannot start the run: {message}")
        failed = make_event("run_failed", run_pb2.RunFailed(failure=failure))
        self.store.append(queued.run_id, failed)
        self._log_end(queued.run, failed)

    async def _execute(self, execution: Execution) -> None:
        name = run_id(execution.run)
        try:
            self._log_end(execution.run, await execution.execute())
        finally:
            del self._active[name]
            self._queue.ended(name)
            self.start_due()

    def _log_end(self, run: Run, last: RunEvent) -> None:
        location, _, pipeline = pipeline_parts(run)
        state = (last.WhichOneof("event") or "").removeprefix("run_").upper()
        self._journal.info(
            "run ended", run=run_id(run), location=location, pipeline=pipeline, state=state
        )


def _name(run: Run, generation: Generation | None) -> None:
    run.name = f"runs/{uuid.uuid4().hex}"
    run.generation = generation.number if generation else 0
