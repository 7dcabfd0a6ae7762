"""The parts of a daemon that all its locations share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostler.daemon.base.clock import Clock
    from hostler.daemon.base.journal import Journal
    from hostler.daemon.base.settings import Settings
    from hostler.daemon.base.tasks import Tasks
    from hostler.daemon.loading.admission import Slots
    from hostler.daemon.loading.pings import Pings
    from hostler.daemon.processes.factory import ProcessFactory
    from hostler.daemon.templates.environments import Environments
    from hostler.daemon.watching.watcher import Watcher


@dataclass(frozen=True, slots=True)
class LocationContext:
    """Holds the parts of a daemon that all its locations share.

    Attributes:
        pings: pings the location processes that serve.
        numbers: counts the owners of processes over all locations: a location that is removed and
            added again does not own the processes of its predecessor.
    """

    factory: ProcessFactory
    environments: Environments
    watcher: Watcher
    settings: Settings
    tasks: Tasks
    slots: Slots
    clock: Clock
    journal: Journal
    pings: Pings
    numbers: Iterator[int]

    def on_undeclared(self, table: str, state: Enum, event: Enum) -> None:
        """Logs, once for each pair, that a state table does not declare an event in a state."""
        self.journal.fault_once(
            f"{table}/{state.name}/{event.name}",
            "a state table does not declare an event",
            table=table,
            state=state.value,
            event_name=event.value,
        )
