"""The command line and the environment variables of a location's interpreter."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from hostler.daemon.base.reachable import is_file, is_folder
from hostler.daemon.processes import runtime as runtimes
from hostler.daemon.workspace.text.models import LocationSpec

#: Variables of the daemon's own environment that would make another interpreter use it.
_NOT_INHERITED = ("PYTHONHOME", "PYTHONEXECUTABLE", "VIRTUAL_ENV", "CONDA_PREFIX")


def executable(spec: LocationSpec) -> str:
    """Returns the absolute path of the location's interpreter."""
    return spec.executable or sys.executable


def argv(spec: LocationSpec, runtime: Path, options: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Returns the command line; the keeper hands over the wire as descriptor 3."""
    return (executable(spec), *options, str(runtimes.bootstrap(runtime)), "3")


def working_directory(spec: LocationSpec) -> str:
    """Returns where the interpreter starts: the folder of the workspace file, as a shell would.

    A relative PYTHONPATH of an env file, and a version manager that looks for its file from the
    working directory upwards, mean that folder. "/" where there is no such folder any more.
    """
    folder = Path(spec.source.file).parent
    return str(folder) if is_folder(folder) and os.access(folder, os.X_OK) else "/"


def variables(spec: LocationSpec, runtime: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """Returns the variables of the location's process: those that an activated shell would have.

    The runtime folder comes first on PYTHONPATH, so that hostler.definitions and hostler.host are
    the daemon's. The rest of `hostler` stays a namespace, to which installed packages may add.
    """
    env = {key: value for key, value in inherited.items() if key not in _NOT_INHERITED}
    env.update(spec.env)
    prefix = Path(executable(spec)).parent.parent
    if is_file(prefix / "pyvenv.cfg"):
        env.setdefault("VIRTUAL_ENV", str(prefix))
    elif is_folder(prefix / "conda-meta"):
        env.setdefault("CONDA_PREFIX", str(prefix))
    binaries = str(Path(executable(spec)).parent)
    env["PATH"] = os.pathsep.join(filter(None, [binaries, env.get("PATH")]))
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(runtime), env.get("PYTHONPATH")]))
    return env
