"""The events of a run: printed lines that came together, and each by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostler.v1.run_pb2 import RunEvent

if TYPE_CHECKING:
    from collections.abc import Iterator


def printed_lines(event: RunEvent) -> list[str]:
    """Returns the texts of a printed line and of those that came with it."""
    return [event.printed_line.text, *event.printed_line.more]


def last_sequence(event: RunEvent) -> int:
    """Returns the sequence number of an event, of the last one where lines came together."""
    return event.sequence + len(event.printed_line.more)


def single_events(event: RunEvent) -> Iterator[RunEvent]:
    """Yields each of the printed lines that came together as an event; another event as it is."""
    if not event.printed_line.more:
        yield event
        return
    for number, text in enumerate(printed_lines(event), event.sequence):
        single = RunEvent(sequence=number, time=event.time, step=event.step)
        single.printed_line.stream = event.printed_line.stream
        single.printed_line.text = text
        yield single
