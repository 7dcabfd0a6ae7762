"""hostlerd: reads the command line and runs the daemon."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from hostler.daemon.base import own_definitions  # noqa: F401 - before what imports definitions
from hostler.daemon.base.journal import LEVELS, Journal
from hostler.daemon.base.journald import is_journal
from hostler.daemon.base.notify import ServiceManager
from hostler.daemon.base.settings import SettingError, Settings, unknown_variables
from hostler.daemon.base.state_format import StateFolderError
from hostler.daemon.daemon import Daemon, Options
from hostler.daemon.facade.sockets import SocketError
from hostler.daemon.launching.launcher import KeeperError
from hostler.daemon.runs.store.database import StoreError
from hostler.daemon.workspace.text.problems import WorkspaceError
from hostler.rpc.address import (
    cache_directory,
    check_socket_path,
    default_socket,
    earlier_state_directory,
    state_directory,
)

_FAILED = 1
_USAGE = 2


class _Version(argparse.Action):
    """Looks the version up only when it is asked for: that takes a tenth of a start."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:  # noqa: A002
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import version

        sys.stdout.write(f"hostlerd {version('hostler')}\n")
        parser.exit()


def parse(argv: Sequence[str] | None = None) -> Options:
    """Reads the command line; exits with 2 if it is not valid."""
    parser = _parser()
    given = parser.parse_args(argv)
    files = tuple(path.absolute() for path in given.workspace or [Path("workspace.yaml")])
    try:
        if given.socket is not None:
            check_socket_path(given.socket)
        socket = Path(given.socket or default_socket(files, os.environ))
    except ValueError as error:
        parser.error(str(error))
    state = (given.state or state_directory(files, os.environ)).absolute()
    is_state_chosen = given.state is not None or bool(os.environ.get("HOSTLER_STATE"))
    earlier = earlier_state_directory(socket, os.environ)
    return Options(
        files=files,
        socket=socket.absolute(),
        socket_chosen=given.socket is not None,
        state=state,
        earlier_state=None if is_state_chosen or earlier == state else earlier,
        logs=given.logs.absolute() if given.logs else state / "logs",
        log_format=given.log_format or ("journald" if is_journal(2, os.environ) else "text"),
        log_level=given.log_level,
        lifeline=given.lifeline,
        ready=given.ready,
        diagnose=given.diagnose,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hostlerd",
        description="Run every code location of a workspace in its own environment, "
        "and answer for all of them on one gRPC socket.",
    )
    parser.add_argument(
        "-w",
        "--workspace",
        metavar="FILE",
        action="append",
        type=Path,
        help="a workspace file; may be given several times (default: ./workspace.yaml)",
    )
    parser.add_argument(
        "--socket",
        metavar="PATH",
        type=Path,
        default=os.environ.get("HOSTLER_SOCKET"),
        help="where to serve (default: $HOSTLER_SOCKET, else a path made from the workspace files)",
    )
    parser.add_argument(
        "--state",
        metavar="DIR",
        type=Path,
        help="where logs and the record of runs are kept "
        "(default: $HOSTLER_STATE, else a folder of the workspace below $XDG_STATE_HOME/hostler)",
    )
    parser.add_argument(
        "--logs",
        metavar="DIR",
        type=Path,
        help="where the files of what locations print are kept (default: logs in the state folder)",
    )
    parser.add_argument(
        "--log-format",
        choices=("text", "json", "journald"),
        help="of the log (default: journald where stderr is systemd's journal, else text)",
    )
    parser.add_argument(
        "--log-level", choices=LEVELS, default="info", help="the least that is logged"
    )
    # for `hostler doctor`: the findings as JSON, one a line, and no daemon
    parser.add_argument("--diagnose", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--lifeline", metavar="FD", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--ready", metavar="FD", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--version", action=_Version, help="show the version and exit")
    return parser


def _diagnose(options: Options) -> None:
    """Prints what `hostler doctor` shows."""
    import json
    from dataclasses import asdict

    from hostler.daemon.diagnosis.doctor import diagnose

    found = diagnose(options.files, options.socket, options.state, options.logs, os.environ)
    for finding in found:
        sys.stdout.write(json.dumps(asdict(finding)) + "\n")


def _with_remedy(error: OSError, state: Path) -> str:
    """Returns why the daemon cannot start; for one of its two folders, with what to do."""
    place = Path(os.fsdecode(error.filename)) if error.filename else None
    folders = (
        ("cache", cache_directory(os.environ), "set XDG_CACHE_HOME to a folder that it may write"),
        ("state", state, "name another one with --state, or set XDG_STATE_HOME"),
    )
    for name, folder, remedy in folders:
        if place and (place.is_relative_to(folder) or folder.is_relative_to(place)):
            return f"cannot write the {name} folder {folder}: {error.strerror}; {remedy}"
    return str(error)


def main() -> None:
    """Runs the console script.

    Exits with 0, 1 (failed) or 2: usage, an invalid workspace, or state of a newer version.
    """
    options = parse()
    if options.diagnose:
        _diagnose(options)
        return
    journal = Journal(options.log_format, options.log_level)
    manager = ServiceManager.from_environment(os.environ)
    try:
        settings = Settings.from_environment(os.environ)
        for advice in unknown_variables(os.environ):
            journal.warning("unknown variable", problem=advice)
        asyncio.run(Daemon(options, settings, journal, manager).run())
    except (WorkspaceError, SettingError, StateFolderError) as error:
        for line in str(error).splitlines():
            journal.error("cannot start", problem=line)
        manager.failed_to_start(str(error))
        sys.exit(_USAGE)
    except (SocketError, KeeperError, StoreError) as error:
        journal.error("cannot start", problem=error)
        manager.failed_to_start(str(error))
        sys.exit(_FAILED)
    except OSError as error:
        problem = _with_remedy(error, options.state)
        journal.error("cannot start", problem=problem)
        manager.failed_to_start(problem)
        sys.exit(_FAILED)
    finally:
        manager.close()
        journal.close()


if __name__ == "__main__":
    main()
