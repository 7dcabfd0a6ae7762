"""One location process: performs what the process table says and feeds it what happens."""

import asyncio
import signal
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, ClassVar, Protocol

from hostler.daemon.generations.generation import Generation
from hostler.daemon.launching.launcher import ExitStatus, SpawnError
from hostler.daemon.loading import failures
from hostler.daemon.loading.admission import Admission
from hostler.daemon.loading.context import LocationContext
from hostler.daemon.loading.failures import LoadFailure
from hostler.daemon.loading.load import load_generation
from hostler.daemon.loading.load_timer import LoadTimer
from hostler.daemon.loading.pings import Pings
from hostler.daemon.processes import command
from hostler.daemon.processes.channel import ChannelClosedError, RemoteError
from hostler.daemon.processes.host_process import (
    DEATH_SECONDS,
    HostProcess,
    Listener,
    Role,
    Stream,
)
from hostler.daemon.state.fork_policy import Decision, LoadReport, Source
from hostler.daemon.state.process import TABLE, ProcessEffect, ProcessEvent, ProcessState
from hostler.daemon.state.rules import Machine
from hostler.daemon.watching.content.digests import digest_of
from hostler.daemon.workspace.text.models import LocationSpec
from hostler.host.wire import STACK_SIGNAL


class ProcessObserver(Protocol):
    """Who is told what becomes of a location process."""

    def on_ready(self, process: "LocationProcess", loaded: Generation) -> None: ...
    def on_failed(self, process: "LocationProcess", failure: LoadFailure) -> None: ...
    def on_unfit(
        self, process: "LocationProcess", reason: str, *, killed_externally: bool = False
    ) -> None: ...
    def on_died(self, process: "LocationProcess", status: ExitStatus) -> None: ...
    def on_unhealthy(self, process: "LocationProcess") -> None: ...
    def on_ended(self, process: "LocationProcess") -> None: ...
    def on_line(self, stream: Stream, text: str, pid: int, role: Role) -> None: ...
    def on_files_read(
        self, process: "LocationProcess", pairs: list[tuple[str, str | None]]
    ) -> None: ...


