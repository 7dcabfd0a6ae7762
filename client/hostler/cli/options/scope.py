"""Options and arguments that name the locations and repositories that a command looks in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hostler.cli.options.completion import complete_location, complete_repository

if TYPE_CHECKING:
    from collections.abc import Callable

location_argument = click.argument("location", shell_complete=complete_location)

locations_argument = click.argument(
    "locations", nargs=-1, metavar="[LOCATION]...", shell_complete=complete_location
)

no_wait_option = click.option("--no-wait", is_flag=True, help="Do not wait for the loads to end.")


def scope_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command -l and -r, which say where to look for a name."""
    repository = click.option(
        "-r",
        "--repository",
        metavar="REPOSITORY",
        shell_complete=complete_repository,
        help="Only in repositories of this name.",
    )
    location = click.option(
        "-l",
        "--location",
        metavar="LOCATION",
        shell_complete=complete_location,
        help="Only in this location.",
    )
    return location(repository(function))
