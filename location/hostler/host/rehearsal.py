"""A rehearsal: a load of a small repository of hostler's own, before the load that counts.

What a process does for the first time after a fork is slow: the kernel copies each page of memory
that it writes to, which takes some 5 us, and a usual load writes to more than a thousand pages. So
a process that waits for its order loads a small repository through the same code, and drops it. A
template does so as well, so that its forks inherit what Python has specialized in code that ran.

A rehearsal runs no code of the user's, reads no file and leaves nothing behind.
"""

from __future__ import annotations

import linecache
import sys

from hostler.host import finder, loading, wire
from hostler.host.code_cache import cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable

    from hostler.host.imports import Preloaded

_FOLDER = "/hostler-rehearsal"
_NAME = "hostler_rehearsal"
_PATH = f"{_FOLDER}/{_NAME}.py"

#: Bytes of source at most: a larger project uses more memory than is worth to be touched for it.
MAX_BYTES = 32_768

_BEGIN = f"""\
from hostler.definitions import pipeline, repository, solid
from {__name__} import stop_if_wanted
"""

_PIPELINE = '''

@solid(config_schema={{"path": str}})
def rows_{number}(context) -> list:
    """Reads the rows of one file."""
    return []


@solid
def count_{number}(context, rows: list) -> int:
    """Counts them."""
    return len(rows)


@solid
def report_{number}(context, count: int) -> None:
    """Writes the count into the log."""
    context.log.info(str(count))


@pipeline
def pipeline_{number}():
    """Counts the rows of one file and reports the count."""
    report_{number}(count_{number}(rows_{number}()))


stop_if_wanted()
'''

_END = """

@repository
def rehearsal():
    return [{names}]
"""


class _StoppedError(Exception):
    """Raised inside a rehearsal because the process has an order to carry out."""


_is_wanted: Callable[[], bool] = bool


def stop_if_wanted() -> None:
    """Ends the rehearsal if the process is wanted; called between the parts of its code."""
    if _is_wanted():
        raise _StoppedError


def rehearse(
    size: int,
    sources: Iterable[str],
    is_wanted: Callable[[], bool],
    preloaded: Preloaded | None,
) -> None:
    """Loads about so many bytes of source, describes what they hold, and forgets them.

    Args:
        sources: files whose code the load will probably execute.
        is_wanted: whether to stop at once, since the process has something to do.
        preloaded: as in `hostler.host.loading.Load`.
    """
    global _is_wanted  # noqa: PLW0603 (what is loaded can be given nothing)
    if _is_traced():
        return
    _is_wanted = is_wanted
    source = _source(min(size, MAX_BYTES))
    target = {"kind": "python_file", "value": _PATH, "attribute": None, "working_directory": None}
    try:
        load = loading.Load(
            {"location": "rehearsal", "target": target},
            {_PATH: source},
            lambda _: None,
            preloaded,
        )
        load.run()
        wire.dump(load.report())
        for path in sources:
            stop_if_wanted()
            cache.touch(path)
    except _StoppedError:
        pass
    finally:
        _is_wanted = bool
        sys.modules.pop(_NAME, None)
        linecache.cache.pop(_PATH, None)
        finder.uninstall()


def _is_traced() -> bool:
    """Returns whether a tracer or profiler is on, such as coverage: it should not see this."""
    monitoring: Any = getattr(sys, "monitoring", None)  # 3.12
    tools = monitoring is not None and any(map(monitoring.get_tool, range(6)))
    return bool(sys.gettrace() or sys.getprofile() or tools)


def _source(size: int) -> bytes:
    count = max(1, size // len(_PIPELINE))
    parts = [_PIPELINE.format(number=number) for number in range(count)]
    names = ", ".join(f"pipeline_{number}" for number in range(count))
    return "".join([_BEGIN, *parts, _END.format(names=names)]).encode()
