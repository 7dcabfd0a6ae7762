"""The last good definitions of each location, kept in the state folder for the next daemon."""

from __future__ import annotations

import asyncio
import hashlib
import os
import urllib.parse
from typing import TYPE_CHECKING

from hostler.daemon.base.timers import Timers
from hostler.daemon.generations import stored
from hostler.daemon.generations.stored import NotStoredError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from hostler.daemon.base.clock import Clock
    from hostler.daemon.base.journal import Journal
    from hostler.daemon.base.tasks import Tasks
    from hostler.daemon.generations.generation import Generation
    from hostler.daemon.generations.kinds import DefinitionKey
    from hostler.daemon.locations.location import Location
    from hostler.daemon.workspace.text.models import LocationSpec

#: Below the state folder: a file for each location.
FOLDER = "definitions"

#: Seconds after which new definitions are written: a storm of saves is written once each second,
#: and no save waits for the disk.
WRITE_DELAY = 1.0

#: Bytes that are read: more than any description that the daemon takes from a location.
_MAX_SIZE = 2**28


class LastKnownDefinitions:
    """Writes what locations define, and reads what an earlier daemon has written.

    A file is replaced by a rename, and its checksum tells where the disk kept only a part of it. A
    file that cannot be read or written is told of; it stops nobody.
    """

    def __init__(self, state_directory: Path, clock: Clock, tasks: Tasks, journal: Journal) -> None:
        self._folder = state_directory / FOLDER
        self._timers = Timers(clock)
        self._tasks = tasks
        self._journal = journal
        self._due: dict[str, Generation] = {}
        #: The digest of what is in the file of each location, as far as is known.
        self._written: dict[str, bytes] = {}
        self._has_warned = False

    def read(self, specs: Iterable[LocationSpec]) -> dict[str, Generation]:
        """Returns what is kept of these locations, by name; for a thread of its own."""
        found = {}
        for spec in specs:
            path = self._path(spec.name)
            try:
                with path.open("rb") as file:
                    data = file.read(_MAX_SIZE)
                found[spec.name] = stored.unpack(data, spec)
                self._written[spec.name] = _digest(data)
            except FileNotFoundError:
                continue
            except NotStoredError as error:
                self._journal.info("kept definitions are not used", file=path, reason=error)
            except Exception as error:  # noqa: BLE001 (whatever is in the file: the code is loaded anyway)
                self._journal.warning("cannot read kept definitions", file=path, reason=error)
        return found

    def note(self, location: Location) -> None:
        """Has the definitions of a location written a moment later, where they are not yet."""
        generation, name = location.generation, location.name
        if generation is None or self._due.get(name) is generation:
            return
        is_armed = name in self._due
        self._due[name] = generation
        # the location, not the generation: what holds itself waits for the collector
        generation.definitions.on_add = lambda: self._on_add(location)
        if not is_armed:
            self._timers.arm(name, WRITE_DELAY, self._start_writing, name)

    def discard(self, name: str) -> None:
        """Removes what is kept of a location that the workspace has no more."""
        self._timers.disarm(name)
        self._due.pop(name, None)
        self._written.pop(name, None)
        try:
            self._path(name).unlink(missing_ok=True)
        except OSError as error:
            self._journal.warning(
                "cannot remove kept definitions", file=self._path(name), reason=error
            )

    async def flush(self) -> None:
        """Writes at once what is due, before the daemon ends."""
        self._timers.disarm(*self._due)
        for name in list(self._due):
            await self._write(name)

    def _on_add(self, location: Location) -> None:
        """A lazy definition was constructed for a reader; the next daemon is to know it, too."""
        generation, name = location.generation, location.name
        if generation is not None and name not in self._due:
            self._due[name] = generation
            self._timers.arm(name, WRITE_DELAY, self._start_writing, name)

    def _start_writing(self, name: str) -> None:
        self._tasks.start(self._write(name), f"definitions of {name}")

    async def _write(self, name: str) -> None:
        generation = self._due.pop(name, None)
        if generation is None:
            return
        described = generation.definitions.described()
        before = self._written.get(name)
        try:
            digest = await asyncio.to_thread(self._replace, generation, described, before)
        except OSError as error:
            if not self._has_warned:
                self._has_warned = True
                self._journal.warning(
                    "cannot keep definitions for the next daemon, which loads them first",
                    file=self._path(name),
                    reason=error,
                )
        else:
            self._written[name] = digest

    def _replace(
        self, generation: Generation, described: dict[DefinitionKey, bytes], before: bytes | None
    ) -> bytes:
        """Writes a file, unless the same is in it; returns the digest of its content."""
        data = stored.pack(generation, described)
        digest = _digest(data)
        if digest == before:
            return digest
        path = self._path(generation.spec.name)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123 (a descriptor)
            file.write(data)
        os.replace(temporary, path)  # noqa: PTH105 (as quick as it is)
        return digest

    def _path(self, name: str) -> Path:
        encoded = os.fsencode(name)
        digest = hashlib.blake2b(encoded, digest_size=8).hexdigest()
        return self._folder / f"{urllib.parse.quote(encoded, safe='')[:100]}-{digest}"


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()
