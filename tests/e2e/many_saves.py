"""Saves one file again and again, and checks what clients read meanwhile."""

from __future__ import annotations

import contextlib
import itertools
import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

import psutil
from e2e.harness import PATIENCE, Daemon, eventually
from e2e.saving import STYLES

from hostler.client import Client, HostlerError
from hostler.v1.workspace_pb2 import Location, WorkspaceChange

NAME = "repos.py"

#: All versions have one length, so that the saves within a second have the same size.
CODE = """\
VERSION = "{version:08d}"
{trouble}
from hostler.definitions import pipeline, repository, solid


@solid
def one(context):
    return VERSION


@pipeline(description=VERSION)
def marked():
    one()


def make():
    return pipeline(name="lazy", description=VERSION)(lambda: one())


def more(name):
    return pipeline(name=name, description=VERSION)(lambda: one())


@repository
def repo():
    contents = {{"marked": marked, "lazy": make}}
    contents.update({{name: more(name) for name in {extras!r}}})
    return {{"pipelines": contents}}
"""

#: One in so many saves is broken.
BREAKS = 10

TROUBLES = ("def broken(:", "undefined", "import os; os._exit(3)", "half")

#: The most definitions that come and go: the daemon's memory grows with a project, and that is no
#: leak.
EXTRAS = 10

#: One in so many saves is not waited for: the next one comes while it is loaded, or before.
HASTY = 7

#: Seconds between two reads of a client: 32 clients read, and must not fill the processors.
READ_PAUSE = 0.2

#: One in so many clients reads a lazy definition.
LAZY_READERS = 8


class Bounds:
    """Keeps between which versions each generation lies, by what clients have read.

    A client that reads after a generation was reported gets the version of that generation, or a
    newer one; a client that reads before gets that version, or an older one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at_least: dict[int, int] = {}
        self._at_most: dict[int, int] = {}

    def note(self, before: int, version: int, after: int) -> None:
        """Notes that a client read a version between the reports of two generations."""
        with self._lock:
            self._at_most[before] = min(self._at_most.get(before, version), version)
            self._at_least[after] = max(self._at_least.get(after, version), version)

    def stale(self) -> list[str]:
        """Returns the generations after whose report a client still read an older version."""
        found = []
        newest = 0
        for generation in sorted(self._at_most.keys() | self._at_least.keys()):
            newest = max(newest, self._at_least.get(generation, 0))
            read = self._at_most.get(generation, newest)
            if read < newest:
                found.append(f"generation {generation}: {read} was read, it has {newest}")
        return found


class Sample(NamedTuple):
    """Holds the resident memory in KiB after so many saves."""

    saves: int
    daemon: int
    template: int
    keeper: int


class Feed:
    """Follows the location's changes, as `watch` reports them, with a time limit."""

    def __init__(self, client: Client) -> None:
        self._queue: queue.Queue[Location] = queue.Queue()
        self._stream = client.watch()
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()

    def until(self, check: Callable[[Location], bool], what: str) -> Location:
        """Returns the first change from now on that passes the check."""
        deadline = time.monotonic() + PATIENCE
        seen: list[str] = []
        while True:
            try:
                location = self._queue.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"not within {PATIENCE:g} s: {what}; {seen}") from None
            seen.append(f"{Location.State.Name(location.state)} {location.generation}")
            if check(location):
                return location

    def close(self) -> None:
        self._stream.cancel()
        self._thread.join()

    def _follow(self) -> None:
        for change in self._stream:
            for location in _locations(change):
                self._queue.put(location)


def _locations(change: WorkspaceChange) -> list[Location]:
    if change.HasField("workspace"):
        return list(change.workspace.locations)
    return [change.location] if change.HasField("location") else []


