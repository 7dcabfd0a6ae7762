"""The services of the double of the daemon."""
# ruff: noqa: N802 - gRPC calls the methods by the names in the .proto files

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
from component.facade_double.definitions import ScheduleMethods
from component.facade_double.many_runs import ManyRunsMethods
from component.facade_double.state import REPOSITORY, Facade, refuse, unknown
from google.protobuf import empty_pb2, json_format

from hostler.rpc.errors import ErrorDetails, Reason
from hostler.v1 import (
    definitions_pb2,
    repository_pb2,
    run_pb2,
    workspace_pb2,
    workspace_pb2_grpc,
)
from hostler.v1.workspace_pb2 import Location, LogLine

if TYPE_CHECKING:
    from collections.abc import Iterator

Event = run_pb2.RunEvent


class WorkspaceService(workspace_pb2_grpc.WorkspaceServiceServicer):
    def __init__(self, facade: Facade) -> None:
        self.facade = facade

    def _location(self, name: str, context: grpc.ServicerContext) -> Location:
        location = self.facade.locations.get(name)
        if location is None:
            unknown(context, "location", name)
        return location

    def GetWorkspace(
        self, request: workspace_pb2.GetWorkspaceRequest, context: grpc.ServicerContext
    ) -> workspace_pb2.Workspace:
        return self.facade.workspace()

    def ListLocations(
        self, request: workspace_pb2.ListLocationsRequest, context: grpc.ServicerContext
    ) -> workspace_pb2.ListLocationsResponse:
        """Returns one location a page, so that tests see whether clients turn pages."""
        locations = list(self.facade.locations.values())
        start = int(request.page_token or 0)
        token = str(start + 1) if start + 1 < len(locations) else ""
        return workspace_pb2.ListLocationsResponse(
            locations=locations[start : start + 1], next_page_token=token
        )

    def GetLocation(
        self, request: workspace_pb2.GetLocationRequest, context: grpc.ServicerContext
    ) -> Location:
        return self._location(request.name, context)

    def ReloadLocations(
        self, request: workspace_pb2.ReloadLocationsRequest, context: grpc.ServicerContext
    ) -> workspace_pb2.ReloadLocationsResponse:
        names = list(request.names) or list(self.facade.locations)
        locations = [self._location(name, context) for name in names]
        loaded = [self.facade.load(Path(item.target.python_file)) for item in locations]
        return workspace_pb2.ReloadLocationsResponse(locations=loaded)

    def RestartLocations(
        self, request: workspace_pb2.RestartLocationsRequest, context: grpc.ServicerContext
    ) -> workspace_pb2.RestartLocationsResponse:
        names = list(request.names) or list(self.facade.locations)
        locations = [self._location(name, context) for name in names]
        loaded = [self.facade.load(Path(item.target.python_file)) for item in locations]
        return workspace_pb2.RestartLocationsResponse(locations=loaded)

    def StartLocation(
        self, request: workspace_pb2.StartLocationRequest, context: grpc.ServicerContext
    ) -> Location:
        location = self._location(request.name, context)
        return self.facade.load(Path(location.target.python_file))

    def StopLocation(
        self, request: workspace_pb2.StopLocationRequest, context: grpc.ServicerContext
    ) -> Location:
        location = self._location(request.name, context)
        stopped = Location()
        stopped.CopyFrom(location)
        stopped.state, stopped.pid = Location.STOPPED, 0
        self.facade.publish(stopped, location.state, "a stop was asked for")
        return stopped

    def MeasureImports(
        self, request: workspace_pb2.MeasureImportsRequest, context: grpc.ServicerContext
    ) -> workspace_pb2.MeasureImportsResponse:
        answer = workspace_pb2.MeasureImportsResponse()
        for name, depth, own, total in (("json", 1, 2, 2), ("slow", 0, 40, 42), ("os", 0, 5, 5)):
            module = answer.modules.add(name=name, depth=depth)
            module.self_duration.FromMilliseconds(own)
            module.total_duration.FromMilliseconds(total)
        return answer

    def WatchWorkspace(
        self, request: workspace_pb2.WatchWorkspaceRequest, context: grpc.ServicerContext
    ) -> Iterator[workspace_pb2.WorkspaceChange]:
        start = request.after_revision
        if not start and not request.history:
            workspace = self.facade.workspace()
            start = workspace.revision
            yield workspace_pb2.WorkspaceChange(revision=start, workspace=workspace)
        yield from self.facade.follow(self.facade.changes, start, context)

    def ReadLogs(
        self, request: workspace_pb2.ReadLogsRequest, context: grpc.ServicerContext
    ) -> Iterator[LogLine]:
        self._location(request.name, context)
        lines = self.facade.logs[request.name]
        start = max(len(lines) - request.last, 0) if request.last else 0
        start = len(lines) if request.skip_history else start
        yield from self.facade.follow(lines, start, context, lambda: not request.follow)


