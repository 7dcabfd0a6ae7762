"""Schedules and partition sets of the double of the daemon.

A location's SCHEDULES maps names to cron strings, its PARTITION_SETS names to lists of partitions.
"""
# ruff: noqa: N802 - gRPC calls the methods by the names in the .proto files

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from component.facade_double.state import REPOSITORY, Facade, unknown

from hostler.v1 import definitions_pb2, repository_pb2, repository_pb2_grpc

if TYPE_CHECKING:
    import grpc


#: 2026-01-01 at 6 o'clock, and the seconds of a day.
_DAY_ONE, _DAY = 1767247200, 86400


def _ticks(schedule: str) -> list[definitions_pb2.Tick]:
    """Returns a tick of each final state, newest first."""
    ticks = []
    for day in range(3, -1, -1):
        when = _DAY_ONE + day * _DAY
        tick = definitions_pb2.Tick(name=f"{schedule}/ticks/{when}", attempts=1)
        tick.scheduled_time.seconds = when
        tick.create_time.seconds = when
        tick.end_time.seconds = when + 1
        tick.duration.nanos = 20_000_000
        ticks.append(tick)
    launched, skipped, failed, missed = ticks
    launched.state, launched.run = definitions_pb2.Tick.LAUNCHED, "runs/r1"
    skipped.state, skipped.reason = definitions_pb2.Tick.SKIPPED, "nothing new"
    failed.state, failed.reason = definitions_pb2.Tick.FAILED, "KeyError: 'day'"
    failed.exception.traceback = "Traceback (most recent call last):\n  ...\nKeyError: 'day'\n"
    missed.state, missed.reason = definitions_pb2.Tick.MISSED, "the daemon did not run"
    missed.first_scheduled_time.seconds = _DAY_ONE - _DAY
    return ticks


