"""The options that say which daemon, or which code, a command is about."""

from __future__ import annotations

import functools
import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hostler.cli.options.target import SOCKET_VARIABLE, WORKSPACE_FILE, CodeLocation, Target
from hostler.cli.terminal.command_line import add_leading_socket
from hostler.rpc.address import check_socket_path

if TYPE_CHECKING:
    from collections.abc import Mapping

Function = Callable[..., Any]

_FILE = click.Path(dir_okay=False, path_type=Path)

_WORKSPACE = click.option(
    "-w",
    "--workspace",
    multiple=True,
    metavar="FILE",
    type=_FILE,
    help="A workspace file; may be repeated. Default: ./workspace.yaml.",
)

_CODE = (
    click.option("-m", "--module", metavar="NAME", help="A module as the one location."),
    click.option("--package", metavar="NAME", help="A package as the one location."),
    click.option(
        "-a", "--attribute", metavar="NAME", help="What in the file, module or package to load."
    ),
)

_FOLDER = click.Path(file_okay=False, path_type=Path)

#: Without a value, -d of `up` means another thing than with one.
_DETACH = (
    click.option(
        "-d",
        "detach_or_directory",
        metavar="[DIR]",
        is_flag=False,
        flag_value="",
        help="Without DIR: as --detach. With DIR: as --working-directory.",
    ),
    click.option(
        "--detach",
        "is_detached",
        is_flag=True,
        help="Start the daemon in the background, and return once it serves; hostler down ends it.",
    ),
)

_SOCKET = click.option(
    "--socket",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help=f"The daemon's socket.  [env: {SOCKET_VARIABLE}]",
)

_NAMES = (
    "workspace",
    "python_file",
    "module",
    "package",
    "attribute",
    "working_directory",
    "socket",
)


def _only_file(
    _ctx: click.Context, _parameter: click.Parameter, files: tuple[Path, ...]
) -> Path | None:
    """Returns the one file; of two, the first would be left out in silence."""
    if len(files) > 1:
        raise click.UsageError(
            "cannot take several Python files: -f names the one location; write a workspace file "
            "with all of them, as hostler init does"
        )
    return files[0] if files else None


def target_options(
    *,
    short_file: bool = True,
    socket: bool = True,
    serving: bool = False,
    detachable: bool = False,
) -> Callable[[Function], Function]:
    """Gives a command the target's options, and passes them on as an argument `target`.

    Args:
        short_file: False where -f means another thing in this command.
        socket: False where the command never asks a daemon that runs already.
        serving: --socket says where to serve the target, not which one it is.
        detachable: -d without a value is --detach, which is passed on as `is_detached`.
    """
    folder = click.option(
        *([] if detachable else ["-d"]),
        "--working-directory",
        metavar="DIR",
        type=_FOLDER,
        help="Where the code of the file, module or package runs.",
    )
    detach = _DETACH if detachable else ()
    python_file = click.option(
        *(["-f"] if short_file else []),
        "--python-file",
        metavar="FILE",
        multiple=True,
        callback=_only_file,
        type=_FILE,
        help="A Python file as the one location.",
    )
    options = [_WORKSPACE, python_file, *_CODE, folder, *([_SOCKET] if socket else []), *detach]

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def command(*args: Any, **kwargs: Any) -> Any:
            given = {name: kwargs.pop(name) for name in _NAMES if name in kwargs}
            add_leading_socket(click.get_current_context(), given)
            if detachable:
                directory = kwargs.pop("detach_or_directory")
                kwargs["is_detached"] |= directory == ""
                if directory:
                    given["working_directory"] = Path(directory)
            target = target_from_options(given, serving=serving)
            return function(*args, target=target, **kwargs)

        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def target_from_options(given: Mapping[str, Any], *, serving: bool = False) -> Target:
    """Returns the target that a command line's options name.

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
    # An option goes before the environment.
    if socket is None and not named and "socket" in given and os.environ.get(SOCKET_VARIABLE):
        socket = Path(os.environ[SOCKET_VARIABLE])
    if socket is not None:
        try:
            check_socket_path(socket)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
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
        # The workspace file is written elsewhere, so it has to say where modules are imported from.
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
