"""The packages of an environment: what is watched of them, since a template has imported them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hostler.daemon.watching.content.digests import digest_of

#: Below a site-packages: written last by an installer, with a line for each file of the package.
_PATTERNS = ("*.dist-info/RECORD", "*.egg-info/PKG-INFO", "*.egg-link", "*.pth")


class Packages:
    """What the loads in an environment have told of where its packages are."""

    def __init__(self) -> None:
        self._folders: dict[str, None] = {}
        self._configuration: str | None = None

    def learn(self, told: Mapping[str, Any]) -> bool:
        """Takes what a process said; whether that is more than was known.

        Args:
            told: {"folders": its site-packages, "configuration": its pyvenv.cfg, or null}.
        """
        known = (tuple(self._folders), self._configuration)
        self._folders.update(dict.fromkeys(told["folders"]))
        self._configuration = told["configuration"] or self._configuration
        return known != (tuple(self._folders), self._configuration)

    def files(self, preloaded: Sequence[str]) -> dict[str, str | None]:
        """Files that are watched, as they are now; reads them, and belongs in a thread.

        Args:
            preloaded: what the template is made of.
        """
        configuration = [self._configuration] if self._configuration else []
        return {path: digest_of(path) for path in [*configuration, *preloaded]}

    def patterns(self) -> list[str]:
        """Patterns of files that are watched."""
        return [f"{folder}/{pattern}" for folder in self._folders for pattern in _PATTERNS]

    @staticmethod
    def describe(paths: Iterable[str]) -> str:
        """Which packages changed files belong to, for people."""
        names = set()
        for path in map(Path, paths):
            if path.name in {"RECORD", "PKG-INFO"}:
                names.add(path.parent.name.removesuffix(".dist-info").removesuffix(".egg-info"))
            else:
                _, _, below = str(path).rpartition("-packages/")
                names.add(below)
        return ", ".join(sorted(names))
