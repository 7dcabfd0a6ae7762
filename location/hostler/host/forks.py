"""Forks, and whether it is safe to fork this process.

A fork copies only the thread that calls it: a lock that another thread held stays locked in the
child for ever. So a process that has Python threads, or native threads of an untested library, or
descriptors that a child would share with it, is not forked; its workers and runs are spawned.
"""

from __future__ import annotations

import os
import sys
import warnings

# by name: gevent replaces these in their modules, and its own would start its loop
from select import POLLIN, poll, select
from time import monotonic, sleep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterable, NoReturn

#: For steps, whose process imports what it needs after the user's code.
new_poll, READABLE = poll, POLLIN

#: Libraries whose native threads were seen to bear a fork, also after they had worked: their pools
#: make themselves anew in the child. Found by working in a process, forking it five times, and
#: working in each child.
FORK_SAFE = ("numpy", "scipy", "pandas", "pyarrow")

#: Libraries that bear a fork as long as they were only imported, as in a template; after they have
#: worked, every child hung (polars' pool, scikit-learn's OpenMP).
FORK_SAFE_UNUSED = (*FORK_SAFE, "sklearn", "polars")

#: Where one of these was imported, native threads may be of its pool, and it may have worked.
SUSPECTS = ("sklearn", "polars", "torch", "tensorflow", "jax", "numba", "xgboost", "lightgbm")

#: A canary that takes longer has met a lock; a healthy one takes about 3 ms.
CANARY_SECONDS = 2.0

#: A thread that Python has joined is still the kernel's for a moment.
JOINED_SECONDS = 0.1


#: 3.12 warns of a fork beside any native thread, also beside those that were tested here.
_WARNS_OF_THREADS = tuple(sys.version_info) >= (3, 12)


def fork_process(child: Callable[[], None]) -> None:
    """Runs `child` in a process whose parent will be the keeper; it must not return.

    Forks twice: the process between exits at once, so that the keeper, the nearest subreaper,
    becomes the parent of the new process, learns its true exit status, and the death of this
    process takes nothing with it.

    Raises:
        OSError: the system refuses another process.
    """
    pid = _fork()
    if pid == 0:
        code = 0
        try:
            if _fork() == 0:
                _run(child)
        except OSError as error:
            code = error.errno or 1
        finally:
            os._exit(code)
    try:
        _, status = os.waitpid(pid, 0)
    except ChildProcessError:
        return  # the user's code has it reaped; the child's greeting says whether it is there
    code = status >> 8
    if code:
        raise OSError(code, os.strerror(code))


def fork_child(child: Callable[[], None]) -> int:
    """Runs `child` in a process whose parent this one is; returns its pid.

    Raises:
        OSError: the system refuses another process.
    """
    pid = _fork()
    if pid == 0:
        _run(child)
    return pid


def drop_forkserver() -> None:
    """Leaves the parent's forkserver of multiprocessing to the parent; called in a forked child.

    A forkserver is asked for by its pid, which only its parent may do; the child starts its own.
    """
    module = sys.modules.get("multiprocessing.forkserver")
    server = getattr(module, "_forkserver", None)
    alive = getattr(server, "_forkserver_alive_fd", None)
    if server is not None and alive is not None:
        os.close(alive)  # one that is held open would keep the server alive beyond its parent
        server._forkserver_alive_fd = None
        server._forkserver_address = None
        server._forkserver_pid = None


def apply_limits(memory: int | None, nice: int | None) -> None:
    """Limits memory and sets niceness in a forked child, as the keeper does in its own."""
    if nice is not None:
        os.nice(nice)
    if memory is not None:
        import resource  # an extension module that few locations need

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        if hard != resource.RLIM_INFINITY:
            memory = min(memory, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))


def _run(child: Callable[[], None]) -> NoReturn:
    code = 0
    try:
        child()
    except BaseException:  # noqa: BLE001 (a fault of hostler: it is logged, and the process ends)
        from traceback import print_exc  # not at each start

        code = 70  # EX_SOFTWARE
        print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def unsafe_reasons(own_descriptors: set[int]) -> list[str]:
    """Returns why this process should not be forked; nothing where it may be.

    Looks at what the user's code left behind after import: `own_descriptors` are the process's
    own and do not count.
    """
    reasons = []
    python_threads = len(sys._current_frames()) - 1
    if python_threads:
        reasons.append(f"{python_threads} Python thread{'s' * (python_threads > 1)} after import")
    else:
        _await_closing(own_descriptors)
    reasons.extend(_shared_descriptors(own_descriptors))
    if reasons:
        return reasons
    if not native_threads():
        return []
    if any(name in sys.modules for name in FORK_SAFE) and not _suspects():
        return [] if canary_survives() else ["a forked child did not end within 2 s"]
    deadline = monotonic() + JOINED_SECONDS
    while native_threads():
        if monotonic() > deadline:
            count = native_threads()
            of = " and ".join(_suspects()) or "an untested library"
            return [f"{count} native thread{'s' * (count > 1)} of {of} after import"]
        sleep(0.001)
    return []


def _await_closing(own: set[int]) -> None:
    """Lets native threads close what they have used, as grpc's do some 20 ms after a channel.

    Threads of the suspects are not waited for: they keep what they have opened.
    """
    deadline = monotonic() + JOINED_SECONDS
    while not _suspects() and native_threads() and _shared_descriptors(own):
        if monotonic() > deadline:
            return
        sleep(0.001)


def _suspects() -> list[str]:
    return [name for name in SUSPECTS if name in sys.modules]


def native_threads() -> int:
    """Threads of this process beside the one that calls."""
    return len(os.listdir("/proc/self/task")) - 1


def _fork() -> int:
    if not _WARNS_OF_THREADS:
        return os.fork()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _shared_descriptors(own: set[int]) -> list[str]:
    """Descriptors whose state a child would share and spoil."""
    found = {link for link in open_files(own) if is_shared(link)}
    kinds = {"socket" if link.startswith("socket:") else link[12:-1] for link in found}
    return [f"an open {kind} after import" for kind in sorted(kinds)]


def open_files(but: Iterable[int] = ()) -> list[str]:
    """Returns what the descriptors of this process lead to, by /proc."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            link = os.readlink("/proc/self/fd/" + name)
        except OSError:  # the listing's own descriptor
            continue
        if int(name) not in but:
            found.append(link)
    return found


def is_shared(link: str) -> bool:
    """Returns whether a child would share the state of what a descriptor leads to, and spoil it."""
    return link.startswith("socket:") or link in (
        "anon_inode:[eventpoll]",
        "anon_inode:[eventfd]",
    )


def canary_survives() -> bool:
    """Returns whether a fork can allocate, log, speak TLS and import."""
    readable, writable = os.pipe()
    pid = _fork()
    if pid == 0:
        try:
            os.close(readable)
            _exercise_locks()
            os.write(writable, b"alive")
        finally:
            os._exit(0)
    os.close(writable)
    alive = bool(select([readable], [], [], CANARY_SECONDS)[0] and os.read(readable, 5))
    os.close(readable)
    if not alive:
        os.kill(pid, 9)
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        pass  # the user's code has it reaped
    return alive


def _exercise_locks() -> None:
    """Uses the locks that a library may have held at the fork."""
    import logging

    logging.getLogger("hostler.canary").debug("%s", bytearray(1 << 20)[:1])
    import decimal  # noqa: F401 (any module that is seldom loaded yet)

    # only where it is loaded already, since loading it takes 20 ms
    ssl = sys.modules.get("ssl")
    if ssl is not None:
        ssl.create_default_context()