class ScheduleMethods(repository_pb2_grpc.RepositoryServiceServicer):
    """Implements the part of RepositoryService that is about schedules and partition sets."""

    facade: Facade

    def _concerned(self, parent: str, context: grpc.ServicerContext) -> list[str]:
        raise NotImplementedError

    def _listed(
        self, variable: str, parent: str, context: grpc.ServicerContext
    ) -> dict[str, dict[str, Any]]:
        """Returns what the locations of a parent hold, by the resource name of their repository."""
        return {
            f"{name}/repositories/{REPOSITORY}": self.facade.namespaces[name].get(variable, {})
            for name in self._concerned(parent, context)
        }

    def _one(self, variable: str, kind: str, name: str, context: grpc.ServicerContext) -> Any:
        parent, collection, key = name.rsplit("/", 2)
        found = self._listed(variable, parent, context).get(parent, {})
        if key not in found:
            unknown(context, kind, name)
        assert collection in ("schedules", "partitionSets")
        return found[key]

    def ListSchedules(
        self, request: repository_pb2.ListSchedulesRequest, context: grpc.ServicerContext
    ) -> repository_pb2.ListSchedulesResponse:
        response = repository_pb2.ListSchedulesResponse()
        for parent, schedules in self._listed("SCHEDULES", request.parent, context).items():
            for name, cron in schedules.items():
                response.schedules.add(
                    name=f"{parent}/schedules/{name}",
                    cron_schedule=cron,
                    execution_timezone="UTC",
                    pipeline=f"{parent}/pipelines/totals",
                    activity=self._activity(f"{parent}/schedules/{name}"),
                )
        return response

    def _activity(self, name: str) -> definitions_pb2.ScheduleActivity:
        chosen = self.facade.running_schedules.get(name)
        if chosen is None:
            return definitions_pb2.ScheduleActivity()
        activity = definitions_pb2.ScheduleActivity(is_running=chosen, is_chosen=True)
        activity.last_tick.CopyFrom(_ticks(name)[0])
        if chosen:
            activity.next_tick_times.add(seconds=_DAY_ONE + 4 * _DAY)
        return activity

    def StartSchedule(
        self, request: repository_pb2.StartScheduleRequest, context: grpc.ServicerContext
    ) -> definitions_pb2.Schedule:
        return self._choose(request.name, context, is_running=True)

    def StopSchedule(
        self, request: repository_pb2.StopScheduleRequest, context: grpc.ServicerContext
    ) -> definitions_pb2.Schedule:
        return self._choose(request.name, context, is_running=False)

    def _choose(
        self, name: str, context: grpc.ServicerContext, *, is_running: bool
    ) -> definitions_pb2.Schedule:
        self._one("SCHEDULES", "schedule", name, context)
        self.facade.running_schedules[name] = is_running
        return self.GetSchedule(repository_pb2.GetScheduleRequest(name=name), context)

    def ListTicks(
        self, request: repository_pb2.ListTicksRequest, context: grpc.ServicerContext
    ) -> repository_pb2.ListTicksResponse:
        """Returns two a page, so that tests see whether clients turn pages."""
        self._one("SCHEDULES", "schedule", request.parent, context)
        ticks = [
            tick
            for tick in _ticks(request.parent)
            if not request.states or tick.state in request.states
        ]
        start = int(request.page_token or 0)
        return repository_pb2.ListTicksResponse(
            ticks=ticks[start : start + 2],
            next_page_token=str(start + 2) if start + 2 < len(ticks) else "",
        )

    def GetSchedule(
        self, request: repository_pb2.GetScheduleRequest, context: grpc.ServicerContext
    ) -> definitions_pb2.Schedule:
        cron = self._one("SCHEDULES", "schedule", request.name, context)
        pipeline = request.name.rpartition("/schedules/")[0] + "/pipelines/totals"
        schedule = definitions_pb2.Schedule(
            name=request.name,
            cron_schedule=cron,
            execution_timezone="UTC",
            pipeline=pipeline,
            tags={"team": "data"},
            environment_vars={"REGION": "eu"},
            computes_should_execute=True,
            activity=self._activity(request.name),
        )
        schedule.run_config.update({"solids": {"load": {"config": {"limit": 3}}}})
        return schedule

    def PreviewSchedule(
        self, request: repository_pb2.PreviewScheduleRequest, context: grpc.ServicerContext
    ) -> repository_pb2.PreviewScheduleResponse:
        self._one("SCHEDULES", "schedule", request.name, context)
        response = repository_pb2.PreviewScheduleResponse()
        for day in range(1, request.count + 1):
            tick = response.ticks.add(local_time=f"2026-01-{day:02d}T06:00:00+00:00")
            tick.time.FromSeconds(1767225600 + (day - 1) * 86400 + 6 * 3600)
            tick.skipped = day == 2
            if not tick.skipped:
                tick.run_config.update({"day": day})
        return response

    def ListPartitionSets(
        self, request: repository_pb2.ListPartitionSetsRequest, context: grpc.ServicerContext
    ) -> repository_pb2.ListPartitionSetsResponse:
        response = repository_pb2.ListPartitionSetsResponse()
        for parent, sets in self._listed("PARTITION_SETS", request.parent, context).items():
            for name in sets:
                response.partition_sets.add(
                    name=f"{parent}/partitionSets/{name}", pipeline=f"{parent}/pipelines/totals"
                )
        return response

    def GetPartitionSet(
        self, request: repository_pb2.GetPartitionSetRequest, context: grpc.ServicerContext
    ) -> definitions_pb2.PartitionSet:
        self._one("PARTITION_SETS", "partition set", request.name, context)
        pipeline = request.name.rpartition("/partitionSets/")[0] + "/pipelines/totals"
        return definitions_pb2.PartitionSet(
            name=request.name, description="By day.", pipeline=pipeline, computes_run_config=True
        )

    def ListPartitions(
        self, request: repository_pb2.ListPartitionsRequest, context: grpc.ServicerContext
    ) -> repository_pb2.ListPartitionsResponse:
        """Returns two a page, so that tests see whether clients turn pages."""
        names = self._one("PARTITION_SETS", "partition set", request.parent, context)
        start = int(request.page_token or 0)
        return repository_pb2.ListPartitionsResponse(
            partitions=[
                definitions_pb2.Partition(name=f"{request.parent}/partitions/{name}")
                for name in names[start : start + 2]
            ],
            next_page_token=str(start + 2) if start + 2 < len(names) else "",
        )

    def GetPartition(
        self, request: repository_pb2.GetPartitionRequest, context: grpc.ServicerContext
    ) -> definitions_pb2.Partition:
        parent, _, name = request.name.partition("/partitions/")
        if name not in self._one("PARTITION_SETS", "partition set", parent, context):
            unknown(context, "partition", request.name)
        partition = definitions_pb2.Partition(name=request.name, tags={"day": name})
        partition.run_config.update({"day": name})
        return partition
