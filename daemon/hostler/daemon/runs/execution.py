"""One run in its process, from the process's start to its end."""

import asyncio
import signal
import time
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format

from hostler.daemon.base.settings import Settings
from hostler.daemon.base.tasks import Tasks
from hostler.daemon.base.text import load_json, utf8_safe, utf8_safe_json
from hostler.daemon.generations.generation import Generation
from hostler.daemon.launching.launcher import LOST_WIRE
from hostler.daemon.locations.location import Location
from hostler.daemon.locations.replicas import NoProcessError
from hostler.daemon.logs.last_lines import LastLines
from hostler.daemon.processes.channel import CanceledError, ChannelClosedError, RemoteError
from hostler.daemon.processes.factory import ProcessFactory
from hostler.daemon.processes.host_process import DEATH_SECONDS, HostProcess, Listener, Stream
from hostler.daemon.runs.stall import StallWatch
from hostler.daemon.runs.store.live_run import EventProducer
from hostler.daemon.runs.store.record import (
    Run,
    RunEvent,
    make_event,
    partition_of,
    pipeline_parts,
    printed_lines,
    run_id,
)
from hostler.daemon.runs.store.run_store import RunStore
from hostler.daemon.runs.time_limit import TimeLimit
from hostler.host.wire import Method, dump
from hostler.v1 import run_pb2

_STREAMS = {
    "stdout": run_pb2.PrintedLine.Stream.STDOUT,
    "stderr": run_pb2.PrintedLine.Stream.STDERR,
}


#: Bytes of a run config that the loop itself makes into what the location reads: a millisecond.
CONFIG_ON_LOOP = 10_000

_KILL_REMARK = "; it did not end by itself and was killed"


@dataclass(frozen=True, slots=True)
class RunContext:
    """What all executions share."""

    store: RunStore
    factory: ProcessFactory
    settings: Settings
    tasks: Tasks


