"""Loading: a target is imported, and what it holds is described."""

from __future__ import annotations

from hostler.definitions import _clock as clock
from hostler.host import describe, discovery, file_events, finder, imports, target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Mapping

    from hostler.definitions import RepositoryDefinition


class Load:
    """One load of a target.

    Attributes:
        repositories: by name; none before `run`.
        described: what they hold, see `hostler.host.describe.pack`.
    """

    def __init__(
        self,
        order: Mapping[str, Any],
        overlay: Mapping[str, bytes | None],
        report: Callable[[list[tuple[str, str | None]]], None],
        preloaded: imports.Preloaded | None,
        announce: Callable[[str], object] | None = None,
    ) -> None:
        """
        Args:
            order: {"location": name, "target": see hostler.host.target.load_target}.
            overlay: sources to load in place of what is on disk, by path; None hides a file.
            report: told of each source file that is read or looked for in vain.
            preloaded: what a template has imported ahead; None in a process of its own.
            announce: see `hostler.host.finder.install`.
        """
        self.repositories: dict[str, RepositoryDefinition] = {}
        self.described = b""
        self._order = order
        self._preloaded = preloaded
        self._seconds: dict[str, float] = {}
        is_fork = preloaded is not None
        finder.install(report, overlay, is_fork=is_fork, announce=announce)
        self._baseline = imports.Baseline()

    def run(self) -> None:
        """Imports the target and describes its repositories.

        Raises:
            BaseException: whatever the user's code raises.
        """
        began = clock.monotonic()
        finder.begin_file_events(target.folders(self._order["target"]))
        try:
            found = self._import()
            imported = clock.monotonic()
            self.described = describe.pack(self._order["location"], found)
        finally:
            file_events.end()
            finder.flush()
        self.repositories = {repository.name: repository for repository in found}
        described = clock.monotonic()
        self._seconds = {"import": imported - began, "describe": described - imported}

    def _import(self) -> list[RepositoryDefinition]:
        finder.cache_listings(on=True)
        try:
            module = target.load_target(self._order["target"])
        finally:
            finder.cache_listings(on=False)
            finder.end_announcements()
        try:  # a function of the user's, too, may import
            return discovery.repositories_in(module, self._order["target"].get("attribute"))
        finally:
            finder.flush()

    def report(self) -> dict[str, Any]:
        """Returns what the load did to the process.

        Returns:
            {"imports": see `Baseline.imported`; "fresh": why it should have been loaded by a
            process of its own; "variables": see `Baseline.variables`; "packages": see
            `imports.packages`; "seconds": {"import", "describe"}; "warnings": texts for people}.
        """
        shadowed = self._preloaded.shadowed() if self._preloaded is not None else []
        return {
            "imports": self._baseline.imported(),
            "variables": self._baseline.variables(),
            "packages": imports.packages(),
            "fresh": [
                *imports.spawn_reasons(),
                *(f"{name}.py of the project hides a module" for name in shadowed),
            ],
            "seconds": self._seconds,
            "warnings": target.warnings(self._order["target"]),
        }
