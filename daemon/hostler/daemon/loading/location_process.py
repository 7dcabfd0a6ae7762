"""One location process: performs what the process table says and feeds it what happens."""

import asyncio
import signal
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, ClassVar, Protocol

from hostler.daemon.generations import generation
from hostler.daemon.generations.description import DescriptionBuffer
from hostler.daemon.generations.generation import Generation
from hostler.daemon.launching.launcher import ExitStatus, SpawnError
from hostler.daemon.loading import failures
from hostler.daemon.loading.context import LocationContext
from hostler.daemon.loading.failures import LoadFailure
from hostler.daemon.loading.fork_policy import Report
from hostler.daemon.loading.load_timer import LoadTimer
from hostler.daemon.processes import command
from hostler.daemon.processes.channel import CanceledError, ChannelClosedError, RemoteError
from hostler.daemon.processes.host_process import DEATH_SECONDS, HostProcess, Listener, Role, Stream
from hostler.daemon.state.process import TABLE, ProcessEffect, ProcessEvent, ProcessState
from hostler.daemon.templates.environments import Origin
from hostler.daemon.watching.content.digests import digest_of
from hostler.daemon.workspace.text.models import LocationSpec
from hostler.host.wire import STACK_SIGNAL, Method

#: Sources of so many bytes are not handled on the loop's thread; a change of threads costs a
#: reload more than what a usual project takes.
LARGE = 4_000_000


class ProcessObserver(Protocol):
    """Who is told what becomes of a process."""

    def on_ready(self, process: "LocationProcess", loaded: Generation) -> None: ...
    def on_failed(self, process: "LocationProcess", failure: LoadFailure) -> None: ...
    def on_unfit(
        self, process: "LocationProcess", reason: str, *, killed_externally: bool = False
    ) -> None: ...
    def on_died(self, process: "LocationProcess", status: ExitStatus) -> None: ...
    def on_unhealthy(self, process: "LocationProcess") -> None: ...
    def on_ended(self, process: "LocationProcess") -> None: ...
    def on_line(self, stream: Stream, text: str, pid: int, role: Role) -> None: ...
    def on_touched(
        self, process: "LocationProcess", pairs: list[tuple[str, str | None]]
    ) -> None: ...


