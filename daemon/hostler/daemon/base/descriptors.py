"""The limit of open descriptors: the daemon takes what it may have; locations keep the user's."""

from __future__ import annotations

import contextlib
import resource
from dataclasses import dataclass

#: Descriptors of the daemon itself: its files, sockets, the watcher, some hundred connections.
OWN = 200

#: What a process of a location needs: its wire and its two pipes.
PER_PROCESS = 3

#: Processes that a location may have at once, beside runs: two while it is loaded anew, and
#: some for its workers, its standby and the descriptors of a fork on their way.
PROCESSES_PER_LOCATION = 2


@dataclass(frozen=True, slots=True)
class DescriptorLimit:
    """How many descriptors the daemon may have open.

    Attributes:
        inherited: the soft limit that the daemon was started with, which its locations get.
        own: the limit of the daemon.
    """

    inherited: int
    own: int

    def shortage(self, locations: int, runs: int) -> str:
        """Returns what to do where the limit is too low for a workspace; empty where it is not.

        Args:
            runs: how many may be active at once.
        """
        per_location = PER_PROCESS * PROCESSES_PER_LOCATION
        needed = OWN + per_location * locations + PER_PROCESS * runs
        if needed <= self.own or self.own == resource.RLIM_INFINITY:
            return ""
        allowed = max(0, (self.own - OWN - PER_PROCESS * runs) // per_location)
        return (
            f"the limit of {self.own} open descriptors is enough for some {allowed} locations "
            f"beside {runs} runs, and the workspace has {locations}; raise the hard limit to "
            f"{needed} (ulimit -Hn, LimitNOFILE=)"
        )


def raise_limit() -> DescriptorLimit:
    """Raises the limit of this process as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return DescriptorLimit(soft, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
