"""Messages to the person, on stderr."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Seconds of silence before the person is told what is waited for; most waits end before.
SLOW_AFTER = 1.0


def say(message: str) -> None:
    """Prints a message to the person on stderr."""
    click.echo(f"hostler: {message}", err=True)


@contextlib.contextmanager
def say_if_slow(message: Callable[[], str]) -> Iterator[None]:
    """Says what is waited for, where the block takes longer than SLOW_AFTER."""

    def speak() -> None:
        if text := message():
            say(text)

    timer = threading.Timer(SLOW_AFTER, speak)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
