"""Execution of a pipeline with several steps at once, each in a process of its own."""

from __future__ import annotations

import functools
import heapq

from hostler.definitions import _clock as clock
from hostler.definitions._engine import StepObserver
from hostler.definitions._execution_state import SkipError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hostler.definitions._execution_state import ExecutionState
    from hostler.definitions._observer import Observer
    from hostler.definitions._step_caller import StepCaller
    from hostler.definitions.graph import SolidNode
    from hostler.definitions.pipelines import PipelineDefinition
    from hostler.host.steps import StepProcesses


class ConcurrentEngine:
    """One execution of a pipeline; other processes call the functions of its solids.

    A step starts when all steps that feed it have ended and fewer than `limit` are under way. Of
    several that could start, the first in the pipeline's order does. A step that waits for its
    retry does not count as under way.
    """

    def __init__(
        self,
        pipeline: PipelineDefinition,
        caller: StepCaller,
        state: ExecutionState,
        observer: Observer,
        processes: StepProcesses,
        limit: int,
    ) -> None:
        self._nodes = pipeline.nodes
        self._caller = caller
        self._state = state
        self._observer = observer
        self._processes = processes
        self._limit = limit
        position = {node.name: index for index, node in enumerate(self._nodes)}
        #: By position, the steps that each waits for, and those that wait for it.
        self._waits: list[set[int]] = [
            {position[one.solid] for references in node.sources.values() for one in references}
            for node in self._nodes
        ]
        self._feeds: list[list[int]] = [[] for _ in self._nodes]
        for index, needed in enumerate(self._waits):
            for one in needed:
                self._feeds[one].append(index)
        #: Position and retry of what may start, and, with its moment, of what may start later.
        self._ready = [(index, 0) for index, needed in enumerate(self._waits) if not needed]
        self._later: list[tuple[float, int, int]] = []
        self._started: dict[int, float] = {}

    def execute(self) -> None:
        """Executes each solid once, or skips it.

        Raises:
            KeyboardInterrupt: the run is cancelled; all steps have ended.
        """
        processes = self._processes
        with processes:
            try:
                self._advance()
                while processes.count or self._later:
                    processes.pump(self._later[0][0] if self._later else None)
                    self._advance()
            except KeyboardInterrupt:
                processes.stop()
                raise

    def _advance(self) -> None:
        """Starts what may be started."""
        while self._later and self._later[0][0] <= clock.monotonic():
            heapq.heappush(self._ready, heapq.heappop(self._later)[1:])
        while self._ready and self._processes.count < self._limit:
            self._start(*heapq.heappop(self._ready))

    def _start(self, index: int, retry: int) -> None:
        node = self._nodes[index]
        try:
            inputs = self._state.inputs(node)
        except SkipError as skip:
            self._state.mark_skipped(node, skip)
            self._observer.step_skipped(node.name, str(skip))
            self._settle(index)
            return
        if not retry:
            self._observer.step_started(node.name)
            self._started[index] = clock.monotonic()
        self._processes.start(
            node,
            functools.partial(self._caller.call, node, inputs, retry),
            StepObserver(self._state, node, self._observer),
            functools.partial(self._ended, index, retry),
            retry,
        )

    def _ended(self, index: int, retry: int, failure: BaseException | None) -> None:
        node = self._nodes[index]
        policy = node.definition.retry_policy
        if failure is None:
            duration = clock.monotonic() - self._started[index]
            self._observer.step_succeeded(node.name, duration)
        elif retry < policy.max_retries:
            self._retry(index, node, retry + 1, failure)
            return
        else:
            self._state.mark_failed(node)
            self._observer.step_failed(node.name, failure)
        self._settle(index)

    def _retry(self, index: int, node: SolidNode, retry: int, failure: BaseException) -> None:
        delay = node.definition.retry_policy.delay_before(retry)
        self._observer.step_retried(node.name, failure, retry, delay)
        self._state.forget_outputs(node)
        heapq.heappush(self._later, (clock.monotonic() + delay, index, retry))

    def _settle(self, index: int) -> None:
        """Marks a step as ended; steps that waited for it may become ready."""
        self._state.release_inputs(self._nodes[index])
        for fed in self._feeds[index]:
            self._waits[fed].discard(index)
            if not self._waits[fed]:
                heapq.heappush(self._ready, (fed, 0))
