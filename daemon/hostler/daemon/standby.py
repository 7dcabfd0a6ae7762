"""The standby: a fork of a location process that waits for the next run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostler.daemon.hosting import ForkError, Hosted, Listener
from hostler.daemon.spare import memory_is_scarce

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostler.daemon.clock import Timer
    from hostler.daemon.location_process import Surroundings

#: After a launch: the run that has just begun comes first.
PAUSE_SECONDS = 0.05


class Standby:
    """Keeps one fork ahead for a while after each launch, which takes 10 ms with pandas.

    It is as good as one that is forked when it is needed: a location process runs nothing between
    the two moments.

    Args:
        next_owner: an owner for each.
        listener: told what one says while it waits.
    """

    def __init__(
        self, around: Surroundings, next_owner: Callable[[], str], listener: Listener
    ) -> None:
        self._around = around
        self._next_owner = next_owner
        self._listener = listener
        self._parent: Hosted | None = None
        self._waiting: Hosted | None = None
        self._timer: Timer | None = None

    @property
    def pid(self) -> int:
        """The process that waits; 0 where there is none."""
        return self._waiting.pid if self._waiting else 0

    def take(self, parent: Hosted) -> Hosted | None:
        """The fork of a process that waits, the caller's from now on; None where there is none."""
        waiting = self._waiting
        if waiting is None or self._parent is not parent or waiting.channel.closed:
            return None
        self._waiting = None
        return waiting

    def prepare(self, parent: Hosted) -> None:
        """Has one forked in a moment, for as long as the setting says."""
        if self._around.settings.run_standby:
            self._arm(PAUSE_SECONDS, self._fork_from, parent)

    def _fork_from(self, parent: Hosted) -> None:
        self._arm(self._around.settings.run_standby, self._drop)
        if parent is not self._parent:
            self._drop()
            self._parent = parent
            parent.exit.add_done_callback(lambda _: self._forget(parent))
        if self._waiting is None and not parent.channel.closed and not memory_is_scarce():
            self._around.tasks.start(self._fork(parent), f"standby of {parent.owner}")

    async def _fork(self, parent: Hosted) -> None:
        try:
            made = await self._around.hosting.fork(parent, self._next_owner(), self._listener)
        except ForkError:
            return  # the next run is told why
        made.exit.add_done_callback(lambda _: self._on_end(made))
        if self._parent is parent and self._waiting is None:
            self._waiting = made
        else:
            self._kill(made)

    def _forget(self, parent: Hosted) -> None:
        """The location process has ended: its code is not what the next run executes."""
        if self._parent is parent:
            self._parent = None
            self._drop()

    def _on_end(self, made: Hosted) -> None:
        if self._waiting is made:
            self._drop()

    def _drop(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self._kill(waiting)

    def _kill(self, made: Hosted) -> None:
        self._around.tasks.start(self._around.hosting.kill(made), f"end of {made.owner}")

    def _arm(self, seconds: float, call: Callable[..., None], *arguments: Hosted) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._around.clock.call_later(seconds, call, *arguments)
