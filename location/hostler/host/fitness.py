"""Whether a process that has loaded may be the parent of workers and runs: seen, never assumed.

A fork of a template is born with one thread and known descriptors. Whatever its load leaves beyond
that would be shared with, or missing in, every fork: the process is unfit, by reason, and workers
and runs are processes that load the code anew. A new interpreter cannot tell what its libraries
leave from what the code leaves; it is unfit where anything is left at all.
"""

from __future__ import annotations

import errno
import fcntl
import gc
import os
import signal
import stat
import sys
from _thread import get_native_id
from time import monotonic, sleep

from hostler.host import exit_handlers, generators, living

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable

#: A thread that was joined is still the kernel's for a moment, and what it used is still open.
JOINED_SECONDS = 0.1

#: The major number of /dev/null and the like; see admin-guide/devices.txt of the kernel.
_MEMORY_DEVICES = 1

#: Asks the kernel for the first mapping that is shared and may be written, in microseconds: a text
#: of all takes one for each of the hundreds that pandas brings. See include/uapi/linux/fs.h.
_QUERY = (104).to_bytes(8, sys.byteorder) + (0x10 | 8 | 2).to_bytes(8, sys.byteorder) + bytes(88)
_PROCMAP_QUERY = 3 << 30 | len(_QUERY) << 16 | ord("f") << 8 | 17

_SUSPENDED = "a suspended generator after import"

_TIMERS = (
    (signal.ITIMER_REAL, "real time"),
    (signal.ITIMER_VIRTUAL, "its own time"),
    (signal.ITIMER_PROF, "processor time"),
)


def may_lock(reason: str) -> bool:
    """Returns whether a reason is of what another thread or process may hold at a fork."""
    return reason.endswith(("thread after import", "threads after import")) or reason.startswith(
        ("an open ", "a child process", "shared memory")
    )


class Birth:
    """What a process was born with, remembered before it loads."""

    def __init__(self, own_descriptors: Iterable[int], *, is_fork: bool) -> None:
        """
        Args:
            own_descriptors: hostler's; they do not count.
            is_fork: whether this process is a fork of a template.
        """
        gc.freeze()  # what there is already, by the start of the interpreter, does not count
        self._own = set(own_descriptors)
        self._descriptors = open_files()
        generators.watch(is_fork=is_fork)

    def unfit_reasons(self) -> list[str]:
        """Returns why this process may not be forked; nothing where it may be."""
        deadline = monotonic() + JOINED_SECONDS
        while _is_thread_ending() and monotonic() < deadline:
            sleep(0.001)
        return self._left()

    def _left(self) -> list[str]:
        return [
            *_thread_reasons(),
            *sorted({f"an open {kind} after import" for kind in self._opened().values()}),
            *(["a child process after import"] if has_child() else []),
            *_timer_reasons(),
            *self._handler_reasons(),
            *(f"{name} was seeded or used at import" for name in generators.seeded()),
            *(["shared memory after import"] if shares_memory() else []),
            *_object_reasons(),
        ]

    def _opened(self) -> dict[int, str]:
        """Returns what the load has opened and a fork would share, by descriptor."""
        found = {}
        for descriptor, link in open_files().items():
            if descriptor in self._own or self._descriptors.get(descriptor) == link:
                continue
            if not is_reopenable(descriptor):
                found[descriptor] = kind_of(link)
        return found

    def _handler_reasons(self) -> list[str]:
        names = {
            handler.name
            for handler in exit_handlers.own()
            if not exit_handlers.is_of_python(handler)  # they act on what a process makes
        }
        reasons = [f"an exit handler after import ({name})" for name in sorted(names)]
        count = exit_handlers.finalizers()
        if count:
            reasons.append(f"{count} finalizer{'s' * (count > 1)} after import")
        return reasons


def _thread_reasons() -> list[str]:
    python = _python_threads()
    if python:
        return [f"{python} Python thread{'s' * (python > 1)} after import"]
    native = native_threads()
    if native:
        return [f"{native} native thread{'s' * (native > 1)} after import"]
    return []


def _python_threads() -> int:
    return len(sys._current_frames()) - 1


def native_threads() -> int:
    """Returns how many threads this process has beside the one that calls."""
    return len(os.listdir("/proc/self/task")) - 1


