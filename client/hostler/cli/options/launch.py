"""The options that say what a run is launched with."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from hostler.cli.options.completion import complete_partition, complete_preset
from hostler.cli.options.run_config import read_run_config, read_tags
from hostler.cli.options.times import parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class LaunchOptions:
    """Holds what a run is launched with.

    Attributes:
        timeout: seconds; None for the daemon's own.
        solids: which are executed; all where none is named.
        max_concurrency: steps at once; 0 for the run's own process.
        partition: the names of its set and of itself; None for none.
        preset: the name of one of the pipeline's; None for none.
    """

    config: dict[str, Any]
    tags: dict[str, str]
    timeout: float | None
    solids: tuple[str, ...]
    max_concurrency: int
    partition: tuple[str, str] | None
    preset: str | None


def launch_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options of a launch, and passes them on as an argument `launch`."""

    @functools.wraps(function)
    def command(
        *args: Any,
        configs: tuple[str, ...],
        tags: tuple[str, ...],
        timeout: float | None,
        solids: tuple[str, ...],
        max_concurrency: int | None,
        partition: tuple[str, str] | None,
        preset: str | None,
        **kwargs: Any,
    ) -> Any:
        launch = LaunchOptions(
            read_run_config(configs),
            read_tags(tags),
            timeout,
            solids,
            max_concurrency or 0,
            partition,
            preset,
        )
        return function(*args, launch=launch, **kwargs)

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
    partition = click.option(
        "--partition",
        metavar="SET/PARTITION",
        callback=_partition_option,
        shell_complete=complete_partition,
        help="What the run is about; what the set gives for it comes under -c and --tag.",
    )
    preset = click.option(
        "--preset",
        metavar="NAME",
        shell_complete=complete_preset,
        help="Launch with one of the pipeline's presets; it comes under -c and --tag.",
    )
    return run_content_options(preset(partition(solids(max_concurrency(command)))))


def run_content_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command -c, --tag and --timeout: arguments `configs`, `tags` and `timeout`."""
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
        callback=parse_duration,
        help="The run fails when it takes longer than this: 90s, 5m, 2h. 0 for no timeout.",
    )
    return config(tags(timeout(function)))


def _read_solids(
    _ctx: click.Context, _parameter: click.Parameter, value: str | None
) -> tuple[str, ...]:
    if value is None:
        return ()
    names = tuple(name for part in value.split(",") if (name := part.strip()))
    if not names:
        raise click.BadParameter(f"cannot select {value!r}: no solid is named")
    return names


def _partition_option(
    _ctx: click.Context, _parameter: click.Parameter, value: str | None
) -> tuple[str, str] | None:
    if value is None:
        return None
    partition_set, _, name = value.partition("/")  # the name of a set has no slash
    if not partition_set or not name:
        raise click.BadParameter(
            f"cannot take {value!r} as a partition; give it as SET/PARTITION, as in days/2026-01-31"
        )
    return partition_set, name
