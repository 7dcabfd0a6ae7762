"""The events of a run as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostler.cli.text.formats import format_duration, format_time, to_seconds
from hostler.client.run_events import printed_lines
from hostler.v1.run_pb2 import LogMessage, PrintedLine, RunEvent

if TYPE_CHECKING:
    from hostler.v1.definitions_pb2 import ExceptionInfo
    from hostler.v1.run_pb2 import RunFailure

#: Steps with longer names push their line to the right.
STEP_WIDTH = 16

#: Indents the further lines of a message, which would look like events otherwise.
_CONTINUED = "    "

#: The events with which a run ends, and whether it ended well.
RUN_OUTCOMES = {
    "run_succeeded": True,
    "run_failed": False,
    "run_canceled": False,
    "run_interrupted": False,
}

#: The events with what a run's code printed and logged.
PRINTS = {"printed_line", "log_message"}

#: Errors in a run config or a selection: their message says it all, so no traceback is shown.
INPUT_ERRORS = {
    "hostler.definitions.errors.ConfigError",
    "hostler.definitions.errors.SelectionError",
}

_LEVEL_COLORS = {
    LogMessage.WARNING: "yellow",
    LogMessage.ERROR: "red",
    LogMessage.CRITICAL: "red",
}


def run_outcome(event: RunEvent) -> bool | None:
    """Returns True for the end of a run that succeeded, False for another end, None for no end."""
    return RUN_OUTCOMES.get(event.WhichOneof("event") or "")


def run_event_lines(event: RunEvent) -> list[str]:
    """Returns an event in lines: time, step, what happened; tracebacks and output below."""
    head = f"{format_time(event.time)}  {event.step or 'run':<{STEP_WIDTH}}  "
    if event.HasField("printed_line"):
        head += "! " if event.printed_line.stream == PrintedLine.STDERR else "| "
        return [head + text for text in printed_lines(event)]
    first, *rest = _words(event)
    return [head + first, *rest]


def _words(event: RunEvent) -> list[str]:  # noqa: C901, PLR0912 - one line for each kind of event
    match event.WhichOneof("event"):
        case "run_queued":
            return ["queued"]
        case "run_started":
            return [f"started, pid {event.run_started.pid}"]
        case "step_started":
            return ["started"]
        case "step_output":
            output = event.step_output
            return [f"{output.output}: {output.type} = {output.preview}"]
        case "log_message":
            level = event.log_message.level
            name = click.style(LogMessage.Level.Name(level), fg=_LEVEL_COLORS.get(level))
            first, *more = event.log_message.message.splitlines() or [""]
            return [f"{name} {first}", *(_CONTINUED + line for line in more)]
        case "step_retried":
            retried = event.step_retried
            wait = format_duration(to_seconds(retried.delay))
            title = click.style(f"failed; retry {retried.retry} in {wait}", fg="yellow")
            return [title, *_exception(retried.exception)]
        case "step_paused":
            return [f"paused: {event.step_paused.place}"]
        case "step_resumed":
            return ["goes on"]
        case "step_skipped":
            return [f"skipped: {event.step_skipped.reason}"]
        case "step_failed":
            return [_bad("failed"), *_exception(event.step_failed.exception)]
        case "step_succeeded":
            return [f"succeeded in {format_duration(to_seconds(event.step_succeeded.duration))}"]
        case "run_succeeded":
            return [click.style("succeeded", fg="green")]
        case "run_failed":
            return _failure_lines(event.run_failed.failure)
        case "run_canceled":
            reason = event.run_canceled.reason
            return [_bad(f"canceled: {reason}" if reason else "canceled")]
        case "run_interrupted":
            reason = event.run_interrupted.reason
            return [_bad(f"interrupted: {reason}" if reason else "interrupted")]
    return ["an event that this version does not know"]


def _failure_lines(failure: RunFailure) -> list[str]:
    if failure.exception.type in INPUT_ERRORS:
        first, *problems = failure.exception.message.splitlines()
        return [_bad(f"failed: {first}"), *problems]
    lines = [_bad(f"failed: {failure.message}")]
    if not failure.step:  # a step's own exception was shown with the step
        lines += _exception(failure.exception)
    return lines + [f"| {line}" for line in failure.output]


def _exception(exception: ExceptionInfo) -> list[str]:
    if exception.traceback:
        return exception.traceback.rstrip().splitlines()
    return [f"{exception.type}: {exception.message}"] if exception.type else []


def _bad(text: str) -> str:
    return click.style(text, fg="red")
