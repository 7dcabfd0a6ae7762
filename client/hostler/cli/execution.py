"""Following a run: its events as they come, progress on a terminal, Ctrl-C."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

import click

from hostler.cli import exits
from hostler.cli.exits import say
from hostler.cli.output import echo_json, is_interactive
from hostler.cli.run_events import event_lines, outcome
from hostler.client.names import run_id
from hostler.client.run import Execution
from hostler.v1.run_pb2 import Run, RunEvent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostler.client.client import Client

#: As a shell shows a death by SIGINT.
INTERRUPTED = 130

#: How long `run watch` waits for a daemon that is being restarted.
PATIENCE = 30.0


class Display(Protocol):
    """Where events are shown."""

    def show(self, event: RunEvent) -> None: ...

    def note(self, message: str) -> None:
        """Says something to the person."""
        ...


class Lines:
    """Plain lines."""

    def show(self, event: RunEvent) -> None:
        for line in event_lines(event):
            click.echo(line)

    def note(self, message: str) -> None:
        say(message)


class JsonLines:
    """One message a line."""

    def show(self, event: RunEvent) -> None:
        echo_json(event, compact=True)

    def note(self, message: str) -> None:
        say(message)


@contextlib.contextmanager
def display(*, as_json: bool, steps: int) -> Iterator[Display]:
    """Where the events of a run of so many steps are shown."""
    if as_json:
        yield JsonLines()
    elif is_interactive():
        # Rich takes 80 ms to import, which scripts need not wait for.
        from hostler.cli.progress import Progress

        with Progress(steps) as progress:
            yield progress
    else:
        yield Lines()


def follow(
    client: Client, run: Run, *, as_json: bool, steps: int, cancel: bool, patience: float = 0.0
) -> int:
    """Shows the events of a run until it ends.

    Args:
        client: to its daemon.
        run: to be followed from its first event.
        as_json: one message a line.
        steps: how many there are; 0 where that is not known.
        cancel: the first Ctrl-C cancels the run and waits for its end, the second one gives up;
            otherwise the first one ends the command and the run goes on.
        patience: how long a daemon that is away is waited for, in seconds.

    Returns:
        The exit code.
    """
    execution = Execution(client, run, patience)
    name = run_id(run.name)
    with display(as_json=as_json, steps=steps) as shown:
        try:
            return _show(execution, shown)
        except KeyboardInterrupt:
            if not cancel:
                shown.note(f"run {name} goes on; see: hostler run watch {name}")
                return INTERRUPTED
        shown.note(f"canceling run {name}; Ctrl-C again to give up waiting")
        try:
            execution.cancel()
            return _show(execution, shown)
        except KeyboardInterrupt:
            shown.note(f"gave up waiting for the end of run {name}")
            return INTERRUPTED


def _show(execution: Execution, shown: Display) -> int:
    """Shows the events from where it was left until the run's end; the exit code."""
    for event in execution:
        shown.show(event)
        good = outcome(event)
        if good is not None:
            return exits.OK if good else exits.FAILED
    return exits.OK if execution.run().state == Run.SUCCEEDED else exits.FAILED
