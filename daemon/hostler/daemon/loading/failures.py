"""Why a load failed, as `ps` and the facade show it."""

import errno
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from google.protobuf import json_format

from hostler.daemon.base.reachable import exists, is_folder
from hostler.daemon.base.text import truncate, utf8_safe, utf8_safe_json
from hostler.daemon.launching.launcher import LOST_WIRE, ExitStatus, SpawnError
from hostler.daemon.loading.stacks import StackFrame
from hostler.host.wire import EXIT_LOST
from hostler.v1 import workspace_pb2

FailureKind = Literal[
    "EXECUTABLE", "TARGET", "IMPORT", "DEFINITION", "PROCESS_DIED", "TIMEOUT", "UNHEALTHY"
]

#: The exit code of the host's bootstrap if it cannot work and has said why (EX_CONFIG).
_UNUSABLE = 78

#: Characters of a line of output that a failure shows: a thousand failures are kept as changes.
LINE_LIMIT = 500

#: Calls that are shown of the stack of a load that took too long.
CALLS_SHOWN = 20

#: The largest line number of the contract: the user's code may state any number.
_MOST_LINES = 2**31 - 1

#: Errors that only another executable can mend, for which the daemon watches. A permission, or
#: memory, comes back without a change of any file's content.
_HOPELESS = {errno.ENOENT, errno.ENOEXEC, errno.ENOTDIR}


@dataclass(frozen=True, slots=True)
class LoadFailure:
    """Says why one load failed.

    Attributes:
        permanent: whether only an edit can mend it, so that the daemon does not retry.
        exception: ExceptionInfo of the user's exception as JSON, if there was one.
        output: the last lines that the process printed.
        source: {"file", "line"} in the user's code, if it is known.
        wants_stop: whether the process asked not to be restarted.
    """

    kind: FailureKind
    permanent: bool
    message: str
    exception: Mapping[str, Any] | None = None
    output: Sequence[str] = ()
    source: Mapping[str, Any] | None = None
    wants_stop: bool = False
    time: float = field(default_factory=time.time)

    def message_of(self) -> workspace_pb2.LoadError:
        """Returns the failure as a message of the public contract."""
        error = workspace_pb2.LoadError(
            kind=workspace_pb2.LoadError.Kind.Value(self.kind),
            message=utf8_safe(self.message),
            output=[utf8_safe(truncate(line, LINE_LIMIT)) for line in self.output],
        )
        error.time.FromNanoseconds(int(self.time * 1e9))
        if self.exception is not None:
            json_format.ParseDict(utf8_safe_json(dict(self.exception)), error.exception)
        if self.source is not None:
            error.source.file = utf8_safe(self.source["file"])
            error.source.line = min(self.source["line"], _MOST_LINES)
        return error


def of_spawn(executable: str, error: SpawnError, folder: str) -> LoadFailure:
    """Describes an executable that could not be started.

    Args:
        folder: that of the workspace file, where a bare name stands for a file, if PATH has none.
    """
    message = str(error)
    if error.stage == "exec":
        message = _why_not_executed(executable, error, folder)
    return LoadFailure("EXECUTABLE", permanent=error.errno in _HOPELESS, message=message)


def _why_not_executed(executable: str, error: SpawnError, folder: str) -> str:
    path = Path(executable)
    remedy = "set executable_path to a Python interpreter"
    if error.errno == errno.ENOENT and str(path.parent) == folder and not os.path.lexists(path):
        why = f"there is none in that folder and none on PATH{_others_on_path()}"
    elif is_folder(path):
        why, remedy = "it is a folder", "set executable_path to the interpreter in it"
    elif error.errno == errno.ENOENT and path.is_symlink() and not exists(path):
        why = f"it is a link to {path.readlink()}, which does not lead to a file"
        remedy = "make its environment anew, or " + remedy
    elif error.errno == errno.ENOENT and exists(path):
        why = "the interpreter that its first line names does not exist"
    elif error.errno == errno.ENOEXEC:
        why = "it is neither a program of this machine nor a script with a #! line"
    elif error.errno == errno.EACCES:
        why, remedy = "permission denied", "make it executable, or " + remedy
    else:
        why = os.strerror(error.errno)
    return f"cannot execute {executable}: {why}; {remedy}"


