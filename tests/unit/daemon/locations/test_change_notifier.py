"""Clients are told of the changes of a location in their order, with the status of that moment."""

from hostler.daemon.base.clock import FakeClock
from hostler.daemon.locations.change_notifier import SOON_SECONDS, ChangeNotifier
from hostler.daemon.state.location import Status


class Told:
    """Keeps the changes that a notifier tells of.

    Attributes:
        status: its state.
        told: for each change the state before, the reason, and the state after.
    """

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.status = Status.READY
        self.told: list[tuple[Status, str, Status]] = []
        self.notifier = ChangeNotifier(self.clock, self._tell)

    def _tell(self, before: Status, reason: str) -> None:
        self.told.append((before, reason, self.status))


def test_what_is_told_soon_waits_for_its_moment_only() -> None:
    location = Told()
    location.status = Status.RELOADING
    location.notifier.notify_soon(Status.READY, "changed")
    assert location.told == []
    location.clock.advance(SOON_SECONDS)
    location.clock.advance(SOON_SECONDS)
    assert location.told == [(Status.READY, "changed", Status.RELOADING)], "once"


def test_what_waits_is_told_before_the_next_one() -> None:
    location = Told()
    location.status = Status.RELOADING
    location.notifier.notify_soon(Status.READY, "changed")
    location.notifier.flush()
    location.status = Status.FAILED
    location.notifier.notify(Status.RELOADING, "broken")
    location.clock.advance(SOON_SECONDS)
    assert location.told == [
        (Status.READY, "changed", Status.RELOADING),
        (Status.RELOADING, "broken", Status.FAILED),
    ]
