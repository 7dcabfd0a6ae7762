"""What a workspace file says, once it is checked and its paths and variables are resolved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

TargetKind = Literal["python_file", "python_module", "python_package"]
ForkChoice = Literal["auto", "never"]

#: Seconds; long enough for the slowest imports of the field, short enough to see an endless one.
DEFAULT_LOAD_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a file.

    Attributes:
        file: absolute path.
        line: counted from 1.
        column: in characters, counted from 1.
    """

    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Target:
    """The code of a location.

    Attributes:
        kind: how the code is found.
        value: the absolute path of a file, else a dotted name.
        attribute: the one repository, pipeline or function to use; None for all that is found.
        working_directory: absolute; None for a package where the file names none.
    """

    kind: TargetKind
    value: str
    attribute: str | None = None
    working_directory: str | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """How a location process is watched.

    Attributes:
        interval: seconds between two pings.
        timeout: seconds that the answer may take.
        failures: pings in a row without an answer after which the process is replaced.
    """

    interval: float = 10.0
    timeout: float = 3.0
    failures: int = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """What a location's processes may use.

    Attributes:
        memory: bytes; None for no limit.
        nice: the scheduling priority, -20 to 19; None for the daemon's own.
    """

    memory: int | None = None
    nice: int | None = None


@dataclass(frozen=True, slots=True)
class LocationSpec:
    """One entry of `load_from`. Two are equal where only their places differ.

    Attributes:
        name: unique within the workspace.
        target: the code.
        executable: absolute, symlinks kept; None for the daemon's own interpreter. It may not
            exist: the location's load fails then.
        env: variables in addition to the daemon's own, sorted by name; no part of the repr, since
            the values may be secrets.
        watch: absolute globs of files that reload the location, sorted.
        reload: whether a save reloads the location.
        fork: "never" for plain spawns of workers and runs.
        health: how the process is watched.
        limits: what the processes may use.
        load_timeout: seconds that a load may take; 0 for no limit.
        source: where the entry begins; does not count in a comparison.
    """

    name: str
    target: Target
    source: Position = field(compare=False)
    executable: str | None = None
    env: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    watch: tuple[str, ...] = ()
    reload: bool = True
    fork: ForkChoice = "auto"
    health: Health = Health()
    limits: Limits = Limits()
    load_timeout: float = DEFAULT_LOAD_TIMEOUT


@dataclass(frozen=True, slots=True)
class Workspace:
    """All locations of one or more workspace files.

    Attributes:
        files: the workspace files, absolute, in the order given.
        locations: in the order of the files and of their entries.
        inputs: every file whose content matters, absolute, missing ones too: the workspace files,
            then the env files.
    """

    files: tuple[str, ...] = ()
    locations: tuple[LocationSpec, ...] = ()
    inputs: tuple[str, ...] = ()
