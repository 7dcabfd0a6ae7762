"""What has to change for the running workspace to become another one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hostler.daemon.workspace.text.models import LocationSpec, Workspace


@dataclass(frozen=True, slots=True)
class Plan:
    """What differs between two workspaces, by the names of their locations.

    Attributes:
        added: in the new workspace alone.
        removed: in the old workspace alone.
        changed: in both and not equal, as (old, new).
        kept: in both and equal, as the new workspace has them.
    """

    added: tuple[LocationSpec, ...] = ()
    removed: tuple[LocationSpec, ...] = ()
    changed: tuple[tuple[LocationSpec, LocationSpec], ...] = ()
    kept: tuple[LocationSpec, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Returns whether there is nothing to do."""
        return not (self.added or self.removed or self.changed)


def plan(old: Workspace, new: Workspace) -> Plan:
    """Returns what to do for `old` to become `new`.

    The order of locations and their places in the files do not count; a location under a new name
    is one removed and one added.
    """
    before = {spec.name: spec for spec in old.locations}
    after = {spec.name: spec for spec in new.locations}
    common = [(before[name], spec) for name, spec in after.items() if name in before]
    return Plan(
        added=tuple(spec for name, spec in after.items() if name not in before),
        removed=tuple(spec for name, spec in before.items() if name not in after),
        changed=tuple((was, now) for was, now in common if was != now),
        kept=tuple(now for was, now in common if was == now),
    )