class RepositoryService(ScheduleMethods):
    def __init__(self, facade: Facade) -> None:
        self.facade = facade

    def _concerned(self, parent: str, context: grpc.ServicerContext) -> list[str]:
        """Returns the locations of a parent's first two parts."""
        name = "/".join(parent.split("/")[:2])
        if name == "locations/-":
            return [name for name in self.facade.locations if name in self.facade.pipelines]
        location = self.facade.locations.get(name)
        if location is None:
            unknown(context, "location", name)
        if location.state == Location.STARTING:
            details = ErrorDetails(reason=Reason.NOT_READY, retry_delay=0.5)
            refuse(context, grpc.StatusCode.UNAVAILABLE, f"{name} is loading", details)
        if name not in self.facade.pipelines:
            details = ErrorDetails(
                reason=Reason.LOAD_FAILED, traceback=location.error.exception.traceback
            )
            message = f"{name} could not be loaded"
            refuse(context, grpc.StatusCode.FAILED_PRECONDITION, message, details)
        return [name]

    def _repository(self, location: str) -> definitions_pb2.Repository:
        name = f"{location}/repositories/{REPOSITORY}"
        pipelines = [
            definitions_pb2.PipelineSummary(
                name=f"{name}/pipelines/{pipeline}", solid_count=len(steps), description="A test."
            )
            for pipeline, steps in self.facade.pipelines[location].items()
        ]
        return definitions_pb2.Repository(name=name, pipelines=pipelines)

    def ListRepositories(
        self, request: repository_pb2.ListRepositoriesRequest, context: grpc.ServicerContext
    ) -> repository_pb2.ListRepositoriesResponse:
        names = self._concerned(request.parent, context)
        return repository_pb2.ListRepositoriesResponse(
            repositories=[self._repository(name) for name in names]
        )

    def GetRepository(
        self, request: repository_pb2.GetRepositoryRequest, context: grpc.ServicerContext
    ) -> definitions_pb2.Repository:
        (location,) = self._concerned(request.name, context)
        if not request.name.endswith(f"/{REPOSITORY}"):
            unknown(context, "repository", request.name)
        return self._repository(location)

    def ListPipelines(
        self, request: repository_pb2.ListPipelinesRequest, context: grpc.ServicerContext
    ) -> repository_pb2.ListPipelinesResponse:
        names = self._concerned(request.parent, context)
        if request.parent.rpartition("/")[2] not in {"-", REPOSITORY}:
            names = []
        return repository_pb2.ListPipelinesResponse(
            pipelines=[item for name in names for item in self._repository(name).pipelines]
        )

    def GetPipeline(
        self, request: repository_pb2.GetPipelineRequest, context: grpc.ServicerContext
    ) -> definitions_pb2.Pipeline:
        (location,) = self._concerned(request.name, context)
        steps = self.facade.pipelines[location].get(request.name.rpartition("/")[2])
        if steps is None:
            unknown(context, "pipeline", request.name)
        output = definitions_pb2.Output(name="result", type="int", is_required=True)
        solids = [definitions_pb2.Solid(name=step, outputs=[output]) for step in steps]
        for before, solid in zip(steps, solids[1:], strict=False):
            source = definitions_pb2.OutputReference(solid=before, output="result")
            solid.inputs.add(name="n", type="int", sources=[source])
            limit = solid.config_fields.add(name="limit", type="int")
            limit.default_value.number_value = 10
        pipeline = definitions_pb2.Pipeline(
            name=request.name, description="A test.", tags={"team": "data"}, solids=solids
        )
        for name, fields in self.facade.namespaces[location].get("PRESETS", {}).items():
            json_format.ParseDict({"name": name, **fields}, pipeline.presets.add())
        return pipeline

    def ValidateRunConfig(
        self, request: repository_pb2.ValidateRunConfigRequest, context: grpc.ServicerContext
    ) -> repository_pb2.ValidateRunConfigResponse:
        pipeline = self.GetPipeline(definition_request(request.pipeline), context)
        known = {solid.name for solid in pipeline.solids}
        found = repository_pb2.ValidateRunConfigResponse()
        if "invalid" in request.run_config:
            found.problems.add(field="run_config", path="invalid", message="unknown")
        for name in request.solids:
            if name not in known:
                found.problems.add(field="solids", message=f"{name!r}: unknown")
        return found

    def GetConfigSchema(
        self, request: repository_pb2.GetConfigSchemaRequest, context: grpc.ServicerContext
    ) -> repository_pb2.GetConfigSchemaResponse:
        pipeline = self.GetPipeline(definition_request(request.pipeline), context)
        names = [solid.name for solid in pipeline.solids]
        schema = {"type": "object", "properties": {"solids": {"enum": names}}}
        return repository_pb2.GetConfigSchemaResponse(json_schema=json.dumps(schema))