class Storm:
    """Saves the location of a daemon again and again.

    Attributes:
        version: the newest version on disk, also if the file is broken.
        reads: how many answers clients got.
        faults: the errors of failed reads.
        done: how many saves of each kind were made.
        samples: the memory in the course of time.
    """

    def __init__(self, daemon: Daemon, chance: random.Random, readers: int, lazy: bool) -> None:
        self.version = 0
        self.reads = 0
        self.faults: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self.samples: list[Sample] = []
        self._daemon = daemon
        self._chance = chance
        self._extras = ["extra_0"]
        self._numbers = itertools.count(1)
        self._bounds = Bounds()
        self._stop = threading.Event()
        self._readers = [
            threading.Thread(target=self._read, args=(lazy and number % LAZY_READERS == 0, number))
            for number in range(readers)
        ]
        daemon.write(NAME, self._text())
        daemon.workspace.write_text(f"load_from:\n  - python_file: {NAME}\n")

    @contextlib.contextmanager
    def reading(self) -> Iterator[Feed]:
        """Has the clients read meanwhile."""
        feed = Feed(self._daemon.client)
        for reader in self._readers:
            reader.start()
        try:
            yield feed
        finally:
            self._stop.set()
            for reader in self._readers:
                reader.join()
            feed.close()

    def save(self, feed: Feed, *, wait: bool) -> None:
        """Makes a good save; waits until it is served if asked to."""
        self.version += 1
        change = self._chance.choice(["add", "remove", "alter", "alter"])
        if change == "add":
            self._extras.append(f"extra_{self.version}")
        if len(self._extras) > EXTRAS or (change == "remove" and self._extras):
            self._extras.pop(self._chance.randrange(len(self._extras)))
        self._write(self._text())
        self.done[change] += 1
        if wait:
            location = feed.until(self._serves_newest, f"{self.version} is served")
            reported = self._daemon.client.location(NAME).generation
            self._bounds.note(location.generation, self.version, reported)

    def break_(self, feed: Feed, *, wait: bool) -> None:
        """Makes a save that cannot be loaded; the last good generation goes on."""
        self.version += 1
        good = self.served()
        trouble = self._chance.choice(TROUBLES)
        text = self._text("" if trouble == "half" else trouble)
        if trouble == "half":
            text = text[: self._chance.randrange(1, text.index("marked"))]
        self._write(text)
        self.done[trouble] += 1
        if wait:
            feed.until(lambda location: location.HasField("error"), f"the failure of {trouble}")
            assert good <= self.served() < self.version

    def _serves_newest(self, location: Location) -> bool:
        return location.state == Location.READY and self.served() == self.version

    def served(self) -> int:
        """Returns the version that the daemon answers with now."""
        (marked,) = [
            each for each in self._daemon.client.pipelines(NAME) if each.name.endswith("/marked")
        ]
        return int(marked.description)

    def sample(self, saves: int) -> None:
        """Samples the memory of the processes that live on."""
        pids = (
            self._daemon.pid,
            self._daemon.client.location(NAME).template.pid,
            self._daemon.keeper_pid,
        )
        with contextlib.suppress(psutil.NoSuchProcess):  # it may be killed just now
            self.samples.append(
                Sample(saves, *(psutil.Process(pid).memory_info().rss >> 10 for pid in pids))
            )

    def check(self) -> None:
        """Asserts what must hold of all that was read."""
        assert not self.faults, self.faults
        stale = self._bounds.stale()
        assert not stale, stale

    def _text(self, trouble: str = "") -> str:
        return CODE.format(version=self.version, trouble=trouble, extras=self._extras)

    def _write(self, text: str) -> None:
        style = self._chance.choice(STYLES)
        style(self._daemon.folder / NAME, text)
        self.done[style.__name__] += 1

    def _read(self, lazy: bool, number: int) -> None:
        self._stop.wait(READ_PAUSE * number / len(self._readers))
        with Client(self._daemon.socket) as client:
            while not self._stop.wait(READ_PAUSE):
                try:
                    before = client.location(NAME).generation
                    if lazy:
                        version = int(client.pipeline(NAME, "repo", "lazy").description)
                    else:
                        found = client.pipelines(NAME)
                        versions = {int(each.description) for each in found if not each.lazy}
                        (version,) = versions
                    after = client.location(NAME).generation
                except (HostlerError, ValueError) as error:
                    self.faults[repr(error)] += 1
                else:
                    self._bounds.note(before, version, after)
                    self.reads += 1


class Held(NamedTuple):
    """Counts the open descriptors of the processes that live on."""

    daemon: int
    keeper: int
    template: int


def held(daemon: Daemon) -> Held:
    """Returns the counts; makes sure first that there is one worker of this generation."""
    daemon.client.pipeline(NAME, "repo", "lazy")
    template = daemon.client.location(NAME).template.pid
    pids = (daemon.pid, daemon.keeper_pid, template)
    return Held(*(psutil.Process(pid).num_fds() for pid in pids))


def holds_no_more(daemon: Daemon, before: Held) -> bool:
    return all(now <= then for now, then in zip(held(daemon), before, strict=True))


def zombies(daemon: Daemon) -> list[str]:
    found = []
    for pid in daemon.tree():
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                found.append(f"{pid} of {process.ppid()}")
    return found


def with_spare(daemon: Daemon) -> Location:
    """Waits for the template and its spare."""
    found = daemon.client.location(NAME)

    def check() -> bool:
        nonlocal found
        found = daemon.client.location(NAME)
        return bool(found.template.pid and found.template.spare_pid and found.pid)

    try:
        eventually(check, "a template and a spare")
    except AssertionError as error:
        raise AssertionError(f"{error}: {found}") from None
    return found


def at_rest(daemon: Daemon) -> bool:
    """Returns whether no more is left than the location process, a worker and the template."""
    return len(daemon.at_work()) <= 4 and not zombies(daemon)


def rage(
    daemon: Daemon, saves: int, readers: int, chance: random.Random, *, samples: int = 100
) -> Storm:
    """Saves so many times while so many clients read, on a daemon that is not started yet.

    Args:
        samples: after how many saves each the memory is sampled.
    """
    storm = Storm(daemon, chance, readers, lazy=True)
    daemon.start().ready(NAME)
    with_spare(daemon)
    before = held(daemon)
    with storm.reading() as feed:
        for number in range(1, saves):
            wait = chance.randrange(HASTY) > 0
            (storm.save if number % BREAKS else storm.break_)(feed, wait=wait)
            if number % samples == 0:
                storm.sample(number)
        storm.save(feed, wait=True)
    storm.check()
    last = daemon.ready(NAME)
    assert last.start_mode == Location.FORKED
    assert last.generation <= saves + 1
    eventually(lambda: at_rest(daemon), "nothing is left over")
    # the worker of the generation before may be about to end
    eventually(lambda: holds_no_more(daemon, before), f"no more descriptors than {before}")
    text = daemon.log.read_text()
    assert "a task failed" not in text
    assert "a call failed" not in text
    return storm


def slope(points: list[tuple[float, float]]) -> float:
    """Returns the slope of the line that fits the points best, by least squares."""
    count = len(points)
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
