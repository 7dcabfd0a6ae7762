"""The calls of the double about many runs."""
# ruff: noqa: N802 - gRPC calls the methods by the names in the .proto files

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hostler.rpc.errors import Reason
from hostler.v1 import run_pb2, run_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Iterator

    import grpc
    from component.facade_double.state import Facade


class ManyRunsMethods(run_pb2_grpc.RunServiceServicer):
    """Answers from the double's state; a watch looks for changes now and then."""

    facade: Facade

    def _fitting(self, wanted: run_pb2.RunFilter) -> list[run_pb2.Run]:
        raise NotImplementedError

    def CountRuns(
        self, request: run_pb2.CountRunsRequest, context: grpc.ServicerContext
    ) -> run_pb2.CountRunsResponse:
        counts = Counter(run.state for run in self._fitting(request.filter))
        found = [run_pb2.RunCount(state=state, count=counts[state]) for state in sorted(counts)]
        return run_pb2.CountRunsResponse(counts=found, total=counts.total())

    def WatchRuns(
        self, request: run_pb2.WatchRunsRequest, context: grpc.ServicerContext
    ) -> Iterator[run_pb2.WatchRunsResponse]:
        told = {run.name: run.SerializeToString() for run in self._fitting(request.filter)}
        runs = [run_pb2.Run.FromString(data) for data in told.values()]
        yield run_pb2.WatchRunsResponse(
            resume_token="token-0", snapshot=run_pb2.RunSnapshot(runs=runs)
        )
        number = 0
        while context.is_active() and not self.facade.closed:
            for run in self._fitting(request.filter):
                data = run.SerializeToString()
                if told.get(run.name) != data:
                    told[run.name] = data
                    number += 1
                    yield run_pb2.WatchRunsResponse(
                        resume_token=f"token-{number}", run=run_pb2.Run.FromString(data)
                    )
            with self.facade.changed:
                self.facade.changed.wait(0.1)

    def ListSteps(
        self, request: run_pb2.ListStepsRequest, context: grpc.ServicerContext
    ) -> run_pb2.ListStepsResponse:
        steps = []
        for event in self.facade.events[request.parent]:
            if event.HasField("step_started"):
                step = run_pb2.Step(name=f"{request.parent}/steps/{event.step}", attempt_count=1)
                step.state = run_pb2.Step.RUNNING
                step.start_time.CopyFrom(event.time)
                steps.append(step)
            elif event.HasField("step_succeeded"):
                steps[-1].state = run_pb2.Step.SUCCEEDED
                steps[-1].end_time.CopyFrom(event.time)
        return run_pb2.ListStepsResponse(steps=steps)

    def CancelRuns(
        self, request: run_pb2.CancelRunsRequest, context: grpc.ServicerContext
    ) -> run_pb2.CancelRunsResponse:
        answer = run_pb2.CancelRunsResponse()
        for name, run in self._chosen(request):
            if run is None:
                answer.problem_count += 1
                message = f"cannot find run {name!r}"
                answer.problems.add(name=name, reason=Reason.UNKNOWN_NAME, message=message)
            elif run.HasField("end_time"):
                answer.unchanged_count += not request.HasField("filter")
            else:
                run.state = run_pb2.Run.CANCELING
                self.facade.canceled[run.name].set()
                answer.canceled_count += 1
        return answer

    def DeleteRuns(
        self, request: run_pb2.DeleteRunsRequest, context: grpc.ServicerContext
    ) -> run_pb2.DeleteRunsResponse:
        answer = run_pb2.DeleteRunsResponse()
        for name, run in self._chosen(request):
            if run is not None and run.HasField("end_time"):
                del self.facade.runs[run.name]
                answer.deleted_count += 1
            elif not request.HasField("filter"):
                reason = Reason.UNKNOWN_NAME if run is None else Reason.RUN_GOES_ON
                what = "cannot find it" if run is None else "it has not ended"
                answer.problem_count += 1
                answer.problems.add(name=name, reason=reason, message=f"{name}: {what}")
        return answer

    def _chosen(
        self, request: run_pb2.CancelRunsRequest | run_pb2.DeleteRunsRequest
    ) -> list[tuple[str, run_pb2.Run | None]]:
        if request.HasField("filter"):
            return [(run.name, run) for run in self._fitting(request.filter)]
        return [(name, self.facade.runs.get(name)) for name in dict.fromkeys(request.names)]
