"""The `hostler` command: each subcommand's module is imported only when it is used."""

from __future__ import annotations

import errno
import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from hostler.cli.terminal.command_line import note_arguments
from hostler.cli.terminal.exits import INTERRUPTED, USAGE, CommandError
from hostler.cli.terminal.group import Group
from hostler.cli.terminal.messages import say

if TYPE_CHECKING:
    from collections.abc import Sequence


#: The line of each command in the overview. `ps` is `ps` in hostler.cli.commands.ps.
COMMANDS = {
    "init": "Write a workspace.yaml of what is there.",
    "up": "Run the daemon in this terminal, with a live view.",
    "down": "Stop the daemon.",
    "ps": "Show the locations and their states.",
    "events": "Show what has happened, then what happens.",
    "wait": "Wait until locations are ready.",
    "logs": "Show what locations printed.",
    "reload": "Load the code of locations anew.",
    "restart": "Replace the processes of locations.",
    "start": "Start a location that was stopped.",
    "stop": "Stop a location.",
    "check": "Load everything once and report, for CI.",
    "repository": "Repositories of the locations.",
    "pipeline": "List, show, validate, execute and launch pipelines.",
    "schedule": "List, show, preview, start and stop schedules.",
    "partition": "List, show and backfill partitions.",
    "location": "See what a location is made of.",
    "run": "List, show, watch, retry, cancel and delete runs.",
    "state": "Show where state, logs and cache are.",
    "service": "Have systemd run the daemon.",
    "doctor": "Look for what stands in the way, and say what to do.",
    "completion": "Print the completion script of a shell.",
}


class LazyGroup(Group):
    """Knows its commands by name, and imports a command's module only when it is called."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        note_arguments(ctx, args)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        cmd_name: str,
    ) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(f"hostler.cli.commands.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [
            CompletionItem(name, help=summary)
            for name, summary in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return names + click.Command.shell_complete(self, ctx, incomplete)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 good, 1 failed, 2 usage, 3 no daemon, 4 a location is not in order.",
)
@click.option(
    "--socket",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="The daemon's socket, for any command; the same as behind the command.",
)
@click.version_option(package_name="hostler", message="hostler %(version)s")
@click.pass_context
def hostler(ctx: click.Context, socket: Path | None) -> None:  # noqa: ARG001 - for the commands
    """Run every code location of a workspace in its own environment, behind one socket.

    \b
    hostler up                                 serve ./workspace.yaml in this terminal
    hostler ps                                 show its locations
    hostler pipeline execute -f repos.py NAME  execute a pipeline, with no daemon needed
    """
    if "NO_COLOR" in os.environ:
        ctx.color = False


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    try:
        result: Any = hostler.main(
            list(arguments) if arguments is not None else None,
            prog_name="hostler",
            standalone_mode=False,
        )
    except (click.ClickException, CommandError) as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return INTERRUPTED
    except OSError as error:
        if not error.filename:
            raise
        say(f"cannot use {os.fsdecode(error.filename)}: {error.strerror}; {_remedy(error)}")
        return USAGE
    return result if isinstance(result, int) else 0


def _remedy(error: OSError) -> str:
    """Returns what to do about a file or folder that a command cannot use."""
    if isinstance(error, PermissionError):
        return "ask its owner for access to it and to the folders above it, or name another place"
    if error.errno == errno.ENOSPC:
        return "make room on its disk, or name another place"
    return "name another place"


if __name__ == "__main__":
    sys.exit(main())
