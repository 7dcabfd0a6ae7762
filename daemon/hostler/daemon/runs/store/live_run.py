"""What the store knows in memory of a run that has not ended."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hostler.daemon.runs.store.events import divide
from hostler.daemon.runs.store.record import apply_event, event_count
from hostler.daemon.runs.store.steps import Steps

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostler.daemon.runs.store.events import StoredEvent
    from hostler.daemon.runs.store.record import Run, RunEvent

#: Newest events of a run, kept in memory: who watches it need not read them from disk.
_TAIL_LENGTH = 256

#: Bytes of these events, of one run and of all together: where lines are long, few are kept.
_TAIL_BYTES, _ALL_TAILS_BYTES = 500_000, 16_000_000

#: Bytes that a small event takes in memory.
_MIN_EVENT_SIZE = 256


@dataclass(frozen=True, slots=True)
class EventProducer:
    """How the store tells the process of a run, which makes its events, what to do.

    Attributes:
        pause: too many bytes wait to be written; make no more events until `resume`.
        on_lost: an event could not be written, for the given reason; end the run.
    """

    pause: Callable[[], None]
    resume: Callable[[], None]
    on_lost: Callable[[str], None]


@dataclass(slots=True)
class TailBudget:
    """Counts the bytes of the events that all runs keep in memory."""

    used: int = 0


@dataclass(slots=True)
class LiveRun:
    """A run that has not ended: its events on their way to the disk, and who waits for them.

    Attributes:
        max_backlog: bytes that may wait to be written before the producer is paused.
        run: as it is on disk, without its config, and with its progress.
        tails: counts what all runs keep in memory.
        recorded: bytes of the events that were handed over.
        left_out: how many events of output were not recorded, and their bytes.
        is_ending: whether the last event was handed over.
        has_ended: whether the last event is on disk.
        new_events: set when events are on disk that were not there when it was read.
    """

    max_backlog: int
    run: Run
    tails: TailBudget = field(default_factory=TailBudget)
    recorded: int = 0
    left_out: tuple[int, int] = (0, 0)
    producer: EventProducer | None = None
    is_ending: bool = False
    has_ended: bool = False
    new_events: asyncio.Event = field(default_factory=asyncio.Event)
    _backlog: int = 0
    _is_paused: bool = False
    _tail: deque[StoredEvent] = field(default_factory=deque)
    _tail_size: int = 0
    _steps: Steps = field(init=False)

    def __post_init__(self) -> None:
        self._steps = Steps(self.run)

    def apply(self, event: RunEvent) -> tuple[bool, bool]:
        """Applies an event that is on disk; returns whether the state, or anything, changed."""
        has_state_changed = apply_event(self.run, event)
        has_steps_changed = bool(self._steps.apply(event))
        if has_steps_changed:
            self.run.progress.CopyFrom(self._steps.progress)
        return has_state_changed, has_state_changed or has_steps_changed

    def cut_to_quota(self, event: RunEvent, max_bytes: int) -> RunEvent | None:
        """Returns what the quota has room for of an event of output, None for nothing.

        Counts that, and what is left out.
        """
        count, left_out = self.left_out
        if count:
            self.left_out = (count + event_count(event), left_out + event.ByteSize())
            return None
        fitting, rest = divide(event, max_bytes - self.recorded)
        if rest is not None:
            self.left_out = (event_count(rest), rest.ByteSize())
        if fitting is not None:
            self.recorded += fitting.ByteSize()
        return fitting

    def add_to_backlog(self, event: RunEvent) -> int:
        """Counts an event that waits to be written; returns its size."""
        size = max(_MIN_EVENT_SIZE, event.ByteSize())
        self._backlog += size
        if self._backlog > self.max_backlog and not self._is_paused:
            self._is_paused = True
            if self.producer is not None:
                self.producer.pause()
        return size

    def remove_from_backlog(self, size: int) -> None:
        """Counts no longer an event that was written or given up."""
        self._backlog -= size
        if self._is_paused and self._backlog <= self.max_backlog // 2:
            self._is_paused = False
            if self.producer is not None:
                self.producer.resume()

    def publish(self, stored: StoredEvent) -> None:
        """Hands an event that is on disk to the followers."""
        self._tail.append(stored)
        self._count_tail(len(stored.data))
        while len(self._tail) > 1 and (
            len(self._tail) > _TAIL_LENGTH
            or self._tail_size > _TAIL_BYTES
            or self.tails.used > _ALL_TAILS_BYTES
        ):
            self._count_tail(-len(self._tail.popleft().data))
        self.wake_followers()

    def end(self) -> None:
        """Notes that the last event is on disk; its tail counts no longer."""
        self.has_ended = True
        self._count_tail(-self._tail_size)

    def _count_tail(self, size: int) -> None:
        self._tail_size += size
        self.tails.used += size

    def wake_followers(self) -> None:
        """Lets the followers look again for events and for the end."""
        new_events, self.new_events = self.new_events, asyncio.Event()
        new_events.set()

    def events_after(self, sequence: int) -> list[StoredEvent]:
        """Returns the events after a number; none where memory does not hold them all."""
        if not self._tail or self._tail[0].first > sequence + 1:
            return []
        return [each for each in self._tail if each.last > sequence]
