"""hostler pipeline: list, show, execute and launch pipelines."""

from __future__ import annotations

import click

from hostler.cli.daemons.connection import connect
from hostler.cli.daemons.definitions import open_definitions
from hostler.cli.daemons.warnings import warn_if_outdated
from hostler.cli.live.run import follow_run
from hostler.cli.options.completion import complete_pipeline
from hostler.cli.options.launch import LaunchOptions, launch_options
from hostler.cli.options.scope import scope_options
from hostler.cli.options.target import Target
from hostler.cli.options.target_options import target_options
from hostler.cli.terminal.group import Group
from hostler.cli.terminal.messages import say
from hostler.cli.terminal.output import echo_json, echo_table, json_option
from hostler.cli.text.pipelines import COLUMNS, pipeline_lines, pipeline_row
from hostler.client.names import parse_pipeline, run_id
from hostler.v1.repository_pb2 import ListPipelinesResponse

_NAME = click.argument("name", shell_complete=complete_pipeline)


@click.group(cls=Group)
def pipeline() -> None:
    """List, show, execute and launch pipelines."""


@pipeline.command("list", short_help="List the pipelines.")
@target_options()
@scope_options
@json_option
def list_pipelines(
    *, target: Target, location: str | None, repository: str | None, as_json: bool
) -> int:
    """List the pipelines; a lazy one is not constructed for that, so its solids are not counted.

    Where no daemon runs for the target, one is started for the duration. Exit 4 if a location does
    not answer.

    \b
    hostler pipeline list
    hostler pipeline list -l etl
    hostler pipeline list -f repos.py -a nightly
    """
    with open_definitions(target, location) as definitions:
        reachable = not (location and definitions.absent)
        pipelines = definitions.client.pipelines(location, repository) if reachable else []
        if as_json:
            echo_json(ListPipelinesResponse(pipelines=pipelines))
        else:
            rows = [pipeline_row(item) for item in pipelines]
            if rows or not definitions.absent:
                echo_table(COLUMNS, rows, "no pipelines")
        return definitions.report_absent()


@pipeline.command(short_help="Show one pipeline.")
@target_options()
@scope_options
@json_option
@_NAME
def show(
    *, target: Target, location: str | None, repository: str | None, as_json: bool, name: str
) -> None:
    """Show a pipeline: its solids, what feeds them, and the config that they take.

    A lazy pipeline is constructed. Where no daemon runs for the target, one is started for the
    duration.

    \b
    hostler pipeline show daily_totals
    hostler pipeline show -l etl -r nightly daily_totals
    """
    with open_definitions(target, location) as definitions:
        path = parse_pipeline(definitions.find_pipeline(name, location, repository).name)
        message = definitions.client.pipeline(*path)
    if as_json:
        echo_json(message)
    else:
        for line in pipeline_lines(message):
            click.echo(line)


@pipeline.command(short_help="Execute one pipeline and follow its run.")
@target_options()
@scope_options
@launch_options
@json_option
@_NAME
def execute(
    *,
    target: Target,
    location: str | None,
    repository: str | None,
    launch: LaunchOptions,
    as_json: bool,
    name: str,
) -> int:
    """Execute a pipeline and show its events, its log and what it prints.

    Ctrl-C cancels the run and waits for its end; a second one kills it. Where no daemon runs for
    the target, one is started for the duration. Exit 0 if the run succeeded, else 1.

    \b
    hostler pipeline execute -f repos.py daily_totals
    hostler pipeline execute -l etl daily_totals -c config.yaml --tag team=data
    hostler pipeline execute daily_totals -c '{solids: {load: {config: {limit: 10}}}}'
    hostler pipeline execute daily_totals --solids '*total' --max-concurrency 4
    hostler pipeline execute daily_totals --partition days/2026-01-31
    hostler pipeline execute daily_totals --preset local
    """
    with open_definitions(target, location) as definitions:
        summary = definitions.find_pipeline(name, location, repository)
        steps = 0 if launch.solids or launch.preset else summary.solid_count
        warn_if_outdated(definitions.client.location(parse_pipeline(summary.name).location))
        run = definitions.client.launch(
            summary.name,
            launch.config,
            launch.tags,
            timeout=launch.timeout,
            solids=launch.solids,
            max_concurrency=launch.max_concurrency,
            partition=launch.partition,
            preset=launch.preset,
        )
        say(f"run {run_id(run.name)} of {name} in {parse_pipeline(summary.name).location}")
        return follow_run(
            definitions.client,
            run,
            as_json=as_json,
            steps=steps,
            cancel=True,
            is_private=definitions.is_private,
        )


@pipeline.command("launch", short_help="Launch a run of one pipeline and return at once.")
@target_options()
@scope_options
@launch_options
@click.option(
    "--request-id",
    metavar="ID",
    default="",
    help="Makes a retry safe: the same id gives the same run, and starts none.",
)
@json_option
@_NAME
def launch_run(
    *,
    target: Target,
    location: str | None,
    repository: str | None,
    launch: LaunchOptions,
    request_id: str,
    as_json: bool,
    name: str,
) -> None:
    """Launch a run in the daemon and print its id; it goes on by itself.

    Where the daemon's limits are reached it waits in the queue, also across a restart.

    \b
    hostler pipeline launch daily_totals
    hostler run watch $(hostler pipeline launch -l etl daily_totals --timeout 2h)
    """
    with connect(target) as client:
        run = client.launch(
            name,
            launch.config,
            launch.tags,
            location=location,
            repository=repository,
            request_id=request_id,
            timeout=launch.timeout,
            solids=launch.solids,
            max_concurrency=launch.max_concurrency,
            partition=launch.partition,
            preset=launch.preset,
        )
    if as_json:
        echo_json(run)
    else:
        click.echo(run_id(run.name))
