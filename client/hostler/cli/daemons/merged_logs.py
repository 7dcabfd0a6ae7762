"""The logs of several locations in one: what the daemon holds, by time, then each new line."""

from __future__ import annotations

import contextlib
import heapq
import threading
from collections import Counter
from queue import SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

from hostler.client.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hostler.client.client import Client
    from hostler.v1.workspace_pb2 import LogLine


class Entry(NamedTuple):
    """Holds a line of a log, and the resource name of its location."""

    location: str
    line: LogLine

    @property
    def nanoseconds(self) -> int:
        """Returns when it was printed, since 1970."""
        return self.line.time.seconds * 1_000_000_000 + self.line.time.nanos


class MergedLogs:
    """Merges the logs of locations.

    Args:
        client: to their daemon.
        names: resource names.
        all_names: whether those are all that there are, so that ones that come later are added.
    """

    def __init__(self, client: Client, names: Iterable[str], *, all_names: bool) -> None:
        self._client = client
        self._names = list(dict.fromkeys(names))
        self._follows_new = all_names
        #: What `held` has given, serialized, for each location: `follow` gives it no second time.
        self._given: dict[str, Counter[bytes]] = {}
        self._queue: SimpleQueue[Entry | Exception | None] = SimpleQueue()
        self._readers = 0

    def held(self) -> list[Entry]:
        """Returns the lines that the daemon holds, by time.

        Raises:
            NotFoundError: there is no such location.
        """
        logs = []
        for name in self._names:
            with self._client.logs(name) as lines:
                entries = [Entry(name, line) for line in lines]
            self._given[name] = Counter(_key(entry) for entry in entries)
            logs.append(entries)
        return list(heapq.merge(*logs, key=lambda entry: entry.nanoseconds))

    def follow(self) -> Iterator[Entry]:
        """Yields each line that comes after those of `held`, until all locations are gone.

        Raises:
            HostlerError: the daemon does not answer any more.
        """
        for name in self._names:
            self._start(self._read, name)
        if self._follows_new:
            self._start(self._watch)
        while self._readers:
            got = self._queue.get()
            if got is None:
                self._readers -= 1
            elif isinstance(got, Exception):
                raise got
            else:
                yield got

    def _start(self, function: object, *arguments: str) -> None:
        self._readers += 1

        def run() -> None:
            try:
                function(*arguments)  # type: ignore[operator]
            except NotFoundError:
                pass  # the location is gone
            except Exception as error:  # noqa: BLE001 (raised again where it is iterated)
                self._queue.put(error)
            finally:
                self._queue.put(None)

        threading.Thread(target=run, daemon=True).start()

    def _read(self, name: str) -> None:
        given = self._given.pop(name, Counter[bytes]())
        # all lines, since some may have come since `held`
        with self._client.logs(name, follow=True) as lines:
            for line in lines:
                entry = Entry(name, line)
                key = _key(entry) if given else b""
                if given.get(key):
                    given[key] -= 1
                    continue
                self._queue.put(entry)

    def _watch(self) -> None:
        known = set(self._names)
        with self._client.watch() as changes, contextlib.suppress(NotFoundError):
            for change in changes:
                found = [location.name for location in change.workspace.locations]
                if change.HasField("location"):
                    found.append(change.location.name)
                for name in found:
                    if name not in known:
                        known.add(name)
                        self._start(self._read, name)
                if change.removed_location:
                    known.discard(change.removed_location)


def _key(entry: Entry) -> bytes:
    return entry.line.SerializeToString(deterministic=True)
