"""The whole workspace as bytes: made of each location's own, which all readers share."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple

from hostler.v1 import workspace_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hostler.daemon.locations.location import Location

#: Locations that are made into bytes before others get the loop: some 2 ms.
LOCATIONS_PER_TURN = 25

#: Seconds: memory, and what comes and goes without a change being told, may be as old as this.
MAX_AGE = 5.0


class _Kept(NamedTuple):
    """A location's bytes, as a field of the workspace, and when they were made."""

    time: float
    data: bytes


class Snapshots:
    """Keeps the bytes of each location until it changes."""

    def __init__(
        self,
        locations: Callable[[], Mapping[str, Location]],
        message_of: Callable[[Location], workspace_pb2.Location],
    ) -> None:
        """
        Args:
            locations: returns those of the workspace.
            message_of: returns the message of one.
        """
        self._locations = locations
        self._message_of = message_of
        self._kept: dict[Location, _Kept] = {}
        self._joined: _Kept | None = None

    def forget(self, location: Location) -> None:
        """Drops the bytes of a location that has changed, or is gone."""
        self._kept.pop(location, None)
        self._joined = None

    def forget_all(self) -> None:
        """Drops all bytes: the workspace has changed."""
        self._kept.clear()
        self._joined = None

    async def locations(self, max_age: float = MAX_AGE) -> bytes:
        """Returns `Workspace.locations`, serialized, as they are when this returns.

        The loop is free for others in between, however many locations there are.

        Args:
            max_age: seconds, for what comes and goes without a change being told.
        """
        good_since = time.monotonic() - max_age
        if self._joined is not None and self._joined.time >= good_since:
            return self._joined.data
        turn = 0
        for location in list(self._locations().values()):
            if not self._is_good(location, good_since):
                self._make(location)
                turn += 1
                if turn % LOCATIONS_PER_TURN == 0:
                    await asyncio.sleep(0)
        # some may have changed meanwhile
        return self._join(good_since)

    def _join(self, good_since: float) -> bytes:
        oldest = time.monotonic()
        parts = []
        for location in self._locations().values():
            if not self._is_good(location, good_since):
                self._make(location)
            kept = self._kept[location]
            oldest = min(oldest, kept.time)
            parts.append(kept.data)
        self._joined = _Kept(oldest, b"".join(parts))
        return self._joined.data

    def _is_good(self, location: Location, good_since: float) -> bool:
        kept = self._kept.get(location)
        return kept is not None and kept.time >= good_since

    def _make(self, location: Location) -> None:
        message = workspace_pb2.Workspace(locations=[self._message_of(location)])
        self._kept[location] = _Kept(time.monotonic(), message.SerializeToString())


def as_change(change: workspace_pb2.WorkspaceChange, workspace: bytes) -> bytes:
    """Returns a change with a serialized workspace in it.

    The workspace is not parsed for that, nor passed in pieces, which some clients do not merge.
    """
    number = workspace_pb2.WorkspaceChange.WORKSPACE_FIELD_NUMBER
    length = len(workspace)
    head = bytearray([number << 3 | 2])
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return b"".join((change.SerializeToString(), head, workspace))