class LocationProcess:
    """A process that loads a target and, once ready, only answers pings and forks.

    Attributes:
        overlay: the sources that it loads in place of the disk; None for the disk.
        origin: how it came to be; set with `host`.
        report: what its load said of the process; set when it is ready, or unfit.
        hosted: the process, once the keeper has started it.
        has_begun: whether it is more than an order that waits for its place.
        has_told_all: whether a load that failed has said so, and before that all that it had read.
        touched: what the load has read (digest) or looked for in vain (None), by path.
        ended: set when nothing of it is left.
        ready_at: by the loop's clock; None before.
    """

    def __init__(
        self,
        context: LocationContext,
        spec: LocationSpec,
        owner: str,
        observer: ProcessObserver,
        overlay: bytes | None = None,
        fresh: str = "",
    ) -> None:
        """
        Args:
            fresh: why it has to be a new interpreter; empty where a fork will do.
        """
        self.spec = spec
        self.overlay = overlay
        self.host: HostProcess | None = None
        self.origin = Origin(is_fork=False)
        self.report = Report()
        self.has_begun = self.has_told_all = False
        self.ended = asyncio.Event()
        self.touched: dict[str, str | None] = {}
        self.ready_at: float | None = None
        self._context = context
        self._clock = context.clock
        self._owner = owner
        self._observer = observer
        self._fresh = fresh
        self._unfit = ""
        self._state = TABLE.initial
        self._lines: deque[str] = deque(maxlen=context.settings.failure_lines)
        self._loaded: Generation | None = None
        self._failure: LoadFailure | None = None
        self._lost_wire = False
        self._ordered_at = self._started_at = 0.0
        self._release_slot: Callable[[], None] | None = None
        self._load_timer = LoadTimer(context.clock, context.factory.own_code)
        #: What a fork may take; None for another kind, or where load_timeout is shorter.
        self._fork_patience: float | None = None
        self._spawning: asyncio.Task[None] | None = None
        self._pings: asyncio.Task[None] | None = None

    @property
    def is_ready(self) -> bool:
        return self._state is ProcessState.READY

    @property
    def pid(self) -> int:
        return self.host.pid if self.host else 0

    def start(self) -> None:
        """Orders the process from the keeper."""
        self._spawning = self._start(self._spawn(), "spawn")

    def retire(self) -> None:
        """Lets its calls end, then ends it."""
        self._feed(ProcessEvent.RETIRE)

    def abort(self) -> None:
        """Ends it now, with a grace if it was ready."""
        self._feed(ProcessEvent.ABORT)

    def _feed(self, event: ProcessEvent) -> None:
        rule = TABLE.step(self._state, event)
        self._state = rule.state
        for effect in rule.effects:
            try:
                self._EFFECTS[effect](self)
            except Exception as error:  # noqa: BLE001 (a fault of ours must not leave the rest undone)
                self._context.journal.fault(f"cannot {effect.value}", error, owner=self._owner)

    async def _spawn(self) -> None:
        environments = self._context.environments
        await self._take_place()
        environments.load_started(self.spec, self._owner)
        self.has_begun = True
        self._ordered_at = self._clock.monotonic()
        if self.spec.load_timeout:
            self._load_timer.arm(
                self.spec.load_timeout,
                self._ask_where_it_is,
                partial(self._feed, ProcessEvent.OVERDUE),
            )
        listener = Listener(self._on_line, self._on_touched)
        try:
            host, self.origin = await environments.start(
                self.spec, self._owner, listener, self._fresh
            )
        except SpawnError as error:
            if error.stage == "keeper":  # every location gets a new process from the next one
                self._feed(ProcessEvent.ABORT)
                self._feed(ProcessEvent.EXITED)
                return
            executable = command.executable(self.spec)
            # another one in its place is a reason to try again
            self.touched[executable] = digest_of(executable)
            self._failure = failures.of_spawn(executable, error)
            self._feed(ProcessEvent.SPAWN_FAILED)
            return
        except Exception as error:  # noqa: BLE001 (no descriptor is left, the disk is full)
            self._context.journal.fault("cannot start a process", error, owner=self._owner)
            message = f"cannot start {command.executable(self.spec)}: {error}"
            self._failure = LoadFailure("PROCESS_DIED", permanent=False, message=message)
            self._feed(ProcessEvent.SPAWN_FAILED)
            return
        self.host = host
        self._started_at = self._clock.monotonic()
        if self.origin.is_fork and self._state is ProcessState.SPAWNED:
            self._arm_fork_timer()
        host.exit.add_done_callback(lambda _: self._feed(ProcessEvent.EXITED))
        host.hello.add_done_callback(
            lambda hello: None if hello.cancelled() else self._feed(ProcessEvent.GREETED)
        )
        if self._state is ProcessState.DRAINING:  # given up while it was started
            await self._context.factory.kill(host)

    async def _take_place(self) -> None:
        """Waits for a slot, and holds none while it waits for the template of its environment."""
        environments = self._context.environments
        while True:
            if not self._fresh:
                await environments.settled(self.spec)
            self._release_slot = await self._context.slots.acquire()
            if self._fresh or not environments.is_settling(self.spec):
                return
            self._release_slot()

    async def _load(self) -> None:
        host = self._host()
        try:
            described = DescriptionBuffer(at_once=LARGE)
            body, snapshot = await self._context.factory.load_and_snapshot(
                host, self.spec, self.overlay, described.take
            )
            self.report = Report.of(body)
            if self.origin.is_fork and (unfit := self.report.unfit_after_fork()):
                self._give_up(unfit)
                return
            version = host.hello.result()["version"]
            files = dict(self.touched)

            def build() -> Generation:
                return generation.build(self.spec, described.get(), body, files, snapshot, version)

            is_large = max(len(snapshot), len(described)) > LARGE
            loaded = await asyncio.to_thread(build) if is_large else build()
            loaded.files.update(self.touched)  # what came meanwhile
        except RemoteError as error:
            host.drain_output()
            self.has_told_all = True
            self._failure = failures.of_answer(error.body, list(self._lines))
            self._feed(ProcessEvent.LOAD_FAILED)
        except ChannelClosedError:
            await asyncio.wait([host.exit], timeout=DEATH_SECONDS)
            if not host.exit.done():  # the user's code closed our descriptor, and goes on
                self._lost_wire = True
                await self._context.factory.kill(host)
        except Exception as error:  # noqa: BLE001 (whatever it says, or a fault of ours)
            self._context.journal.fault("cannot read a load", error, owner=self._owner)
            message = f"cannot read what the process says of its definitions: {error}"
            self._failure = LoadFailure("PROCESS_DIED", permanent=False, message=message)
            self._feed(ProcessEvent.LOAD_FAILED)
        else:
            loaded.seconds = self._clock.monotonic() - self._ordered_at
            loaded.parts = {"order": self._started_at - self._ordered_at, **body["seconds"]}
            self._loaded = loaded
            self._feed(ProcessEvent.LOADED)
            self._context.environments.learn(self.spec, body, loaded.seconds)

    def _arm_fork_timer(self) -> None:
        """A fork may meet a lock that no new interpreter does; nobody waits a minute for that."""
        patience = self._context.environments.fork_patience(self.spec)
        if not self.spec.load_timeout or patience < self.spec.load_timeout:
            self._fork_patience = patience
            self._load_timer.arm(
                patience, self._ask_where_it_is, lambda: self._give_up(self._late())
            )

    def _late(self) -> str:
        """Why a fork that took too long is given up."""
        frame = self._load_timer.stack.innermost(self.touched)
        where = f"; it was at {frame}" if frame else ""
        return f"it was not ready within {self._fork_patience:g} s{where}"

    def _ask_where_it_is(self) -> bool:
        if self.host is None or not self.host.has_greeted:
            return False
        self._context.factory.keeper.signal(self.host.pid, STACK_SIGNAL, group=False)
        return True

    def _give_up(self, reason: str) -> None:
        """A new interpreter has to do what this fork was for."""
        self._unfit = reason
        self._feed(ProcessEvent.UNFIT)

    def _announce_unfit(self) -> None:
        self._give_slot_back()
        self._observer.on_unfit(self, self._unfit)

    async def _ping(self) -> None:
        health = self.spec.health
        channel = self._host().channel
        missed = 0
        while True:
            await asyncio.sleep(health.interval)
            try:
                await channel.request(Method.PING, timeout=health.timeout)
                missed = 0
            except (TimeoutError, CanceledError):  # canceled: it woke up after the timeout
                missed += 1
                if missed == health.failures:
                    self._feed(ProcessEvent.UNHEALTHY)
            except ChannelClosedError:
                await asyncio.wait([self._host().exit], timeout=DEATH_SECONDS)
                if not self._host().exit.done():
                    self._end(self._context.factory.kill)
                return

    async def _await_calls(self) -> None:
        try:
            async with asyncio.timeout(self._context.settings.drain):
                await self._host().channel.idle()
        except TimeoutError:
            pass
        self._feed(ProcessEvent.DRAINED)

    async def _release(self) -> None:
        if self.host is not None:
            await self.host.forks_settled()
            self.host.release()
            # what it left behind ends with it
            await self._context.factory.keeper.end(self._owner)
        self.ended.set()
        self._observer.on_ended(self)

    def _announce_ready(self) -> None:
        self._give_slot_back()
        self.ready_at = self._clock.monotonic()
        # the announcer's from now on: this object may be there for longer
        loaded, self._loaded = self._loaded, None
        assert loaded is not None
        self._observer.on_ready(self, loaded)

    def _announce_failed(self) -> None:
        self._give_slot_back()
        assert self._failure is not None
        self._observer.on_failed(self, self._failure)

    def _announce_overdue(self) -> None:
        self._give_slot_back()
        if self.host:
            self.host.drain_output()
        failure = failures.of_timeout(
            command.executable(self.spec),
            self.spec.load_timeout,
            list(self._lines),
            greeted=self.host is not None and self.host.has_greeted,
            stack=self._load_timer.stack.frames,
            frame=self._load_timer.stack.innermost(self.touched),
        )
        self._observer.on_failed(self, failure)

    def _announce_died(self) -> None:
        self._give_slot_back()
        host = self._host()
        status = host.exit.result()
        if self.ready_at is not None or status.keeper_died:
            self._observer.on_died(self, status)
            return
        if status.signal == STACK_SIGNAL and self._load_timer.has_asked:
            # the user's code has given the signal back its default action
            if self._fork_patience is None:
                self._announce_overdue()
            else:
                self._observer.on_unfit(self, self._late())
            return
        if self.origin.is_fork and status.signal is not None:
            killed_externally = status.signal == signal.SIGKILL
            self._observer.on_unfit(
                self, f"it was {status.describe()}", killed_externally=killed_externally
            )
            return
        host.drain_output()
        if self._lost_wire:
            failure = failures.of_lost_wire(list(self._lines))
        else:
            failure = failures.of_death(
                command.executable(self.spec),
                status,
                list(self._lines),
                greeted=host.has_greeted,
                no_restart=self._context.settings.no_restart_code,
            )
        self._observer.on_failed(self, failure)

    def _start_pings(self) -> None:
        self._pings = self._context.tasks.start(self._ping(), f"pings of {self._owner}")

    def _stop_pings(self) -> None:
        if self._pings is not None:
            self._pings.cancel()
            self._pings = None

    def _give_slot_back(self) -> None:
        self._context.environments.load_ended(self._owner)
        if self._release_slot is not None:
            self._release_slot()

    def _end(self, how: Callable[[HostProcess], Coroutine[Any, Any, None]]) -> None:
        self._give_slot_back()
        if self.host is not None:
            self._start(how(self.host), "end")
        elif not self.has_begun and self._spawning is not None:  # it waits for its place
            self._spawning.cancel()
            self._feed(ProcessEvent.EXITED)

    def _host(self) -> HostProcess:
        assert self.host is not None
        return self.host

    def _on_line(self, stream: Stream, text: str, pid: int) -> None:
        left = self._load_timer.filter_line(text) if stream == "stderr" else text
        if left is not None:
            self._lines.append(left)
            self._observer.on_line(stream, left, pid, "location")

    def _on_touched(self, pairs: list[tuple[str, str | None]]) -> None:
        self.touched.update(pairs)
        self._observer.on_touched(self, pairs)

    def _start(self, work: Coroutine[Any, Any, None], what: str) -> asyncio.Task[None]:
        return self._context.tasks.start(work, f"{what} of {self._owner}")

    #: Of the class: a table of its own would make each process part of a cycle.
    _EFFECTS: ClassVar[dict[ProcessEffect, Callable[[Any], object]]] = {
        ProcessEffect.ORDER_LOAD: lambda self: self._start(self._load(), "load"),
        ProcessEffect.DISARM_LOAD_TIMER: lambda self: self._load_timer.disarm(),
        ProcessEffect.START_PINGS: _start_pings,
        ProcessEffect.STOP_PINGS: _stop_pings,
        ProcessEffect.ANNOUNCE_READY: _announce_ready,
        ProcessEffect.ANNOUNCE_FAILED: _announce_failed,
        ProcessEffect.ANNOUNCE_UNFIT: _announce_unfit,
        ProcessEffect.ANNOUNCE_OVERDUE: _announce_overdue,
        ProcessEffect.ANNOUNCE_UNHEALTHY: lambda self: self._observer.on_unhealthy(self),
        ProcessEffect.ANNOUNCE_DIED: _announce_died,
        ProcessEffect.AWAIT_CALLS: lambda self: self._start(self._await_calls(), "drain"),
        ProcessEffect.TERMINATE: lambda self: self._end(self._context.factory.terminate),
        ProcessEffect.KILL: lambda self: self._end(self._context.factory.kill),
        ProcessEffect.RELEASE: lambda self: self._start(self._release(), "release"),
    }
