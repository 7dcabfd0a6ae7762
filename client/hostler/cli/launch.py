"""What a run is launched with, as options of a command."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from hostler.cli.moments import span_option
from hostler.cli.run_config import read_run_config, read_tags

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Launch:
    """What a run is launched with.

    Attributes:
        timeout: seconds; None for the daemon's own.
        solids: which are executed; all where none is named.
        max_concurrency: steps at once; 0 for the run's own process.
    """

    config: dict[str, Any]
    tags: dict[str, str]
    timeout: float | None
    solids: tuple[str, ...]
    max_concurrency: int


def launch_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command what a run is launched with and, in its place, an argument `launch`."""

    @functools.wraps(function)
    def command(
        *args: Any,
        config: str | None,
        tags: tuple[str, ...],
        timeout: float | None,
        solids: tuple[str, ...],
        max_concurrency: int | None,
        **kwargs: Any,
    ) -> Any:
        run_config = read_run_config(config) if config is not None else {}
        launch = Launch(run_config, read_tags(tags), timeout, solids, max_concurrency or 0)
        return function(*args, launch=launch, **kwargs)

    config = click.option(
        "-c",
        "--config",
        metavar="FILE|YAML",
        help="The run config: a YAML or JSON file, - for stdin, or the text itself.",
    )
    tags = click.option(
        "--tag", "tags", multiple=True, metavar="KEY=VALUE", help="May be repeated."
    )
    timeout = click.option(
        "--timeout",
        metavar="TIME",
        callback=span_option,
        help="The run fails when it takes longer than this: 90s, 5m, 2h. 0 for no timeout.",
    )
    solids = click.option(
        "--solids",
        metavar="NAME,...",
        default=None,
        callback=_read_solids,
        help="Execute these solids alone. *NAME adds all that it depends on, NAME* all that "
        "depends on it, each + one step in that direction.",
    )
    max_concurrency = click.option(
        "--max-concurrency",
        type=click.IntRange(min=1),
        metavar="N",
        help="Up to N steps at once, each in a process of its own.",
    )
    return config(tags(timeout(solids(max_concurrency(command)))))


def _read_solids(
    _ctx: click.Context, _parameter: click.Parameter, value: str | None
) -> tuple[str, ...]:
    if value is None:
        return ()
    names = tuple(name for part in value.split(",") if (name := part.strip()))
    if not names:
        raise click.BadParameter(f"cannot select {value!r}: no solid is named")
    return names
