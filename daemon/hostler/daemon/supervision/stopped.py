"""Which locations were stopped on request, kept in the state folder for the next daemon."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from hostler.daemon.base.journal import Journal

#: Below the state folder: a JSON list of names.
FILE = "stopped.json"

#: Bytes that are read: a thousand names take a tenth.
_MAX_SIZE = 2**22


class StoppedLocations:
    """The names of the locations that stay stopped until they are started.

    Each change is in the file at once, by a rename, so that a daemon that is killed leaves the
    state before or after it. A file that cannot be read or written is told of; it stops nobody.
    """

    def __init__(self, folder: Path, journal: Journal) -> None:
        self._path = folder / FILE
        self._journal = journal
        self._names = self._read()

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def add(self, name: str) -> None:
        """Notes that a location was stopped."""
        if name not in self._names:
            self._names.add(name)
            self._write()

    def discard(self, name: str) -> None:
        """Forgets that a location was stopped."""
        if name in self._names:
            self._names.discard(name)
            self._write()

    def _read(self) -> set[str]:
        try:
            with self._path.open("rb") as file:
                names = json.loads(file.read(_MAX_SIZE))
            if not isinstance(names, list):
                raise TypeError("it is no list")  # noqa: TRY301 (told as any other reason)
        except FileNotFoundError:
            return set()
        except (OSError, ValueError, TypeError, RecursionError) as error:
            self._journal.warning(
                "cannot read which locations were stopped; all are started",
                file=self._path,
                reason=str(error),
            )
            return set()
        return {name for name in names if isinstance(name, str)}

    def _write(self) -> None:
        temporary = self._path.with_name(f"{FILE}.new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(sorted(self._names)), encoding="ascii")
            os.replace(temporary, self._path)  # noqa: PTH105 (as quick as it is)
        except OSError as error:
            self._journal.warning(
                "cannot write which locations are stopped; the next daemon starts all",
                file=self._path,
                reason=str(error),
            )
