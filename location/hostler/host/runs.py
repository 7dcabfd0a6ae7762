"""Runs: what a run's process does with its one order."""

from __future__ import annotations

import os

from hostler.definitions import _clock as clock
from hostler.host import (
    breakpoints,
    debugger_link,
    ending,
    errors,
    execution,
    finder,
    fitness,
    interpreter,
    wire,
)
from hostler.host.cancellation import Cancellation
from hostler.host.late_imports import LateImports, freeze
from hostler.host.step_parent import StepParent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Protocol, Sequence

    from hostler.definitions import Partition, RepositoryDefinition
    from hostler.host.connection import Connection
    from hostler.host.execution import Emit
    from hostler.host.step_parent import Report

    class RunProcess(Protocol):
        """The part of `hostler.host.process.Process` that a run uses."""

        @property
        def connection(self) -> Connection: ...
        @property
        def unfit_reasons(self) -> Sequence[str]: ...
        @property
        def repositories(self) -> dict[str, RepositoryDefinition]: ...

        is_finished: bool

        def set_owner(self, owner: str) -> None: ...
        def report_touched(self, pairs: list[tuple[str, str | None]]) -> None: ...


class RunStepParent(StepParent):
    """A run's process as the parent of steps: it has a wire, and reports what steps import."""

    def __init__(
        self,
        process: RunProcess,
        cancellation: Cancellation,
        emit: Emit,
        report: Report,
        end_grace: float,
    ) -> None:
        super().__init__(cancellation, end_grace)
        self._process = process
        self._report = report
        self._emit = emit
        self._has_warned = False

    def may_fork(self) -> bool:
        if not self._reasons:
            return True
        self._warn("so the steps execute in it, one after the other")
        return False

    def prepare(self) -> None:
        super().prepare()
        if self._reasons:
            self._warn("what is locked at that moment stays locked in the step")

    @property
    def _reasons(self) -> list[str]:
        """Returns what a step would inherit in vain; it drops handlers, sets generators apart."""
        return [one for one in self._process.unfit_reasons if fitness.may_lock(one)]

    def _warn(self, consequence: str) -> None:
        if self._has_warned:
            return
        self._has_warned = True
        message = (
            f"it is not safe to fork steps from this process ({', '.join(self._reasons)}): "
            f"{consequence}; start threads and open connections in solids, not at import"
        )
        self._emit("log_message", None, {"level": "WARNING", "message": message})

    def enter_step(self, report: Report) -> None:
        self._process.connection.close()
        finder.set_report(report)

    def leave_step(self) -> None:
        finder.flush()

    def report_touched(self, pairs: list[tuple[str, str | None]]) -> None:
        self._report(pairs)


def run(process: RunProcess, request: wire.Frame) -> None:
    """Carries out a RUN order: {"run", "owner", "repository", "pipeline", "config", "tags",
    "solids", "max_concurrency", "partition", "environ": variables to set, "end_grace": seconds, 0
    for none, "loaded_at": when the load began, in seconds since the epoch, "is_current": whether
    the code is that on disk, "debugging": null or {"terminal": the socket that lends one,
    "post_mortem", "debugpy_port"}}.

    The partition is {"set": its set, "name"}; null or left out for none. The owner is left out
    where the process has the owner's mark already.

    Streams the events as {"time": seconds since the epoch, "step": name or null, "event": field of
    hostler.v1.RunEvent, "data": its JSON}. The answer: {"failure": RunFailure or null}.
    """
    cancellation = Cancellation()
    cancellation.install()
    order = request.json()
    os.environ.update(order.get("environ", {}))
    if "owner" in order:  # the process was started before its run was known
        process.set_owner(order["owner"])

    def emit(event: str, step: str | None, data: dict[str, Any]) -> None:
        if event == "log_message":
            data = {**data, "message": wire.cut_line(data["message"])}
        item = {"time": clock.now(), "step": step, "event": event, "data": data}
        frame = wire.Frame(wire.Kind.ITEM, request.id, 0, wire.dump(item))
        was_interruptible = cancellation.defer_interrupts()
        process.connection.send(frame)
        if was_interruptible:
            cancellation.allow_interrupts()

    report = _late_reporter(process, order, emit)
    finder.set_report(report)
    failure: dict[str, Any] | None = None
    pid = os.getpid()
    try:
        with cancellation:
            grace = order.get("end_grace", 0.0)
            parent = RunStepParent(process, cancellation, emit, report, grace)
            failure = _execute(process, order, emit, parent)
    except KeyboardInterrupt as error:
        if os.getpid() != pid:
            interpreter.end_stray(error)
        status = wire.Status.CANCELED
    except BaseException as error:  # noqa: BLE001 (the user's; it is answered)
        status = wire.Status.OK
        message = errors.describe_failure(error)["message"]
        failure = {"message": message, "exception": errors.exception_info(error)}
    else:
        status = wire.Status.OK
    process.connection.send_event(wire.Event.ENDING, ending.waits_for())
    process.repositories.clear()
    if ending.finish_within(cancellation):
        status = wire.Status.CANCELED
    process.is_finished = True
    finder.flush()
    interpreter.flush_output()
    process.connection.respond(request, status, wire.dump({"failure": failure}))


def _late_reporter(process: RunProcess, order: dict[str, Any], emit: Emit) -> Report:
    """Has later imports be as the code was; returns what takes the files that they read."""
    loaded_at = order.get("loaded_at", clock.now())
    freeze(loaded_at, is_current=order.get("is_current", False))
    late_imports = LateImports(
        loaded_at,
        lambda level, text: emit("log_message", None, {"level": level, "message": text}),
    )

    def report(pairs: list[tuple[str, str | None]]) -> None:
        process.report_touched(pairs)
        late_imports.note(pairs)

    return report


def _execute(
    process: RunProcess, order: dict[str, Any], emit: Emit, parent: RunStepParent
) -> dict[str, Any] | None:
    wanted = order.get("debugging")
    debugger_link.set_tell(lambda event, data: emit(event, None, data))
    breakpoints.install(wanted)
    if wanted and wanted["debugpy_port"]:
        from hostler.host import debugging

        try:
            debugging.wait_for_editor(wanted["debugpy_port"])
        except debugging.DebuggingError as error:
            return {"message": str(error)}
    repository = process.repositories[order["repository"]]
    pipeline = repository.get_pipeline(order["pipeline"])
    named = order.get("partition")
    result = execution.execute(
        pipeline,
        order["config"],
        order["run"],
        emit,
        order["tags"],
        solids=order.get("solids", ()),
        max_concurrency=order.get("max_concurrency", 0),
        parent=parent,
        partition=_partition(repository, named) if named else None,
        is_in_editor=bool(wanted and wanted["debugpy_port"]),
    )
    exception = result.exception
    if exception is None:
        return None
    return {
        "message": f"step {result.failed_step} failed: {exception['type']}: {exception['message']}",
        "step": result.failed_step,
        "exception": exception,
    }


def _partition(repository: RepositoryDefinition, named: dict[str, str]) -> Callable[[], Partition]:
    """Finds the partition when a solid first asks for it, and once for all solids."""
    found: list[Partition] = []

    def find() -> Partition:
        if not found:
            found.append(repository.partition_sets.get(named["set"]).partition(named["name"]))
        return found[0]

    return find
