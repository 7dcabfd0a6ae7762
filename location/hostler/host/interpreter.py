"""The interpreter's own state that a process looks after: output, random numbers, free memory."""

from __future__ import annotations

import fcntl
import os
import signal
import sys

from hostler.definitions._late import late, loaded
from hostler.host import exit_handlers, living

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn


#: Where hostler's own descriptors lie: above what code closes that closes all it does not know,
#: from 3 to 255 say, and low enough that a fork copies little.
_HIGH = 1000

#: How far below the limit of descriptors, where that is lower.
_BELOW_LIMIT = 8

#: The state of numpy's global generator, a Mersenne twister.
_TWISTER_WORDS = 624


def flush_output() -> None:
    """Flushes stdout and stderr, so that the log has what was printed before an answer is sent."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # noqa: BLE001, S110 (the user's code may have put anything there)
            pass


def move_up(descriptor: int) -> int:
    """Returns a duplicate with a high number, which no program inherits, and closes the original.

    A keeper leaves the original inheritable, for interpreters that a wrapper script starts.
    """
    limit = os.sysconf("SC_OPEN_MAX")
    place = _HIGH if limit < 0 else min(_HIGH, limit - _BELOW_LIMIT)
    try:
        moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, max(place, 0))
    except OSError:  # no descriptor is left up there
        os.set_inheritable(descriptor, False)
        return descriptor
    os.close(descriptor)
    return moved


def reopen_standard() -> None:
    """Opens /dev/null for each of stdin, stdout and stderr that the user's code has closed.

    Else the next descriptors of hostler's would take their numbers.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            made = os.open(os.devnull, os.O_RDWR)
            if made != number:
                os.dup2(made, number)
                os.close(made)
            os.set_inheritable(number, True)


def print_of_stray(level: str, message: str) -> None:
    """Prints what a child that the user's code has forked logs: it has no other place for it."""
    sys.stderr.write(f"{level} {message}\n")


def end_stray(exception: BaseException | None = None) -> NoReturn:
    """Ends a child that the user's code has forked and that returns through hostler's code.

    The child never speaks for its parent: it ends as a script's child would that comes to the end
    of the script, or that raises. What it has inherited is its parent's to end.
    """
    code: Any = 0
    if isinstance(exception, SystemExit):
        code = exception.code
        if code is not None and not isinstance(code, int):
            sys.stderr.write(f"{code}\n")
            code = 1
    elif exception is not None:
        late("traceback").print_exception(type(exception), exception, exception.__traceback__)
        code = 1
    try:
        exit_handlers.run_of_stray()
        for file in sorted(_written_by_stray(), key=living.depth):
            file.flush()
    except BaseException:  # noqa: BLE001, S110 (the user's code)
        pass
    flush_output()
    if isinstance(exception, KeyboardInterrupt):
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit((code or 0) & 0xFF)


def _written_by_stray() -> list[Any]:
    """Returns the files that a stray child has opened itself, and may not have written."""
    return [
        found
        for kind, found in living.objects(living.kind_of_left)
        if kind == "file"
        and living.is_unwritten(found)
        and not living.is_standard(found)
        and not exit_handlers.is_of_parent(found)
    ]


def reseed() -> None:
    """Seeds numpy and torch anew, so that forks draw different numbers; `random` does it itself."""
    torch_generator: Any = getattr(sys.modules.get("torch"), "default_generator", None)
    if torch_generator is not None:
        try:
            torch_generator.seed()
        except Exception:  # noqa: BLE001, S110 (as below)
            pass
    numpy_random: Any = sys.modules.get("numpy.random")
    if numpy_random is None:
        return
    state = memoryview(os.urandom(4 * _TWISTER_WORDS)).cast("I")
    try:  # numpy's own seed() takes four times as long, and copies twice as much memory
        numpy_random.set_state(("MT19937", state, _TWISTER_WORDS))
    except Exception:  # noqa: BLE001
        try:
            numpy_random.seed()
        except Exception:  # noqa: BLE001, S110 (the user's code has put another generator there)
            pass


def trim_memory() -> None:
    """Returns to the system what the C library keeps for the next compilation.

    A megabyte of five where a file of a hundred definitions was compiled. Done where ctypes is
    there already, as numpy brings it, and where the C library is glibc.
    """
    ctypes: Any = loaded("ctypes")
    if ctypes is None:
        return
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except Exception:  # noqa: BLE001, S110 (another C library, or the user's own ctypes)
        pass
