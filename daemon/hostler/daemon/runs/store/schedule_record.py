"""Schedules as the record has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from hostler.v1 import definitions_pb2

Tick = definitions_pb2.Tick
TickState = Tick.State
ScheduleSummary = definitions_pb2.ScheduleSummary


class ScheduleKey(NamedTuple):
    """Names a schedule."""

    location: str
    repository: str
    name: str

    @property
    def resource_name(self) -> str:
        return f"locations/{self.location}/repositories/{self.repository}/schedules/{self.name}"


@dataclass(frozen=True, slots=True)
class ScheduleRecord:
    """What is kept of a schedule that runs, or that somebody has started or stopped.

    Attributes:
        summary: how the code described it last; nobody changes it.
        is_running: whether it launches runs.
        choice: what was chosen by a command; None where the code decides.
        cursor: in seconds since the epoch; no tick up to it is due any more.
        missing_since: since when the code has no such schedule, in seconds since the epoch; 0
            where it has.
    """

    key: ScheduleKey
    summary: ScheduleSummary
    is_running: bool
    choice: bool | None
    cursor: int
    missing_since: int = 0


class Claim(NamedTuple):
    """The ticks of a schedule that are taken up, to be recorded before anything is done for them.

    Attributes:
        record: with the cursor behind them.
        ticks: in their order; a MISSED one among them stands for several.
    """

    record: ScheduleRecord
    ticks: tuple[Tick, ...]


def tick_name(key: ScheduleKey, when: int) -> str:
    """Returns the resource name of a tick that was due at a time."""
    return f"{key.resource_name}/ticks/{when}"


def tick_time(tick: Tick) -> int:
    """Returns when a tick was due, in seconds since the epoch; its id in the record."""
    return tick.scheduled_time.seconds
