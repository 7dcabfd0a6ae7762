"""The daemon's own settings: every default is named here, with its reason.

docs/settings.md lists them for the user; a test keeps the two in agreement.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from hostler.daemon.base.tag_limits import parse_tag_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PREFIX = "HOSTLER_"

#: Long enough to spare a broken location's machine, short enough that nobody waits for a repair.
RESTART_FIRST_DELAY = 0.5
#: Six failures in a row reach the longest delay.
RESTART_FACTOR = 2.0
#: Once the cause of a failure is mended elsewhere (a database is back), the location works within
#: this time.
RESTART_MAX_DELAY = 30.0
#: Locations that failed together do not try again together.
RESTART_JITTER = 0.2
#: As long as the longest delay: a process that lived longer did not fail for the old reason.
RESTART_RESET_AFTER = 30.0
#: A process that dies this soon after READY has failed to start; after a later death it is revived.
STABLE_AFTER = 1.0
#: The exit code by which a location's code asks not to be restarted; s6 gives 125 that meaning.
NO_RESTART_CODE = 125
#: Longest that any load may take, whatever its load_timeout says; 0 for none: each location knows.
LOAD_LIMIT = 0.0
#: How long calls to the old generation may go on after a reload; gunicorn's graceful timeout.
DRAIN = 30.0
#: Between TERM and KILL: time to close a database connection; supervisord's and docker's value.
STOP_GRACE = 10.0
#: Bytes of one log file: any editor opens it.
LOG_BYTES = 50_000_000
#: Files for each location, the current one included: at most 500 MB.
LOG_FILES = 10
#: Bytes in memory for each location: about a thousand lines for `hostler logs`, without the disk.
LOG_RING = 100_000
#: Lines of output that a failure shows: a traceback's end fits, a terminal is not flooded.
FAILURE_LINES = 20
#: For a unary call whose caller set no deadline: nobody waits forever for a hung function.
CALL_TIMEOUT = 60.0
#: A pipeline's description may be large; gRPC's own 4 MB are not enough.
MESSAGE_LIMIT = 100_000_000
#: All watched files are compared this often, since inotify loses events without a word.
SWEEP = 30.0
#: Where inotify does not work: a save is seen within a second, at one stat for each file.
POLL = 1.0
#: A failed load may have read half of a save: the rest may come until the failure is shown.
FAILURE_HOLD = 0.075
#: Editors that delete and recreate do both within a few ms; a deletion counts only after this.
DELETION_SETTLE = 0.015
#: First delay when saves come faster than loads: one editor's "save all" becomes one load.
SAVE_BACKOFF_MIN = 0.010
#: Longest delay of the same: a user would notice more.
SAVE_BACKOFF_MAX = 0.050
#: Workers of one location: its readers at a time; each is a process of the user's code.
WORKER_LIMIT = 4
#: Calls under way in all: the daemon refuses further ones at once, so that they do not pile up.
IN_FLIGHT_LIMIT = 1000
#: Calls that wait for one location's code: the rest of the calls is for the other locations.
LOCATION_CALL_LIMIT = 100
#: Streams (watches, followed logs and runs) in all: each takes some 30 kB.
STREAM_LIMIT = 1500
#: Calls and streams of one connection; gRPC makes further ones of that client wait. Above the two
#: limits before it, so that a client is told of those rather than left waiting.
CONNECTION_LIMIT = 3000
#: Bytes of a request, its run config aside: ten thousand names of a hundred bytes.
REQUEST_BYTES = 1_000_000
#: Bytes of a name, or of any other text of a request: three names and a partition's fit.
NAME_BYTES = 4096
#: Items of a list in a request, such as the names of locations: no workspace has more.
LIST_LIMIT = 10_000
#: Tags of one launch or filter.
TAG_LIMIT = 256
#: Bytes of all tags of one launch or filter.
TAG_BYTES = 64_000
#: Bytes of a run config: a run has to fit into an answer of the 4 MB that gRPC's clients take.
CONFIG_BYTES = 2_000_000
#: Bytes of a page of a list: every client of gRPC takes 4 MB without a setting.
PAGE_BYTES = 3_000_000
#: Runs at once in all: each is a process of the user's code; more than the memory of a small
#: machine holds helps nobody. Further runs wait in the queue.
RUN_LIMIT = 32
#: Runs at once of one location; 0 for no limit of its own: few locations need one.
RUN_LIMIT_LOCATION = 0
#: Runs at once that share a tag: KEY=VALUE:N, or KEY:N for each value of KEY; with commas between.
RUN_LIMIT_TAGS = ""
#: How long a standby waits for the next run after a launch: one launch is often followed by more,
#: and where runs are hours apart no process waits all the time; 0 for no standby.
RUN_STANDBY = 60.0
#: Timeout of a run whose launch names none, from its start; 0 for none: a run may take days.
RUN_TIMEOUT = 0.0
#: A forked run that waits for a lock this long, without processor time or an event, may have
#: inherited the lock: later runs of its generation are spawned. A fork's own work takes less.
RUN_STALL = 30.0
#: What a run's process gets to end in after its last step: threads that are no daemons, exit
#: handlers. Long enough for a pool's last tasks; what waits for ever is told of within minutes.
RUN_END_GRACE = 300.0
#: Bytes of a run's events that wait to be written; above it the run's process is not read. A second
#: of a chatty run, and with all runs at once still little memory.
RUN_BACKLOG = 1_000_000
#: Bytes of what a run logs and prints that are recorded: a log that nobody reads in full; the run
#: goes on beyond it.
RUN_BYTES = 2**30
#: How long a run that has ended is kept: last quarter's can be compared; 0 for ever.
RUN_RETENTION = 7_776_000.0
#: Runs that are kept; the oldest that have ended go first, 0 for all. Lists of so many are fast.
RUN_COUNT = 100_000
#: How long the functions of a schedule may take for one tick: as long as a call; 0 for no limit.
TICK_TIMEOUT = 60.0
#: How long a tick is kept: a month can be looked through; 0 for ever.
TICK_RETENTION = 2_592_000.0
#: Ticks that are kept of each schedule in each state: a schedule of each minute does not push the
#: one failure out of the record. 0 for all.
TICK_COUNT = 1000
#: SQLite's PRAGMA synchronous: 2 (FULL) survives a power cut, 1 (NORMAL) may lose the last moments
#: in one, never more.
RUN_SYNCHRONOUS = 2
#: The group of the socket: who may use it where the mode lets a group; the daemon's own by default.
SOCKET_GROUP = ""
#: The mode of the socket: whoever may write to it has code executed as the daemon's user.
SOCKET_MODE = 0o600
#: A second socket, on which only what reads is answered; none by default.
READ_SOCKET = ""
#: The group of the second socket.
READ_SOCKET_GROUP = ""
#: The mode of the second socket: a group is what it is for, and who reads sees configs of runs.
READ_SOCKET_MODE = 0o660


#: Variables that are no settings: of the command, of the marks of processes, of the checkout.
_OTHER_VARIABLES = {"HOSTLER_SOCKET", "HOSTLER_OWNER", "HOSTLER_PYTHON"}


class SettingError(ValueError):
    """A setting in the environment that cannot be used."""


def _cores() -> int:
    """Returns how many processors this process may use: importing is CPU work."""
    return max(1, len(os.sched_getaffinity(0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Holds the settings of the daemon; times are in seconds, sizes in bytes."""

    restart_first_delay: float = RESTART_FIRST_DELAY
    restart_factor: float = RESTART_FACTOR
    restart_max_delay: float = RESTART_MAX_DELAY
    restart_jitter: float = RESTART_JITTER
    restart_reset_after: float = RESTART_RESET_AFTER
    stable_after: float = STABLE_AFTER
    no_restart_code: int = NO_RESTART_CODE
    load_limit: float = LOAD_LIMIT
    drain: float = DRAIN
    stop_grace: float = STOP_GRACE
    parallel_starts: int = field(default_factory=_cores)
    log_bytes: int = LOG_BYTES
    log_files: int = LOG_FILES
    log_ring: int = LOG_RING
    failure_lines: int = FAILURE_LINES
    call_timeout: float = CALL_TIMEOUT
    message_limit: int = MESSAGE_LIMIT
    sweep: float = SWEEP
    poll: float = POLL
    failure_hold: float = FAILURE_HOLD
    deletion_settle: float = DELETION_SETTLE
    save_backoff_min: float = SAVE_BACKOFF_MIN
    save_backoff_max: float = SAVE_BACKOFF_MAX
    worker_limit: int = WORKER_LIMIT
    in_flight_limit: int = IN_FLIGHT_LIMIT
    location_call_limit: int = LOCATION_CALL_LIMIT
    stream_limit: int = STREAM_LIMIT
    connection_limit: int = CONNECTION_LIMIT
    request_bytes: int = REQUEST_BYTES
    name_bytes: int = NAME_BYTES
    list_limit: int = LIST_LIMIT
    tag_limit: int = TAG_LIMIT
    tag_bytes: int = TAG_BYTES
    config_bytes: int = CONFIG_BYTES
    page_bytes: int = PAGE_BYTES
    run_limit: int = RUN_LIMIT
    run_limit_location: int = RUN_LIMIT_LOCATION
    run_limit_tags: str = RUN_LIMIT_TAGS
    run_standby: float = RUN_STANDBY
    run_timeout: float = RUN_TIMEOUT
    run_stall: float = RUN_STALL
    run_end_grace: float = RUN_END_GRACE
    run_backlog: int = RUN_BACKLOG
    run_bytes: int = RUN_BYTES
    run_retention: float = RUN_RETENTION
    run_count: int = RUN_COUNT
    tick_timeout: float = TICK_TIMEOUT
    tick_retention: float = TICK_RETENTION
    tick_count: int = TICK_COUNT
    run_synchronous: int = RUN_SYNCHRONOUS
    socket_group: str = SOCKET_GROUP
    socket_mode: int = SOCKET_MODE
    read_socket: str = READ_SOCKET
    read_socket_group: str = READ_SOCKET_GROUP
    read_socket_mode: int = READ_SOCKET_MODE

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings:
        """Returns the defaults, replaced by what HOSTLER_<NAME> variables say.

        Raises:
            SettingError: one or more values cannot be used; the message names all of them.
        """
        values: dict[str, float | str] = {}
        problems: list[str] = []
        for setting in fields(cls):
            variable = PREFIX + setting.name.upper()
            text = environ.get(variable)
            if text is None:
                continue
            try:
                values[setting.name] = _parse(setting.name, str(setting.type), text)
            except ValueError as error:
                problems.append(f"cannot use {variable}={text!r}: {error}")
        if problems:
            raise SettingError("\n".join(problems))
        return cls(**values)  # type: ignore[arg-type]  # by name; each was parsed as its field's type


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Returns what to say of each HOSTLER_ variable that sets nothing, with the nearest name."""
    known = {PREFIX + setting.name.upper() for setting in fields(Settings)} | _OTHER_VARIABLES
    advice = []
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known:
            from difflib import (
                get_close_matches,
            )  # 2 ms that a start without a mistake does without

            nearest = get_close_matches(name, known, n=1, cutoff=0.8)
            hint = (
                f"did you mean {nearest[0]}?" if nearest else "docs/settings.md has all there are"
            )
            advice.append(f"{name} sets nothing; {hint}")
    return advice


def _parse(name: str, kind: str, text: str) -> float | str:
    if kind == "str":
        if name in _TEXTS:
            _TEXTS[name](text)  # the text is kept as it was given, to be shown
        return text
    if name in _MODES:
        return _parse_mode(text)
    low, high = _RANGES.get(name, _ANY_COUNT if kind == "int" else _ANY_TIME)
    try:
        value = int(text.replace("_", "")) if kind == "int" else float(text)
    except ValueError:
        expected = "a whole number" if kind == "int" else "a number"
        raise ValueError(f"expected {expected}, such as {_example(name)}") from None
    if not low <= value <= high:  # also false for nan
        bound = f"from {low:g} to {high:g}" if high < _NO_BOUND else f"of at least {low:g}"
        raise ValueError(f"expected a number {bound}")
    return value


def _parse_mode(text: str) -> int:
    """Returns the mode of a file, which its owner has to be able to use."""
    try:
        mode = int(text, 8)
    except ValueError:
        raise ValueError("expected a mode in octal, such as 0660") from None
    if not 0 <= mode <= 0o777 or mode & 0o600 != 0o600:
        raise ValueError("expected a mode from 0600 to 0777 that its owner may read and write")
    return mode


def _require_absolute(text: str) -> None:
    if text and not text.startswith("/"):
        raise ValueError("expected an absolute path, such as /run/hostlerd/read.sock")


def _example(name: str) -> str:
    return f"{getattr(Settings(), name):g}"


#: What raises where a text cannot be used.
_TEXTS: dict[str, Callable[[str], object]] = {
    "run_limit_tags": parse_tag_limits,
    "read_socket": _require_absolute,
}
_MODES = frozenset({"socket_mode", "read_socket_mode"})
_NO_BOUND = 1e15
_ANY_COUNT = (1, _NO_BOUND)
_ANY_TIME = (0.0, _NO_BOUND)
_RANGES: dict[str, tuple[float, float]] = {
    "restart_factor": (1.0, 100.0),
    "restart_jitter": (0.0, 1.0),
    "no_restart_code": (1, 255),
    "failure_lines": (0, _NO_BOUND),
    # With less the daemon would do nothing else.
    "sweep": (0.1, _NO_BOUND),
    "poll": (0.01, _NO_BOUND),
    "message_limit": (1024, 2**31 - 1),
    "connection_limit": (10, 2**31 - 1),
    "run_limit_location": (0, _NO_BOUND),
    "run_count": (0, _NO_BOUND),
    "tick_count": (0, _NO_BOUND),
    "run_synchronous": (0, 3),
    # One event must fit.
    "run_backlog": (1024, _NO_BOUND),
}
