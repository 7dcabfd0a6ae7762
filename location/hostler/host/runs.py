"""Executing one pipeline run: what a run process does."""

from __future__ import annotations

import signal
import time

from hostler.host import errors, execution, finder, wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Callable

    from hostler.definitions import Partition, RepositoryDefinition
    from hostler.host.process import Process


class Cancellation:
    """SIGINT asks a run to end: KeyboardInterrupt in the user's code, and nowhere else."""

    def __init__(self) -> None:
        self.asked = False
        self._interruptible = False
        signal.signal(signal.SIGINT, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True
        if self._interruptible:
            raise KeyboardInterrupt

    def __enter__(self) -> None:
        self.admit()

    def __exit__(self, *_exception: object) -> None:
        self.hold()

    def admit(self) -> None:
        """From here on the signal interrupts; at once if it has come already."""
        self._interruptible = True
        if self.asked:
            raise KeyboardInterrupt

    def hold(self) -> None:
        """From here on the signal is only noted: a frame must not be cut in two."""
        self._interruptible = False


def run(process: Process, request: wire.Frame) -> None:
    """Carries out a RUN order: {"run", "repository", "pipeline", "config", "tags", "partition"}.

    The partition is {"set": its set, "name"}; null or left out for none.

    Streams the events as {"time": seconds since the epoch, "step": name or null, "event": field of
    hostler.v1.RunEvent, "data": its JSON}. The answer: {"failure": RunFailure or null}.
    """
    from hostler.host import process as processes

    cancellation = Cancellation()
    order = request.json()

    def emit(event: str, step: str | None, data: dict[str, Any]) -> None:
        item = {"time": time.time(), "step": step, "event": event, "data": data}
        frame = wire.Frame(wire.Kind.ITEM, request.id, 0, wire.dump(item))
        cancellation.hold()
        process.connection.send(frame)
        cancellation.admit()

    failure: dict[str, Any] | None = None
    try:
        with cancellation:
            failure = _execute(process, order, emit)
    except KeyboardInterrupt:
        status = wire.Status.CANCELED
    except BaseException as error:  # noqa: BLE001 (the user's; it is answered)
        status = wire.Status.OK
        message = errors.describe_failure(error)["message"]
        failure = {"message": message, "exception": errors.exception_info(error)}
    else:
        status = wire.Status.OK
    finder.flush()
    processes.flush_output()
    process.connection.respond(request, status, wire.dump({"failure": failure}))


def _execute(process: Process, order: dict[str, Any], emit: Any) -> dict[str, Any] | None:
    repository = process.repositories[order["repository"]]
    pipeline = repository.get_pipeline(order["pipeline"])
    named = order.get("partition")
    partition = _partition(repository, named) if named else None
    result = execution.execute(
        pipeline, order["config"], order["run"], emit, order["tags"], partition
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