def definition_request(pipeline: str) -> repository_pb2.GetPipelineRequest:
    return repository_pb2.GetPipelineRequest(name=pipeline)


class RunService(ManyRunsMethods):
    def __init__(self, facade: Facade) -> None:
        self.facade = facade

    def _run(self, name: str, context: grpc.ServicerContext) -> run_pb2.Run:
        run = self.facade.runs.get(name)
        if run is None:
            unknown(context, "run", name)
        return run

    def LaunchRun(
        self, request: run_pb2.LaunchRunRequest, context: grpc.ServicerContext
    ) -> run_pb2.Run:
        location, _, pipeline = request.pipeline.partition(f"/repositories/{REPOSITORY}/pipelines/")
        steps = self.facade.pipelines.get(location, {}).get(pipeline)
        if steps is None:
            unknown(context, "pipeline", request.pipeline)
        if "invalid" in request.run_config:
            details = ErrorDetails(reason=Reason.INVALID_ARGUMENT)
            code = grpc.StatusCode.INVALID_ARGUMENT
            refuse(context, code, "cannot use the run config: no field 'invalid'", details)
        for run in self.facade.runs.values():
            if request.request_id and run.request_id == request.request_id:
                return run
        tags = dict(request.tags)
        if request.backfill:
            tags["hostler/backfill"] = request.backfill
        if request.partition:
            parent, _, partition = request.partition.partition("/partitions/")
            partition_set = parent.rpartition("/")[2]
            sets = self.facade.namespaces[location].get("PARTITION_SETS", {})
            if partition not in sets.get(partition_set, ()):
                unknown(context, "partition", request.partition)
            tags.update({"hostler/partition_set": partition_set, "hostler/partition": partition})
        name = f"runs/{len(self.facade.runs) + 1}"
        run = run_pb2.Run(
            name=name,
            pipeline=request.pipeline,
            state=run_pb2.Run.RUNNING,
            generation=1,
            run_config=request.run_config,
            tags=tags,
            partition=request.partition,
            request_id=request.request_id,
            timeout=request.timeout if request.HasField("timeout") else None,
            solids=request.solids,
            max_concurrency=request.max_concurrency,
        )
        run.create_time.GetCurrentTime()
        run.start_time.GetCurrentTime()
        with self.facade.changed:
            self.facade.runs[name] = run
            self.facade.events[name] = []
            self.facade.canceled[name] = threading.Event()
        if "fail" in request.partition:
            steps = ["fail"]
        threading.Thread(target=self._execute, args=(name, steps), daemon=True).start()
        return run

    def _execute(self, name: str, steps: list[str]) -> None:
        self._emit(name, Event(run_started=run_pb2.RunStarted(pid=os.getpid())))
        for step in steps:
            self._emit(name, Event(step=step, step_started=run_pb2.StepStarted()))
            if step == "block":
                self.facade.canceled[name].wait()
                ended = Event(run_canceled=run_pb2.RunCanceled(reason="asked"))
                self._end(name, run_pb2.Run.CANCELED, ended)
                return
            if step == "fail":
                self._fail(name, step)
                return
            line = run_pb2.PrintedLine(stream=run_pb2.PrintedLine.STDOUT, text=f"hello from {step}")
            self._emit(name, Event(step=step, printed_line=line))
            message = run_pb2.LogMessage(level=run_pb2.LogMessage.INFO, message=f"doing {step}")
            self._emit(name, Event(step=step, log_message=message))
            output = run_pb2.StepOutput(output="result", type="int", preview="41")
            self._emit(name, Event(step=step, step_output=output))
            self._emit(name, Event(step=step, step_succeeded=run_pb2.StepSucceeded()))
        self._end(name, run_pb2.Run.SUCCEEDED, Event(run_succeeded=run_pb2.RunSucceeded()))

    def _fail(self, name: str, step: str) -> None:
        exception = definitions_pb2.ExceptionInfo(
            type="ValueError", message="boom", traceback="Traceback ...\nValueError: boom\n"
        )
        self._emit(name, Event(step=step, step_failed=run_pb2.StepFailed(exception=exception)))
        failure = run_pb2.RunFailure(message="step fail: ValueError: boom", step=step)
        self.facade.runs[name].failure.CopyFrom(failure)
        ended = Event(run_failed=run_pb2.RunFailed(failure=failure))
        self._end(name, run_pb2.Run.FAILED, ended)

    def _end(self, name: str, state: run_pb2.Run.State.ValueType, event: Event) -> None:
        with self.facade.changed:
            run = self.facade.runs[name]
            run.state = state
            run.end_time.GetCurrentTime()
            self._emit(name, event)

    def _emit(self, name: str, event: Event) -> None:
        with self.facade.changed:
            events = self.facade.events[name]
            event.sequence = len(events) + 1
            event.time.GetCurrentTime()
            events.append(event)
            self.facade.changed.notify_all()

    def _fitting(self, wanted: run_pb2.RunFilter) -> list[run_pb2.Run]:
        return [
            run
            for run in reversed(self.facade.runs.values())
            if run.pipeline.startswith(wanted.location)
            and run.pipeline.endswith(wanted.pipeline)
            and (not wanted.states or run.state in wanted.states)
            and wanted.tags.items() <= run.tags.items()
            and run.create_time.ToNanoseconds() >= wanted.create_time_from.ToNanoseconds()
        ]

    def GetRun(self, request: run_pb2.GetRunRequest, context: grpc.ServicerContext) -> run_pb2.Run:
        return self._run(request.name, context)

    def ListRuns(
        self, request: run_pb2.ListRunsRequest, context: grpc.ServicerContext
    ) -> run_pb2.ListRunsResponse:
        runs = self._fitting(request.filter)
        return run_pb2.ListRunsResponse(runs=runs)

    def WatchRun(
        self, request: run_pb2.WatchRunRequest, context: grpc.ServicerContext
    ) -> Iterator[run_pb2.RunEvent]:
        run = self._run(request.name, context)
        events = self.facade.events[run.name]
        yield from self.facade.follow(
            events, request.after_sequence, context, lambda: run.HasField("end_time")
        )

    def CancelRun(
        self, request: run_pb2.CancelRunRequest, context: grpc.ServicerContext
    ) -> run_pb2.Run:
        run = self._run(request.name, context)
        if not run.HasField("end_time"):
            run.state = run_pb2.Run.CANCELING
        self.facade.canceled[run.name].set()
        return run

    def CompactRecord(
        self, request: run_pb2.CompactRecordRequest, context: grpc.ServicerContext
    ) -> run_pb2.CompactRecordResponse:
        return run_pb2.CompactRecordResponse(bytes_before=9_000_000, bytes_after=1_000_000)

    def DeleteRun(
        self, request: run_pb2.DeleteRunRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        run = self._run(request.name, context)
        if not run.HasField("end_time"):
            details = ErrorDetails(reason=Reason.RUN_GOES_ON)
            message = f"cannot delete {run.name}: it has not ended; cancel it first"
            refuse(context, grpc.StatusCode.FAILED_PRECONDITION, message, details)
        del self.facade.runs[run.name]
        return empty_pb2.Empty()
