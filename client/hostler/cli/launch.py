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
    """

    config: dict[str, Any]
    tags: dict[str, str]
    timeout: float | None


def launch_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command -c, --tag and --timeout and, in their place, an argument `launch`."""

    @functools.wraps(function)
    def command(
        *args: Any,
        configs: tuple[str, ...],
        tags: tuple[str, ...],
        timeout: float | None,
        **kwargs: Any,
    ) -> Any:
        launch = Launch(read_run_config(configs), read_tags(tags), timeout)
        return function(*args, launch=launch, **kwargs)

    config = click.option(
        "-c",
        "--config",
        "configs",
        multiple=True,
        metavar="FILE|YAML",
        help="The run config: a YAML or JSON file, - for stdin, or the text itself. May be "
        "repeated: they are merged in order, the later one wins.",
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
    return config(tags(timeout(command)))
