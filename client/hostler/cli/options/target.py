"""Which daemon, or which code, a command is about."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hostler.cli.terminal.exits import CommandError
from hostler.rpc.address import default_socket, runtime_directory, state_directory

if TYPE_CHECKING:
    from collections.abc import Mapping

WORKSPACE_FILE = "workspace.yaml"
SOCKET_VARIABLE = "HOSTLER_SOCKET"


@dataclass(frozen=True, slots=True)
class CodeLocation:
    """Holds the one location that a command line names in place of a workspace file."""

    #: The key of workspace.yaml: "python_file", "python_module" or "python_package".
    kind: str
    #: An absolute path, or a module's or package's name.
    value: str
    attribute: str | None
    #: Absolute.
    working_directory: str | None

    @property
    def document(self) -> str:
        """Returns the text of a workspace file with this location alone; JSON is YAML."""
        key = {
            "python_file": "relative_path",
            "python_module": "module_name",
            "python_package": "package_name",
        }[self.kind]
        fields = {
            key: self.value,
            "attribute": self.attribute,
            "working_directory": self.working_directory,
        }
        given = {name: value for name, value in fields.items() if value is not None}
        entry = {"load_from": [{self.kind: given}]}
        return "# Written by the hostler command.\n" + json.dumps(
            entry, indent=2, ensure_ascii=False
        )

    def file(self, environ: Mapping[str, str]) -> Path:
        """Returns where that workspace file is; its folder's name becomes part of the socket's."""
        digest = hashlib.blake2b(self.document.encode(), digest_size=6).hexdigest()
        name = Path(self.value).stem if self.kind == "python_file" else self.value
        return runtime_directory(environ) / "targets" / f"{name}-{digest}" / WORKSPACE_FILE


@dataclass(frozen=True, slots=True)
class Target:
    """Names the daemon that a command is about: a socket, workspace files, or a location's code."""

    #: As given on the command line; empty where a socket or code names the target.
    files: tuple[Path, ...] = ()
    code: CodeLocation | None = None
    #: The daemon's socket, where --socket or HOSTLER_SOCKET names it.
    socket: Path | None = None
    #: The options that name this target, to be repeated in a hint; empty for what the folder or
    #: the environment names.
    options: str = ""

    @property
    def named_by_socket(self) -> bool:
        """Returns whether only the socket is known, so that no daemon can be started."""
        return not self.files and self.code is None

    @property
    def socket_path(self) -> Path:
        """Returns the socket of the target's daemon, whether it runs or not."""
        if self.socket is not None:
            return self.socket
        return default_socket(self._files(), os.environ)

    @property
    def state_path(self) -> Path | None:
        """Returns the state folder of the target's daemon unless --state names another.

        None where only the socket is known, and $HOSTLER_STATE names no folder.
        """
        if self.named_by_socket and not os.environ.get("HOSTLER_STATE"):
            return None
        return state_directory(self._files() or [Path()], os.environ).absolute()

    @property
    def description(self) -> str:
        """Returns the target as messages name it."""
        if self.code is not None:
            return self.code.value
        if self.files:
            return ", ".join(map(str, self.files))
        return str(self.socket)

    def require_files(self) -> None:
        """Raises a usage error where a file that names the target is missing."""
        for file in self.files:
            if not file.exists():
                raise click.UsageError(_missing(file, default=not self.options))
        code = self.code
        if code is not None and code.kind == "python_file" and not Path(code.value).exists():
            raise click.UsageError(f"cannot find the file {code.value}")

    def workspace_files(self, folder: Path | None = None) -> list[Path]:
        """Returns the workspace files for a daemon to serve; writes the one that stands for code.

        Args:
            folder: where one is written if code names the target; None for the place that gives
                all commands with this target the same socket.
        """
        self.require_files()
        if self.code is not None and folder is not None:
            file = folder / WORKSPACE_FILE
            file.write_text(self.code.document)
            return [file]
        if self.code is not None:
            _write(self.code.file(os.environ), self.code.document)
        return self._files()

    def command(self, name: str) -> str:
        """Returns a command line on this target, for a hint."""
        return " ".join(filter(None, ("hostler", name, self.options)))

    def _files(self) -> list[Path]:
        if self.code is not None:
            return [self.code.file(os.environ)]
        return list(self.files)


def _missing(file: Path, *, default: bool) -> str:
    message = f"cannot find {file}"
    if not default:
        return message
    message += (
        " in this folder; name a workspace file with -w, or code with -f FILE, -m MODULE or "
        "--package NAME"
    )
    for folder in Path.cwd().parents:
        if (folder / WORKSPACE_FILE).exists():
            return (
                f"{message}. The nearest one above: -w {shlex.quote(str(folder / WORKSPACE_FILE))}"
            )
    return message


def _write(path: Path, text: str) -> None:
    """Writes a target's workspace file, so that no reader ever sees half of it."""
    root = runtime_directory(os.environ)
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = root.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise CommandError(
            f"cannot use the folder {root}: it must be yours and closed to others; "
            f"mend it with chmod 700, or set XDG_RUNTIME_DIR to another"
        )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists() and path.read_text() == text:
        return  # a daemon may be watching it
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(text)
    fresh.replace(path)
