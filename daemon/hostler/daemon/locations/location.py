"""One location: performs what the location table says and feeds it what happens."""

import asyncio
import itertools
import random
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, ClassVar

from hostler.daemon.base.backoff import Backoff
from hostler.daemon.base.text import join_names, utf8_safe
from hostler.daemon.base.timers import Timers
from hostler.daemon.generations import generation
from hostler.daemon.generations.generation import Generation
from hostler.daemon.generations.shared_calls import SharedCalls
from hostler.daemon.generations.worker_pools import WorkerPools
from hostler.daemon.launching.launcher import ExitStatus
from hostler.daemon.loading.context import LocationContext
from hostler.daemon.loading.failures import LoadFailure
from hostler.daemon.loading.fork_policy import ForkPolicy
from hostler.daemon.loading.location_process import LocationProcess
from hostler.daemon.locations.change_notifier import ChangeNotifier
from hostler.daemon.locations.debounce import Debounce
from hostler.daemon.locations.replicas import Replicas
from hostler.daemon.locations.serving import ServingProcess
from hostler.daemon.locations.standby import Standby
from hostler.daemon.locations.watched_files import WatchedFiles
from hostler.daemon.logs.location import LocationLog
from hostler.daemon.processes.host_process import HostProcess, Listener, Role, Stream
from hostler.daemon.state.location import (
    LOAD,
    SERVING,
    UNSETTLED,
    Load,
    LocationEffect,
    LocationEvent,
    Serving,
    Status,
    status,
)
from hostler.daemon.watching.watcher import Watcher
from hostler.daemon.workspace.text.models import LocationSpec
from hostler.v1 import workspace_pb2

#: Files that a reason names: each change of a location is kept with its reason.
MOST_NAMED = 5

#: Who waits for a load reads what it brought in this time. The end of the process before and the
#: preparation of the next one come after that: they keep a small machine busy for longer.
ANSWER_SECONDS = 0.01


