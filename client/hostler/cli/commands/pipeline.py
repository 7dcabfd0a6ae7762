"""hostler pipeline: list, show, validate, execute and launch pipelines."""

from __future__ import annotations

import json

import click

from hostler.cli.daemons.definitions import open_definitions, open_served_definitions
from hostler.cli.daemons.warnings import warn_if_outdated
from hostler.cli.live.debugging import debugging_of, terminal_lender
from hostler.cli.live.run import follow_run
from hostler.cli.options.debugging import DebugCommand, DebugOptions, debug_options
from hostler.cli.options.launch import (
    ContentOptions,
    LaunchOptions,
    content_options,
    launch_options,
    solids_option,
)
from hostler.cli.options.names import pipeline_name
from hostler.cli.options.run_config import read_run_config
from hostler.cli.options.scope import scope_options
from hostler.cli.options.target import Target
from hostler.cli.options.target_options import target_options
from hostler.cli.terminal import exits
from hostler.cli.terminal.group import Group
from hostler.cli.terminal.messages import say
from hostler.cli.terminal.output import echo_json, echo_table, json_option
from hostler.cli.text.pipelines import COLUMNS, pipeline_lines, pipeline_row, problem_lines
from hostler.cli.text.scaffolds import scaffold_lines
from hostler.client.names import parse_pipeline, run_id
from hostler.v1.repository_pb2 import ListPipelinesResponse


@click.group(cls=Group)
def pipeline() -> None:
    """List, show, validate, execute and launch pipelines."""


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
@pipeline_name
def show(
    *, target: Target, location: str | None, repository: str | None, as_json: bool, name: str | None
) -> None:
    """Show a pipeline: its solids, what feeds them, and the config that they take.

    NAME is not needed where there is only one. A lazy pipeline is constructed. Where no daemon runs
    for the target, one is started for the duration.

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


@pipeline.command(short_help="Check a run config without a run.")
@target_options()
@scope_options
@content_options
@json_option
@pipeline_name
def validate(
    *,
    target: Target,
    location: str | None,
    repository: str | None,
    content: ContentOptions,
    as_json: bool,
    name: str | None,
) -> int:
    """Show all that is wrong with a run config for a pipeline; nothing is executed.

    It is the check that `execute` and `launch` make. Where no daemon runs for the target, one is
    started for the duration. Exit 0 if a run would be launched, else 1.

    \b
    hostler pipeline validate daily_totals -c config.yaml
    hostler pipeline validate -f repos.py daily_totals -c config.yaml --solids '*total'
    """
    with open_definitions(target, location) as definitions:
        found = definitions.client.validate(
            definitions.find_pipeline(name, location, repository).name,
            content.config,
            solids=content.solids,
            partition=content.partition,
            preset=content.preset,
        )
    if as_json:
        echo_json(found)
    else:
        for line in problem_lines(found):
            click.echo(line)
    return exits.FAILED if found.problems else exits.OK


@pipeline.command(short_help="Print the JSON Schema of a run config.")
@target_options()
@scope_options
@solids_option
@pipeline_name
def schema(
    *,
    target: Target,
    location: str | None,
    repository: str | None,
    solids: tuple[str, ...],
    name: str | None,
) -> None:
    """Print the JSON Schema of a pipeline's run config, for editors.

    In an editor with YAML support, `# yaml-language-server: $schema=schema.json` on top of the
    config gives completion and marks what is wrong.

    \b
    hostler pipeline schema daily_totals >schema.json
    hostler pipeline schema -f repos.py daily_totals --solids '*total'
    """
    with open_definitions(target, location) as definitions:
        found = definitions.client.config_schema(
            definitions.find_pipeline(name, location, repository).name, solids=solids
        )
    click.echo(json.dumps(found, indent=2, ensure_ascii=False))


@pipeline.command(short_help="Print a run config to fill in.")
@target_options()
@scope_options
@click.option("--json", "as_json", is_flag=True, help="As JSON: what is required, uncommented.")
@pipeline_name
def scaffold(
    *, target: Target, location: str | None, repository: str | None, as_json: bool, name: str | None
) -> None:
    """Print a run config with every value that a pipeline requires, to be filled in.

    What is optional is commented, with its default. Each key has its type and its description.
    Where no daemon runs for the target, one is started for the duration.

    \b
    hostler pipeline scaffold daily_totals > config.yaml
    hostler pipeline execute daily_totals -c config.yaml
    """
    with open_definitions(target, location) as definitions:
        path = parse_pipeline(definitions.find_pipeline(name, location, repository).name)
        message = definitions.client.pipeline(*path)
    lines = list(scaffold_lines(message))
    if as_json:
        click.echo(json.dumps(read_run_config(["\n".join(lines)]), indent=2, ensure_ascii=False))
    else:
        for line in lines:
            click.echo(line)


@pipeline.command(cls=DebugCommand, short_help="Execute one pipeline and follow its run.")
@target_options()
@scope_options
@launch_options
@debug_options
@json_option
@pipeline_name
def execute(
    *,
    target: Target,
    location: str | None,
    repository: str | None,
    launch: LaunchOptions,
    debug: DebugOptions,
    as_json: bool,
    name: str | None,
) -> int:
    """Execute a pipeline and show its events, its log and what it prints.

    NAME is not needed where there is only one pipeline; where there are several, they are listed.
    Ctrl-C cancels the run and waits for its end; a second one kills it. Where no daemon runs for
    the target, one is started for the duration. Exit 0 if the run succeeded, else 1.

    \b
    hostler pipeline execute -f repos.py
    hostler pipeline execute -f repos.py daily_totals
    hostler pipeline execute -l etl daily_totals -c config.yaml --tag team=data
    hostler pipeline execute daily_totals -c '{solids: {load: {config: {limit: 10}}}}'
    hostler pipeline execute daily_totals --solids '*total' --max-concurrency 4
    hostler pipeline execute daily_totals --partition days/2026-01-31
    hostler pipeline execute daily_totals --preset local
    hostler pipeline execute -f repos.py daily_totals --pdb
    """
    with open_definitions(target, location) as definitions, terminal_lender(debug) as lender:
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
            debugging=debugging_of(debug, lender),
        )
        path = parse_pipeline(summary.name)
        say(f"run {run_id(run.name)} of {path.pipeline} in {path.location}")
        return follow_run(
            definitions.client,
            run,
            as_json=as_json,
            steps=steps,
            cancel=True,
            is_private=definitions.is_private,
            lender=lender,
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
@pipeline_name
def launch_run(
    *,
    target: Target,
    location: str | None,
    repository: str | None,
    launch: LaunchOptions,
    request_id: str,
    as_json: bool,
    name: str | None,
) -> None:
    """Launch a run in the daemon and print its id; it goes on by itself.

    NAME is not needed where there is only one pipeline; where there are several, they are listed.
    Where the daemon's limits are reached it waits in the queue, also across a restart.

    \b
    hostler pipeline launch daily_totals
    hostler run watch $(hostler pipeline launch -l etl daily_totals --timeout 2h)
    """
    with open_served_definitions(target, location) as definitions:
        run = definitions.client.launch(
            definitions.find_pipeline(name, location, repository).name,
            launch.config,
            launch.tags,
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
