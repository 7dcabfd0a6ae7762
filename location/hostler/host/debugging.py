"""Debuggers of a run: pdb on a terminal that a client lends, or an editor by debugpy."""

from __future__ import annotations

import array
import os
import pdb  # noqa: T100 (the debugger of a run that asks for one)
import signal
import socket
import sys
import threading
from contextlib import contextmanager

from hostler.host import debugger_link as link
from hostler.host import ending, interpreter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Iterator

#: The module's own class, of which ours is one.
_Pdb = pdb.Pdb


class DebuggingError(Exception):
    """A run cannot be debugged as its launch asks; the message says what to do."""


class _Terminal:
    """The terminal of whoever launched the run: this process has it while it is held."""

    def __init__(self) -> None:
        self._holds = 0
        self._own: list[int] = []
        self._loan: socket.socket | None = None
        self._on_interrupt: Any = None

    def take(self, place: str) -> None:
        """Waits for the terminal, and makes it stdin, stdout and stderr.

        Raises:
            OSError: nobody lends it any more.
        """
        self._holds += 1
        if self._holds > 1:
            return
        loan = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            loan.settimeout(None)
            loan.connect(link.terminal())
            _flush()
            link.tell("step_paused", {"place": f"a debugger at {place}", "takes_terminal": True})
            lent = _receive_descriptors(loan)
        except BaseException:
            self._holds -= 1
            loan.close()
            raise
        self._loan = loan
        self._own = [os.dup(one) for one in (0, 1, 2)]
        for own, theirs in zip((0, 1, 2), (lent[0], lent[1], lent[1])):
            os.dup2(theirs, own)
        for one in lent:
            os.close(one)
        if threading.current_thread() is threading.main_thread():
            # Ctrl-C is pdb's here; elsewhere it cancels the run
            self._on_interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)

    def give_back(self) -> None:
        self._holds -= 1
        if self._holds:
            return
        if self._on_interrupt is not None:
            signal.signal(signal.SIGINT, self._on_interrupt)
            self._on_interrupt = None
        _flush()
        for number, own in enumerate(self._own):
            os.dup2(own, number)
            os.close(own)
        self._own = []
        if self._loan is not None:
            self._loan.close()
        link.tell("step_resumed", {})

    @contextmanager
    def held(self, place: str) -> Iterator[None]:
        self.take(place)
        try:
            yield
        finally:
            self.give_back()


_terminal = _Terminal()


class TerminalPdb(_Pdb):
    """pdb that has the terminal while it asks for commands."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["nosigint"] = True
        super().__init__(*args, **kwargs)

    # the second parameter has another name from version to version
    def interaction(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, frame: FrameType | None, *rest: Any
    ) -> None:
        with _terminal.held(link.place_of(frame or _last_frame(rest[0]))):
            super().interaction(frame, *rest)


def replace_pdb() -> None:
    """Has pdb.set_trace() and all else that makes a Pdb make ours."""
    pdb.Pdb = TerminalPdb  # type: ignore[misc]


def set_trace(frame: FrameType, *, header: str | None = None) -> None:
    """Opens pdb in a frame."""
    opened = TerminalPdb()
    if header is not None:
        opened.message(header)
    opened.set_trace(frame)


def post_mortem(exception: BaseException) -> None:
    """Opens pdb where an exception was raised."""
    if type(exception).__name__ == "BdbQuit":  # pdb was left, and is not wanted again
        return
    opened = TerminalPdb()
    opened.reset()
    with _terminal.held(link.place_of(_last_frame(exception))):
        opened.message(f"{type(exception).__name__}: {exception}")
        opened.interaction(None, exception.__traceback__)


def keep_terminal(place: str) -> None:
    """Takes the terminal for the rest of the run: no one knows when another debugger is done."""
    if not _terminal._holds:
        _terminal.take(place)


def wait_for_editor(port: int) -> None:
    """Waits until an editor has attached itself by debugpy.

    Raises:
        DebuggingError: debugpy is not there, or the port is taken.
    """
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    try:
        import debugpy  # type: ignore[import-not-found]  # noqa: T100 (as above)
    except ImportError:
        raise DebuggingError(
            "cannot wait for an editor: debugpy is not installed in this location's environment; "
            f"install it there: {sys.executable} -m pip install debugpy"
        ) from None
    try:
        debugpy.listen(("127.0.0.1", port))  # noqa: T100
    except Exception as error:
        raise DebuggingError(
            f"cannot wait for an editor on 127.0.0.1:{port}: {error}; name another port with "
            "--debugpy PORT"
        ) from error
    place = f"waits for an editor on 127.0.0.1:{port} (debugpy)"
    link.tell("step_paused", {"place": place, "takes_terminal": False})
    debugpy.wait_for_client()  # noqa: T100
    link.tell("step_resumed", {})


def _receive_descriptors(loan: socket.socket) -> list[int]:
    found = array.array("i")
    _, ancillary, _, _ = loan.recvmsg(64, socket.CMSG_SPACE(2 * found.itemsize))
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.frombytes(data[: len(data) - len(data) % found.itemsize])
    if len(found) != 2:
        raise ConnectionError("cannot open a debugger: the terminal is not lent any more")
    return list(found)


def _flush() -> None:
    interpreter.flush_output()
    ending.flush_c_streams()


def _last_frame(traceback: Any) -> Any:
    traceback = getattr(traceback, "__traceback__", traceback)
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback.tb_frame
