"""Forks: how one is made, what it lets go of, and a canary that tells whether one can work.

A fork copies only the thread that calls it: a lock that another thread held stays locked in the
child for ever. Which process may be forked is told by `hostler.host.fitness`.
"""

from __future__ import annotations

import gc
import os
import sys
import warnings

# by name: gevent replaces these in their modules, and its own would start its loop
from select import POLLIN, poll, select

from hostler.definitions._late import late
from hostler.host import exit_handlers, fitness, interpreter, wire
from hostler.host.imports import is_user_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Collection, NoReturn

#: For steps, whose process imports what it needs after the user's code.
new_poll, READABLE = poll, POLLIN

#: A canary that takes longer has met a lock; a healthy one takes about 3 ms.
CANARY_SECONDS = 2.0

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
    exit_handlers.before_fork(is_user_module)
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
    exit_handlers.before_fork(is_user_module)
    pid = _fork()
    if pid == 0:
        _run(child)
    return pid


def part_from_parent(own_descriptors: Collection[int]) -> None:
    """Lets go of what the parent still uses, in a forked child, before anything else runs there.

    Args:
        own_descriptors: the child's own.
    """
    # what is inherited is none of this process's to finalize; and to collect garbage in it would
    # copy its memory
    gc.freeze()
    drop_forkserver()
    exit_handlers.after_fork()
    fitness.reopen(own_descriptors)
    interpreter.reseed()


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
        resource = late("resource")  # an extension module that few locations need
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        if hard != resource.RLIM_INFINITY:
            memory = min(memory, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))


def _run(child: Callable[[], None]) -> NoReturn:
    code = 0
    try:
        child()
    except wire.WireLostError as error:
        code = wire.EXIT_LOST
        sys.stderr.write(f"{error}\n")
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001 (a fault of hostler: it is logged, and the process ends)
        code = 70  # EX_SOFTWARE
        late("traceback").print_exc()  # not at each start
        sys.stderr.flush()
    finally:
        os._exit(code)


def _fork() -> int:
    exit_handlers.is_own_fork = True
    try:
        if not _WARNS_OF_THREADS:
            return os.fork()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return os.fork()
    finally:
        exit_handlers.is_own_fork = False


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
    late("logging").getLogger("hostler.canary").debug("%s", bytearray(1 << 20)[:1])
    late("decimal")  # any module that is seldom loaded yet

    # only where it is loaded already, since loading it takes 20 ms
    ssl = sys.modules.get("ssl")
    if ssl is not None:
        ssl.create_default_context()
