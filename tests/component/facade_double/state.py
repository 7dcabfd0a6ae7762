"""The state of the double of the daemon."""

from __future__ import annotations

import itertools
import os
import threading
import traceback
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import grpc
import yaml

from hostler.rpc.errors import ErrorDetails, Reason, pack, trailing_metadata
from hostler.v1 import (
    run_pb2,
    workspace_pb2,
)
from hostler.v1.workspace_pb2 import Location, LogLine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

REPOSITORY = "nightly"

T = TypeVar("T")


def refuse(
    context: grpc.ServicerContext, code: grpc.StatusCode, message: str, details: ErrorDetails
) -> NoReturn:
    """Aborts a call as the daemon does."""
    status = pack(code.value[0], message, details)
    context.set_trailing_metadata(trailing_metadata(status))
    context.abort(code, status.message)


def unknown(context: grpc.ServicerContext, kind: str, name: str) -> NoReturn:
    details = ErrorDetails(reason=Reason.UNKNOWN_NAME, resource_type=kind, resource_name=name)
    refuse(context, grpc.StatusCode.NOT_FOUND, f"cannot find {kind} {name!r}", details)


class Facade:
    """Holds the state behind the services."""

    def __init__(self, files: list[Path]) -> None:
        self.files = files
        self.changed = threading.Condition()
        self.closed = False
        self.locations: dict[str, Location] = {}
        self.pipelines: dict[str, dict[str, list[str]]] = {}
        #: What each location's file defines, by the location's resource name.
        self.namespaces: dict[str, dict[str, Any]] = {}
        #: What was chosen of each schedule that was started or stopped, by its resource name.
        self.running_schedules: dict[str, bool] = {}
        self.changes: list[workspace_pb2.WorkspaceChange] = []
        self.logs: dict[str, list[LogLine]] = {}
        self.runs: dict[str, run_pb2.Run] = {}
        self.events: dict[str, list[run_pb2.RunEvent]] = {}
        self.canceled: dict[str, threading.Event] = {}
        for file in files:
            entries = yaml.safe_load(file.read_text())["load_from"]
            for entry in entries:
                self.load(self._path(file, entry["python_file"]))

    @staticmethod
    def _path(file: Path, entry: str | dict[str, str]) -> Path:
        return file.parent / (entry if isinstance(entry, str) else entry["relative_path"])

    def load(self, path: Path) -> Location:
        name = f"locations/{path.stem}"
        before = self.locations.get(name, Location(name=name, state=Location.STARTING))
        after = Location()
        after.CopyFrom(before)
        after.target.python_file = str(path)
        after.executable, after.python_version = "/usr/bin/python3", "3.11.7"
        after.pid = os.getpid()
        after.start_time.GetCurrentTime()
        after.ClearField("error")
        namespace: dict[str, Any] = {}
        try:
            exec(compile(path.read_text(), path, "exec"), namespace)
        except Exception as error:  # noqa: BLE001 - whatever the file raises is its failure
            after.state = Location.FAILED
            after.error.message = f"{type(error).__name__}: {error}"
            after.error.exception.type = type(error).__name__
            after.error.exception.message = str(error)
            # Only the user's own frames, as the location host leaves them.
            after.error.exception.traceback = "".join(
                traceback.format_exception(
                    error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)
                )
            )
            after.error.output.append("last words")
        else:
            after.state = Location.STARTING if namespace.get("LOADING") else Location.READY
            pipelines = namespace.get("PIPELINES", {})
            assert isinstance(pipelines, dict)
            self.namespaces[name] = namespace
            if after.state == Location.READY:
                self.pipelines[name] = pipelines
                after.generation += 1
                after.serving = True
                after.memory_bytes = 12_345_678
                after.load_duration.FromMilliseconds(12)
        self.publish(after, before.state, "loaded")
        self.log(name, f"loaded {path.name}")
        return after

    def publish(self, location: Location, old: Location.State.ValueType, reason: str) -> None:
        with self.changed:
            self.locations[location.name] = location
            change = workspace_pb2.WorkspaceChange(
                revision=len(self.changes) + 1, reason=reason, old_state=old, location=location
            )
            change.time.GetCurrentTime()
            self.changes.append(change)
            self.changed.notify_all()

    def log(self, name: str, text: str) -> None:
        with self.changed:
            line = LogLine(text=text, stream=LogLine.STDOUT, pid=os.getpid(), role="location")
            line.time.GetCurrentTime()
            self.logs.setdefault(name, []).append(line)
            self.changed.notify_all()

    def workspace(self) -> workspace_pb2.Workspace:
        with self.changed:
            state = str(self.files[0].parent / "state of the double")
            daemon = workspace_pb2.DaemonInfo(
                version="0.0.0", pid=os.getpid(), state_directory=state
            )
            return workspace_pb2.Workspace(
                files=map(str, self.files),
                locations=self.locations.values(),
                revision=len(self.changes),
                daemon=daemon,
            )

    def close(self) -> None:
        with self.changed:
            self.closed = True
            for canceled in self.canceled.values():
                canceled.set()
            self.changed.notify_all()

    def follow(
        self,
        items: list[T],
        start: int,
        context: grpc.ServicerContext,
        ended: Callable[[], bool] = lambda: False,
    ) -> Iterator[T]:
        """Yields the items from a place on, as they come, until the call or `ended` ends it."""
        context.add_callback(self._wake)
        for index in itertools.count(start):
            with self.changed:
                while len(items) <= index:
                    if ended() or self.closed or not context.is_active():
                        return
                    self.changed.wait()
                item = items[index]
            yield item

    def _wake(self) -> None:
        with self.changed:
            self.changed.notify_all()