def _others_on_path() -> str:
    """Returns a clause with the names of the interpreters on PATH; "" for none."""
    names: set[str] = set()
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        names.update(path.name for path in Path(folder or ".").glob("python3.*"))
    versions = sorted(
        (name for name in names if name[8:].isdecimal()), key=lambda name: int(name[8:])
    )
    return f", which has {', '.join(versions)}" if versions else ""


def of_answer(body: Mapping[str, Any], output: Sequence[str]) -> LoadFailure:
    """Describes what the process says; see hostler.host.errors.describe_failure."""
    return LoadFailure(
        body["kind"],
        permanent=body["permanent"],
        message=body["message"],
        exception=body.get("exception"),
        output=output,
        source=body.get("source"),
    )


def _of_lost_wire(output: Sequence[str]) -> LoadFailure:
    """Describes a process whose code has closed the wire to the daemon."""
    return LoadFailure("PROCESS_DIED", permanent=True, message=LOST_WIRE, output=output)


def of_death(
    executable: str,
    status: ExitStatus,
    output: Sequence[str],
    *,
    said_hello: bool,
    lost_wire: bool,
    no_restart: int,
) -> LoadFailure:
    """Describes a process that ended before it was ready.

    Args:
        lost_wire: whether the user's code closed the wire, and the daemon killed the process.
        no_restart: the exit code by which a process asks not to be restarted.
    """
    if lost_wire:
        return _of_lost_wire(output)
    if status.code == no_restart:
        message = f"the location asked not to be restarted ({status.describe()})"
        return LoadFailure(
            "PROCESS_DIED", permanent=True, message=message, output=output, wants_stop=True
        )
    if status.code == EXIT_LOST:
        return _of_lost_wire(output)
    if said_hello:
        message = f"the process ended while it loaded: {status.describe()}"
        return LoadFailure("PROCESS_DIED", permanent=False, message=message, output=output)
    if status.code == _UNUSABLE and output:
        return LoadFailure("EXECUTABLE", permanent=True, message=output[-1], output=output)
    message = (
        f"cannot use {executable} as a Python interpreter: {status.describe()} before it was up; "
        "set executable_path to a Python of 3.8 or later"
    )
    return LoadFailure("EXECUTABLE", permanent=False, message=message, output=output)


def of_timeout(
    executable: str,
    seconds: float,
    output: Sequence[str],
    *,
    said_hello: bool,
    stack: Sequence[StackFrame],
    frame: StackFrame | None,
    is_daemons_limit: bool = False,
) -> LoadFailure:
    """Describes a load that took longer than it may.

    Args:
        seconds: that it may take, by load_timeout or by the daemon's limit for all loads.
        stack: where the load was, the innermost call first; empty if the process did not say.
        frame: the call of the stack that the message names.
    """
    if not said_hello:
        message = (
            f"cannot use {executable} as a Python interpreter: it said nothing for {seconds:g} s; "
            "set executable_path to a Python of 3.8 or later"
        )
        return LoadFailure("EXECUTABLE", permanent=False, message=message, output=output)
    where = f"; it was at {frame}" if frame else ""
    remedy = "raise load_timeout in workspace.yaml"
    if is_daemons_limit:
        remedy = "raise HOSTLER_LOAD_LIMIT, or --timeout of hostler check,"
    message = f"the load did not end within {seconds:g} s{where}; {remedy} if it needs longer"
    calls = ["where it was, the innermost call first:", *(f"  {each}" for each in stack)]
    return LoadFailure(
        "TIMEOUT",
        permanent=False,
        message=message,
        output=[*output, *calls[: CALLS_SHOWN + 1]] if stack else output,
        source={"file": frame.file, "line": frame.line} if frame else None,
    )
