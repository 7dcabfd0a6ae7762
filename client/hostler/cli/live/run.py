"""Following a run: showing its events as they come, and what Ctrl-C does to it."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Protocol

import click

from hostler.cli.live.arrivals import arriving
from hostler.cli.terminal import exits
from hostler.cli.terminal.exits import INTERRUPTED
from hostler.cli.terminal.interrupts import InterruptHandler
from hostler.cli.terminal.messages import say
from hostler.cli.terminal.output import echo_json, is_interactive
from hostler.cli.text.run_events import run_event_lines, run_outcome
from hostler.client.errors import HostlerError
from hostler.client.execution import Execution
from hostler.client.names import run_id
from hostler.v1.run_pb2 import Run, RunEvent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hostler.cli.live.terminal_loan import TerminalLender
    from hostler.client.client import Client

AWAY_MESSAGE = "the daemon does not answer; waiting for it"

#: How long `run watch` waits for a daemon that is being restarted.
PATIENCE = 30.0


class RunDisplay(Protocol):
    """Shows the events of a run."""

    def show(self, events: Sequence[RunEvent]) -> None:
        """Shows events that came together."""
        ...

    def say(self, message: str) -> None:
        """Says something to the person."""
        ...

    def pause(self) -> None:
        """Leaves the terminal to others until `resume`."""
        return

    def resume(self) -> None:
        """Shows again."""
        return


class PlainRunDisplay(RunDisplay):
    """Prints the events as plain lines."""

    def show(self, events: Sequence[RunEvent]) -> None:
        click.echo("\n".join(line for event in events for line in run_event_lines(event)))

    def say(self, message: str) -> None:
        say(message)


class JsonRunDisplay(RunDisplay):
    """Prints each event as a line of JSON."""

    def show(self, events: Sequence[RunEvent]) -> None:
        for event in events:
            echo_json(event, compact=True)

    def say(self, message: str) -> None:
        say(message)


@contextlib.contextmanager
def run_display(*, as_json: bool, steps: int) -> Iterator[RunDisplay]:
    """Gives the display for a run of so many steps."""
    if as_json:
        yield JsonRunDisplay()
    elif is_interactive():
        # Rich takes 80 ms to import, which scripts need not wait for.
        from hostler.cli.live.run_progress import RunProgress

        with RunProgress(steps) as progress:
            yield progress
    else:
        yield PlainRunDisplay()


def follow_run(
    client: Client,
    run: Run,
    *,
    as_json: bool,
    steps: int,
    cancel: bool,
    is_private: bool = False,
    patience: float = 0.0,
    lender: TerminalLender | None = None,
) -> int:
    """Shows the events of a run until it ends; returns the exit code.

    Args:
        client: to its daemon.
        run: to be followed from its first event.
        as_json: one message a line.
        steps: how many there are; 0 where that is not known.
        cancel: the first Ctrl-C cancels the run and waits for its end, the second one kills it, the
            third gives up waiting; otherwise the first one ends the command and the run goes on.
        is_private: whether the daemon, and the run with it, end with the command.
        patience: how long a daemon that is away is waited for, in seconds.
        lender: lends the terminal to a debugger of the run; None for none.

    Returns:
        The exit code.
    """
    with run_display(as_json=as_json, steps=steps) as display:
        execution = Execution(
            client,
            run,
            patience,
            joined=not as_json,  # a line of JSON is one event
            on_away=lambda: display.say(AWAY_MESSAGE),
        )
        actions = _InterruptActions(execution, display, cancels=cancel, is_private=is_private)
        actions.lender = lender
        with InterruptHandler(actions.on_interrupt, actions.on_termination):
            code = _show(execution, display, lender)
    if actions.has_left:
        return INTERRUPTED
    if code is None:  # its record was deleted, or it had ended before the watch
        code = exits.OK if execution.run().state == Run.SUCCEEDED else exits.FAILED
    return code


class _InterruptActions:
    """Cancels, kills or leaves the run at Ctrl-C and at the signals that end the command."""

    def __init__(
        self, execution: Execution, display: RunDisplay, *, cancels: bool, is_private: bool
    ) -> None:
        self.has_left = False
        self.lender: TerminalLender | None = None
        self._count = 0
        self._execution = execution
        self._display = display
        self._cancels = cancels
        self._is_private = is_private

    def on_interrupt(self, _count: int) -> None:
        """Cancels, kills or leaves the run, unless a debugger has the terminal."""
        if self.lender is not None and self.lender.interrupt():
            return
        self._count += 1
        count = self._count
        name = run_id(self._execution.name)
        if not self._cancels:
            self._leave_it_running()
        elif count == 1:
            self._cancel(f"canceling run {name}; Ctrl-C again to kill it", kill=False)
        elif count == 2:
            self._cancel(f"killing run {name}; Ctrl-C again to give up waiting", kill=True)
        else:
            self._leave(f"gave up waiting for the end of run {name}")

    def on_termination(self) -> None:
        """Leaves the run, at SIGTERM and SIGHUP."""
        if self._is_private:
            self._execution.leave()
        else:
            self._leave_it_running()

    def _leave_it_running(self) -> None:
        name = run_id(self._execution.name)
        self._leave(f"run {name} goes on; see: hostler run watch {name}")

    def _cancel(self, message: str, *, kill: bool) -> None:
        self._display.say(message)

        def cancel() -> None:
            try:
                self._execution.cancel(kill=kill)
            except HostlerError as error:
                self._display.say(str(error))

        # a daemon that does not answer must not keep the next Ctrl-C waiting
        threading.Thread(target=cancel, daemon=True).start()

    def _leave(self, message: str) -> None:
        self.has_left = True
        self._execution.leave()  # first, since saying something fails where nobody reads it
        self._display.say(message)


def _show(execution: Execution, display: RunDisplay, lender: TerminalLender | None) -> int | None:
    """Shows the events; returns the exit code at the run's end, None where that did not come."""
    for arrived in arriving(execution):
        for events in _up_to_pauses(arrived):
            display.show(events)
            if lender is not None and events[-1].step_paused.takes_terminal:
                display.pause()
                lender.lend()
                display.resume()
        good = run_outcome(arrived[-1])  # no event comes after the end
        if good is not None:
            return exits.OK if good else exits.FAILED
    return None


def _up_to_pauses(events: list[RunEvent]) -> Iterator[list[RunEvent]]:
    """Yields the events in parts, each of which ends where a debugger takes the terminal."""
    start = 0
    for end, event in enumerate(events, 1):
        if event.step_paused.takes_terminal or end == len(events):
            yield events[start:end]
            start = end
