"""What has come of a stream since it was last looked at: showing it may be slower than it comes."""

from __future__ import annotations

import contextlib
import threading
from queue import Empty, Queue
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")

#: Items that are read ahead: where showing them takes longer, the stream waits.
_MAX_AHEAD = 500


def arriving(stream: Iterable[T]) -> Iterator[list[T]]:
    """Yields what has come since the last time, at least one item, until the stream ends.

    A thread reads the stream. Raises what that raises, after what came before.
    """
    queue: Queue[T | _End] = Queue(_MAX_AHEAD)
    is_left = threading.Event()
    reader = threading.Thread(target=_read, args=(stream, queue, is_left), daemon=True)
    reader.start()
    try:
        while True:
            items = [queue.get()]
            with contextlib.suppress(Empty):
                while True:
                    items.append(queue.get_nowait())
            last = items[-1]
            found = [item for item in items if not isinstance(item, _End)]
            if found:
                yield found
            if isinstance(last, _End):
                if last.error is not None:
                    raise last.error
                return
    finally:
        is_left.set()
        while not queue.empty():  # so that the thread can go on, and see that
            queue.get_nowait()


def _read(stream: Iterable[T], queue: Queue[T | _End], is_left: threading.Event) -> None:
    end = _End(None)
    try:
        for item in stream:
            queue.put(item)
            if is_left.is_set():
                return
    except BaseException as error:  # noqa: BLE001 (raised where the items are taken)
        end = _End(error)
    queue.put(end)


class _End:
    """Marks the end of the stream.

    Attributes:
        error: what ended it; None where it came to its end.
    """

    def __init__(self, error: BaseException | None) -> None:
        self.error = error
