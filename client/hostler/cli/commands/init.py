"""hostler init: write a workspace file of what is there."""

from __future__ import annotations

import os
from pathlib import Path

import click

from hostler.cli.projects.project import MOST_FILES, Project, find_project
from hostler.cli.projects.workspace_file import workspace_text
from hostler.cli.terminal import exits
from hostler.cli.terminal.exits import CommandError
from hostler.cli.terminal.messages import say

#: As many files are named as fit into a line.
_MOST_NAMED = 3


@click.command(short_help="Write a workspace.yaml of what is there.")
@click.option(
    "-w",
    "--workspace",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("workspace.yaml"),
    show_default=True,
    metavar="FILE",
    help="The file to write; what is below its folder is looked through.",
)
@click.option("--print", "only_print", is_flag=True, help="Print the file and write nothing.")
def init(*, workspace: Path, only_print: bool) -> int:
    """Write a workspace file with a location for each file that has definitions.

    The files are read, not executed. One with a repository becomes a location, and one with a
    pipeline that no other file imports. A file in a package is named as a module. A location gets
    the virtual or conda environment in its folder, or in the nearest one above. A file that exists
    is never changed.

    \b
    hostler init
    hostler init --print
    hostler init -w team/workspace.yaml
    """
    root = workspace.parent.absolute()
    if not root.is_dir():
        raise click.UsageError(f"cannot write {workspace}: there is no folder {root}")
    project = find_project(root)
    if not project.locations and not project.unclear:
        raise CommandError(_nothing(project))
    text = workspace_text(project)
    if only_print:
        click.echo(text, nl=False)
    else:
        _write(workspace, text)
    count = len(project.locations)
    what = f"{count} location{'s' * (count != 1)}"
    if not only_print:
        say(f"wrote {workspace} with {what}; try it with: hostler check" + _option(workspace))
    for file in project.unclear:
        say(f"{file.relative_to(root)} has several pipelines and no repository; see {workspace}")
    _warn(project)
    return exits.OK


def _nothing(project: Project) -> str:
    message = (
        f"cannot find any definitions below {project.root}: no file has a repository or a pipeline "
        "of hostler.definitions; see docs/tutorial.md for a first one"
    )
    if project.dagster:
        message += f". Dagster's own definitions are not served yet: {_named(project)}"
    return message


def _warn(project: Project) -> None:
    if project.dagster:
        say(f"left out, as Dagster's own definitions are not served yet: {_named(project)}")
    if project.is_cut:
        say(f"looked at the first {MOST_FILES} Python files alone")


def _named(project: Project) -> str:
    files = [str(file.relative_to(project.root)) for file in project.dagster]
    more = len(files) - _MOST_NAMED
    return ", ".join(files[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _option(workspace: Path) -> str:
    return "" if workspace == Path("workspace.yaml") else f" -w {workspace}"


def _write(file: Path, text: str) -> None:
    """Writes a file that does not exist yet, whole or not at all."""
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        fresh.write_text(text, encoding="utf-8")
        try:
            file.hardlink_to(fresh)  # refuses where there is one, and never shows half of it
        finally:
            fresh.unlink()
    except FileExistsError:
        raise CommandError(
            f"cannot write {file}: it exists already; remove it, name another with -w, or see what "
            "would be written with --print",
            exits.USAGE,
        ) from None
    except OSError as error:
        raise CommandError(
            f"cannot write {file}: {error.strerror}; choose a folder that you may "
            "write with -w, or use --print"
        ) from error