class LocationProcess:
    """A process that loads a target and, once ready, only answers pings and forks.

    Attributes:
        overlay: the sources that it loads in place of the disk; None for the disk.
        fork_decision: how it came to be; set with `host`.
        report: what its load said of the process; set when it is ready, or unfit.
        host: the process, once the keeper has started it.
        has_told_all: whether a load that failed has said so, and before that all that it had read.
        files: what the load has read (digest) or looked for in vain (None), by path.
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
        spawn_reason: str = "",
    ) -> None:
        """
        Args:
            spawn_reason: why it has to be a new interpreter; empty where a fork will do.
        """
        self.spec = spec
        self.overlay = overlay
        self.host: HostProcess | None = None
        self.fork_decision = Decision(Source.SPAWN)
        self.report = LoadReport()
        self.has_told_all = False
        self.ended = asyncio.Event()
        self.files: dict[str, str | None] = {}
        self.ready_at: float | None = None
        self._context = context
        self._clock = context.clock
        self._owner = owner
        self._observer = observer
        self._spawn_reason = spawn_reason
        self._unfit_reason = ""
        self._machine = Machine(TABLE, context.on_undeclared)
        self._lines: deque[str] = deque(maxlen=context.settings.failure_lines)
        self._loaded: Generation | None = None
        self._failure: LoadFailure | None = None
        self._lost_wire = False
        self._ordered_at = self._started_at = 0.0
        self._admission = Admission(context.environments, context.slots, spec, owner)
        self._load_timer = LoadTimer(context.clock, context.factory.own_code)
        #: Whether the load timer is a fork's, which is shorter than load_timeout.
        self._is_fork_timed = False
        self._spawning: asyncio.Task[None] | None = None
        self._pings = Pings()

    @property
    def is_ready(self) -> bool:
        """Whether it has loaded and has not been told to end."""
        return self._machine.state is ProcessState.READY

    @property
    def has_begun(self) -> bool:
        """Whether it is more than an order that waits for its slot."""
        return self._admission.is_granted

    @property
    def pid(self) -> int:
        """Of the interpreter; 0 before it was started."""
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
        for effect in self._machine.feed(event):
            try:
                self._EFFECTS[effect](self)
            except Exception as error:  # noqa: BLE001 (a fault of ours must not leave the rest undone)
                self._context.journal.fault(f"cannot {effect.value}", error, owner=self._owner)

    # From the order to the hello

    async def _spawn(self) -> None:
        await self._admission.wait(for_template=not self._spawn_reason)
        self._ordered_at = self._clock.monotonic()
        if self.spec.load_timeout:
            self._arm_load_timer(self.spec.load_timeout, partial(self._feed, ProcessEvent.OVERDUE))
        listener = Listener(self._on_line, self._on_files_read)
        try:
            self.host, self.fork_decision = await self._context.environments.start_process(
                self.spec, self._owner, listener, self._spawn_reason
            )
        except Exception as error:  # noqa: BLE001 (no descriptor is left, the disk is full)
            self._fail_to_spawn(error)
            return
        self._started_at = self._clock.monotonic()
        if self.fork_decision.is_fork and self._machine.state is ProcessState.SPAWNED:
            self._arm_fork_timer()
        self.host.exit.add_done_callback(lambda _: self._feed(ProcessEvent.EXITED))
        self.host.hello.add_done_callback(
            lambda hello: None if hello.cancelled() else self._feed(ProcessEvent.HELLO_RECEIVED)
        )
        if self._machine.state is ProcessState.DRAINING:  # given up while it was started
            await self._context.factory.kill(self.host)

    def _fail_to_spawn(self, error: Exception) -> None:
        executable = command.executable(self.spec)
        if isinstance(error, SpawnError):
            if error.stage == "keeper":  # every location gets a new process from the next one
                self._feed(ProcessEvent.ABORT)
                self._feed(ProcessEvent.EXITED)
                return
            # another executable in its place is a reason to try again
            self.files[executable] = digest_of(executable)
            self._failure = failures.of_spawn(executable, error)
        else:
            self._context.journal.fault("cannot start a process", error, owner=self._owner)
            message = f"cannot start {executable}: {error}"
            self._failure = LoadFailure("PROCESS_DIED", permanent=False, message=message)
        self._feed(ProcessEvent.SPAWN_FAILED)

    # The load

    async def _load(self) -> None:
        host = self._started_host()
        try:
            done = await load_generation(
                self._context.factory,
                host,
                self.spec,
                self.overlay,
                self.files,
                is_fork=self.fork_decision.is_fork,
            )
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
            self.report = done.report
            if done.generation is None:
                self._give_up(done.unfit_reason)
                return
            loaded = self._loaded = done.generation
            loaded.seconds = self._clock.monotonic() - self._ordered_at
            loaded.parts = {"order": self._started_at - self._ordered_at, **done.body["seconds"]}
            self._feed(ProcessEvent.LOADED)
            self._context.environments.learn(self.spec, done.body, loaded.seconds)

    def _arm_load_timer(self, seconds: float, overdue: Callable[[], None]) -> None:
        def ask() -> bool:
            return self.host is not None and self._context.factory.ask_for_stack(self.host)

        self._load_timer.arm(seconds, ask, overdue)

    def _arm_fork_timer(self) -> None:
        """A fork may meet a lock that no new interpreter does; nobody waits a minute for that."""
        patience = self._context.environments.fork_patience(self.spec)
        if not self.spec.load_timeout or patience < self.spec.load_timeout:
            self._is_fork_timed = True
            self._arm_load_timer(
                patience, lambda: self._give_up(self._load_timer.describe(self.files))
            )

    def _give_up(self, reason: str) -> None:
        """A new interpreter has to do what this fork was for."""
        self._unfit_reason = reason
        self._feed(ProcessEvent.UNFIT)

    # What its observer is told

    def _start_pings(self) -> None:
        self._pings.start(
            self._context.tasks,
            self._started_host(),
            self.spec.health,
            partial(self._feed, ProcessEvent.UNHEALTHY),
            lambda: self._end(self._context.factory.kill),
        )

    def _announce_ready(self) -> None:
        self._admission.end()
        self.ready_at = self._clock.monotonic()
        # handed over, since this object may live longer than the generation is needed
        loaded, self._loaded = self._loaded, None
        assert loaded is not None
        self._observer.on_ready(self, loaded)

    def _announce_failed(self) -> None:
        self._admission.end()
        assert self._failure is not None
        self._observer.on_failed(self, self._failure)

    def _announce_unfit(self) -> None:
        self._admission.end()
        self._observer.on_unfit(self, self._unfit_reason)

    def _announce_overdue(self) -> None:
        self._admission.end()
        if self.host:
            self.host.drain_output()
        failure = failures.of_timeout(
            command.executable(self.spec),
            self.spec.load_timeout,
            list(self._lines),
            said_hello=self.host is not None and self.host.has_said_hello,
            stack=self._load_timer.stack.frames,
            frame=self._load_timer.stack.innermost(self.files),
        )
        self._observer.on_failed(self, failure)

    def _announce_died(self) -> None:
        self._admission.end()
        host = self._started_host()
        status = host.exit.result()
        if self.ready_at is not None or status.keeper_died:
            self._observer.on_died(self, status)
        elif status.signal == STACK_SIGNAL and self._load_timer.has_asked:
            # the user's code has given the signal back its default action
            if self._is_fork_timed:
                self._observer.on_unfit(self, self._load_timer.describe(self.files))
            else:
                self._announce_overdue()
        elif self.fork_decision.is_fork and status.signal is not None:
            is_kill = status.signal == signal.SIGKILL
            how = f"it was {status.describe()}"
            self._observer.on_unfit(self, how, killed_externally=is_kill)
        else:
            host.drain_output()
            failure = failures.of_death(
                command.executable(self.spec),
                status,
                list(self._lines),
                said_hello=host.has_said_hello,
                lost_wire=self._lost_wire,
                no_restart=self._context.settings.no_restart_code,
            )
            self._observer.on_failed(self, failure)

    # Its end

    async def _await_calls(self) -> None:
        try:
            async with asyncio.timeout(self._context.settings.drain):
                await self._started_host().channel.idle()
        except TimeoutError:
            pass
        self._feed(ProcessEvent.DRAINED)

    def _end(self, how: Callable[[HostProcess], Coroutine[Any, Any, None]]) -> None:
        self._admission.end()
        if self.host is not None:
            self._start(how(self.host), "end")
        elif not self.has_begun and self._spawning is not None:  # it waits for its slot
            self._spawning.cancel()
            self._feed(ProcessEvent.EXITED)

    async def _release(self) -> None:
        if self.host is not None:
            await self.host.forks_assigned()
            self.host.release()
            # what it left behind ends with it
            await self._context.factory.keeper.end(self._owner)
        self.ended.set()
        self._observer.on_ended(self)

    def _started_host(self) -> HostProcess:
        assert self.host is not None
        return self.host

    # What it says

    def _on_line(self, stream: Stream, text: str, pid: int) -> None:
        left = self._load_timer.filter_line(text) if stream == "stderr" else text
        if left is not None:
            self._lines.append(left)
            self._observer.on_line(stream, left, pid, "location")

    def _on_files_read(self, pairs: list[tuple[str, str | None]]) -> None:
        self.files.update(pairs)
        self._observer.on_files_read(self, pairs)

    def _start(self, work: Coroutine[Any, Any, None], what: str) -> asyncio.Task[None]:
        return self._context.tasks.start(work, f"{what} of {self._owner}")

    #: Of the class: a table of its own would make each process part of a cycle.
    _EFFECTS: ClassVar[dict[ProcessEffect, Callable[[Any], object]]] = {
        ProcessEffect.ORDER_LOAD: lambda self: self._start(self._load(), "load"),
        ProcessEffect.DISARM_LOAD_TIMER: lambda self: self._load_timer.disarm(),
        ProcessEffect.START_PINGS: _start_pings,
        ProcessEffect.STOP_PINGS: lambda self: self._pings.stop(),
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
