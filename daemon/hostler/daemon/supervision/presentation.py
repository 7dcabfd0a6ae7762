"""Makes the contract's messages of locations and of the daemon."""

from collections.abc import Iterable
from weakref import WeakKeyDictionary

import psutil

from hostler.daemon.base.text import utf8_safe
from hostler.daemon.locations.location import Location
from hostler.daemon.processes import command
from hostler.daemon.state.fork_policy import Source
from hostler.daemon.state.location import Load
from hostler.daemon.supervision.memory import ProcessMemory
from hostler.daemon.templates.template import Template
from hostler.daemon.workspace.text.models import LocationSpec
from hostler.daemon.workspace.text.problems import Problem
from hostler.v1 import definitions_pb2, workspace_pb2

_FORK_MODES = {
    Source.PARENT: workspace_pb2.Location.FORK,
    Source.TEMPLATE: workspace_pb2.Location.TEMPLATE,
    Source.SPAWN: workspace_pb2.Location.SPAWN,
}

_DECLARED: WeakKeyDictionary[Location, tuple[LocationSpec, workspace_pb2.Location]] = (
    WeakKeyDictionary()
)

#: Made once: psutil reads when it was started.
_SELF = psutil.Process()


def location_message(
    location: Location,
    watch_mode: str,
    run_pids: Iterable[int],
    template: Template | None,
    memory: ProcessMemory,
    *,
    with_private_memory: bool,
) -> workspace_pb2.Location:
    """Returns a location as it is now.

    Args:
        memory: has the figures of processes.
        with_private_memory: whether to give `private_bytes`, as far as they were measured.
        watch_mode: "native", "polling" or "off".
        run_pids: the processes of its runs, whose memory counts as the location's.
        template: of its environment; None where there is none.
    """
    pids = [*location.pids, *run_pids]
    message = workspace_pb2.Location()
    message.CopyFrom(_declared(location))
    message.state = workspace_pb2.Location.State.Value(location.status.value)
    message.restarts = location.serving.losses
    message.standby_pid = location.replicas.standby_pid
    message.memory_bytes = memory.resident_bytes(pids)
    message.private_bytes = memory.private_bytes(pids) if with_private_memory else 0
    message.last_changes.CopyFrom(location.last_changes)
    message.watch_mode = workspace_pb2.Location.WatchMode.Value(watch_mode.upper())
    for pattern, files in (location.watched.counts or {}).items():
        message.watched_patterns.add(pattern=utf8_safe(pattern), files=files)
    _add_generation(message, location)
    if template is not None:
        message.template.CopyFrom(_template_message(template, memory))
    _add_process(message, location)
    if location.error is not None:
        message.error.CopyFrom(location.error.message_of())
    serving, load = location.serving, location.load
    retry_time = load.retry_time if load.state is Load.BACKOFF else serving.retry_time
    if retry_time is not None and message.state == workspace_pb2.Location.BACKOFF:
        message.retry_time.FromNanoseconds(int(retry_time * 1e9))
    return message


def _declared(location: Location) -> workspace_pb2.Location:
    """Returns what workspace.yaml says of a location: made once for each entry."""
    spec = location.spec
    kept = _DECLARED.get(location)
    if kept is not None and kept[0] is spec:
        return kept[1]
    target = workspace_pb2.Target(
        **{spec.target.kind: utf8_safe(spec.target.value)},
        attribute=utf8_safe(spec.target.attribute or ""),
        working_directory=utf8_safe(spec.target.working_directory or ""),
    )
    message = workspace_pb2.Location(
        name=utf8_safe(f"locations/{spec.name}"),
        executable=utf8_safe(command.executable(spec)),
        source=definitions_pb2.SourcePosition(
            file=utf8_safe(spec.source.file), line=spec.source.line
        ),
        target=target,
    )
    _DECLARED[location] = spec, message
    return message


def _add_process(message: workspace_pb2.Location, location: Location) -> None:
    """Adds the process that serves, or that is to serve."""
    serving, load = location.serving, location.load
    process = serving.current or serving.successor or load.candidate
    if process is not None and process.host is not None and not process.host.exit.done():
        message.pid = process.pid
        message.start_time.FromNanoseconds(int(process.host.started * 1e9))
        starts = workspace_pb2.Location.StartMode
        message.start_mode = starts.FORKED if process.fork_decision.is_fork else starts.SPAWNED
        message.start_reason = utf8_safe(process.fork_decision.reason)
        if process.host.has_said_hello:
            message.python_version = process.host.hello.result()["version"]


def _add_generation(message: workspace_pb2.Location, location: Location) -> None:
    generation = location.answering
    if generation is None:
        return
    message.from_before_restart = generation is location.remembered
    message.generation = generation.number
    message.serving = True
    message.python_version = generation.python_version
    message.digest = generation.digest
    message.warnings.extend(map(utf8_safe, generation.warnings))
    message.load_duration.FromNanoseconds(int(generation.seconds * 1e9))
    message.ready_time.FromNanoseconds(int(generation.ready_time * 1e9))
    if message.from_before_restart:
        return  # there is no code that workers and runs could be made of
    for name, seconds in generation.parts.items():
        getattr(message.load_parts, name).FromNanoseconds(int(seconds * 1e9))
    decision = location.fork_decision
    message.fork_mode = _FORK_MODES[decision.source]
    message.fork_reason = utf8_safe(decision.reason)


def _template_message(template: Template, memory: ProcessMemory) -> workspace_pb2.Template:
    return workspace_pb2.Template(
        pid=template.processes.pid,
        spare_pid=template.processes.spare_pid,
        reason=utf8_safe(template.reason),
        excluded={utf8_safe(name): utf8_safe(why) for name, why in template.excluded.items()},
        forks=template.processes.forks,
        memory_bytes=memory.resident_bytes(template.processes.pids[:1]),
    )


def problem_message(problem: Problem) -> workspace_pb2.WorkspaceProblem:
    return workspace_pb2.WorkspaceProblem(
        file=utf8_safe(problem.file),
        line=problem.line,
        column=problem.column,
        message=utf8_safe(problem.message),
    )


def daemon_message(version: str, state_directory: str) -> workspace_pb2.DaemonInfo:
    """Returns the daemon's own figures."""
    process = _SELF
    message = workspace_pb2.DaemonInfo(
        version=version,
        pid=process.pid,
        state_directory=utf8_safe(state_directory),
        memory_bytes=process.memory_info().rss,
    )
    message.start_time.FromNanoseconds(int(process.create_time() * 1e9))
    return message
