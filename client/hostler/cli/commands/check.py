"""hostler check: load everything once and report, for CI."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hostler.cli.daemons.loads import await_loaded
from hostler.cli.daemons.private_daemon import private_daemon
from hostler.cli.options.target import Target
from hostler.cli.options.target_options import target_options
from hostler.cli.terminal import exits
from hostler.cli.terminal.messages import say
from hostler.cli.terminal.output import echo_json, json_option
from hostler.cli.text.formats import format_duration, to_seconds
from hostler.cli.text.locations import (
    failure_output,
    failure_reason,
    pattern_lines,
    state_name,
)
from hostler.client.errors import DeadlineError
from hostler.client.names import location_id

if TYPE_CHECKING:
    from hostler.client.client import Client
    from hostler.v1.workspace_pb2 import Location


@click.command(short_help="Load everything once and report, for CI.")
@target_options(socket=False)
@click.option("--timeout", type=float, metavar="S", help="Give up after so many seconds.")
@json_option
def check(*, target: Target, timeout: float | None, as_json: bool) -> int:
    """Load every location once, each in its own interpreter, and report.

    A daemon is started for that, also where one runs already, and ended again. Exit 0 if all have
    loaded, else 4; the traceback of what failed is shown.

    \b
    hostler check
    hostler check -w team.yaml --timeout 120
    hostler check -f repos.py -a nightly
    """
    with private_daemon(target) as client:

        def report(location: Location) -> None:
            if not as_json:
                _report(client, location)

        try:
            await_loaded(client, timeout=timeout, each=report)
        except DeadlineError:
            say(f"gave up after {timeout:g} s" if timeout else "gave up")
        workspace = client.workspace()
    locations = workspace.locations
    for location in locations:
        if not location.serving and not location.HasField("error"):
            say(f"{location_id(location.name)} has not loaded: {state_name(location.state)}")
        for text, is_warning in pattern_lines(location):
            if is_warning:
                say(f"warning: {location_id(location.name)}: {text}")
            elif not as_json:
                click.echo(f"        {location_id(location.name)}: {text}")
    good = sum(location.serving for location in locations)
    if as_json:
        echo_json(workspace)
    say(f"{good} of {len(locations)} locations loaded")
    return exits.OK if good == len(locations) else exits.UNHEALTHY


def _report(client: Client, location: Location) -> None:
    name = location_id(location.name)
    if not location.serving:
        click.echo(f"{click.style('FAILED', fg='red')}  {name}: {failure_reason(location)}")
        for line in failure_output(location).splitlines():
            click.echo(f"    {line}")
        return
    repositories = client.repositories(name)
    pipelines = sum(len(repository.pipelines) for repository in repositories)
    words = (
        f"Python {location.python_version}",
        _count(len(repositories), "repository", "repositories"),
        _count(pipelines, "pipeline", "pipelines"),
        f"loaded in {format_duration(to_seconds(location.load_duration))}",
    )
    click.echo(f"{click.style('ok', fg='green')}      {name}: {', '.join(words)}")


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
