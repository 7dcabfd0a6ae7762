"""The command line and the variables that a location's interpreter is started with."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from hostler.daemon.processes import runtime as runtimes
from hostler.daemon.workspace.text.models import LocationSpec

#: Of the daemon's own environment; they would turn another interpreter into it.
_NOT_INHERITED = ("PYTHONHOME", "PYTHONEXECUTABLE", "VIRTUAL_ENV", "CONDA_PREFIX")


def executable(spec: LocationSpec) -> str:
    """The interpreter of the location, absolute."""
    return spec.executable or sys.executable


def argv(spec: LocationSpec, runtime: Path) -> tuple[str, ...]:
    """The argv; the keeper hands the wire over as descriptor 3."""
    return (executable(spec), str(runtimes.bootstrap(runtime)), "3")


def variables(spec: LocationSpec, runtime: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """What the location's process sees, as an activated shell would have it.

    The runtime folder stands first on PYTHONPATH, so that hostler.definitions and hostler.host are
    the daemon's; the rest of `hostler` stays a namespace, open to what the user installed.
    """
    env = {key: value for key, value in inherited.items() if key not in _NOT_INHERITED}
    env.update(spec.env)
    prefix = Path(executable(spec)).parent.parent
    if (prefix / "pyvenv.cfg").is_file():
        env.setdefault("VIRTUAL_ENV", str(prefix))
    elif (prefix / "conda-meta").is_dir():
        env.setdefault("CONDA_PREFIX", str(prefix))
    binaries = str(Path(executable(spec)).parent)
    env["PATH"] = os.pathsep.join(filter(None, [binaries, env.get("PATH")]))
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(runtime), env.get("PYTHONPATH")]))
    return env