class Execution:
    """An active run.

    Attributes:
        requested_end: the last event that a cancel, a timeout or the daemon's end has chosen; None
            while none of them asked the run to end.
    """

    def __init__(
        self, context: RunContext, run: Run, location: Location, generation: Generation
    ) -> None:
        self.run = run
        self.location = location
        self.requested_end: RunEvent | None = None
        self._id = run_id(run)
        self._context = context
        self._generation = generation
        self._host: HostProcess | None = None
        self._is_paused = False
        #: Whether its steps have ended, and its process has not.
        self._is_ending = False
        self._end_timer: asyncio.TimerHandle | None = None
        self._limit: TimeLimit | None = None
        self._stall_watch: StallWatch | None = None
        self._obtaining_task: asyncio.Task[object] | None = None
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._last_lines = LastLines(context.settings.failure_lines)

    @property
    def pid(self) -> int:
        """Returns the pid of the run's process; 0 where there is none yet."""
        return self._host.pid if self._host else 0

    def stop(self, end: RunEvent) -> None:
        """Interrupts the run, terminates it after half of the stop grace, then kills it.

        Args:
            end: the run's last event; a later call does not replace it.
        """
        if self.requested_end is not None:
            return
        self.requested_end = end
        if self._host is not None:
            self._context.tasks.start(self._escalate(self._host), f"stop of run {self._id}")
        elif self._obtaining_task is not None:
            self._obtaining_task.cancel()

    def kill(self, end: RunEvent) -> None:
        """Kills the run at once; `end` is its last event, as in `stop`."""
        self.stop(end)
        if self.requested_end is not end:  # an earlier call has chosen the end
            self._add_kill_to_reason()
        if self._host is not None:
            work = self._context.factory.kill(self._host)
            self._context.tasks.start(work, f"end of run {self._id}")

    async def ended(self) -> None:
        """Returns when the run's process has ended and the store has its last event."""
        await asyncio.wait([self._ended])

    async def execute(self) -> RunEvent:
        """Has the run carried out; returns its last event, which the store has by then as well."""
        producer = EventProducer(self._pause, self._resume, self._fail_unrecorded)
        self._context.store.register_producer(self._id, producer)
        failure = run_pb2.RunFailure(message="a fault of hostler's own; its log has the traceback")
        last = make_event("run_failed", run_pb2.RunFailed(failure=failure))
        try:
            last = await self._outcome()
            last.time.FromNanoseconds(time.time_ns())  # of the end, not of the decision
        except asyncio.CancelledError:
            last = make_event(
                "run_interrupted", run_pb2.RunInterrupted(reason="the daemon stopped")
            )
            raise
        finally:
            self._context.store.append(self._id, last)
            self._ended.set_result(None)
        return last

    async def _outcome(self) -> RunEvent:
        try:
            failure = await self._run_to_end()
        except CanceledError:
            reason = "its process was interrupted"
            return self.requested_end or make_event(
                "run_canceled", run_pb2.RunCanceled(reason=reason)
            )
        except NoProcessError as error:
            failure = run_pb2.RunFailure(message=utf8_safe(str(error)))
        except RemoteError as error:
            failure = _failure_of(error)
        if self.requested_end is not None:
            return self.requested_end
        if failure is not None:
            return make_event("run_failed", run_pb2.RunFailed(failure=failure))
        return make_event("run_succeeded")

    async def _run_to_end(self) -> run_pb2.RunFailure | None:
        """Returns why the run failed, None where it succeeded."""
        store, location = self._context.store, self.location

        def on_lines(stream: Stream, texts: list[str], _pid: int) -> None:
            self._log_lines(stream, texts)
            line = run_pb2.PrintedLine(stream=_STREAMS[stream], text=texts[0], more=texts[1:])
            store.append(self._id, make_event("printed_line", line))

        listener = Listener(on_lines, location.processes.on_late_import)
        host = self._host = await self._obtain_process(listener)
        if self._is_paused:
            host.pause()
        self._limit = self._arm_timeout()
        host.on_ending = self._arm_end_grace
        self._watch_for_stall(host)
        try:
            number = self._generation.number
            started = run_pb2.RunStarted(pid=host.pid, generation=number)
            store.append(self._id, make_event("run_started", started))
            return await self._request_run(host)
        finally:
            host.on_ending = None
            self._end_stall_watch()
            self._limit.end()
            if self._end_timer is not None:
                self._end_timer.cancel()
            host.drain_output()
            work = self._context.factory.kill(host)
            self._context.tasks.start(work, f"end of run {self._id}")

    async def _obtain_process(self, listener: Listener) -> HostProcess:
        self._require_not_stopped()
        self._obtaining_task = asyncio.current_task()
        try:
            owner = f"runs/{self._id}"
            generation = self._generation
            is_newest = generation is self.location.generation
            host = await self.location.replicas.obtain(
                generation, "run", owner, listener, is_newest=is_newest
            )
        except asyncio.CancelledError:
            if self.requested_end is None:
                raise
            assert self._obtaining_task is not None
            self._obtaining_task.uncancel()  # `stop` has cancelled it
            raise CanceledError from None
        finally:
            self._obtaining_task = None
        return host

    def _require_not_stopped(self) -> None:
        """Raises CanceledError for a run that was stopped before it began."""
        if self.requested_end is not None:
            raise CanceledError

    def _arm_timeout(self) -> TimeLimit:
        seconds = self.run.timeout.ToNanoseconds() / 1e9
        if self.run.debugging.debugpy_port:  # nobody tells when the editor holds it
            seconds = 0.0
        message = f"the run took longer than its timeout of {seconds:g} s"
        failure = run_pb2.RunFailure(message=message)

        def overdue() -> None:
            failure.output.extend(self._last_lines)
            self.stop(make_event("run_failed", run_pb2.RunFailed(failure=failure)))

        return TimeLimit(seconds, overdue)

    def _note_debugger(self, run_event: RunEvent) -> None:
        """Stops the run's time while a debugger holds it."""
        if self._limit is None:
            return
        if run_event.HasField("step_paused"):
            self._end_stall_watch()
            self._limit.hold()
        elif run_event.HasField("step_resumed"):
            self._limit.release()

    def _watch_for_stall(self, host: HostProcess) -> None:
        """Watches whether a fork comes to its first event; a spawned process inherits no lock."""
        settings, generation = self._context.settings, self._generation
        if not host.is_fork or generation.spawn_reason or not settings.run_stall:
            return

        def on_stall() -> None:
            seconds = f"{settings.run_stall:g} s"
            generation.spawn_reason = f"a forked run waited for a lock for {seconds}"
            text = (
                f"it waits for a lock for {seconds}; the next runs of this generation are spawned"
            )
            self.location.processes.remark(text, "run", host.pid)

        self._stall_watch = StallWatch(host.pid, settings.run_stall, on_stall)

    def _end_stall_watch(self) -> None:
        if self._stall_watch is not None:
            self._stall_watch.end()
            self._stall_watch = None

    def _arm_end_grace(self, waits_for: list[str]) -> None:
        """The run's steps have ended; its process does what the end of an interpreter does."""
        seconds = self._context.settings.run_end_grace
        self._is_ending = True
        if not seconds:
            return
        waits = f"; it waited for {', '.join(waits_for)}" if waits_for else ""
        failure = run_pb2.RunFailure(
            message=f"the run's process did not end within {seconds:g} s after its last step"
            f"{waits}; have threads and exit handlers end, or raise HOSTLER_RUN_END_GRACE"
        )

        def overdue() -> None:
            failure.output.extend(self._last_lines)
            self.kill(make_event("run_failed", run_pb2.RunFailed(failure=failure)))

        self._end_timer = asyncio.get_running_loop().call_later(seconds, overdue)

    async def _request_run(self, host: HostProcess) -> run_pb2.RunFailure | None:
        _, repository, pipeline = pipeline_parts(self.run)
        partition = partition_of(self.run)
        request = {
            "run": self._id,
            "owner": self._context.factory.mark_of(host),
            "repository": repository,
            "pipeline": pipeline,
            "config": await _config_of(self.run),
            "tags": dict(self.run.tags),
            "environ": dict(self.run.environment_vars),
            "solids": list(self.run.solids),
            "max_concurrency": self.run.max_concurrency,
            "end_grace": self._context.settings.run_end_grace,
            "partition": partition and dict(zip(("set", "name"), partition, strict=True)),
            "loaded_at": self._generation.load_time,
            "is_current": self.location.has_current(self._generation),
            "debugging": _debugging_of(self.run),
        }

        def on_item(body: bytes) -> None:
            host.catch_up()  # record what was printed before the event before the event
            run_event = _event_of(body)
            if run_event.HasField("printed_line"):  # by a step in a process of its own
                is_error = run_event.printed_line.stream == run_pb2.PrintedLine.STDERR
                self._log_lines("stderr" if is_error else "stdout", printed_lines(run_event))
            if self._stall_watch is not None:
                self._stall_watch.note_event()
            self._note_debugger(run_event)
            self._context.store.append(self._id, run_event)

        try:
            frame = await host.channel.request(Method.RUN, dump(request), on_item=on_item)
        except ChannelClosedError:
            await asyncio.wait([host.exit], timeout=DEATH_SECONDS)
            host.drain_output()
            how = host.exit.result().describe() if host.exit.done() else LOST_WIRE
            when = " after its last step" if self._is_ending else ""
            return run_pb2.RunFailure(
                message=f"the run's process died{when}: {how}", output=self._last_lines
            )
        body = load_json(frame.body)
        if body["failure"] is None:
            return None
        return json_format.ParseDict(body["failure"], run_pb2.RunFailure())

    def _log_lines(self, stream: Stream, texts: list[str]) -> None:
        """Adds printed lines to the location's log and to the lines that a failure shows."""
        self._last_lines.extend(texts)
        self.location.processes.on_lines(stream, texts, self.pid, "run")

    def _pause(self) -> None:
        self._is_paused = True
        if self._host is not None:
            self._host.pause()

    def _resume(self) -> None:
        self._is_paused = False
        if self._host is not None:
            self._host.resume()

    def _fail_unrecorded(self, reason: str) -> None:
        """Ends a run whose events cannot be written: nobody would see what it does."""
        failure = run_pb2.RunFailure(message=reason)
        self.kill(make_event("run_failed", run_pb2.RunFailed(failure=failure)))

    async def _escalate(self, host: HostProcess) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            if host.exit.done() or self._ended.done():
                return
            self._context.factory.launcher.signal(host.leader, number)
            either: list[asyncio.Future[Any]] = [self._ended, host.exit]
            # INT and TERM share the grace that TERM alone has elsewhere
            grace = self._context.settings.stop_grace / 2
            await asyncio.wait(either, timeout=grace, return_when=asyncio.FIRST_COMPLETED)
        if not self._ended.done():
            self._add_kill_to_reason()
            await self._context.factory.kill(host)

    def _add_kill_to_reason(self) -> None:
        """Adds to the requested end that the run did not end by itself."""
        kind = self.requested_end.WhichOneof("event") if self.requested_end is not None else None
        if self.requested_end is not None and kind in {"run_canceled", "run_interrupted"}:
            told = getattr(self.requested_end, kind)
            if not told.reason.endswith(_KILL_REMARK):
                told.reason += _KILL_REMARK


