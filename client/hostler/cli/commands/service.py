"""hostler service: have systemd run the daemon."""

from __future__ import annotations

import json
import os
import pwd
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from hostler.cli.daemons.service_unit import (
    MARK,
    ServiceUnit,
    find_program,
    require_name,
    unit_folder,
    unit_text,
)
from hostler.cli.daemons.systemd import Systemd
from hostler.cli.terminal import exits
from hostler.cli.terminal.exits import CommandError
from hostler.cli.terminal.messages import say

#: Whom a daemon of the machine runs as, unless --run-as says otherwise.
DEFAULT_USER = "hostler"


def _complete_name(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Completes the services that `install` has written."""
    is_user = bool(ctx.params.get("is_user"))
    folder = ctx.params.get("unit_dir") or unit_folder(os.environ, is_user=is_user)
    found = [ServiceUnit(path.stem, is_user, folder) for path in sorted(folder.glob("*.service"))]
    return [
        CompletionItem(unit.name, help=unit.workspace)
        for unit in found
        if unit.name.startswith(incomplete) and unit.exists
    ]


def _unit_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options that name a unit."""
    for option in (
        click.option("--user", "is_user", is_flag=True, help="Of this user, without root."),
        click.option(
            "--name",
            default="hostlerd",
            show_default=True,
            metavar="NAME",
            shell_complete=_complete_name,
            help="The name of the service: each workspace has its own.",
        ),
        click.option(
            "--unit-dir",
            metavar="DIR",
            type=click.Path(file_okay=False, path_type=Path),
            help="Where the unit is put.  [default: where systemd looks]",
        ),
    ):
        function = option(function)
    return function


def _unit(name: str, unit_dir: Path | None, *, is_user: bool) -> ServiceUnit:
    folder = unit_dir or unit_folder(os.environ, is_user=is_user)
    return ServiceUnit(require_name(name), is_user, folder.absolute())


class _Steps:
    """Does one step after the other and says so, or only says what it would do."""

    def __init__(self, systemd: Systemd, *, is_dry: bool) -> None:
        self._systemd = systemd
        self._is_dry = is_dry

    def do(self, what: str, work: Callable[[], object]) -> None:
        """Says and does a step."""
        click.echo(f"{'would ' if self._is_dry else ''}{what}")
        if not self._is_dry:
            work()

    def systemctl(self, *arguments: str) -> None:
        """Says and runs a command of systemd's."""
        shown = shlex.join(self._systemd.command(*arguments))
        self.do(f"run {shown}", lambda: self._systemd.run(*arguments))


def _steps(systemd: Systemd, *, is_dry: bool) -> tuple[_Steps, int]:
    """Returns what does the steps, and the exit code: without systemd nothing is done."""
    missing = systemd.why_not
    if missing and not is_dry:
        say(
            f"cannot do this here: {missing}; this is what would be done. Other supervisors: "
            "the examples for supervisord and OpenRC in docs/service.md"
        )
    code = exits.FAILED if missing and not is_dry else exits.OK
    return _Steps(systemd, is_dry=is_dry or bool(missing)), code


@click.group()
def service() -> None:
    """Have systemd run the daemon.

    It runs from the boot on, is started again after a crash, and logs to the journal.
    """


@service.command(short_help="Write, enable and start a service.")
@_unit_options
@click.option(
    "-w",
    "--workspace",
    metavar="FILE",
    default="workspace.yaml",
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The workspace file that it serves.",
)
@click.option(
    "--run-as",
    metavar="USER",
    default=DEFAULT_USER,
    show_default=True,
    help="Whom it runs as; not with --user.",
)
@click.option("--dry-run", is_flag=True, help="Only print what would be done.")
def install(
    *,
    is_user: bool,
    name: str,
    unit_dir: Path | None,
    workspace: Path,
    run_as: str,
    dry_run: bool,
) -> int:
    """Write the unit of a daemon for a workspace, enable it and start it.

    Once the command returns, each location has loaded or failed. Again for the same name, the unit
    is written anew and the daemon is restarted. Where there is no systemd, what would be done is
    printed, and the exit code is 1.

    \b
    sudo hostler service install -w /etc/hostler/workspace.yaml
    hostler service install --user -w ~/work/workspace.yaml
    sudo hostler service install -w /srv/b/workspace.yaml --name hostlerd-b --run-as team-b
    """
    unit = _unit(name, unit_dir, is_user=is_user)
    file = workspace.absolute()
    if not file.is_file():
        raise CommandError(f"cannot find the workspace file {file}; name one with -w", exits.USAGE)
    if not is_user and not dry_run:
        _require_user(run_as)
    _require_ours(unit)
    systemd = Systemd(is_user)
    text = unit_text(unit, find_program(), file, run_as, systemd.version)
    steps, code = _steps(systemd, is_dry=dry_run)
    steps.do(f"write {unit.path}", lambda: _write(unit, text))
    if dry_run or code:
        click.echo("".join(f"    {line}\n" for line in text.splitlines()), nl=False)
    steps.systemctl("daemon-reload")
    steps.systemctl("enable", unit.path.name)
    steps.systemctl("restart", unit.path.name)  # starts it where it does not run
    if not dry_run and not code:
        log = "journalctl --user -u" if is_user else "journalctl -u"
        click.echo(f"{unit.name} serves {file} on {unit.socket}")
        click.echo(f"its log: {log} {unit.name}")
        click.echo(f"its locations: hostler ps --socket {shlex.quote(unit.socket)}")
    return code


@service.command(short_help="Stop a service and remove it.")
@_unit_options
@click.option(
    "--purge", is_flag=True, help="Also remove its state, logs and cache; not with --user."
)
@click.option("--dry-run", is_flag=True, help="Only print what would be done.")
def uninstall(
    *, is_user: bool, name: str, unit_dir: Path | None, purge: bool, dry_run: bool
) -> int:
    """Stop the daemon of a service, and remove all that `install` has made.

    The record of runs stays, and the command says where it is; --purge removes it.

    \b
    sudo hostler service uninstall
    hostler service uninstall --user
    sudo hostler service uninstall --name hostlerd-b --purge
    """
    unit = _unit(name, unit_dir, is_user=is_user)
    if purge and is_user:
        raise click.UsageError(
            "cannot use --purge with --user: the state is that of `hostler up` as well"
        )
    if not unit.text():
        raise CommandError(f"cannot find the service {unit.name}: there is no {unit.path}")
    _require_ours(unit)
    systemd = Systemd(is_user)
    steps, code = _steps(systemd, is_dry=dry_run)
    steps.systemctl("disable", "--now", unit.path.name)
    if purge:
        steps.systemctl("clean", "--what=state,logs,cache,runtime", unit.path.name)
    steps.do(f"remove {unit.path}", lambda: _remove(unit))
    steps.systemctl("daemon-reload")
    if not is_user and not purge:
        places = ", ".join(f"/var/{kind}/{unit.name}" for kind in ("lib", "log", "cache"))
        click.echo(f"kept: its state, logs and cache in {places}")
    return code


@service.command(short_help="Show what a service does.")
@_unit_options
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def status(*, is_user: bool, name: str, unit_dir: Path | None, as_json: bool) -> int:
    """Show whether a service is installed and runs, and how its locations are.

    The exit code is 0 where it runs, else 3.

    \b
    hostler service status
    hostler service status --user --json | jq -r .socket
    """
    unit = _unit(name, unit_dir, is_user=is_user)
    systemd = Systemd(is_user)
    missing = systemd.why_not
    known = {} if missing else systemd.show(unit.path.name)
    found = {
        "name": unit.name,
        "unit": str(unit.path),
        "installed": unit.exists,
        "enabled": known.get("UnitFileState") == "enabled",
        "state": known.get("ActiveState", "inactive"),
        "pid": int(known.get("MainPID", "0")),
        "status": known.get("StatusText", ""),
        "restarts": int(known.get("NRestarts", "0")),
        "since": known.get("ActiveEnterTimestamp", ""),
        "workspace": unit.workspace,
        "socket": unit.socket,
    }
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        _show(unit, found)
        if missing:
            say(f"cannot ask systemd: {missing}")
    return exits.OK if found["state"] in ("active", "reloading") else exits.UNREACHABLE


def _show(unit: ServiceUnit, found: dict[str, Any]) -> None:
    if not found["installed"]:
        click.echo(f"{unit.name}: not installed by hostler ({found['state']})")
    else:
        enabled = "enabled" if found["enabled"] else "not enabled"
        click.echo(f"{unit.name}: {found['state']}, {enabled}")
    rows = {
        "locations": found["status"],
        "pid": found["pid"] or "",
        "since": found["since"],
        "restarts": found["restarts"] or "",
        "workspace": found["workspace"],
        "socket": found["socket"] if found["installed"] else "",
        "unit": found["unit"] if found["installed"] else "",
    }
    for key, value in rows.items():
        if value:
            click.echo(f"  {key:<10} {value}")


def _require_user(user: str) -> None:
    try:
        pwd.getpwnam(user)
    except KeyError:
        raise CommandError(
            f"cannot find the user {user!r}; make it, or name another with --run-as: "
            f"useradd --system --home-dir /var/lib/hostlerd --shell /usr/sbin/nologin {user}"
        ) from None


def _require_ours(unit: ServiceUnit) -> None:
    """Raises where somebody else has written the unit."""
    if unit.text() and not unit.exists:
        raise CommandError(
            f"cannot take over {unit.path}: `hostler service install` has not written it; "
            "name another service with --name, or move that file away"
        )


def _write(unit: ServiceUnit, text: str) -> None:
    assert text.startswith(MARK)
    try:
        unit.folder.mkdir(parents=True, exist_ok=True)
        fresh = unit.path.with_name(f".{unit.path.name}.new")
        fresh.write_text(text)
        fresh.chmod(0o644)
        fresh.replace(unit.path)
    except OSError as error:
        raise _not_allowed(unit, "write", error) from error


def _remove(unit: ServiceUnit) -> None:
    try:
        unit.path.unlink(missing_ok=True)
    except OSError as error:
        raise _not_allowed(unit, "remove", error) from error


def _not_allowed(unit: ServiceUnit, verb: str, error: OSError) -> CommandError:
    hint = "" if unit.is_user else "; run the command with sudo, or use --user"
    return CommandError(f"cannot {verb} {unit.path}: {error.strerror}{hint}")
