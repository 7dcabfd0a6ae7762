"""hostler check: load everything once, try out what it defines, and report, for CI."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import click

from hostler.cli.daemons.construction import DefinitionProblem, definition_problems
from hostler.cli.daemons.loads import await_loaded
from hostler.cli.daemons.private_daemon import StartError, private_daemon
from hostler.cli.options.target import Target
from hostler.cli.options.target_options import target_options
from hostler.cli.terminal import exits
from hostler.cli.terminal.messages import say, say_if_slow
from hostler.cli.terminal.output import echo_json, json_option
from hostler.cli.text.annotations import annotation
from hostler.cli.text.formats import format_duration, home_relative, to_seconds
from hostler.cli.text.locations import (
    failure_output,
    failure_reason,
    pattern_lines,
    state_name,
)
from hostler.client.errors import DeadlineError
from hostler.client.names import location_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hostler.client.client import Client
    from hostler.v1.workspace_pb2 import Location, Workspace

#: A load ends by this many seconds before the command gives up, so that it still says where it was:
#: at most, and as a share of the whole.
_MARGIN, _MARGIN_SHARE = 1.0, 0.25

_PLACE = re.compile(r"(?P<file>.+?):(?P<line>\d+):\d+: (?P<message>.*)", re.DOTALL)


@click.command(short_help="Load everything once and report, for CI.")
@target_options(socket=False)
@click.option("--timeout", type=float, metavar="S", help="Give up after so many seconds.")
@click.option(
    "--no-construct",
    is_flag=True,
    help="Load the code alone: construct nothing that is lazy, call no function.",
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "github"]),
    default="text",
    help="github: with annotations, which GitHub shows beside the code.",
)
@json_option
def check(
    *,
    target: Target,
    timeout: float | None,
    no_construct: bool,
    output_format: str,
    as_json: bool,
) -> int:
    """Load every location once, each in its own interpreter, try out what it defines, and report.

    All that is lazy is constructed; each schedule is asked for its next tick, each partition set
    for its partitions and the run config of the first. Nothing is launched. A daemon is started for
    that, also where one runs already, and ended again. Exit 0 if nothing is wrong, else 4; each
    problem is shown with its file and line, and the traceback. With --json, what is wrong with
    definitions is among the workspace's problems.

    \b
    hostler check
    hostler check -w team.yaml --timeout 120 --format github
    hostler check -f repos.py -a nightly --no-construct
    """
    if as_json and output_format != "text":
        raise click.UsageError("cannot take --json and --format together; give one")
    report = _Report(is_silent=as_json, is_github=output_format == "github")
    variables = {}
    if timeout is not None:
        limit = timeout - min(_MARGIN, timeout * _MARGIN_SHARE)
        variables["HOSTLER_LOAD_LIMIT"] = f"{limit:.3f}"
    try:
        with private_daemon(target, variables) as client:
            return _check(client, report, timeout, construct=not no_construct)
    except StartError as error:
        report.not_started(error)
        raise


def _check(
    client: Client,
    report: _Report,
    timeout: float | None,
    *,
    construct: bool,
) -> int:
    deadline = None if timeout is None else time.monotonic() + timeout
    gave_up = False
    try:
        await_loaded(client, timeout=timeout, each=lambda each: report.loaded(client, each))
    except DeadlineError:
        gave_up = True
    workspace = client.workspace()
    for location in workspace.locations:
        report.remarks(location)
        if not location.serving and not location.HasField("error"):
            say(f"{location_id(location.name)} has not loaded: {state_name(location.state)}")
    problems = 0
    for location in workspace.locations if construct and not gave_up else ():
        if location.serving:
            for problem in _tried_out(client, location_id(location.name), deadline):
                problems += 1
                report.problem(problem, location)
            gave_up = gave_up or _is_over(deadline)
    if gave_up:
        say(f"gave up after {timeout:g} s")
    good = sum(location.serving for location in workspace.locations)
    report.end(workspace)
    wrong = f", {_count(problems, 'problem', 'problems')} in what they define" if problems else ""
    say(f"{good} of {len(workspace.locations)} locations loaded{wrong}")
    if not workspace.locations:
        say("nothing was checked: load_from is empty; add a location, or see hostler init")
        return exits.UNHEALTHY
    is_good = good == len(workspace.locations) and not problems and not gave_up
    return exits.OK if is_good else exits.UNHEALTHY


def _tried_out(
    client: Client, location: str, deadline: float | None
) -> Iterable[DefinitionProblem]:
    """Yields the problems of a location's definitions, until the deadline."""
    with say_if_slow(lambda: f"trying out what {location} defines ..."):
        problems = definition_problems(client, location)
        while not _is_over(deadline):
            if deadline is not None:
                client.timeout = max(deadline - time.monotonic(), 0.0)
            problem = next(problems, None)
            if problem is None:
                return
            yield problem


