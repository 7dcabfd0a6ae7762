"""hostler location: what a location imports."""

from __future__ import annotations

import click

from hostler.cli.daemons.definitions import open_definitions
from hostler.cli.options.scope import location_argument
from hostler.cli.options.target import Target
from hostler.cli.options.target_options import target_options
from hostler.cli.terminal import exits
from hostler.cli.terminal.group import Group
from hostler.cli.terminal.messages import say
from hostler.cli.terminal.output import echo_json, echo_table, json_option
from hostler.cli.text.imports import COLUMNS, import_rows, tree_rows

#: Modules of a table: those that take next to nothing are no use.
MOST_ROWS = 25

#: Seconds: load_timeout may be long.
TIMEOUT = 600.0


@click.group(cls=Group)
def location() -> None:
    """See what a location is made of."""


@location.command(short_help="Show how long each import of a location takes.")
@target_options()
@click.option("--tree", is_flag=True, help="Below each module those that it imports.")
@click.option("-n", "rows", metavar="N", default=MOST_ROWS, help="Modules at most; 0 for all.")
@json_option
@location_argument
def imports(*, target: Target, tree: bool, rows: int, as_json: bool, location: str) -> int:
    """Load a location once more in a new interpreter, with its own environment and variables, and
    show how long each module takes to import; what is served stays as it is.

    SELF is the time of a module alone, TOTAL with all that it imports first. The interpreter's own
    start is not counted. Exit 4 if the load fails.

    \b
    hostler location imports etl
    hostler location imports etl --tree -n 50
    hostler location imports -f repos.py repos.py --json
    """
    with open_definitions(target, location) as definitions:
        measured = definitions.client.measure_imports(location, TIMEOUT)
    if as_json:
        echo_json(measured)
    else:
        found = (tree_rows if tree else import_rows)(measured.modules)
        echo_table(COLUMNS, found[: rows or None], "no imports")
        if rows and len(found) > rows:
            say(f"{len(found) - rows} more modules; -n 0 shows all")
    if measured.failure:
        say(f"the load failed: {measured.failure}")
        return exits.UNHEALTHY
    return exits.OK
