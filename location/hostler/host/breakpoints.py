"""breakpoint() in a run: what is known without a debugger, so that a start stays short.

What opens one is in `debugging`.
"""

from __future__ import annotations

import os
import sys

from hostler.host import debugger_link as link

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NO_TERMINAL = (
    "passed over breakpoint() in %s: this run has no terminal; execute the pipeline on one with "
    "`hostler pipeline execute`, or attach an editor with its --debugpy"
)

#: The lines that were warned of.
_passed: set[tuple[str, int]] = set()


def install(order: dict[str, Any] | None) -> None:
    """Has breakpoint() do in a run what its launch asked for."""
    sys.breakpointhook = _on_breakpoint
    if order and order["terminal"]:
        from hostler.host import debugging

        link.offer_terminal(order["terminal"], post_mortem=order["post_mortem"])
        debugging.replace_pdb()


def after_failure(exception: BaseException) -> None:
    """Opens a debugger where a step has failed, if the launch asked for that."""
    if link.is_post_mortem() and exception.__traceback__ is not None:
        from hostler.host import debugging

        debugging.post_mortem(exception)


def _on_breakpoint(*args: Any, **kwargs: Any) -> Any:
    wanted = os.environ.get("PYTHONBREAKPOINT")
    frame = sys._getframe(1)
    if wanted == "0":
        return None
    if wanted:
        if link.terminal():
            from hostler.host import debugging

            debugging.keep_terminal(link.place_of(frame))
        return sys.__breakpointhook__(*args, **kwargs)  # noqa: T100 (the user has set it)
    if link.terminal():
        from hostler.host import debugging

        return debugging.set_trace(frame, *args, **kwargs)
    spot = (frame.f_code.co_filename, frame.f_lineno)
    if spot not in _passed:
        _passed.add(spot)
        message = _NO_TERMINAL % link.place_of(frame)
        link.tell("log_message", {"level": "WARNING", "message": message})
    return None