def _debugging_of(run: Run) -> dict[str, object] | None:
    if not run.HasField("debugging"):
        return None
    wanted = run.debugging
    return {
        "terminal": wanted.terminal_socket,
        "post_mortem": wanted.post_mortem,
        "debugpy_port": wanted.debugpy_port,
    }


async def _config_of(run: Run) -> dict[str, Any]:
    """Returns a run's config; a large one is made in a thread, since that takes a second."""
    if run.run_config.ByteSize() <= CONFIG_ON_LOOP:
        return json_format.MessageToDict(run.run_config)
    return await asyncio.to_thread(json_format.MessageToDict, run.run_config)


def _event_of(body: bytes) -> RunEvent:
    message = load_json(body)
    run_event = json_format.ParseDict({message["event"]: message["data"]}, RunEvent())
    if message["step"]:
        run_event.step = message["step"]
    run_event.time.FromNanoseconds(int(message["time"] * 1e9))
    return run_event


def _failure_of(error: RemoteError) -> run_pb2.RunFailure:
    """Describes a load in a new process that the user's code has failed."""
    failure = run_pb2.RunFailure(message=utf8_safe(str(error)))
    exception = error.body.get("exception")
    if isinstance(exception, dict):
        json_format.ParseDict(utf8_safe_json(exception), failure.exception)
    return failure
