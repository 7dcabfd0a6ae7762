"""Events as the record holds them: printed lines that came together are one, long ones packed."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hostler.daemon.runs.store.record import RunEvent, event_count, printed_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The first byte of a row that is compressed; no serialized message begins with it.
_COMPRESSED = b"\0"

#: Bytes from which on a row is compressed: below that it saves less than it costs.
_COMPRESSED_FROM = 500

#: The fastest level: ten times smaller for what programs print, and a fraction of what is written.
_LEVEL = 1

#: Bytes that a line takes in a message beside its text, at most.
_LINE_OVERHEAD = 6


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event, or printed lines that came together, as a serialized RunEvent.

    Attributes:
        last: the sequence number of the last one.
        count: how many there are.
        data: the message, with the sequence number of the first one.
    """

    last: int
    count: int
    data: bytes

    @property
    def first(self) -> int:
        """Returns the sequence number of the first event."""
        return self.last - self.count + 1


def store_event(event: RunEvent) -> StoredEvent:
    """Returns an event that has its sequence number as it is stored."""
    count = event_count(event)
    return StoredEvent(event.sequence + count - 1, count, event.SerializeToString())


def to_row(data: bytes) -> bytes:
    """Returns a serialized event as its row has it."""
    if len(data) < _COMPRESSED_FROM:
        return data
    packed = _COMPRESSED + zlib.compress(data, _LEVEL)
    return packed if len(packed) < len(data) else data


def from_row(data: bytes) -> bytes:
    """Returns a serialized event from its row."""
    return zlib.decompress(data[1:]) if data.startswith(_COMPRESSED) else data


def events_after(stored: StoredEvent, sequence: int) -> StoredEvent:
    """Returns what follows a sequence number, of an event of which at least one does."""
    skipped = sequence - stored.first + 1
    if skipped <= 0:
        return stored
    event = RunEvent.FromString(stored.data)
    lines = printed_lines(event)[skipped:]
    event.sequence += skipped
    event.printed_line.text = lines[0]
    event.printed_line.more[:] = lines[1:]
    return store_event(event)


def single_events(stored: StoredEvent) -> Iterator[bytes]:
    """Yields each event as a message of its own."""
    if stored.count == 1:
        yield stored.data
        return
    event = RunEvent.FromString(stored.data)
    lines = printed_lines(event)
    event.printed_line.ClearField("more")
    for number, text in enumerate(lines, event.sequence):
        event.sequence = number
        event.printed_line.text = text
        yield event.SerializeToString()


def divide(event: RunEvent, room: int) -> tuple[RunEvent | None, RunEvent | None]:
    """Divides an event of output into what so many bytes have room for, and the rest.

    Only printed lines that came together are divided.
    """
    if event.ByteSize() <= room:
        return event, None
    lines = printed_lines(event) if event.HasField("printed_line") else []
    count, fitting = 0, RunEvent()
    fitting.CopyFrom(event)
    fitting.printed_line.ClearField("more")
    fitting.printed_line.text = ""
    size = fitting.ByteSize()
    for text in lines:
        size += len(text.encode(errors="replace")) + _LINE_OVERHEAD
        if size > room:
            break
        count += 1
    if not count:
        return None, event
    fitting.printed_line.text = lines[0]
    fitting.printed_line.more[:] = lines[1:count]
    event.printed_line.text = lines[count]
    event.printed_line.more[:] = lines[count + 1 :]
    return fitting, event
