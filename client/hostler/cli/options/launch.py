"""The options that say what a run is launched with."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from hostler.cli.options.completion import complete_partition, complete_preset
from hostler.cli.options.run_config import read_run_config, read_tag_mappings, read_tags
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


@dataclass(frozen=True, slots=True)
class ContentOptions:
    """Holds what a check of a launch needs; the attributes are those of `LaunchOptions`."""

    config: dict[str, Any]
    solids: tuple[str, ...]
    partition: tuple[str, str] | None
    preset: str | None


def content_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command -c, --solids, --partition and --preset, and passes them on as `content`."""

    @functools.wraps(function)
    def command(
        *args: Any,
        configs: tuple[str, ...],
        solids: tuple[str, ...],
        partition: tuple[str, str] | None,
        preset: str | None,
        **kwargs: Any,
    ) -> Any:
        content = ContentOptions(read_run_config(configs), solids, partition, preset)
        return function(*args, content=content, **kwargs)

    return config_option(preset_option(partition_option(solids_option(command))))


def launch_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options of a launch, and passes them on as an argument `launch`."""

    @functools.wraps(function)
    def command(
        *args: Any,
        configs: tuple[str, ...],
        tags: dict[str, str],
        timeout: float | None,
        solids: tuple[str, ...],
        max_concurrency: int | None,
        partition: tuple[str, str] | None,
        preset: str | None,
        **kwargs: Any,
    ) -> Any:
        launch = LaunchOptions(
            read_run_config(configs),
            tags,
            timeout,
            solids,
            max_concurrency or 0,
            partition,
            preset,
        )
        return function(*args, launch=launch, **kwargs)

    max_concurrency = click.option(
        "--max-concurrency",
        type=click.IntRange(min=1),
        metavar="N",
        help="Up to N steps at once, each in a process of its own.",
    )
    options = preset_option(partition_option(solids_option(max_concurrency(command))))
    return run_content_options(options)


def preset_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command --preset: an argument `preset`."""
    return click.option(
        "--preset",
        metavar="NAME",
        shell_complete=complete_preset,
        help="One of the pipeline's presets; it comes under -c and --tag.",
    )(function)


def run_content_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command -c, --tag, --tags and --timeout: arguments `configs`, `tags`, `timeout`."""

    @functools.wraps(function)
    def command(
        *args: Any, tags: tuple[str, ...], tag_mappings: dict[str, str], **kwargs: Any
    ) -> Any:
        return function(*args, tags={**tag_mappings, **read_tags(tags)}, **kwargs)

    tags = click.option(
        "--tag", "tags", multiple=True, metavar="KEY=VALUE", help="May be repeated."
    )
    timeout = click.option(
        "--timeout",
        metavar="TIME",
        callback=parse_duration,
        help="The run fails when it takes longer than this: 90s, 5m, 2h. 0 for no timeout.",
    )
    tag_mapping = click.option(
        "--tags",
        "tag_mappings",
        multiple=True,
        metavar="JSON",
        callback=read_tag_mappings,
        help="Tags as a JSON mapping, beside --tag, which wins.",
    )
    return config_option(tags(tag_mapping(timeout(command))))


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


#: Give a command the option of each name.
config_option = click.option(
    "-c",
    "--config",
    "configs",
    multiple=True,
    metavar="FILE|YAML",
    help="The run config: a YAML or JSON file, a quoted glob, - for stdin, or the text itself. "
    "May be repeated: they are merged in order, the later one wins.",
)

solids_option = click.option(
    "--solids",
    "--solid-selection",
    metavar="NAME,...",
    default=None,
    callback=_read_solids,
    help="Execute these solids alone. *NAME adds all that it depends on, NAME* all that "
    "depends on it, each + one step in that direction.",
)

partition_option = click.option(
    "--partition",
    metavar="SET/PARTITION",
    callback=_partition_option,
    shell_complete=complete_partition,
    help="What the run is about; what the set gives for it comes under -c and --tag.",
)
