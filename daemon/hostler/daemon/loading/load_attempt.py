"""One attempt to load a location's code: its time limits, what it read and printed, its outcome."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hostler.daemon.launching.launcher import SpawnError
from hostler.daemon.loading import failures
from hostler.daemon.loading.failures import LoadFailure
from hostler.daemon.loading.load import load_generation
from hostler.daemon.loading.load_timer import LoadTimer
from hostler.daemon.logs.last_lines import LastLines
from hostler.daemon.processes import command
from hostler.daemon.processes.channel import ChannelClosedError, RemoteError
from hostler.daemon.processes.host_process import DEATH_SECONDS
from hostler.daemon.state.fork_policy import LoadReport
from hostler.daemon.state.process import ProcessEvent
from hostler.daemon.watching.content.digests import digest_of
from hostler.host.wire import STACK_SIGNAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hostler.daemon.generations.generation import Generation
    from hostler.daemon.loading.context import LocationContext
    from hostler.daemon.loading.load import LoadResult
    from hostler.daemon.processes.host_process import HostProcess, Stream
    from hostler.daemon.workspace.text.models import LocationSpec


@dataclass(frozen=True, slots=True)
class Unfit:
    """Says why a new interpreter has to do what a fork was made for.

    Attributes:
        killed_externally: whether somebody may have killed the fork.
    """

    reason: str
    killed_externally: bool = False


class LoadAttempt:
    """Loads the code of a location in one process, once.

    It is handed the process and never keeps it, so that the two form no cycle of references.

    Attributes:
        files: what the load has read (digest) or looked for in vain (None), by path.
        report: what the load reported of its process; set when the code is loaded.
        verdict: why the load failed, or why it does not count; None before that is known.
        has_told_all: whether the process itself reported the failure, and so all files before it.
    """

    def __init__(
        self, context: LocationContext, spec: LocationSpec, overlay: bytes | None, owner: str
    ) -> None:
        """
        Args:
            overlay: the sources that it loads in place of those on disk; None for the disk.
        """
        self.files: dict[str, str | None] = {}
        self.report = LoadReport()
        self.verdict: LoadFailure | Unfit | None = None
        self.has_told_all = False
        self._context = context
        self._clock = context.clock
        self._spec = spec
        self._overlay = overlay
        self._owner = owner
        self._lines = LastLines(context.settings.failure_lines)
        self._generation: Generation | None = None
        self._lost_wire = False
        self._ordered_at = self._started_at = 0.0
        self._timer = LoadTimer(context.clock, context.factory.own_code)
        #: Whether the timer limits a fork, to less than load_timeout.
        self._is_fork_timed = False

    # Its time

    @property
    def _time_limit(self) -> float:
        """Seconds that the load may take; 0 for no limit."""
        limits = (self._spec.load_timeout, self._context.settings.load_limit)
        return min(filter(None, limits), default=0.0)

    def note_order(self, ask_for_stack: Callable[[], bool], on_overdue: Callable[[], None]) -> None:
        """Notes that the process is ordered now, and limits the time of the load.

        Args:
            ask_for_stack: asks the process for its stack; returns whether it could be asked.
            on_overdue: called when that time has passed.
        """
        self._ordered_at = self._clock.monotonic()
        if self._time_limit:
            self._timer.arm(self._time_limit, ask_for_stack, on_overdue)

    def note_start(self) -> None:
        """Notes that the process has started."""
        self._started_at = self._clock.monotonic()

    def limit_fork(self, ask_for_stack: Callable[[], bool], on_unfit: Callable[[], None]) -> None:
        """Limits a fork to less time than a load may take.

        A fork may meet a lock that no new interpreter does; no user waits a minute for that.

        Args:
            on_unfit: called when that time has passed; `verdict` says why.
        """
        patience = self._context.environments.fork_patience(self._spec)
        if self._time_limit and patience >= self._time_limit:
            return
        self._is_fork_timed = True

        def give_up() -> None:
            self.verdict = Unfit(self._timer.describe(self.files))
            on_unfit()

        self._timer.arm(patience, ask_for_stack, give_up)

    def disarm(self) -> None:
        """Ends the time limit."""
        self._timer.disarm()

    # What its process says

    def add_line(self, stream: Stream, text: str) -> str | None:
        """Takes a line that the process has printed.

        Returns:
            The part that the user's code has printed; None if the line is of the stack alone.
        """
        left = self._timer.filter_line(text) if stream == "stderr" else text
        if left is not None:
            self._lines.append(left)
        return left

    def add_files(self, pairs: Iterable[tuple[str, str | None]]) -> None:
        """Takes source files that the process has read, or has looked for in vain."""
        self.files.update(pairs)

    # Its outcome

    async def run(
        self, host: HostProcess, feed: Callable[[ProcessEvent], None], *, is_fork: bool
    ) -> None:
        """Has a process that has said hello load the code, and feeds the event that follows."""
        try:
            result = await load_generation(
                self._context.factory,
                host,
                self._spec,
                self._overlay,
                self.files,
                is_fork=is_fork,
            )
        except RemoteError as error:
            host.drain_output()
            self.has_told_all = True
            self.verdict = failures.of_answer(error.body, list(self._lines))
            feed(ProcessEvent.LOAD_FAILED)
        except ChannelClosedError:
            await asyncio.wait([host.exit], timeout=DEATH_SECONDS)
            if not host.exit.done():  # the user's code closed our descriptor, and goes on
                self._lost_wire = True
                await self._context.factory.kill(host)
        except Exception as error:  # noqa: BLE001 (whatever the process says, or a fault of ours)
            self._context.journal.fault("cannot read a load", error, owner=self._owner)
            message = f"cannot read what the process says of its definitions: {error}"
            self.verdict = LoadFailure("PROCESS_DIED", permanent=False, message=message)
            feed(ProcessEvent.LOAD_FAILED)
        else:
            self._take_result(result, feed)

    def _take_result(self, result: LoadResult, feed: Callable[[ProcessEvent], None]) -> None:
        self.report = result.report
        generation = self._generation = result.generation
        if generation is None:
            self.verdict = Unfit(result.unfit_reason)
            feed(ProcessEvent.UNFIT)
            return
        generation.seconds = self._clock.monotonic() - self._ordered_at
        order = self._started_at - self._ordered_at
        generation.parts = {"order": order, **result.body["seconds"]}
        feed(ProcessEvent.LOADED)
        self._context.environments.learn(self._spec, result.body, generation.seconds)

    def hand_over(self) -> Generation:
        """Returns the generation and keeps it no longer, since the process may outlive it."""
        generation, self._generation = self._generation, None
        assert generation is not None
        return generation

    def fail_to_start(self, error: Exception) -> None:
        """Sets the verdict of a process that could not be started."""
        executable = command.executable(self._spec)
        if isinstance(error, SpawnError):
            # another executable in its place is a reason to try again
            self.files[executable] = digest_of(executable)
            folder = os.path.dirname(self._spec.source.file)  # noqa: PTH120 - a string
            self.verdict = failures.of_spawn(executable, error, folder)
        else:
            self._context.journal.fault("cannot start a process", error, owner=self._owner)
            message = f"cannot start {executable}: {error}"
            self.verdict = LoadFailure("PROCESS_DIED", permanent=False, message=message)

    def judge_timeout(self, host: HostProcess | None) -> LoadFailure:
        """Returns the failure of a load that has taken all the time that it may take."""
        if host is not None:
            host.drain_output()
        return failures.of_timeout(
            command.executable(self._spec),
            self._time_limit,
            list(self._lines),
            said_hello=host is not None and host.has_said_hello,
            stack=self._timer.stack.frames,
            frame=self._timer.stack.innermost(self.files),
            is_daemons_limit=self._time_limit != self._spec.load_timeout,
        )

    def judge_death(self, host: HostProcess, *, is_fork: bool) -> LoadFailure | Unfit:
        """Returns the verdict on a load whose process has died."""
        status = host.exit.result()
        if status.signal == STACK_SIGNAL and self._timer.has_asked:
            # the user's code has given the signal back its default action
            if self._is_fork_timed:
                return Unfit(self._timer.describe(self.files))
            return self.judge_timeout(host)
        if is_fork and status.signal is not None and not self._lost_wire:
            is_kill = status.signal == signal.SIGKILL
            return Unfit(f"it was {status.describe()}", killed_externally=is_kill)
        host.drain_output()
        return failures.of_death(
            command.executable(self._spec),
            status,
            list(self._lines),
            said_hello=host.has_said_hello,
            lost_wire=self._lost_wire,
            no_restart=self._context.settings.no_restart_code,
        )
