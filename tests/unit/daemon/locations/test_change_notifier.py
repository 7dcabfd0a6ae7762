"""Changes of a location are told in their order, each as it was."""

from hostler.daemon.base.clock import FakeClock
from hostler.daemon.locations.change_notifier import SOON_SECONDS, News
from hostler.daemon.state.location import Shown


class Told:
    """A location of which somebody is told.

    Attributes:
        shown: its state.
        told: the state before, the reason and the state after of each change.
    """

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.shown = Shown.READY
        self.told: list[tuple[Shown, str, Shown]] = []
        self.news = News(self.clock, self._tell)

    def _tell(self, before: Shown, reason: str) -> None:
        self.told.append((before, reason, self.shown))


def test_what_is_told_soon_waits_for_its_moment_only() -> None:
    location = Told()
    location.shown = Shown.RELOADING
    location.news.tell_soon(Shown.READY, "changed")
    assert location.told == []
    location.clock.advance(SOON_SECONDS)
    location.clock.advance(SOON_SECONDS)
    assert location.told == [(Shown.READY, "changed", Shown.RELOADING)], "once"


def test_what_waits_is_told_before_the_next_one() -> None:
    location = Told()
    location.shown = Shown.RELOADING
    location.news.tell_soon(Shown.READY, "changed")
    location.news.flush()
    location.shown = Shown.FAILED
    location.news.tell(Shown.RELOADING, "broken")
    location.clock.advance(SOON_SECONDS)
    assert location.told == [
        (Shown.READY, "changed", Shown.RELOADING),
        (Shown.RELOADING, "broken", Shown.FAILED),
    ]
