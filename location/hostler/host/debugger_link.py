"""What a run knows of its debugger: whom to tell, which terminal it may take."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict

    #: Receives an event of hostler.v1.RunEvent: its field and its JSON.
    Tell = Callable[[str, Dict[str, Any]], None]


class _Link:
    """What this process has.

    Attributes:
        tell: tells the daemon of an event.
        terminal: the socket that lends a terminal; "" where there is none.
        post_mortem: whether a debugger opens where a step has failed.
    """

    tell: Tell | None = None
    terminal = ""
    post_mortem = False


def set_tell(tell: Tell) -> None:
    """Has events told in this way from here on."""
    _Link.tell = tell


def tell(event: str, data: dict[str, Any]) -> None:
    """Tells the daemon of an event, where this process is one of a run."""
    if _Link.tell is not None:
        _Link.tell(event, data)


def offer_terminal(socket: str, *, post_mortem: bool) -> None:
    """Notes the socket that lends a terminal."""
    _Link.terminal = socket
    _Link.post_mortem = post_mortem


def terminal() -> str:
    """Returns the socket that lends a terminal; "" for none."""
    return _Link.terminal


def is_post_mortem() -> bool:
    """Returns whether a debugger opens where a step has failed."""
    return _Link.post_mortem


def place_of(frame: Any) -> str:
    """Returns where a frame is, for people."""
    code = frame.f_code
    return f"{code.co_filename}:{frame.f_lineno} in {code.co_name}"