def _is_thread_ending() -> bool:
    """Returns whether another thread may be on its way out: one that waits for something is not."""
    own = str(get_native_id())
    for name in os.listdir("/proc/self/task"):
        if name == own:
            continue
        try:
            with open(f"/proc/self/task/{name}/stat", "rb") as file:
                if file.read().rpartition(b") ")[2][:1] != b"S":
                    return True
        except OSError:  # it has ended
            continue
    return False


def has_child() -> bool:
    """Returns whether this process has started another one that it has not waited for."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    except ChildProcessError:
        return False
    return True


def _timer_reasons() -> list[str]:
    """Finds timers, which a fork does not inherit."""
    found = [
        f"a timer of {name} after import" for which, name in _TIMERS if signal.getitimer(which)[0]
    ]
    try:
        with open("/proc/self/timers", "rb") as file:
            if file.read(1):  # made by timer_create(2)
                found.append("a POSIX timer after import")
    except OSError:  # a kernel that does not tell
        pass
    return found


def _object_reasons() -> list[str]:
    """Finds objects that each process needs its own of, although a fork would copy them."""

    names = generators.names_of_files()

    def reason_of(type_: type) -> str:
        if type_ is names:
            return generators.NAMES
        if living.is_suspendable(type_):
            return _SUSPENDED
        if living.has_finalizer(type_):
            return f"an object with __del__ after import ({type_.__module__}.{type_.__qualname__})"
        kind = generators.kind_of(type_)
        return f"a generator made at import ({kind})" if kind else ""

    all_found = living.objects(reason_of)
    known = generators.known(found for kind, found in all_found if kind is generators.NAMES)
    return sorted(
        {
            reason
            for reason, found in all_found
            if reason is not generators.NAMES
            and id(found) not in known
            and (reason is not _SUSPENDED or living.is_left("generator", found))
        }
    )


def shares_memory() -> bool:
    """Returns whether memory is mapped that this process and its forks would both write."""
    query = bytearray(_QUERY)
    with open("/proc/self/maps", "rb", buffering=0) as file:
        try:
            fcntl.ioctl(file, _PROCMAP_QUERY, query)
        except OSError as error:
            if error.errno == errno.ENOENT:
                return False
        else:
            return True
        return b" rw-s " in file.readall()  # a kernel before 6.11


def open_files() -> dict[int, str]:
    """Returns what the descriptors of this process lead to, by /proc."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[int(name)] = os.readlink("/proc/self/fd/" + name)
        except OSError:  # the listing's own descriptor
            continue
    return found


def is_reopenable(descriptor: int) -> bool:
    """Returns whether a fork may have the descriptor: of a file with a position of its own there.

    See `reopen`. The devices of memory (/dev/null, /dev/urandom) have no position at all.
    """
    try:
        found = os.fstat(descriptor)
        if stat.S_ISCHR(found.st_mode) and os.major(found.st_rdev) == _MEMORY_DEVICES:
            return True
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    except OSError:
        return True  # it was closed meanwhile
    return flags & os.O_ACCMODE == os.O_RDONLY and stat.S_ISREG(found.st_mode)


def _has_position(descriptor: int) -> bool:
    try:
        is_regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    except OSError:  # the listing's own
        return False
    return is_regular and flags & os.O_ACCMODE == os.O_RDONLY


def reopen(but: Iterable[int]) -> None:
    """Gives each regular file that is open for reading a position of its own; in a fork.

    Two forks that share a position would each read what the other one has not.
    """
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        if descriptor in but or not _has_position(descriptor):
            continue
        try:
            made = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue  # it may not be read any more by this user
        try:
            position = os.lseek(descriptor, 0, os.SEEK_CUR)
            inheritable = os.get_inheritable(descriptor)
            os.dup2(made, descriptor, inheritable)
            os.lseek(descriptor, position, os.SEEK_SET)
        except OSError:
            pass
        finally:
            os.close(made)


def kind_of(link: str) -> str:
    """Returns what a descriptor leads to, for people."""
    if link.startswith(("socket:", "pipe:")):
        return link.partition(":")[0]
    if link.startswith("anon_inode:"):
        return link[11:].strip("[]")
    if link.startswith(("/dev/shm/", "/memfd:")):  # noqa: S108 (it only looks)
        return "shared memory"
    return f"file ({link})" if link.startswith("/") else link
