"""One location process: performs what the process table says and feeds it what happens."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, ClassVar, Protocol

from hostler.daemon.generations.generation import Generation
from hostler.daemon.launching.launcher import ExitStatus, SpawnError
from hostler.daemon.loading.admission import Admission
from hostler.daemon.loading.context import LocationContext
from hostler.daemon.loading.failures import LoadFailure
from hostler.daemon.loading.load_attempt import LoadAttempt, Unfit
from hostler.daemon.loading.pings import Check
from hostler.daemon.processes.host_process import HostProcess, Listener, Role, Stream
from hostler.daemon.state.fork_policy import Decision, Source
from hostler.daemon.state.process import TABLE, ProcessEffect, ProcessEvent, ProcessState
from hostler.daemon.state.rules import Machine
from hostler.daemon.workspace.text.models import LocationSpec


class ProcessObserver(Protocol):
    """Is told what becomes of a location process."""

    def on_ready(self, process: "LocationProcess", loaded: Generation) -> None: ...
    def on_failed(self, process: "LocationProcess", failure: LoadFailure) -> None: ...
    def on_unfit(
        self, process: "LocationProcess", reason: str, *, killed_externally: bool = False
    ) -> None: ...
    def on_died(self, process: "LocationProcess", status: ExitStatus) -> None: ...
    def on_unhealthy(self, process: "LocationProcess") -> None: ...
    def on_ended(self, process: "LocationProcess") -> None: ...
    def on_lines(self, stream: Stream, texts: list[str], pid: int, role: Role) -> None: ...
    def on_files_read(
        self, process: "LocationProcess", pairs: list[tuple[str, str | None]]
    ) -> None: ...


class LocationProcess:
    """Loads a target in a process that, once ready, only answers pings and forks.

    Attributes:
        attempt: the load: which files it has read, why it failed.
        fork_decision: whether the process was forked or spawned, and why; set with `host`.
        host: the process; None before it was started.
        ended: set when nothing of the process is left.
        ready_at: when it was ready, by the loop's clock; None before.
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
            overlay: the sources that it loads in place of those on disk; None for the disk.
            spawn_reason: why it has to be a new interpreter; empty if a fork will do.
        """
        self.spec = spec
        self.attempt = LoadAttempt(context, spec, overlay, owner)
        self.fork_decision = Decision(Source.SPAWN)
        self.host: HostProcess | None = None
        self.ended = asyncio.Event()
        self.ready_at: float | None = None
        self._context = context
        self._owner = owner
        self._observer = observer
        self._spawn_reason = spawn_reason
        self._machine = Machine(TABLE, context.on_undeclared)
        self._admission = Admission(context.environments, context.slots, spec, owner)
        self._spawning: asyncio.Task[None] | None = None
        self._pings: Check | None = None

    @property
    def is_ready(self) -> bool:
        """Whether the process has loaded and has not been told to end."""
        return self._machine.state is ProcessState.READY

    @property
    def has_begun(self) -> bool:
        """Whether the load has its slot; before that, it has read nothing."""
        return self._admission.is_granted

    @property
    def pid(self) -> int:
        """The pid of the interpreter; 0 before it was started."""
        return self.host.pid if self.host else 0

    def start(self) -> None:
        """Starts the process, as soon as the load is admitted."""
        self._spawning = self._start(self._spawn(), "spawn")

    def retire(self) -> None:
        """Lets the calls of the process end, then ends the process."""
        self._feed(ProcessEvent.RETIRE)

    def abort(self) -> None:
        """Ends the process now, with the stop grace if it was ready."""
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
        self.attempt.note_order(self._ask_for_stack, partial(self._feed, ProcessEvent.OVERDUE))
        listener = Listener(self._on_lines, self._on_files_read)
        try:
            self.host, self.fork_decision = await self._context.environments.start_process(
                self.spec, self._owner, listener, self._spawn_reason
            )
        except Exception as error:  # noqa: BLE001 (no descriptor is left, the disk is full)
            if isinstance(error, SpawnError) and error.stage == "keeper":
                # every location gets a new process from the next keeper
                self._feed(ProcessEvent.ABORT)
                self._feed(ProcessEvent.EXITED)
            else:
                self.attempt.fail_to_start(error)
                self._feed(ProcessEvent.SPAWN_FAILED)
            return
        self.attempt.note_start()
        if self.fork_decision.is_fork and self._machine.state is ProcessState.SPAWNED:
            self.attempt.limit_fork(self._ask_for_stack, partial(self._feed, ProcessEvent.UNFIT))
        self.host.exit.add_done_callback(lambda _: self._feed(ProcessEvent.EXITED))
        self.host.hello.add_done_callback(
            lambda hello: None if hello.cancelled() else self._feed(ProcessEvent.HELLO_RECEIVED)
        )
        if self._machine.state is ProcessState.DRAINING:  # given up while it was started
            await self._context.factory.kill(self.host)

    async def _load(self) -> None:
        is_fork = self.fork_decision.is_fork
        await self.attempt.run(self._started_host(), self._feed, is_fork=is_fork)

    def _ask_for_stack(self) -> bool:
        return self.host is not None and self._context.factory.ask_for_stack(self.host)

    # What the observer is told

    def _start_pings(self) -> None:
        self._pings = self._context.pings.start(
            self._started_host(),
            self.spec.health,
            partial(self._feed, ProcessEvent.UNHEALTHY),
            lambda: self._end(self._context.factory.kill),
        )

    def _stop_pings(self) -> None:
        if self._pings is not None:
            self._pings.stop()
            self._pings = None

    def _announce_ready(self) -> None:
        self._admission.end()
        self.ready_at = self._context.clock.monotonic()
        self._observer.on_ready(self, self.attempt.hand_over())

    def _announce_verdict(self) -> None:
        self._admission.end()
        assert self.attempt.verdict is not None
        self._announce(self.attempt.verdict)

    def _announce_overdue(self) -> None:
        self._admission.end()
        self._announce(self.attempt.judge_timeout(self.host))

    def _announce_died(self) -> None:
        self._admission.end()
        host = self._started_host()
        status = host.exit.result()
        if self.ready_at is not None or status.keeper_died:
            self._observer.on_died(self, status)
        else:
            self._announce(self.attempt.judge_death(host, is_fork=self.fork_decision.is_fork))

    def _announce(self, verdict: LoadFailure | Unfit) -> None:
        if isinstance(verdict, LoadFailure):
            self._observer.on_failed(self, verdict)
        else:
            externally = verdict.killed_externally
            self._observer.on_unfit(self, verdict.reason, killed_externally=externally)

    # The end of the process

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
        elif not self.has_begun and self._spawning is not None:  # the load waits for its slot
            self._spawning.cancel()
            self._feed(ProcessEvent.EXITED)

    async def _release(self) -> None:
        if self.host is not None:
            await self.host.forks_assigned()
            self.host.release()
            # ends what the process has left behind
            await self._context.factory.launcher.end(self._owner)
        self.ended.set()
        self._observer.on_ended(self)

    def _started_host(self) -> HostProcess:
        assert self.host is not None
        return self.host

    # What the process says

    def _on_lines(self, stream: Stream, texts: list[str], pid: int) -> None:
        left = [one for text in texts if (one := self.attempt.add_line(stream, text)) is not None]
        if left:
            self._observer.on_lines(stream, left, pid, "location")

    def _on_files_read(self, pairs: list[tuple[str, str | None]]) -> None:
        self.attempt.add_files(pairs)
        self._observer.on_files_read(self, pairs)

    def _start(self, work: Coroutine[Any, Any, None], what: str) -> asyncio.Task[None]:
        return self._context.tasks.start(work, f"{what} of {self._owner}")

    #: An attribute of the class: one of each object would make the object part of a cycle.
    _EFFECTS: ClassVar[dict[ProcessEffect, Callable[[Any], object]]] = {
        ProcessEffect.ORDER_LOAD: lambda self: self._start(self._load(), "load"),
        ProcessEffect.DISARM_LOAD_TIMER: lambda self: self.attempt.disarm(),
        ProcessEffect.START_PINGS: _start_pings,
        ProcessEffect.STOP_PINGS: _stop_pings,
        ProcessEffect.ANNOUNCE_READY: _announce_ready,
        ProcessEffect.ANNOUNCE_FAILED: _announce_verdict,
        ProcessEffect.ANNOUNCE_UNFIT: _announce_verdict,
        ProcessEffect.ANNOUNCE_OVERDUE: _announce_overdue,
        ProcessEffect.ANNOUNCE_UNHEALTHY: lambda self: self._observer.on_unhealthy(self),
        ProcessEffect.ANNOUNCE_DIED: _announce_died,
        ProcessEffect.AWAIT_CALLS: lambda self: self._start(self._await_calls(), "drain"),
        ProcessEffect.TERMINATE: lambda self: self._end(self._context.factory.terminate),
        ProcessEffect.KILL: lambda self: self._end(self._context.factory.kill),
        ProcessEffect.RELEASE: lambda self: self._start(self._release(), "release"),
    }
