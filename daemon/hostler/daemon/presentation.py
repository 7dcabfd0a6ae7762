"""Locations and the workspace as the public contract tells them."""

from collections.abc import Iterable

import psutil

from hostler.daemon import environment
from hostler.daemon.location import Location
from hostler.daemon.text import encodable
from hostler.daemon.workspace import Problem
from hostler.v1 import definitions_pb2, workspace_pb2


def location_message(
    location: Location, watch_mode: str, run_pids: Iterable[int]
) -> workspace_pb2.Location:
    """A location as it is now.

    Args:
        watch_mode: "native", "polling" or "off".
        run_pids: the processes of its runs, whose memory counts as the location's.
    """
    spec = location.spec
    message = workspace_pb2.Location(
        name=encodable(f"locations/{spec.name}"),
        state=workspace_pb2.Location.State.Value(location.shown.value),
        executable=encodable(environment.executable(spec)),
        restarts=location.restarts,
        memory_bytes=memory_of([*location.pids, *run_pids]),
        last_changes=location.last_changes,
        watch_mode=workspace_pb2.Location.WatchMode.Value(watch_mode.upper()),
        source=definitions_pb2.SourcePosition(
            file=encodable(spec.source.file), line=spec.source.line
        ),
        target=workspace_pb2.Target(
            **{spec.target.kind: encodable(spec.target.value)},
            attribute=encodable(spec.target.attribute or ""),
            working_directory=encodable(spec.target.working_directory or ""),
        ),
    )
    _add_generation(message, location)
    process = location.process
    if process is not None and process.hosted is not None and not process.hosted.exit.done():
        message.pid = process.pid
        message.start_time.FromNanoseconds(int(process.hosted.started * 1e9))
        if process.hosted.has_greeted:
            message.python_version = process.hosted.hello.result()["version"]
    if location.error is not None:
        message.error.CopyFrom(location.error.message_of())
    if location.retry_time is not None and message.state == workspace_pb2.Location.BACKOFF:
        message.retry_time.FromNanoseconds(int(location.retry_time * 1e9))
    return message


def _add_generation(message: workspace_pb2.Location, location: Location) -> None:
    generation = location.generation
    if generation is None:
        return
    message.generation = generation.number
    message.serving = True
    message.python_version = generation.python_version
    message.digest = generation.digest
    message.load_duration.FromNanoseconds(int(generation.seconds * 1e9))
    message.ready_time.FromNanoseconds(int(generation.ready_time * 1e9))
    reasons = location.fork_reasons
    modes = workspace_pb2.Location.ForkMode
    message.fork_mode = modes.SPAWN if reasons else modes.FORK
    message.fork_reason = "; ".join(reasons)


def problem_message(problem: Problem) -> workspace_pb2.WorkspaceProblem:
    return workspace_pb2.WorkspaceProblem(
        file=encodable(problem.file),
        line=problem.line,
        column=problem.column,
        message=encodable(problem.message),
    )


def daemon_message(version: str, state_directory: str) -> workspace_pb2.DaemonInfo:
    """The daemon itself."""
    process = psutil.Process()
    message = workspace_pb2.DaemonInfo(
        version=version,
        pid=process.pid,
        state_directory=encodable(state_directory),
        memory_bytes=process.memory_info().rss,
    )
    message.start_time.FromNanoseconds(int(process.create_time() * 1e9))
    return message


def memory_of(pids: Iterable[int]) -> int:
    """Resident bytes of processes; one that has ended counts nothing."""
    total = 0
    for pid in pids:
        try:
            total += psutil.Process(pid).memory_info().rss
        except (psutil.Error, ValueError):
            continue
    return total
