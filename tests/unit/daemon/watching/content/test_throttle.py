"""How long a change waits to be told."""

from __future__ import annotations

from hostler.daemon.watching.content.throttle import Throttle


def test_the_first_change_is_told_at_once_and_the_next_ones_wait_longer() -> None:
    throttle = Throttle(0.010, 0.050)
    assert [throttle.delay(1.0 + i / 1000) for i in range(6)] == [
        0,
        0.010,
        0.020,
        0.040,
        0.050,
        0.050,
    ]
    throttle.reset()
    assert throttle.delay(1.01) == 0
    assert throttle.delay(1.02) == 0.010
    assert throttle.delay(9.0) == 0
    assert throttle.delay(9.001) == 0.010
