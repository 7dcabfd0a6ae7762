"""The events of a run as they come, also across a restart of the daemon."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from hostler.client.channel import RECONNECT_MS
from hostler.client.errors import UnreachableError
from hostler.client.names import run_name
from hostler.client.run import RunCalls
from hostler.client.run_events import last_sequence
from hostler.v1 import run_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from hostler.client.stream import Stream


class Execution:
    """Follows a run that was launched: iterate over it for its events.

    Each iteration goes on where the one before it stopped.

    Attributes:
        launched: the run as it was at its launch.
        last_sequence: the sequence number of the last event that was yielded.
    """

    def __init__(
        self,
        calls: RunCalls,
        launched: pb.Run,
        patience: float = 0.0,
        *,
        after: int = 0,
        joined: bool = False,
        on_away: Callable[[], None] | None = None,
    ) -> None:
        """
        Args:
            patience: how long a daemon that is away is waited for, in seconds.
            after: only events with a greater sequence number.
            joined: printed lines that came together are one event, as `watch_run` has it.
            on_away: called each time that a wait for the daemon begins.
        """
        self._calls = calls
        self._patience = patience
        self._joined = joined
        self._on_away = on_away
        self._stream: Stream[pb.RunEvent] | None = None
        self._left = threading.Event()
        self.launched = launched
        self.last_sequence = after

    @property
    def name(self) -> str:
        """Returns the run's resource name."""
        return self.launched.name

    def __iter__(self) -> Iterator[pb.RunEvent]:
        """
        Raises:
            UnreachableError: the daemon was away for longer than the patience.
            HostlerError: as a call does.
        """
        deadline = None
        while not self._left.is_set():
            began = time.monotonic()
            try:
                for event in self._watch():
                    self.last_sequence, deadline = last_sequence(event), None
                    yield event
            except UnreachableError:
                if time.monotonic() - began > RECONNECT_MS[1] / 1000:
                    deadline = None  # the daemon was back meanwhile, and sent no event
                is_new_absence = deadline is None
                deadline = deadline or time.monotonic() + self._patience
                if time.monotonic() >= deadline:
                    raise
                if is_new_absence and self._on_away is not None:
                    self._on_away()
                self._left.wait(RECONNECT_MS[0] / 1000)
            else:
                return

    def _watch(self) -> Iterator[pb.RunEvent]:
        with self._calls.watch_run(self.name, self.last_sequence, joined=self._joined) as events:
            self._stream = events
            if not self._left.is_set():  # `leave` sets it before it looks for the stream
                yield from events

    def leave(self) -> None:
        """Ends the iteration without an error; the run goes on. Callable from any thread."""
        self._left.set()
        if self._stream is not None:
            self._stream.cancel()

    def cancel(self, *, kill: bool = False) -> pb.Run:
        """Asks the run to end, or kills it. Callable from any thread."""
        return self._calls.cancel_run(self.name, kill=kill)

    def run(self) -> pb.Run:
        """Returns the run as it is now."""
        return self._calls.run(self.name)


class ExecutionCalls(RunCalls):
    """Makes the calls of RunService that give an `Execution`, or the events of one."""

    def execute(  # noqa: PLR0913 (those of a launch)
        self,
        pipeline: str,
        run_config: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        *,
        location: str | None = None,
        repository: str | None = None,
        timeout: float | None = None,
        solids: Sequence[str] = (),
        max_concurrency: int = 0,
        partition: str | tuple[str, str] | None = None,
    ) -> Execution:
        """Launches a run and returns its events as they come.

        Takes the arguments and raises the errors of `launch`. The run goes on also where nobody
        iterates.
        """
        run = self.launch(
            pipeline,
            run_config,
            tags,
            location=location,
            repository=repository,
            timeout=timeout,
            solids=solids,
            max_concurrency=max_concurrency,
            partition=partition,
        )
        return Execution(self, run)

    def follow_run(self, run: str, after: int = 0, patience: float = 30.0) -> Iterator[pb.RunEvent]:
        """Yields events as `watch_run` does, and goes on when the daemon has been restarted.

        Args:
            run: the run.
            after: only events with a greater sequence number.
            patience: how long a daemon that is away is waited for, in seconds.

        Raises:
            UnreachableError: the daemon was away for longer.
        """
        return iter(Execution(self, pb.Run(name=run_name(run)), patience, after=after))
