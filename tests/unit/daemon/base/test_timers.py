"""Timers, by name."""

from hostler.daemon.base.clock import FakeClock
from hostler.daemon.base.timers import Timers


def test_each_name_calls_once_at_its_time() -> None:
    clock, called = FakeClock(), list[str]()
    timers = Timers(clock)
    timers.arm("late", 2.0, called.append, "late")
    timers.arm("soon", 1.0, called.append, "soon")
    clock.advance(1.0)
    assert called == ["soon"]
    clock.advance(5.0)
    assert called == ["soon", "late"]


def test_the_one_that_was_armed_last_counts() -> None:
    clock, called = FakeClock(), list[str]()
    timers = Timers(clock)
    timers.arm("hold", 1.0, called.append, "first")
    timers.arm("hold", 2.0, called.append, "second")
    clock.advance(5.0)
    assert called == ["second"]


def test_what_is_disarmed_does_not_call() -> None:
    clock, called = FakeClock(), list[str]()
    timers = Timers(clock)
    timers.arm("hold", 1.0, called.append, "hold")
    timers.arm("retry", 1.0, called.append, "retry")
    timers.disarm("hold", "retry", "unheard of")
    clock.advance(5.0)
    assert not called
    assert clock.pending == ()


def test_a_call_may_arm_its_own_name_again() -> None:
    clock, called = FakeClock(), list[float]()
    timers = Timers(clock)

    def again() -> None:
        called.append(clock.monotonic())
        if len(called) < 3:
            timers.arm("again", 1.0, again)

    timers.arm("again", 1.0, again)
    clock.advance(10.0)
    assert len(called) == 3
