"""Which daemon, or which code, a command is about: the options that all commands share."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shlex
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hostler.cli.terminal.exits import CommandError
from hostler.rpc.address import default_socket, runtime_directory

if TYPE_CHECKING:
    from collections.abc import Mapping

WORKSPACE_FILE = "workspace.yaml"
SOCKET_VARIABLE = "HOSTLER_SOCKET"

Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class CodeLocation:
    """One location, named on the command line in place of a workspace file."""

    #: The key of workspace.yaml: "python_file", "python_module" or "python_package".
    kind: str
    #: An absolute path, or a module's or package's name.
    value: str
    attribute: str | None
    #: Absolute.
    working_directory: str | None

    @property
    def document(self) -> str:
        """The workspace file that says the same; JSON is YAML."""
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
        """Where that workspace file is; its folder's name becomes part of the socket's."""
        digest = hashlib.blake2b(self.document.encode(), digest_size=6).hexdigest()
        name = Path(self.value).stem if self.kind == "python_file" else self.value
        return runtime_directory(environ) / "targets" / f"{name}-{digest}" / WORKSPACE_FILE


@dataclass(frozen=True, slots=True)
class Target:
    """Which daemon a command is about: a socket, workspace files, or one location's code."""

    #: As given; empty where a socket or code names the target.
    files: tuple[Path, ...] = ()
    code: CodeLocation | None = None
    #: Where a daemon is, named outright by --socket or HOSTLER_SOCKET.
    socket: Path | None = None
    #: The options that name this target, to be repeated in a hint; empty for what the folder or
    #: the environment names.
    options: str = ""

    @property
    def named_by_socket(self) -> bool:
        """True where only the socket is known: no daemon can be started for it."""
        return not self.files and self.code is None

    @property
    def socket_path(self) -> Path:
        """Where the daemon of this target is, if it runs."""
        if self.socket is not None:
            return self.socket
        return default_socket(self._files(), os.environ)

    @property
    def description(self) -> str:
        """The target in a message."""
        if self.code is not None:
            return self.code.value
        if self.files:
            return ", ".join(map(str, self.files))
        return str(self.socket)

    def require_files(self) -> None:
        """Raises a usage error that helps where a file that names the target is missing."""
        for file in self.files:
            if not file.exists():
                raise click.UsageError(_missing(file, default=not self.options))
        code = self.code
        if code is not None and code.kind == "python_file" and not Path(code.value).exists():
            raise click.UsageError(f"cannot find the file {code.value}")

    def workspace_files(self, folder: Path | None = None) -> list[Path]:
        """The workspace files for a daemon to serve.

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
        """A command on this target, to be shown in a hint."""
        return " ".join(filter(None, ("hostler", name, self.options)))

    def _files(self) -> list[Path]:
        if self.code is not None:
            return [self.code.file(os.environ)]
        return list(self.files)


def target_options(
    *, short_file: bool = True, socket: bool = True
) -> Callable[[Function], Function]:
    """Gives a command the target's options and, in their place, an argument `target`.

    Args:
        short_file: False where -f means another thing in this command.
        socket: False where the command never asks a daemon that runs already.
    """
    options = [
        click.option(
            "-w",
            "--workspace",
            multiple=True,
            metavar="FILE",
            type=click.Path(dir_okay=False, path_type=Path),
            help="A workspace file; may be repeated. Default: ./workspace.yaml.",
        ),
        click.option(
            *(["-f"] if short_file else []),
            "--python-file",
            metavar="FILE",
            type=click.Path(dir_okay=False, path_type=Path),
            help="A Python file as the one location.",
        ),
        click.option("-m", "--module", metavar="NAME", help="A module as the one location."),
        click.option("--package", metavar="NAME", help="A package as the one location."),
        click.option(
            "-a", "--attribute", metavar="NAME", help="What in the file, module or package to load."
        ),
        click.option(
            "-d",
            "--working-directory",
            metavar="DIR",
            type=click.Path(file_okay=False, path_type=Path),
            help="Where the code of the file, module or package runs.",
        ),
    ]
    if socket:
        options.append(
            click.option(
                "--socket",
                metavar="PATH",
                type=click.Path(path_type=Path),
                help=f"The daemon's socket.  [env: {SOCKET_VARIABLE}]",
            )
        )

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def command(*args: Any, **kwargs: Any) -> Any:
            given = {name: kwargs.pop(name) for name in _NAMES if name in kwargs}
            # `up` is told by --socket where to serve the target; elsewhere it is the target.
            target = target_from_options(given, serving=function.__name__ == "up")
            return function(*args, target=target, **kwargs)

        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_NAMES = (
    "workspace",
    "python_file",
    "module",
    "package",
    "attribute",
    "working_directory",
    "socket",
)


def target_from_options(given: Mapping[str, Any], *, serving: bool = False) -> Target:
    """The target that a command line's options name.

    Args:
        given: the options by name; what was not given is None or empty.
        serving: --socket says where to serve the target, not which one it is.

    Raises:
        click.UsageError: options that exclude each other.
    """
    flags = {
        "-w": given.get("workspace"),
        "-f": given.get("python_file"),
        "-m": given.get("module"),
        "--package": given.get("package"),
    }
    named = [flag for flag, value in flags.items() if value]
    if len(named) > 1:
        raise click.UsageError(f"cannot take {' and '.join(named)} together; give one target")
    code = _code(given, named)
    socket = given.get("socket")
    if socket is not None and named and not serving:
        raise click.UsageError(
            f"cannot take --socket and {named[0]} together; each names a daemon by itself"
        )
    options = _options(given)
    if socket is not None and not serving:
        options = f"--socket {shlex.quote(str(socket))}"
    # An option of this command line says more than the environment of the shell.
    if socket is None and not named and "socket" in given and os.environ.get(SOCKET_VARIABLE):
        socket = Path(os.environ[SOCKET_VARIABLE])
    if socket is not None and not named and not serving:
        return Target(socket=socket, options=options)
    files = tuple(given.get("workspace") or ())
    if not files and code is None:
        files = (Path(WORKSPACE_FILE),)
    return Target(files=files, code=code, socket=socket, options=options)


def _code(given: Mapping[str, Any], named: list[str]) -> CodeLocation | None:
    attribute, folder = given.get("attribute"), given.get("working_directory")
    if named not in (["-f"], ["-m"], ["--package"]):
        for flag, value in (("-a", attribute), ("-d", folder)):
            if value is not None:
                raise click.UsageError(f"cannot take {flag} without -f, -m or --package")
        return None
    working_directory = _absolute(folder) if folder is not None else None
    if given.get("python_file"):
        path = _absolute(given["python_file"])
        return CodeLocation("python_file", path, attribute, working_directory)
    if given.get("module"):
        # The file that is written lies elsewhere; a module is looked for from here.
        folder = working_directory or str(Path.cwd())
        return CodeLocation("python_module", given["module"], attribute, folder)
    return CodeLocation("python_package", given["package"], attribute, working_directory)


def _absolute(path: Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - links stay as they were written


def _options(given: Mapping[str, Any]) -> str:
    flags = (
        ("-f", "python_file"),
        ("-m", "module"),
        ("--package", "package"),
        ("-a", "attribute"),
        ("-d", "working_directory"),
    )
    words = [word for file in given.get("workspace") or () for word in ("-w", str(file))]
    for flag, name in flags:
        if given.get(name) is not None:
            words += [flag, str(given[name])]
    return shlex.join(words)


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