class Location:
    """A location's generations and processes.

    Attributes:
        spec: as workspace.yaml has it now.
        generation: the last good one; None before the first, and when stopped.
        restarts: processes that were started because one before them died or hung.
    """

    def __init__(
        self,
        context: LocationContext,
        spec: LocationSpec,
        log: LocationLog,
        watcher: Watcher,
        on_change: Callable[["Location", Status, str], None],
    ) -> None:
        self.spec = spec
        self.log = log
        self.generation: Generation | None = None
        self.restarts = 0
        self.retry_time: float | None = None
        self.last_changes = workspace_pb2.DefinitionChanges()
        self._context = context
        self._clock = context.clock
        self._watched = WatchedFiles(spec, watcher, context.clock)
        self._on_change = on_change
        self._notifier = ChangeNotifier(context.clock, self._tell)
        self._load = LOAD.initial
        self._serving = SERVING.initial
        self._good = itertools.count(1)
        self._candidate: LocationProcess | None = None
        self._serves = ServingProcess(context.settings)
        self._alive: set[LocationProcess] = set()
        self._loaded: Generation | None = None
        self._failure: LoadFailure | None = None
        self._shown_failure: LoadFailure | None = None
        self._load_backoff = Backoff(context.settings, random.random)
        self._timers = Timers(context.clock)
        self._causes: set[str] = set()
        #: Sources whose code its forks inherit; they do not tell of each at once that they read.
        self._compiled: set[str] = set()
        self._settled = asyncio.Event()
        self._settled.set()
        self._debounce = Debounce(context.clock)
        self._fork_policy = ForkPolicy()
        self._standby = Standby(
            context,
            self._forkable,
            lambda: f"{self.name}/s{next(context.numbers)}",
            Listener(partial(self.on_line, role="run"), self.on_late_import),
        )
        self._replicas = Replicas(context, log, self._fork_policy.unfit, self._standby)
        self._worker_pools = WorkerPools(
            self._start_worker, self._replicas.end, context.settings, context.tasks, spec.name
        )

    # What is asked of it

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def status(self) -> Status:
        """The state that `ps` shows."""
        return status(self._load, self._serving, processes_left=bool(self._alive))

    @property
    def error(self) -> LoadFailure | None:
        """Why the newest load failed, or why the good generation has no process now."""
        return self._shown_failure or self._serves.failure

    @property
    def process(self) -> LocationProcess | None:
        """The location process that serves, or that is to serve."""
        return self._serves.current or self._serves.successor or self._candidate

    @property
    def fork_reasons(self) -> tuple[str, ...]:
        """Why workers and runs are spawned; empty where they are forked."""
        if self.spec.fork == "never":
            return ("fork: never in workspace.yaml",)
        return self.generation.unsafe if self.generation else ()

    @property
    def fresh_reason(self) -> str:
        """Why its next process has to be a new interpreter; empty where a fork will do."""
        return self._fork_policy.reason(self.spec)

    @property
    def pids(self) -> list[int]:
        """The interpreters of the location, without its runs."""
        own = [process.pid for process in self._alive if process.pid]
        return [*own, *self._worker_pools.pids, *filter(None, [self.standby_pid])]

    @property
    def standby_pid(self) -> int:
        """The process that waits for the next run; 0 where there is none."""
        return self._standby.pid

    def start(self) -> None:
        if self._load is Load.STOPPED:
            self._watched.begin()
        self._feed(LocationEvent.START, "started")

    def stop(self) -> None:
        self._feed(LocationEvent.STOP, "stopped")
        self._watched.forget()

    def reload(self) -> None:
        self._feed(LocationEvent.RELOAD, "reload asked for")

    def restart(self) -> None:
        """Ends the processes, workers too, and starts new ones; definitions stay answered."""
        self._worker_pools.retire(0)
        self._fork_policy.forget()
        self._feed(LocationEvent.RESTART, "restart asked for")

    def change_spec(self, spec: LocationSpec) -> None:
        """Goes on as workspace.yaml has it now; the old generation answers until then."""
        was_watched = self.spec.reload
        self.spec = self._watched.spec = spec
        self._load_backoff.reset()
        if not spec.reload:
            self._watched.forget()
        elif not was_watched and self._load is not Load.STOPPED:
            self._watched.begin()
        if self._load is not Load.STOPPED:
            self._feed(LocationEvent.RELOAD, "its entry in workspace.yaml changed")

    def files_changed(self, paths: frozenset[str]) -> None:
        self._causes |= paths
        self._fork_policy.changed()
        if self._candidate and not self._candidate.has_begun:
            return  # it will read what is there by then
        self._debounce.change(paths)
        event = LocationEvent.FLOODED if self._debounce.is_flood() else LocationEvent.CHANGED
        was_settling = self._load is Load.SETTLING
        self._feed(event, f"changed: {join_names(paths, MOST_NAMED)}")
        if self._load is Load.SETTLING:
            self._compile_ahead(paths if was_settling else self._debounce.changed)

    def packages_changed(self, what: str) -> None:
        """What its environment has installed is another now."""
        self._fork_policy.forget()
        self._causes |= {what}
        self._feed(LocationEvent.CHANGED, f"packages changed: {what}")

    def keeper_lost(self) -> None:
        """Every process has ended with the keeper."""
        self._feed(LocationEvent.KEEPER_LOST, "the keeper died")

    async def settled(self) -> None:
        """Returns when no load is under way and its outcome can be seen."""
        await self._settled.wait()

    async def ended(self) -> None:
        """Returns when the processes of this moment have ended, runs aside."""
        for process in list(self._alive):
            await process.ended.wait()
        await self._standby.ended()
        await self._worker_pools.retired()

    @property
    def calls(self) -> SharedCalls:
        """What the user's functions tell of the generation, of which there is one."""
        assert self.generation is not None
        return self._worker_pools.of(self.generation)

    async def obtain(
        self, of: Generation, role: Role, owner: str, listener: Listener
    ) -> HostProcess:
        """A process that has loaded generation `of`: a fork where that is safe, else a spawn.

        Raises:
            NoProcessError: neither worked.
        """
        parent = self._forkable() if of is self.generation else None
        fresh = self._fork_policy.reason(of.spec)
        return await self._replicas.obtain(of, parent, role, owner, listener, fresh)

    def _forkable(self) -> HostProcess | None:
        """The process that serves, where a fork of it is safe."""
        process = self._serves.current
        if process is None or not process.is_ready or self.fork_reasons:
            return None
        return process.host

    # What the processes say

    def on_ready(self, process: LocationProcess, loaded: Generation) -> None:
        self._fork_policy.loaded(process.report, is_fork=process.origin.is_fork)
        if process is self._candidate:
            is_outdated = self._load is Load.OUTDATED
            self._debounce.loaded(
                loaded.seconds, is_fork=process.origin.is_fork, is_outdated=is_outdated
            )
            if is_outdated and self._debounce.should_skip_outdated(loaded.seconds):
                self._feed(LocationEvent.PATIENCE_OVER, "its files go on changing")
            else:
                self._loaded = loaded
                self._feed(LocationEvent.LOADED, "loaded")
        elif process is self._serves.successor:
            self._feed(LocationEvent.REVIVED, "its process is back")
        self._clock.call_later(ANSWER_SECONDS, self._prepare_next)

    def on_unfit(
        self, process: LocationProcess, reason: str, *, killed_externally: bool = False
    ) -> None:
        self.log.write(
            self._clock.time(), "daemon", f"not by a fork: {reason}", process.pid, "location"
        )
        if process.report.unfit_after_fork():
            self._fork_policy.unfit(process.report)
        else:
            self._fork_policy.died(reason, killed_externally=killed_externally)
        if process is self._candidate:
            self._candidate = None
            self._feed(LocationEvent.UNFIT, f"a new interpreter is needed: {reason}")
        elif process is self._serves.successor:
            self._serves.successor = None
            self._feed(LocationEvent.REVIVAL_UNFIT, f"a new interpreter is needed: {reason}")

    def on_failed(self, process: LocationProcess, failure: LoadFailure) -> None:
        if not failure.permanent:
            self._fork_policy.failed(failure.message, is_fork=process.origin.is_fork)
        self._prepare_next()
        if process is self._candidate:
            self._debounce.failed()
            self._failure = failure
            self._candidate = None
            if self.generation is None:
                self._watched.replace(process.touched)
            else:  # it may have died before it told of all that it had read
                self._watched.join(process.touched.items())
            if process.origin.is_fork and not process.has_told_all:
                self._watched.join_unread(self._compiled)
            self._feed(LocationEvent.FAILED, failure.message)
        elif process is self._serves.successor:
            self._serves.fail(failure)
            event = LocationEvent.STOP if failure.wants_stop else LocationEvent.REVIVAL_FAILED
            self._feed(event, failure.message)

    def on_died(self, process: LocationProcess, status: ExitStatus) -> None:
        self.log.write(self._clock.time(), "daemon", status.describe(), process.pid, "location")
        if process is not self._serves.current or status.keeper_died:
            return  # keeper_lost() follows where the keeper took it along
        if status.code == self._context.settings.no_restart_code:
            self._feed(LocationEvent.STOP, f"its process asked for it: {status.describe()}")
            return
        assert process.ready_at is not None
        is_early = self._serves.lose(self._clock.monotonic() - process.ready_at)
        event = LocationEvent.DIED_EARLY if is_early else LocationEvent.DIED
        self._feed(event, f"its process died: {status.describe()}")

    def on_unhealthy(self, process: LocationProcess) -> None:
        if process is self._serves.current:
            self._feed(LocationEvent.UNHEALTHY, "its process does not answer pings")

    def on_ended(self, process: LocationProcess) -> None:
        self._alive.discard(process)
        if not self._alive and self._load is Load.STOPPED:
            self._notifier.tell(Status.STOPPING, "its processes have ended")

    def on_line(self, stream: Stream, text: str, pid: int, role: Role) -> None:
        self.log.write(self._clock.time(), stream, text, pid, role)

    def on_touched(self, process: LocationProcess, pairs: list[tuple[str, str | None]]) -> None:
        if process is self._candidate:
            self._watched.touch(pairs)
        elif process is self._serves.current:
            self.on_late_import(pairs)

    def on_late_import(self, pairs: list[tuple[str, str | None]]) -> None:
        """A worker or a run imported more of the user's modules."""
        if self.generation is not None:
            self.generation.files.update(pairs)
            self._watched.join(pairs)

    # The machine

    def _feed(self, event: LocationEvent, reason: str) -> None:
        self._notifier.flush()
        before = self.status
        load = LOAD.step(self._load, event)
        serving = SERVING.step(self._serving, event)
        self._load, self._serving = load.state, serving.state
        for effect in (*load.effects, *serving.effects):
            try:
                self._EFFECTS[effect](self)
            except Exception as error:  # noqa: BLE001 (a fault of ours must not leave the rest undone)
                self._context.journal.fault(f"cannot {effect.value}", error, location=self.name)
        (self._settled.clear if self._load in UNSETTLED else self._settled.set)()
        is_news = self.status is not before or serving.effects
        if load.effects and self._load not in (Load.HELD, Load.SETTLING):
            is_news = True  # there, what may be half of a save is no news yet
        if is_news:
            has_begun = (
                LocationEffect.LOAD in load.effects or LocationEffect.REVIVE in serving.effects
            )
            (self._notifier.notify_soon if has_begun else self._notifier.tell)(before, reason)

    def tell(self) -> None:
        """Tells what has happened and is still to be told."""
        self._notifier.flush()

    def _tell(self, before: Status, reason: str) -> None:
        try:
            self._on_change(self, before, reason)
        except Exception as error:  # noqa: BLE001 (likewise: what comes next must happen)
            self._context.journal.fault("cannot tell of a change", error, location=self.name)

    def _process_for(self, spec: LocationSpec, overlay: bytes | None) -> LocationProcess:
        owner = f"{self.name}/{next(self._context.numbers)}"
        fresh = self._fork_policy.reason(spec)
        process = LocationProcess(self._context, spec, owner, self, overlay, fresh)
        self._alive.add(process)
        process.start()
        return process

    def _prepare_next(self) -> None:
        """Off the path: the template compiles what has changed, and forks another process ahead."""
        files = self.generation.files if self.generation else {}
        sources = [path for path in files if files[path] and path.endswith(".py")]
        self._compiled.update(sources)
        size = len(self.generation.snapshot) if self.generation else 0
        self._context.environments.prepare(self.spec, sources, size)

    def _compile_ahead(self, paths: Iterable[str]) -> None:
        """While a load waits for more changes: it will read these."""
        sources = [path for path in paths if path.endswith(".py")]
        self._context.environments.compile_ahead(self.spec, sources)

    def _start_load(self) -> None:
        self._timers.disarm("patience", "rest", "hold", "retry")
        self._candidate = self._process_for(self.spec, None)

    def _abort_load(self) -> None:
        self._timers.disarm("patience", "rest")
        candidate, self._candidate = self._candidate, None
        if candidate:
            candidate.abort()

    def _promote(self) -> None:
        assert self._loaded is not None
        loaded, self._loaded = self._loaded, None
        loaded.number = next(self._good)
        loaded.ready_time = self._clock.time()
        old, self.generation = self.generation, loaded
        assert self._candidate is not None
        retired = self._serves.install(self._candidate)
        self._candidate = None
        causes, self._causes = self._causes, set()
        self._forget_failure()
        self._worker_pools.retire(self._context.settings.drain)
        if retired:
            self._clock.call_later(ANSWER_SECONDS, retired.retire)
        self._load_backoff.reset()
        self._watched.replace_soon(loaded.files)
        self.last_changes = generation.changes(old, loaded)
        self.last_changes.files.extend(sorted(map(utf8_safe, causes)))

    def _arm_patience(self) -> None:
        patience = self._debounce.patience(is_fork=not self.fresh_reason)
        self._arm("patience", patience, LocationEvent.PATIENCE_OVER)

    def _arm_rest(self) -> None:
        """The load waits, but for no change longer than it has to."""
        self._timers.disarm("hold")
        seconds = self._debounce.rest(is_fork=not self.fresh_reason)
        self._arm(
            "rest", seconds, LocationEvent.RESTED, f"{len(self._debounce.changed)} files changed"
        )
        self._watched.reset_throttle()

    def _arm_hold(self) -> None:
        """The failure is told in a moment, unless a change says that it was half of a save."""
        assert self._failure is not None
        event = (
            LocationEvent.HOLD_OVER_FOR_GOOD if self._failure.permanent else LocationEvent.HOLD_OVER
        )
        self._arm("hold", self._context.settings.failure_hold, event, self._failure.message)

    def _show_failure(self) -> None:
        self._shown_failure = self._failure

    def _forget_failure(self) -> None:
        self._timers.disarm("hold", "retry")
        self._failure = self._shown_failure = self._serves.failure = None

    def _arm_retry(self) -> None:
        delay = self._load_backoff.next_delay()
        self.retry_time = self._clock.time() + delay
        self._arm("retry", delay, LocationEvent.RETRY_DUE)

    def _revive(self) -> None:
        assert self.generation is not None
        self.restarts += 1
        if self._serving is Serving.REVIVING:
            self._serves.current = None
        good = self.generation
        self._serves.successor = self._process_for(good.spec, good.sources())

    def _arm_revival(self) -> None:
        delay = self._serves.lapse()
        self.retry_time = self._clock.time() + delay
        self._arm("revival", delay, LocationEvent.REVIVAL_DUE)

    def _end_serving(self) -> None:
        self._standby.end()
        self._serves.end()

    def _forget_generation(self) -> None:
        self._worker_pools.retire(0)
        self.generation = None

    def _arm(self, name: str, delay: float, event: LocationEvent, reason: str = "") -> None:
        self._timers.arm(name, delay, self._due, event, reason or event.value)

    def _due(self, event: LocationEvent, reason: str) -> None:
        self.restarts += event is LocationEvent.RETRY_DUE
        self._feed(event, reason)

    async def _start_worker(self, of: Generation) -> HostProcess:
        listener = Listener(partial(self.on_line, role="worker"), self.on_late_import)
        owner = f"{self.name}/w{next(self._context.numbers)}"
        return await self.obtain(of, "worker", owner, listener)

    _EFFECTS: ClassVar[dict[LocationEffect, Callable[[Any], object]]] = {
        LocationEffect.LOAD: _start_load,
        LocationEffect.ABORT_LOAD: _abort_load,
        LocationEffect.PROMOTE: _promote,
        LocationEffect.ARM_PATIENCE: _arm_patience,
        LocationEffect.ARM_REST: _arm_rest,
        LocationEffect.ARM_HOLD: _arm_hold,
        LocationEffect.SHOW_FAILURE: _show_failure,
        LocationEffect.FORGET_FAILURE: _forget_failure,
        LocationEffect.ARM_RETRY: _arm_retry,
        LocationEffect.RESET_BACKOFF: lambda self: self._load_backoff.reset(),
        LocationEffect.REVIVE: _revive,
        LocationEffect.ABORT_REVIVAL: lambda self: self._serves.abort_successor(),
        LocationEffect.ADOPT_REVIVED: lambda self: self._serves.adopt_successor(),
        LocationEffect.ARM_REVIVAL: _arm_revival,
        LocationEffect.DISARM_REVIVAL: lambda self: self._timers.disarm("revival"),
        LocationEffect.END_SERVING: _end_serving,
        LocationEffect.FORGET_GENERATION: _forget_generation,
    }
