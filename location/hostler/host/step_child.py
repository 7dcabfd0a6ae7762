"""The child process of a step: it calls the function and sends frames to its parent."""

from __future__ import annotations

import os
import signal

from hostler.definitions._observer import Observer
from hostler.definitions._pickled import pickle_value
from hostler.definitions._preview import preview
from hostler.host import breakpoints, debugger_link, ending, forks, generators, interpreter
from hostler.host.errors import exception_info
from hostler.host.step_frames import FrameWriter
from hostler.host.wire import cut_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable

    from hostler.definitions.graph import SolidNode
    from hostler.definitions.ports import OutputDefinition
    from hostler.host.cancellation import Cancellation
    from hostler.host.step_parent import StepParent


class StepChild:
    """One attempt of a step, seen from its own process.

    Args:
        node: the step.
        retry: 0 for its first attempt.
        parent: what the run's process has.
        is_read: whether another step takes an output.
        frames: the descriptor to write frames to.
        out: the one that becomes stdout.
        err: the one that becomes stderr.
    """

    def __init__(
        self,
        node: SolidNode,
        retry: int,
        parent: StepParent,
        is_read: Callable[[str], bool],
        frames: int,
        out: int,
        err: int,
    ) -> None:
        self._attempt = f"{node.name} {retry}"
        self._states = generators.states()
        self._parent = parent
        self._is_read = is_read
        self._frames = frames
        self._out = out
        self._err = err

    def execute(
        self,
        work: Callable[[Observer], BaseException | None],
        others: Iterable[int],
        parent_pid: int,
        on_term: Any,
    ) -> None:
        """Calls the function and tells how it went.

        Args:
            work: calls it.
            others: descriptors of the run's process that are none of this one's.
            parent_pid: the pid of the run's process.
            on_term: how SIGTERM was handled before there were steps.
        """
        os.setpgid(0, 0)
        self._parent.die_with(parent_pid)
        signal.signal(signal.SIGTERM, on_term or signal.SIG_DFL)
        for descriptor in others:
            os.close(descriptor)
        self._frames = interpreter.move_up(self._frames)
        for made, wanted in ((self._out, 1), (self._err, 2)):
            os.dup2(made, wanted)
            os.close(made)
        reporter = StepReporter(FrameWriter(self._frames), self._parent.cancellation, self._is_read)
        self._parent.enter_step(reporter.touched)
        debugger_link.set_tell(reporter.tell)
        found = generators.found()
        forks.part_from_parent({0, 1, 2, self._frames})
        generators.set_apart(self._attempt, found, self._states)
        del found
        exception, interrupted, own_pid = None, False, os.getpid()
        try:
            with self._parent.cancellation:
                exception = work(reporter)
        except KeyboardInterrupt as error:
            interrupted = True
            if os.getpid() != own_pid:
                interpreter.end_stray(error)
        if os.getpid() != own_pid:
            interpreter.end_stray(exception)
        if exception is not None:
            breakpoints.after_failure(exception)
        info = None if exception is None else exception_info(exception)
        exception = None  # its traceback holds the variables of the solid
        reporter.send({"kind": "ending", "waits_for": ending.waits_for()})
        interrupted |= ending.finish_within(self._parent.cancellation)
        self._parent.leave_step()
        reporter.send({"kind": "end", "exception": info, "interrupted": interrupted})


class StepReporter(Observer):
    """Tells the run's process what a step logs and produces."""

    def __init__(
        self, writer: FrameWriter, cancellation: Cancellation, is_read: Callable[[str], bool]
    ) -> None:
        self._pid = os.getpid()
        self._writer = writer
        self._cancellation = cancellation
        self._is_read = is_read

    def step_output(self, step: str, output: OutputDefinition, value: object) -> None:
        if os.getpid() != self._pid:  # a child that the solid has forked speaks for nobody
            return
        raw = b""
        if self._is_read(output.name):
            raw = pickle_value(f'the output "{output.name}" of solid "{step}"', value)
        self.send({"kind": "output", "output": output.name, "preview": preview(value)}, raw)

    def log_message(self, step: str, level: str, message: str) -> None:  # noqa: ARG002 (there is one)
        if os.getpid() != self._pid:
            interpreter.print_of_stray(level, message)
            return
        self.send({"kind": "log", "level": level, "message": cut_line(message)})

    def touched(self, pairs: list[tuple[str, str | None]]) -> None:
        if os.getpid() == self._pid:
            self.send({"kind": "touched", "pairs": pairs})

    def tell(self, event: str, data: dict[str, Any]) -> None:
        """Tells of a breakpoint."""
        if os.getpid() == self._pid:
            kind = "log" if event == "log_message" else "debugger"
            self.send({"kind": kind, "event": event, "data": data, **data})

    def send(self, value: dict[str, Any], raw: bytes = b"") -> None:
        """Sends a frame whole."""
        was_interruptible = self._cancellation.defer_interrupts()
        self._writer.write(value, raw)
        if was_interruptible:
            self._cancellation.allow_interrupts()
