"""The packages of an environment: which of their files show that a template is out of date."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hostler.daemon.watching.content.digests import digest_of

#: Files in site-packages that an installer writes last, or that change what can be imported.
_PATTERNS = ("*.dist-info/RECORD", "*.egg-info/PKG-INFO", "*.egg-link", "*.pth")


class Packages:
    """Keeps where the packages of an environment are, as its loads have reported it."""

    def __init__(self) -> None:
        self._folders: dict[str, None] = {}
        self._configuration: str | None = None

    def learn(self, told: Mapping[str, Any]) -> bool:
        """Takes the report of a load; returns whether it says anything new.

        Args:
            told: {"folders": its site-packages, "configuration": its pyvenv.cfg, or null}.
        """
        known = (tuple(self._folders), self._configuration)
        self._folders.update(dict.fromkeys(told["folders"]))
        self._configuration = told["configuration"] or self._configuration
        return known != (tuple(self._folders), self._configuration)

    def files(self, preloaded: Sequence[str]) -> dict[str, str | None]:
        """Returns the digests of the files to watch; reads them all, so it belongs in a thread.

        Args:
            preloaded: files that the template has imported.
        """
        configuration = [self._configuration] if self._configuration else []
        return {path: digest_of(path) for path in [*configuration, *preloaded]}

    def patterns(self) -> list[str]:
        """Returns the patterns of the files to watch."""
        return [f"{folder}/{pattern}" for folder in self._folders for pattern in _PATTERNS]

    @staticmethod
    def describe(paths: Iterable[str]) -> str:
        """Returns the packages that changed files belong to, for people to read."""
        names = set()
        for path in map(Path, paths):
            if path.name in {"RECORD", "PKG-INFO"}:
                names.add(path.parent.name.removesuffix(".dist-info").removesuffix(".egg-info"))
            else:
                _, _, below = str(path).rpartition("-packages/")
                names.add(below)
        return ", ".join(sorted(names))
