"""The parent process of steps, as they see it."""

from __future__ import annotations

import os
import signal

from hostler.definitions._late import late

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, List, Optional, Tuple

    from hostler.host.cancellation import Cancellation

    #: Receives the source files that were read, or looked for in vain.
    Report = Callable[[List[Tuple[str, Optional[str]]]], None]

_PR_SET_PDEATHSIG = 1


class StepParent:
    """The process that forks steps, and what a step does there at its begin and its end.

    Attributes:
        cancellation: what asks for the end; a step's process takes the signal in the same way.
        end_grace: the seconds that a step's process gets to end in after its function has; 0 for no
            limit.
    """

    def __init__(self, cancellation: Cancellation, end_grace: float = 0.0) -> None:
        self.cancellation = cancellation
        self.end_grace = end_grace
        self._prctl: Callable[..., int] | None = None

    def may_fork(self) -> bool:
        """Returns whether steps may be forks of this process; tells why where they may not."""
        return True

    def prepare(self) -> None:
        """Loads what every step needs, once for all of them."""
        late("pickle")
        if self._prctl is None:
            self._prctl = _load_prctl()

    def enter_step(self, report: Report) -> None:
        """Lets go of what belongs to the run; called in the step's process."""

    def leave_step(self) -> None:
        """Is told that the step's function has ended; called in the step's process."""

    def report_touched(self, pairs: list[tuple[str, str | None]]) -> None:
        """Is told of source files that a step has read or looked for in vain."""

    def die_with(self, parent: int) -> None:
        """Has the kernel kill this process, a step's, when the run's process ends."""
        if self._prctl is not None:
            self._prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)


def _load_prctl() -> Callable[..., int] | None:
    """Returns prctl(2); None where the interpreter was built without ctypes."""
    try:
        found: Callable[..., int] = late("ctypes").CDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return None
    return found
