"""An Evaluator whose answers a test gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostler.daemon.schedules.evaluation import Answer

if TYPE_CHECKING:
    import asyncio

    from hostler.daemon.generations.generation import Generation
    from hostler.daemon.locations.location import Location
    from hostler.daemon.runs.store.schedule_record import ScheduleKey


class FakeEvaluator:
    """Answers as it was told to.

    Attributes:
        asked: the name of the schedule and the tick of each call, in order.
        answers: for the next calls, in order; an exception is raised. Where none is left, a run
            without config is to be launched.
        gates: by the name of a schedule: its calls wait until this is done.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.answers: list[Answer | Exception] = []
        self.gates: dict[str, asyncio.Future[None]] = {}

    async def evaluate(
        self, _location: Location, _generation: Generation, key: ScheduleKey, when: int
    ) -> Answer:
        self.asked.append((key.name, when))
        if key.name in self.gates:
            await self.gates[key.name]
        answer = self.answers.pop(0) if self.answers else Answer("p", f"at {when}")
        if isinstance(answer, Exception):
            raise answer
        return answer
