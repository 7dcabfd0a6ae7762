"""hostler doctor: look for what stands in the way."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hostler.cli.daemons import process
from hostler.cli.daemons.connection import accepts_connections, connect
from hostler.cli.options.target import Target
from hostler.cli.options.target_options import target_options
from hostler.cli.terminal import exits
from hostler.cli.terminal.exits import CommandError
from hostler.cli.text.fallbacks import fallbacks
from hostler.cli.text.findings import finding_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hostler.cli.text.findings import Finding


@click.command(short_help="Look for what stands in the way, and say what to do.")
@target_options(serving=True)
@click.option(
    "--state",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the daemon keeps what outlives it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(*, target: Target, state: Path | None, as_json: bool) -> int:
    """Look at the machine and the workspace, and at its daemon if one runs.

    It looks at settings, workspace files, interpreters, permissions, the socket's path, inotify,
    descriptors, disk, memory and clock, and at what a running daemon does in a slower way and why.
    Nothing is changed and nothing of the workspace's code is run. Each finding has its remedy. Run
    it as the user that the daemon runs as. The exit code is 4 where something is a problem.

    \b
    hostler doctor
    hostler doctor -w team.yaml --json | jq '.[] | select(.level != "ok")'
    sudo -u hostler hostler doctor -w /etc/hostler/workspace.yaml --state /var/lib/hostlerd
    """
    files = target.workspace_files()
    found = _of_the_machine(files, target.socket_path, state)
    if accepts_connections(target.socket_path):
        with connect(target) as client:
            found += fallbacks(client.locations())
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        for line in finding_lines(found):
            click.echo(line)
    has_problem = any(finding["level"] == "problem" for finding in found)
    return exits.UNHEALTHY if has_problem else exits.OK


def _of_the_machine(files: Sequence[Path], socket: Path, state: Path | None) -> list[Finding]:
    """Returns what hostlerd itself finds: it knows what it needs."""
    command: list[str] = [*process.HOSTLERD, "--diagnose", "--socket", str(socket)]
    for file in files:
        command += ["-w", str(file)]
    if state is not None:
        command += ["--state", str(state)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise CommandError(f"cannot look at the machine: {last[0]}")
    lines: list[Any] = [json.loads(line) for line in done.stdout.splitlines()]
    return lines
