"""A private daemon: a command starts it for itself, and ends it with all that it made."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hostler.cli.daemons.connection import command_errors
from hostler.cli.daemons.process import DaemonProcess, exit_on_termination
from hostler.cli.terminal import exits
from hostler.cli.terminal.exits import CommandError
from hostler.cli.terminal.messages import say_if_slow
from hostler.client.client import Client
from hostler.rpc.address import MAX_SOCKET_PATH, cache_directory, runtime_directory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hostler.cli.options.target import Target


class StartError(CommandError):
    """Ends the command since its daemon did not start.

    Attributes:
        problems: why, each as the daemon says it: "FILE:LINE:COLUMN: message" for a workspace file.
    """

    def __init__(self, message: str, problems: list[str], exit_code: int) -> None:
        super().__init__("\n".join([f"{message}:", *problems]), exit_code)
        self.problems = problems


@contextlib.contextmanager
def private_daemon(target: Target, variables: Mapping[str, str] | None = None) -> Iterator[Client]:
    """Starts a daemon for the target, and ends it with all that it made at the end of the block.

    Args:
        target: what it serves.
        variables: of the daemon's environment, beside those of this process.

    Raises:
        StartError: the daemon does not start, as its workspace files are not valid.
    """
    target.require_files()
    root = _private_root()
    _remove_leftovers(root)
    with (
        exit_on_termination(),
        tempfile.TemporaryDirectory(prefix=f"hostler.{os.getpid()}.", dir=root) as folder,
        contextlib.ExitStack() as stack,
    ):
        socket = Path(folder, "d.sock")
        log = stack.enter_context(Path(folder, "log").open("wb+"))
        code = Path(folder, "target")
        code.mkdir()
        options = ["--state", str(Path(folder, "state")), "--log-format", "json"]
        if not _is_writable(cache_directory(os.environ)):  # as where there is no home
            variables = {**(variables or {}), "XDG_CACHE_HOME": str(Path(folder, "cache"))}
        with say_if_slow(lambda: f"starting a daemon for {target.description} ..."):
            files = target.workspace_files(code)
            daemon = DaemonProcess(
                files, socket, options=options, log=log.fileno(), variables=variables
            )
            stack.callback(daemon.stop)
            ready = daemon.wait_ready()
        if not ready:
            exit_code = daemon.stop()
            log.seek(0)
            problems = _start_problems(log.read().decode(errors="replace"))
            raise StartError(
                f"cannot start a daemon for {target.description}",
                problems,
                exits.USAGE if exit_code == exits.USAGE else exits.FAILED,
            )
        with command_errors(target), Client(socket) as client:
            yield client


def _is_writable(folder: Path) -> bool:
    """Returns whether a folder may be written, or made where it does not exist yet."""
    nearest = next(each for each in (folder, *folder.parents) if each.exists())
    if not os.access(nearest, os.W_OK | os.X_OK) or not nearest.is_dir():
        return False
    return nearest == folder or os.statvfs(nearest).f_blocks > 0  # /proc and the like have none


def _start_problems(log: str) -> list[str]:
    """Returns why hostlerd ended: the problems that its log names, or else the whole log."""
    problems = []
    for line in log.splitlines():
        with contextlib.suppress(ValueError):
            record = json.loads(line)
            if isinstance(record, dict) and "problem" in record:
                problems.append(str(record["problem"]))
    return problems or [log.strip()]


def _private_root() -> Path:
    """Returns the folder for private daemons: the usual one if a socket's path fits there."""
    usual = Path(tempfile.gettempdir())
    longest = usual / "hostler.1234567.12345678" / "d.sock"
    if len(os.fsencode(longest)) <= MAX_SOCKET_PATH:
        return usual
    root = runtime_directory({})
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    return root


def _remove_leftovers(root: Path) -> None:
    """Removes the folders of commands that were killed before they could do so."""
    for folder in root.glob("hostler.*.*"):
        pid = folder.name.split(".")[1]
        with contextlib.suppress(OSError):
            ours = folder.lstat().st_uid == os.getuid()
            if ours and pid.isdecimal() and not Path("/proc", pid).exists():
                shutil.rmtree(folder, ignore_errors=True)