def _is_over(deadline: float | None) -> bool:
    return deadline is not None and time.monotonic() >= deadline


class _Report:
    """Prints how each location has loaded, and each problem.

    Args:
        is_silent: print nothing on stdout but the JSON at the end.
        is_github: print an annotation with each problem.
    """

    def __init__(self, *, is_silent: bool, is_github: bool) -> None:
        self._is_silent = is_silent
        self._is_github = is_github
        self._problems: list[DefinitionProblem] = []

    def not_started(self, error: StartError) -> None:
        """Annotates the problems of the workspace files."""
        for problem in error.problems:
            found = _PLACE.fullmatch(problem)
            message, file, line = problem, "", 0
            if found:
                message, file, line = found["message"], found["file"], int(found["line"])
            self._annotate("error", message, "workspace", file, line)

    def loaded(self, client: Client, location: Location) -> None:
        """Prints how a location has loaded, or why it has not."""
        name = location_id(location.name)
        if not location.serving:
            source = location.error.source if location.error.source.file else location.source
            self._fail(f"{name}: {failure_reason(location)}", failure_output(location))
            message = location.error.message or failure_reason(location)
            self._annotate("error", message, name, source.file, source.line)
        elif not self._is_silent:
            _print_loaded(client, location)

    def remarks(self, location: Location) -> None:
        """Prints the warnings of a load, and what the patterns under `watch` match."""
        name, source = location_id(location.name), location.source
        warnings = ((text, True) for text in location.warnings)
        for text, is_warning in (*warnings, *pattern_lines(location)):
            if is_warning:
                say(f"warning: {name}: {text}")
                self._annotate("warning", text, name, source.file, source.line)
            elif not self._is_silent:
                click.echo(f"        {name}: {text}")

    def problem(self, problem: DefinitionProblem, location: Location) -> None:
        """Prints what is wrong with a definition."""
        self._problems.append(problem)
        text = f"{problem.title}: {problem.message}"
        if problem.file and problem.file not in text:
            text += f" ({home_relative(problem.file)}:{problem.line})"
        self._fail(text, problem.traceback.rstrip())
        source = problem if problem.file else location.source
        self._annotate("error", problem.message, problem.title, source.file, source.line)

    def end(self, workspace: Workspace) -> None:
        """Prints the workspace as JSON, where that is asked for."""
        if not self._is_silent:
            return
        for problem in self._problems:
            text = f"{problem.title}: {problem.message}"
            workspace.problems.add(file=problem.file, line=problem.line, message=text)
        echo_json(workspace)

    def _fail(self, text: str, output: str) -> None:
        if self._is_silent:
            return
        click.echo(f"{click.style('FAILED', fg='red')}  {text}")
        for line in output.splitlines():
            click.echo(f"    {line}")

    def _annotate(self, kind: str, message: str, title: str, file: str, line: int) -> None:
        if self._is_github:
            click.echo(annotation(kind, message, title=title, file=file, line=line))


def _print_loaded(client: Client, location: Location) -> None:
    name = location_id(location.name)
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
