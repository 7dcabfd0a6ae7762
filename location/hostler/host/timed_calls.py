"""Solids with a timeout: each executes in a process of its own, the others in the run's."""

from __future__ import annotations

import functools

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hostler.definitions._engine import StepObserver
    from hostler.definitions._step_caller import StepCaller
    from hostler.definitions.graph import SolidNode
    from hostler.host.steps import StepProcesses


class TimedCalls:
    """Calls solids that have a timeout, one at a time, each in a process of its own."""

    def __init__(self, processes: StepProcesses, caller: StepCaller) -> None:
        self._processes = processes
        self._caller = caller

    def call(
        self, node: SolidNode, inputs: dict[str, Any], retry: int, observer: StepObserver
    ) -> BaseException | None:
        """Calls a solid as `StepCaller.call` does, in a new process."""
        ended: list[BaseException | None] = []
        processes = self._processes
        with processes:
            work = functools.partial(self._caller.call, node, inputs, retry)
            processes.start(node, work, observer, ended.append, retry)
            try:
                while processes.count:
                    processes.pump()
            except KeyboardInterrupt:
                processes.stop()
                raise
        return ended[0]
