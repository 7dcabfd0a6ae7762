"""Health pings of the location processes that serve: all by one timer, and none by a task."""

from __future__ import annotations

import heapq
import itertools
from typing import TYPE_CHECKING

from hostler.daemon.processes.host_process import DEATH_SECONDS
from hostler.host.wire import Method, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostler.daemon.base.clock import Clock, Timer
    from hostler.daemon.processes.host_process import HostProcess
    from hostler.daemon.workspace.text.models import Health
    from hostler.host.wire import Frame

#: The part of an interval by which a ping may come early, so that those of a thousand processes
#: wake the daemon ten times a second and not a hundred times.
_EARLY = 0.01

#: Processes that are pinged before others get the loop: one millisecond or two.
_AT_ONCE = 32


class Pings:
    """Pings all processes that serve."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        #: A heap: when there is something to do for a check; the numbers are for equal times.
        self._due: list[tuple[float, int, Check]] = []
        self._numbers = itertools.count()
        self._count = 0
        self._timer: Timer | None = None
        self._armed_for = 0.0

    def start(
        self,
        host: HostProcess,
        health: Health,
        on_unhealthy: Callable[[], None],
        on_lost_wire: Callable[[], None],
    ) -> Check:
        """Begins to ping a process; the first ping comes after one interval.

        Args:
            on_unhealthy: called when the process has left as many pings in a row unanswered as
                `health` allows.
            on_lost_wire: called when the process has closed its wire and lives on.
        """
        self._count += 1
        check = Check(self, self._clock.monotonic(), host, health, on_unhealthy, on_lost_wire)
        self.put(check)
        return check

    def note_end(self) -> None:
        """Notes that a check has ended; the last one leaves nothing to wait for."""
        self._count -= 1
        if self._count == 0:
            self._due.clear()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def put(self, check: Check) -> None:
        """Has a check proceed when it is due; what it has said before counts no more."""
        heapq.heappush(self._due, (check.due, next(self._numbers), check))
        self._arm()

    def _arm(self) -> None:
        """Sets the timer to the first check that is due."""
        if not self._due:
            return
        first = self._due[0][0]
        if self._timer is not None:
            if self._armed_for <= first:
                return
            self._timer.cancel()
        self._armed_for = first
        delay = max(0.0, first - self._clock.monotonic())
        self._timer = self._clock.call_later(delay, self._on_time)

    def _on_time(self) -> None:
        now = self._clock.monotonic()
        checks: list[Check] = []
        while self._due and len(checks) < _AT_ONCE:
            due, _, check = self._due[0]
            if due - check.slack > now:
                break
            heapq.heappop(self._due)
            if due == check.due:
                checks.append(check)
        self._timer = None
        try:
            for check in checks:
                check.proceed(now)
                if not check.has_ended:
                    heapq.heappush(self._due, (check.due, next(self._numbers), check))
        finally:
            self._arm()


class Check:
    """The pings of one process.

    Attributes:
        due: when there is something to do next, by the clock.
        slack: seconds by which that may be done early.
        has_ended: whether nothing is left to do.
    """

    __slots__ = (
        "_health",
        "_host",
        "_is_answered",
        "_is_lost",
        "_missed",
        "_next_ping",
        "_on_lost_wire",
        "_on_unhealthy",
        "_ping",
        "_pings",
        "_sent",
        "due",
        "has_ended",
        "slack",
    )

    def __init__(
        self,
        pings: Pings,
        now: float,
        host: HostProcess,
        health: Health,
        on_unhealthy: Callable[[], None],
        on_lost_wire: Callable[[], None],
    ) -> None:
        self._pings = pings
        self._host: HostProcess | None = host
        self._health = health
        self._on_unhealthy: Callable[[], None] | None = on_unhealthy
        self._on_lost_wire: Callable[[], None] | None = on_lost_wire
        self._missed = 0
        #: The ping under way, and when it was sent; None where there is none.
        self._ping: int | None = None
        self._sent = 0.0
        self._is_answered = False
        self._is_lost = False
        self._next_ping = self.due = now + health.interval
        self.slack = health.interval * _EARLY
        self.has_ended = False

    def stop(self) -> None:
        """Ends the pings; does nothing where they have ended."""
        if self.has_ended:
            return
        if self._ping is not None and self._host is not None:
            self._host.channel.drop(self._ping)
        self.has_ended = True
        self._host = self._on_unhealthy = self._on_lost_wire = self._ping = None
        self._pings.note_end()

    def proceed(self, now: float) -> None:
        """Does what is due, and sets when there is something to do again."""
        if self._host is None:
            return
        if self._host.channel.closed:
            self._await_death(self._host, now)
        elif self._ping is None:
            self._send(self._host, now)
        elif not self._is_answered:
            self._judge(self._host, self._ping, now)
        else:
            self._ping, self._missed = None, 0
            if now < self._next_ping - self.slack:
                self.due = self._next_ping
            else:
                self._send(self._host, now)

    def _send(self, host: HostProcess, now: float) -> None:
        self._is_answered = False
        self._sent = now
        # by the time that was due, so that the pings of many do not gather at one moment
        self._next_ping += self._health.interval
        if self._next_ping <= now:
            self._next_ping = now + self._health.interval
        self.due = min(self._next_ping, now + self._health.timeout)
        self._ping = host.channel.ask(Method.PING, self._health.timeout, self._on_answer)

    def _on_answer(self, answer: Frame | None) -> None:
        if answer is not None:
            self._is_answered = answer.code == Status.OK
        elif not self.has_ended:  # the wire was closed
            self.due = 0.0
            self._pings.put(self)

    def _judge(self, host: HostProcess, ping: int, now: float) -> None:
        """Counts the ping as missed if its time is over."""
        end = self._sent + self._health.timeout
        if now < end:
            self.due = end
            return
        host.channel.drop(ping)
        self._ping = None
        self._next_ping = self.due = now + self._health.interval
        self._missed += 1
        if self._missed == self._health.failures and self._on_unhealthy is not None:
            self._on_unhealthy()

    def _await_death(self, host: HostProcess, now: float) -> None:
        """Gives a process without a wire a moment to end."""
        if not self._is_lost:
            self._is_lost = True
            self.due = now + DEATH_SECONDS
            return
        on_lost_wire = self._on_lost_wire
        self.stop()
        if on_lost_wire is not None and not host.exit.done():
            on_lost_wire()
