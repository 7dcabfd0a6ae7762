"""Which calls and streams are taken: limits in all, lanes for those that wait for user code."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

import grpc

from hostler.daemon.facade import refusals

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Iterator

    from hostler.daemon.base.settings import Settings

T = TypeVar("T")
Context = grpc.aio.ServicerContext[Any, Any]

#: Seconds before the caller's deadline at which we end the call: the answer that names the slow
#: location must arrive before the caller's own clock ends the call.
DEADLINE_MARGIN = 0.02

#: Seconds: where a location has answered no call for so long, there is room only once a waiting
#: call has reached its deadline.
PACE = 1.0


class Wait(StrEnum):
    """What a call waits for that the user's code can hold up; each has its own lane."""

    #: A function of the user's code.
    ANSWER = "answer"
    #: A load.
    LOAD = "load"
    #: The end of a location's processes.
    END = "end"


@dataclass(slots=True)
class _Lane:
    """The calls that wait for one location.

    Attributes:
        deadlines: of the tasks of the calls.
        last_end: when the last of them ended.
    """

    last_end: float
    deadlines: dict[asyncio.Task[Any], float] = field(default_factory=dict)

    def retry_delay(self, now: float) -> float:
        """Returns the seconds until there is room again, as far as one can tell."""
        if now - self.last_end < PACE or not self.deadlines:
            return refusals.OVERLOAD_RETRY
        return max(refusals.OVERLOAD_RETRY, min(self.deadlines.values()) - now)


@dataclass(slots=True, eq=False)
class Stream:
    """A stream that is open.

    Attributes:
        is_writing: whether gRPC writes a message. A cancel would end the stream without a status.
        is_ending: whether the daemon stops, and the stream is to end after the message.
    """

    task: asyncio.Task[Any]
    is_writing: bool = False
    is_ending: bool = False

    def has_written(self) -> None:
        """Notes that the message is written.

        Raises:
            RefusalError: the daemon stops.
        """
        self.is_writing = False
        if self.is_ending:
            raise refusals.shutting_down()


class Admission:
    """Counts what is under way, and refuses what is too much.

    A call that waits for the user's code leaves the lane of the calls that need none, so that a
    location that hangs keeps nobody from reading, or from stopping it.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._calls: set[asyncio.Task[Any]] = set()
        self._streams: set[Stream] = set()
        self._lanes: dict[tuple[Wait, str], _Lane] = {}
        self._waiting = dict.fromkeys(Wait, 0)
        self._ended: set[asyncio.Task[Any]] = set()
        self._is_closing = False

    @property
    def is_closing(self) -> bool:
        """Returns whether the daemon stops."""
        return self._is_closing

    @contextlib.contextmanager
    def call(self) -> Iterator[None]:
        """Counts a unary call while it is under way.

        Raises:
            RefusalError: there are too many.
        """
        limit = self._settings.in_flight_limit
        if len(self._calls) >= limit:
            raise refusals.overloaded(f"{limit} are under way", limit)
        task = _current_task()
        self._calls.add(task)
        try:
            yield
        finally:
            self._calls.discard(task)

    @contextlib.contextmanager
    def stream(self) -> Iterator[Stream]:
        """Counts a stream while it is under way.

        Raises:
            RefusalError: there are too many, or the daemon stops.
        """
        limit = self._settings.stream_limit
        if len(self._streams) >= limit:
            raise refusals.overloaded(f"{limit} streams are open", limit, refusals.STREAM_RETRY)
        stream = Stream(_current_task())
        self._streams.add(stream)
        try:
            yield stream
        finally:
            self._streams.discard(stream)

    async def wait(
        self, context: Context, location: str, work: Coroutine[Any, Any, T], wait: Wait
    ) -> T:
        """Awaits work that the user's code takes part in, no longer than the caller waits.

        Raises:
            RefusalError: DEADLINE_EXCEEDED, naming the location; RESOURCE_EXHAUSTED, where too many
                calls wait for the location, or for all of them.
        """
        remaining = context.time_remaining()
        seconds = self._settings.call_timeout if remaining is None else remaining
        try:
            with self._lane(location, wait, seconds):
                async with asyncio.timeout(max(0.0, seconds - DEADLINE_MARGIN)):
                    return await work
        except TimeoutError:
            raise refusals.deadline(location, seconds) from None
        finally:
            work.close()  # does nothing unless the work has not begun

    def close(self) -> None:
        """Ends the calls that wait for user code: the daemon is about to end its processes."""
        self._is_closing = True
        self._end(
            task
            for (wait, _), lane in self._lanes.items()
            for task in lane.deadlines
            if wait is not Wait.END
        )

    async def end_all(self, grace: float) -> None:
        """Ends the streams, and the calls that have not ended by themselves within the grace."""
        self._is_closing = True
        for stream in self._streams:
            stream.is_ending = True
        self._end(stream.task for stream in self._streams if not stream.is_writing)
        going_on = [*(stream.task for stream in self._streams), *self._calls]
        for lane in self._lanes.values():
            going_on += lane.deadlines
        if going_on:
            _, late = await asyncio.wait(going_on, timeout=grace)
            self._end(late)

    def has_ended(self, task: asyncio.Task[Any] | None) -> bool:
        """Returns whether it was we who cancelled a call, once."""
        if task not in self._ended:
            return False
        self._ended.discard(task)
        task.uncancel()
        return True

    def _end(self, tasks: Iterable[asyncio.Task[Any]]) -> None:
        for task in list(tasks):
            self._ended.add(task)
            task.cancel()
            task.add_done_callback(self._ended.discard)

    @contextlib.contextmanager
    def _lane(self, location: str, wait: Wait, seconds: float) -> Iterator[None]:
        """Moves a call out of the lane of those that wait for no user code, and back."""
        now = asyncio.get_running_loop().time()
        in_all = self._settings.in_flight_limit
        if self._waiting[wait] >= in_all:
            raise refusals.overloaded(f"{in_all} wait for user code", in_all)
        key = (wait, location)
        lane = self._lanes.get(key) or self._lanes.setdefault(key, _Lane(now))
        limit = self._settings.location_call_limit
        if len(lane.deadlines) >= limit:
            message = f"{limit} wait for location {location!r}"
            raise refusals.overloaded(message, limit, lane.retry_delay(now), location)
        task = _current_task()
        was_counted = task in self._calls
        self._calls.discard(task)
        self._waiting[wait] += 1
        lane.deadlines[task] = now + seconds
        try:
            yield
        finally:
            self._waiting[wait] -= 1
            del lane.deadlines[task]
            lane.last_end = asyncio.get_running_loop().time()
            if not lane.deadlines:
                self._lanes.pop(key, None)
            if was_counted:
                self._calls.add(task)


def _current_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None
    return task
