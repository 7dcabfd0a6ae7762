"""The time limit of a load: the process is asked for its stack before the load is given up."""

import pytest

from hostler.daemon.base.clock import FakeClock
from hostler.daemon.loading.load_timer import STACK_SECONDS, LoadTimer

THREAD = "Current thread 0x00007f1142284b80 (most recent call first):"
INNER = '  File "/team/etl/repos.py", line 2 in fetch'
OUTER = '  File "/run/hostler/host/bootstrap.py", line 61 in <module>'


class Load:
    def __init__(self, *, can_tell: bool = True) -> None:
        self.clock = FakeClock()
        self.timer = LoadTimer(self.clock, "/run/hostler")
        self.can_tell = can_tell
        self.calls: list[str] = []
        self.timer.arm(5.0, self._ask, self._on_overdue)

    def _ask(self) -> bool:
        self.calls.append("asked")
        return self.can_tell

    def _on_overdue(self) -> None:
        self.calls.append("overdue")


def test_overdue_once_the_stack_is_told() -> None:
    load = Load()
    load.clock.advance(5.0)
    assert load.calls == ["asked"]
    assert load.timer.filter_line(THREAD) is None
    assert load.timer.filter_line(INNER) is None
    assert load.timer.filter_line(OUTER) is None
    assert load.calls == ["asked", "overdue"]
    assert str(load.timer.stack.innermost(())) == "/team/etl/repos.py:2 in fetch"
    load.clock.advance(10.0)
    assert load.calls == ["asked", "overdue"]


def test_overdue_soon_where_it_does_not_tell() -> None:
    load = Load()
    load.clock.advance(5.0)
    load.clock.advance(STACK_SECONDS)
    assert load.calls == ["asked", "overdue"]
    assert load.timer.filter_line(THREAD) is None  # late, and still not output
    assert load.timer.filter_line(OUTER) is None
    assert load.calls == ["asked", "overdue"]


def test_overdue_at_once_where_nobody_can_be_asked() -> None:
    load = Load(can_tell=False)
    load.clock.advance(5.0)
    assert load.calls == ["asked", "overdue"]
    assert load.timer.filter_line(THREAD) == THREAD


@pytest.mark.parametrize("seconds", [4.9, 5.1])
def test_a_load_that_ends_is_not_overdue(seconds: float) -> None:
    load = Load()
    load.clock.advance(seconds)
    load.timer.disarm()
    load.clock.advance(10.0)
    assert "overdue" not in load.calls


def test_nothing_is_taken_for_a_stack_that_was_not_asked_for() -> None:
    assert Load().timer.filter_line(THREAD) == THREAD
