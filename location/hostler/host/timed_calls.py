"""Solids with a timeout, where the others execute in the run's own process."""

from __future__ import annotations

import functools

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hostler.definitions._engine import Keeper
    from hostler.definitions._step_caller import Attempts
    from hostler.definitions.graph import SolidNode
    from hostler.host.steps import StepProcesses


class TimedCalls:
    """Calls solids that have a timeout, one at a time, each in a process of its own."""

    def __init__(self, processes: StepProcesses, attempts: Attempts) -> None:
        self._processes = processes
        self._attempts = attempts

    def call(
        self, node: SolidNode, inputs: dict[str, Any], retry: int, keeper: Keeper
    ) -> BaseException | None:
        """As `Attempts.call`, which it does in the new process."""
        ended: list[BaseException | None] = []
        processes = self._processes
        with processes:
            work = functools.partial(self._attempts.call, node, inputs, retry)
            processes.start(node, work, keeper, ended.append)
            try:
                while processes.count:
                    processes.pump()
            except KeyboardInterrupt:
                processes.stop()
                raise
        return ended[0]
