"""The options that say which runs are listed."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from hostler.cli.options.completion import complete_location, complete_pipeline
from hostler.cli.options.run_config import read_tags
from hostler.cli.options.times import parse_time
from hostler.v1.run_pb2 import Run

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from hostler.client.client import Client
    from hostler.client.run import RunSelection


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Fits the runs that fit all that is set."""

    location: str | None
    pipeline: str | None
    states: list[Run.State.ValueType]
    tags: dict[str, str]
    since: datetime | None
    before: datetime | None

    @property
    def is_empty(self) -> bool:
        """Returns whether it fits all runs."""
        return not any(self.selection().values())

    def selection(self) -> RunSelection:
        """Returns the filter as the client takes it."""
        return {
            "location": self.location,
            "pipeline": self.pipeline,
            "states": self.states,
            "tags": self.tags,
            "since": self.since,
            "before": self.before,
        }

    def find(self, client: Client, limit: int | None) -> list[Run]:
        """Returns the runs of a daemon that fit, newest first."""
        return client.runs(limit, **self.selection())


def run_filter_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options of a filter, and passes them on as `run_filter`."""

    @functools.wraps(function)
    def command(*args: Any, states: tuple[str, ...], tags: tuple[str, ...], **kwargs: Any) -> Any:
        given = {name: kwargs.pop(name) for name in ("location", "pipeline", "since", "before")}
        run_filter = RunFilter(
            states=[Run.State.Value(state) for state in states], tags=read_tags(tags), **given
        )
        return function(*args, run_filter=run_filter, **kwargs)

    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OPTIONS = (
    click.option(
        "-l",
        "--location",
        metavar="LOCATION",
        shell_complete=complete_location,
        help="Only of this location.",
    ),
    click.option(
        "-p",
        "--pipeline",
        metavar="NAME",
        shell_complete=complete_pipeline,
        help="Only of pipelines of this name.",
    ),
    click.option(
        "-s",
        "--state",
        "states",
        multiple=True,
        type=click.Choice(Run.State.keys()[1:], case_sensitive=False),
        help="Only in this state; may be repeated.",
    ),
    click.option(
        "--tag",
        "tags",
        multiple=True,
        metavar="KEY=VALUE",
        help="Only with this tag; may be repeated.",
    ),
    click.option(
        "--since",
        metavar="TIME",
        callback=parse_time,
        help="Only launched since: 2026-11-22, 2h, 3d.",
    ),
    click.option("--before", metavar="TIME", callback=parse_time, help="Only launched before."),
)
