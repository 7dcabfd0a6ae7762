"""Pings of many processes: by one timer, each at its own moment, and in small parts."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, TypeVarTuple, cast

import pytest
from unit.daemon.clocked_loop import run_clocked

from hostler.daemon.base.clock import FakeClock
from hostler.daemon.loading.pings import _AT_ONCE, Check, Pings
from hostler.daemon.workspace.text.models import Health
from hostler.host.wire import Frame, Kind, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostler.daemon.base.clock import Timer
    from hostler.daemon.processes.host_process import HostProcess

Args = TypeVarTuple("Args")

HEALTH = Health(interval=10.0, timeout=3.0, failures=3)


class FakeHost:
    """Answers pings at once, unless it is told to hang.

    Attributes:
        pinged: when pings came.
        told: "unhealthy" and "lost wire".
    """

    def __init__(self, clock: FakeClock) -> None:
        self.channel = self
        self.exit: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closed = False
        self.hangs = False
        self.pinged: list[float] = []
        self.dropped: list[int] = []
        self.told: list[str] = []
        self._clock = clock
        self._start = clock.monotonic()
        self._open: dict[int, Callable[[Frame | None], None]] = {}

    def ask(self, _method: int, _timeout: float, on_answer: Callable[[Frame | None], None]) -> int:
        self.pinged.append(round(self._clock.monotonic() - self._start, 6))
        id_ = len(self.pinged)
        if self.hangs:
            self._open[id_] = on_answer
        else:
            on_answer(Frame(Kind.RESPONSE, id_, Status.OK))
        return id_

    def drop(self, id_: int) -> None:
        if self._open.pop(id_, None) is not None:
            self.dropped.append(id_)

    def close(self) -> None:
        self.closed = True
        for on_answer in self._open.values():
            on_answer(None)


class CountingClock(FakeClock):
    """Counts the calls that it is asked for."""

    wakeups = 0

    def call_later(self, delay: float, call: Callable[[*Args], object], *args: *Args) -> Timer:
        self.wakeups += 1
        return super().call_later(delay, call, *args)


class Desk:
    """One wheel and the processes that it pings."""

    def __init__(self, clock: CountingClock) -> None:
        self.clock = clock
        self.pings = Pings(clock)

    def add(self, health: Health = HEALTH) -> tuple[FakeHost, Check]:
        host = FakeHost(self.clock)
        check = self.pings.start(
            cast("HostProcess", host),
            health,
            lambda: host.told.append("unhealthy"),
            lambda: host.told.append("lost wire"),
        )
        return host, check


def play(scenario: Callable[[Desk], None]) -> None:
    clock = CountingClock()

    async def played() -> None:
        scenario(Desk(clock))

    run_clocked(clock, played())


def test_each_process_is_pinged_once_in_an_interval() -> None:
    def scenario(desk: Desk) -> None:
        host, check = desk.add()
        desk.clock.advance(35)
        assert host.pinged == [10, 20, 30]
        check.stop()
        assert desk.clock.pending == ()
        desk.clock.advance(35)
        assert len(host.pinged) == 3

    play(scenario)


def test_a_thousand_processes_share_one_timer_and_few_wakeups() -> None:
    def scenario(desk: Desk) -> None:
        hosts = []
        for _ in range(1000):
            hosts.append(desk.add()[0])
            desk.clock.advance(0.01)
        desk.clock.advance(20)
        desk.clock.wakeups = 0
        before = [len(host.pinged) for host in hosts]
        desk.clock.advance(100)
        assert len(desk.clock.pending) == 1
        assert all(len(h.pinged) - n in (10, 11) for h, n in zip(hosts, before, strict=True))
        assert (
            desk.clock.wakeups < 100 * 25
        )  # in 100 s: pings ten times a second, and a look at the answers

    play(scenario)


def test_others_have_the_loop_between_the_pings_of_many() -> None:
    def scenario(desk: Desk) -> None:
        hosts = [desk.add()[0] for _ in range(10 * _AT_ONCE)]
        counts = []

        def count() -> None:
            counts.append(sum(len(host.pinged) for host in hosts))
            if counts[-1] < len(hosts):
                desk.clock.call_later(0, count)

        desk.clock.call_later(10, count)
        desk.clock.advance(10)
        steps = [after - before for before, after in itertools.pairwise(counts)]
        assert max(steps) <= _AT_ONCE
        assert counts[-1] == len(hosts)

    play(scenario)


@pytest.mark.parametrize("health", [HEALTH, Health(interval=1.0, timeout=3.0, failures=2)])
def test_silence_is_told_once(health: Health) -> None:
    def scenario(desk: Desk) -> None:
        host, _ = desk.add(health)
        host.hangs = True
        desk.clock.advance(health.failures * (health.interval + health.timeout) - 0.5)
        assert host.told == []
        desk.clock.advance(100)
        assert host.told == ["unhealthy"]
        assert host.dropped == list(range(1, len(host.dropped) + 1))
        host.hangs = False
        desk.clock.advance(20)
        host.hangs = True
        desk.clock.advance(100)
        assert host.told == ["unhealthy", "unhealthy"]

    play(scenario)


def test_an_answer_in_between_begins_the_count_anew() -> None:
    def scenario(desk: Desk) -> None:
        host, _ = desk.add()
        for _ in range(5):
            host.hangs = True
            desk.clock.advance(2 * 13)
            host.hangs = False
            desk.clock.advance(10)
        assert host.told == []

    play(scenario)


@pytest.mark.parametrize("is_asked", [False, True], ids=["between pings", "in a ping"])
@pytest.mark.parametrize("dies", [False, True], ids=["lives on", "dies"])
def test_a_wire_that_is_closed(*, is_asked: bool, dies: bool) -> None:
    def scenario(desk: Desk) -> None:
        host, _ = desk.add()
        host.hangs = is_asked
        desk.clock.advance(10.5 if is_asked else 5)
        host.close()
        if dies:
            host.exit.set_result(None)
        desk.clock.advance(1.1 if is_asked else 6.1)
        assert host.told == ([] if dies else ["lost wire"])
        assert desk.clock.pending == ()

    play(scenario)


def test_what_is_told_may_end_the_pings() -> None:
    def scenario(desk: Desk) -> None:
        host = FakeHost(desk.clock)
        checks: list[Check] = []

        def stop() -> None:
            checks[0].stop()

        checks.append(desk.pings.start(cast("HostProcess", host), HEALTH, stop, lambda: None))
        host.hangs = True
        desk.clock.advance(200)
        assert len(host.pinged) == 3
        assert desk.clock.pending == ()

    play(scenario)
