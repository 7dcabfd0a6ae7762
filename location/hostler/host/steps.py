"""Steps in processes of their own: each is forked for one attempt, and killed when overdue.

A step is a child of the run's process, in the same session and in a process group of its own. It
dies with the run's process. Pipes carry what it logs, prints and produces, so that each line has
its step's name. Values are pickled, and the run's process never unpickles them.
"""

from __future__ import annotations

import os
import signal

from hostler.definitions import _clock as clock
from hostler.definitions._pickled import PickledValue
from hostler.definitions.errors import StepDiedError, StepTimeoutError
from hostler.host import children, ending, forks, interpreter
from hostler.host.errors import RemoteStepError
from hostler.host.step_child import StepChild
from hostler.host.step_frames import FramePipe, LinePipe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Callable, Dict, Iterable, List, Optional

    from hostler.definitions._engine import StepObserver
    from hostler.definitions._observer import Observer
    from hostler.definitions.graph import SolidNode
    from hostler.host.step_parent import StepParent

    #: Calls the solid's function in the step's process, with an observer of its log and outputs.
    Work = Callable[[Observer], Optional[BaseException]]
    OnEnd = Callable[[Optional[BaseException]], None]
    #: The step, "STDOUT" or "STDERR", the texts: at least one.
    OnLines = Callable[[str, str, List[str]], None]
    #: The step, the event of hostler.v1.RunEvent, its JSON.
    OnDebugger = Callable[[str, str, Dict[str, Any]], None]

#: How often the end of a step is looked for where the interpreter has no pidfd (3.8): short beside
#: the start of a step, long beside what a look costs.
POLL_SECONDS = 0.01

#: Readings of what a step left in its pipe: there is always an end, for its writer is dead.
_ALL = 1 << 40


def _ignore(*_: object) -> None:
    pass


class _Attempt:
    """One attempt of a step that is under way."""

    __slots__ = (
        "deadline",
        "end_frame",
        "ending",
        "frames",
        "is_overdue",
        "left",
        "lines",
        "node",
        "observer",
        "on_end",
        "pid",
        "pidfd",
    )

    def __init__(self, node: SolidNode, observer: Observer, on_end: OnEnd) -> None:
        self.node = node
        self.observer = observer
        self.on_end = on_end
        self.pid = 0
        self.pidfd: int | None = None
        self.frames: FramePipe
        #: By the name of the stream.
        self.lines: dict[str, LinePipe] = {}
        timeout = node.definition.timeout
        self.deadline = None if timeout is None else clock.monotonic() + timeout
        self.is_overdue = False
        #: Seconds until the deadline, while a debugger holds the step.
        self.left: float | None = None
        #: Why it was killed, if it ended in vain after its function: "" before that.
        self.ending = ""
        #: The last frame: how its function ended.
        self.end_frame: dict[str, Any] | None = None


class StepProcesses:
    """The steps of one run that are under way. A context, and usable again after its end.

    Within it, SIGINT interrupts `pump` alone. A step that is under way at its end is killed.

    Args:
        parent: what the run's process has that a step must let go of.
        on_lines: is told what steps print.
        on_debugger: is told that a debugger holds a step, and that it goes on.
    """

    def __init__(
        self, parent: StepParent, on_lines: OnLines, on_debugger: OnDebugger = _ignore
    ) -> None:
        self._parent = parent
        self._on_lines = on_lines
        self._on_debugger = on_debugger
        self._poll = forks.new_poll()
        self._running: dict[int, _Attempt] = {}
        self._by_descriptor: dict[int, _Attempt] = {}
        #: Output pipes of ended steps: a process that such a step started may print into them.
        self._open_lines: dict[int, tuple[str, str, LinePipe]] = {}
        self._is_stopping = False
        self._was_interrupted = False
        self._was_interruptible = False
        self._on_term_before: Any = None

    def __enter__(self) -> None:
        self._is_stopping = False
        self._parent.prepare()
        self._was_interruptible = self._parent.cancellation.defer_interrupts()
        self._on_term_before = signal.signal(signal.SIGTERM, self._on_term)

    def __exit__(self, *_exception: object) -> None:
        for attempt in list(
            self._running.values()
        ):  # a fault of ours, which is not to meet another
            self._abandon(attempt)
        for descriptor in list(self._open_lines):
            self._read_open_lines(descriptor)
        signal.signal(signal.SIGTERM, self._on_term_before or signal.SIG_DFL)
        if self._was_interruptible:
            self._parent.cancellation.allow_interrupts()

    @property
    def count(self) -> int:
        """Returns how many attempts are under way."""
        return len(self._running)

    def start(
        self,
        node: SolidNode,
        work: Work,
        observer: StepObserver,
        on_end: OnEnd,
        retry: int = 0,
    ) -> None:
        """Starts an attempt of a step.

        Args:
            node: the step.
            work: is called in the new process.
            observer: is told, here, what the step logs and produces; the values are `PickledValue`.
            on_end: called once, with what the attempt failed with; not after `stop`.
            retry: 0 for the first attempt.
        """
        interpreter.reopen_standard()
        attempt = _Attempt(node, observer, on_end)
        ends: list[int] = []
        try:
            for _ in range(3):
                ends += os.pipe()
            frames, frames_end, out, out_end, err, err_end = ends
            child = StepChild(
                node, retry, self._parent, observer.is_read, frames_end, out_end, err_end
            )
            interpreter.flush_output()  # or the step would print it again
            ending.flush_c_streams()
            others = [*self._by_descriptor, *self._open_lines, frames, out, err]
            parent_pid = os.getpid()
            before = self._on_term_before
            attempt.pid = forks.fork_child(lambda: child.execute(work, others, parent_pid, before))
        except OSError as error:
            for descriptor in ends:
                os.close(descriptor)
            failure = StepDiedError(f'cannot start a process for solid "{node.name}": {error}')
            on_end(failure)
            return
        for descriptor in (frames_end, out_end, err_end):
            os.close(descriptor)
        attempt.frames = FramePipe(frames)
        attempt.lines = {"STDOUT": LinePipe(out), "STDERR": LinePipe(err)}
        self._register(attempt)

    def pump(self, until: float | None = None) -> None:
        """Waits until a step has something to tell, or has ended, and handles it.

        Args:
            until: a moment of the monotonic clock at which to return at the latest.

        Raises:
            KeyboardInterrupt: the run is cancelled: this process was interrupted, or a step was.
        """
        self._poll_once(until)
        if self._was_interrupted:
            raise KeyboardInterrupt

    def stop(self) -> None:
        """Passes SIGINT on and waits for the end of all; the daemon sees to those that stay."""
        self._is_stopping = True
        for attempt in self._running.values():
            children.signal_group(attempt.pid, signal.SIGINT)
        while self._running:
            self._poll_once(None)

    def _register(self, attempt: _Attempt) -> None:
        try:
            os.setpgid(attempt.pid, attempt.pid)  # the child does so, too; the first of both counts
        except OSError:  # it has ended
            pass
        attempt.pidfd = children.pidfd(attempt.pid)
        descriptors = [pipe.descriptor for pipe in (attempt.frames, *attempt.lines.values())]
        if attempt.pidfd is not None:
            descriptors.append(attempt.pidfd)
        for descriptor in descriptors:
            self._by_descriptor[descriptor] = attempt
            self._poll.register(descriptor, forks.READABLE)
        self._running[attempt.pid] = attempt

    def _poll_once(self, until: float | None) -> None:
        timeout = self._timeout_ms(until)
        if self._is_stopping:
            # SIGTERM may have come together with the SIGINT whose handler has raised; CPython then
            # calls the handler of the second one only when it is next asked, as this asks it
            signal.pthread_sigmask(signal.SIG_BLOCK, ())
            ready = self._poll.poll(timeout)
        else:
            with self._parent.cancellation:
                ready = self._poll.poll(timeout)
        for descriptor, _ in ready:
            if descriptor in self._open_lines:
                self._read_open_lines(descriptor)
        for attempt in dict.fromkeys(
            self._by_descriptor[one] for one, _ in ready if one in self._by_descriptor
        ):
            self._read(attempt)
        for attempt in list(self._running.values()):
            self._check(attempt)

    def _timeout_ms(self, until: float | None) -> float | None:
        now = clock.monotonic()
        moments = [] if until is None else [until]
        for attempt in self._running.values():
            if attempt.deadline is not None and not attempt.is_overdue:
                moments.append(attempt.deadline)
            if attempt.pidfd is None:
                moments.append(now + POLL_SECONDS)
        return max(0.0, min(moments) - now) * 1000 if moments else None

    def _read(self, attempt: _Attempt, most: int = 1) -> None:
        """Reads the frames that have arrived, then the lines, and only then handles the frames.

        So what was printed before an event comes before it; some later lines may do so, too.
        """
        step = attempt.node.name
        frames = list(attempt.frames.read(most))
        for stream, pipe in attempt.lines.items():
            self._tell_lines(step, stream, pipe.read())
        for value, raw in frames:
            self._handle(attempt, value, raw)
        for one in (attempt.frames, *attempt.lines.values()):
            if one.is_ended and one.descriptor in self._by_descriptor:
                self._unregister(one.descriptor)

    def _handle(self, attempt: _Attempt, value: dict[str, Any], raw: bytes) -> None:
        node, observer = attempt.node, attempt.observer
        kind = value["kind"]
        if kind == "log":
            observer.log_message(node.name, value["level"], value["message"])
        elif kind == "output":
            (declared,) = [one for one in node.definition.outputs if one.name == value["output"]]
            what = f'the output "{declared.name}" of solid "{node.name}"'
            observer.step_output(node.name, declared, PickledValue(what, raw, value["preview"]))
        elif kind == "touched":
            self._parent.report_touched([(path, digest) for path, digest in value["pairs"]])
        elif kind == "debugger":
            self._note_debugger(attempt, value["event"], value["data"])
        elif kind == "ending":
            self._limit_end(attempt, value["waits_for"])
        else:
            attempt.end_frame = value

    def _note_debugger(self, attempt: _Attempt, event: str, data: dict[str, Any]) -> None:
        """Stops the time of an attempt while a debugger holds it."""
        if event == "step_paused" and attempt.deadline is not None:
            attempt.left = attempt.deadline - clock.monotonic()
            attempt.deadline = None
        elif event == "step_resumed" and attempt.left is not None:
            attempt.deadline, attempt.left = clock.monotonic() + attempt.left, None
        self._on_debugger(attempt.node.name, event, data)

    def _limit_end(self, attempt: _Attempt, waits_for: list[str]) -> None:
        """Limits what an attempt does after its function has ended."""
        grace = self._parent.end_grace
        end = clock.monotonic() + grace
        if not grace or (attempt.deadline is not None and attempt.deadline < end):
            return
        attempt.deadline = end
        waits = f"; it waited for {', '.join(waits_for)}" if waits_for else ""
        attempt.ending = (
            f"its process did not end within {grace:g} s after its function had{waits}; have "
            "threads and exit handlers end, or raise HOSTLER_RUN_END_GRACE"
        )

    def _check(self, attempt: _Attempt) -> None:
        """Kills an attempt that is overdue, and reaps one that has ended."""
        deadline = attempt.deadline
        if deadline is not None and not attempt.is_overdue and clock.monotonic() >= deadline:
            attempt.is_overdue = True
            children.kill_group(attempt.pid)
        if not children.has_ended(attempt.pid):
            return
        if attempt.is_overdue or self._is_stopping:
            children.kill_group(attempt.pid)  # before its pid, also the group's id, can be reused
        status = children.reap(attempt.pid)
        del self._running[attempt.pid]
        self._read(attempt, _ALL)
        self._close(attempt)
        end = attempt.end_frame
        if end is not None and end["interrupted"]:
            self._was_interrupted = True
        elif end is not None:
            attempt.on_end(None if end["exception"] is None else RemoteStepError(end["exception"]))
        elif not self._is_stopping:
            attempt.on_end(_failure(attempt, status))

    def _abandon(self, attempt: _Attempt) -> None:
        """Kills an attempt and takes nothing more from it."""
        children.kill_group(attempt.pid)
        children.reap(attempt.pid)
        del self._running[attempt.pid]
        for descriptor in [one for one, its in self._by_descriptor.items() if its is attempt]:
            self._unregister(descriptor)
        for pipe in (attempt.frames, *attempt.lines.values()):
            pipe.close()
        if attempt.pidfd is not None:
            os.close(attempt.pidfd)

    def _close(self, attempt: _Attempt) -> None:
        for descriptor in (attempt.frames.descriptor, attempt.pidfd):
            if descriptor in self._by_descriptor:
                self._unregister(descriptor)
        attempt.frames.close()
        if attempt.pidfd is not None:
            os.close(attempt.pidfd)
        for stream, pipe in attempt.lines.items():
            if self._by_descriptor.pop(pipe.descriptor, None) is not None:
                self._open_lines[pipe.descriptor] = (attempt.node.name, stream, pipe)
                continue
            self._tell_lines(attempt.node.name, stream, pipe.rest())
            pipe.close()

    def _tell_lines(self, step: str, stream: str, found: Iterable[str]) -> None:
        texts = list(found)
        if texts:
            self._on_lines(step, stream, texts)

    def _read_open_lines(self, descriptor: int) -> None:
        step, stream, pipe = self._open_lines[descriptor]
        self._tell_lines(step, stream, pipe.read())
        if pipe.is_ended:
            self._tell_lines(step, stream, pipe.rest())
            self._poll.unregister(descriptor)
            del self._open_lines[descriptor]
            pipe.close()

    def _unregister(self, descriptor: int) -> None:
        del self._by_descriptor[descriptor]
        self._poll.unregister(descriptor)

    def _on_term(self, _number: int, _frame: FrameType | None) -> None:
        """Kills the steps with all that they have started, then lets SIGTERM end this process."""
        for attempt in self._running.values():
            children.kill_group(attempt.pid)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)


def _failure(attempt: _Attempt, status: int | None) -> Exception:
    """Returns the failure of an attempt whose process ended before its function did."""
    name = attempt.node.name
    if attempt.is_overdue and attempt.ending:
        return StepDiedError(f'cannot end solid "{name}": {attempt.ending}')
    if attempt.is_overdue:
        timeout = attempt.node.definition.timeout
        return StepTimeoutError(
            f'cannot end solid "{name}" within its timeout of {timeout:g} s; its process was killed'
        )
    return StepDiedError(f'cannot end solid "{name}": its process {children.describe(status)}')
