"""Calls: what a worker does to answer readers, most of it by calling the user's functions."""

from __future__ import annotations

from itertools import islice

from hostler.definitions import _clock as clock
from hostler.definitions._late import late
from hostler.definitions.errors import ConfigError
from hostler.definitions.schedules import DEFAULT_TIMEZONE, SkipReason
from hostler.host import describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Mapping

    from hostler.definitions import Partition, PartitionSetDefinition, RepositoryDefinition

    Call = Callable[[str, RepositoryDefinition, Mapping[str, Any]], Dict[str, Any]]

#: The partitions of a set are kept for this many times the time that it took to make them.
_KEEP_FACTOR = 10

#: Why no run is launched, where the function gives no reason.
NOT_WANTED = "should_execute returned False"


def call(
    location: str, repositories: Mapping[str, RepositoryDefinition], order: Mapping[str, Any]
) -> dict[str, Any]:
    """Carries out a CALL order: {"function": name, "repository": name, ...}.

    Raises:
        Exception: whatever the user's function raises.
        LookupError: the order names no function of ours.
    """
    function = _CALLS.get(order["function"])
    if function is None:
        raise LookupError(f"unknown function {order['function']!r}")
    return function(location, repositories[order["repository"]], order)


def _define(
    location: str, repository: RepositoryDefinition, order: Mapping[str, Any]
) -> dict[str, Any]:
    """{"kind": field of Repository, "name"}: hostler.v1.Pipeline, Schedule or PartitionSet."""
    return describe.describe_definition(location, repository, order["kind"], order["name"])


def _preview_schedule(
    _: str, repository: RepositoryDefinition, order: Mapping[str, Any]
) -> dict[str, Any]:
    """{"name", "after": seconds since the epoch, "count"}: PreviewScheduleResponse."""
    datetime, timezone = late("datetime").datetime, late("datetime").timezone
    schedule = repository.schedules.get(order["name"])
    after = datetime.fromtimestamp(order["after"], timezone.utc)
    described = []
    for tick in islice(schedule.ticks(after), order["count"]):
        one: dict[str, Any] = {
            "time": tick.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "localTime": tick.isoformat(),
        }
        request = schedule.run_request(tick)
        if request is None or isinstance(request, SkipReason):
            one["skipped"] = True
            one["skipReason"] = request.text if request else ""
        else:
            one["runConfig"] = request.run_config
            one["tags"] = request.tags
        described.append(one)
    return {"ticks": described}


def _evaluate_tick(
    _: str, repository: RepositoryDefinition, order: Mapping[str, Any]
) -> dict[str, Any]:
    """{"name", "time": seconds since the epoch}: {"pipeline", "localTime", "environmentVars"}.

    And either {"skipReason"}, or {"runConfig", "tags": those of the pipeline, too, "partition": the
    names of its set and of itself, or null, "problem": why the run config does not fit the
    pipeline, null where it does}.
    """
    from hostler.definitions._run_config import check_run_config

    datetime, timezone = late("datetime").datetime, late("datetime").timezone
    schedule = repository.schedules.get(order["name"])
    tick = datetime.fromtimestamp(order["time"], timezone.utc)
    if schedule.execution_timezone != DEFAULT_TIMEZONE:
        from hostler.definitions._zones import zone_of

        tick = tick.astimezone(zone_of(schedule.execution_timezone))
    told: dict[str, Any] = {
        "pipeline": schedule.pipeline_name,
        "localTime": tick.isoformat(),
        "environmentVars": schedule.environment_vars,
    }
    request = schedule.run_request(tick)
    if request is None or isinstance(request, SkipReason):
        return {**told, "skipReason": request.text if request else NOT_WANTED}
    problem = None
    pipeline = repository.get_pipeline(schedule.pipeline_name)
    try:
        check_run_config(pipeline, request.run_config)
    except ConfigError as error:
        problem = str(error)
    return {
        **told,
        "runConfig": request.run_config,
        "tags": {**pipeline.tags, **request.tags},
        "partition": request.partition,
        "problem": problem,
    }


def _list_partitions(
    _: str, repository: RepositoryDefinition, order: Mapping[str, Any]
) -> dict[str, Any]:
    """{"name", "start", "size"}: {"names": those of the page, "start", "count": of all}.

    With "after" the page begins after the partition of that name, at "start" where there is none.
    """
    names = list(repository.partition_sets.get(order["name"]).partitions())
    start, after = order["start"], order.get("after", "")
    if after and names[start - 1 : start] != [after] and after in names:
        start = names.index(after) + 1
    page = names[start : start + order["size"]]
    return {"names": page, "start": start, "count": len(names)}


def _describe_partition(
    _: str, repository: RepositoryDefinition, order: Mapping[str, Any]
) -> dict[str, Any]:
    """{"name", "partition"}: {"pipeline": the set's, "partition": Partition without its name, or
    null where there is none, "nearest": names of the nearest}."""
    from hostler.definitions._names import nearest

    partition_set = repository.partition_sets.get(order["name"])
    said: dict[str, Any] = {"pipeline": partition_set.pipeline_name}
    partitions = _cached_partitions(partition_set, order["partition"])
    partition = partitions.get(order["partition"])
    if partition is None:
        return {**said, "partition": None, "nearest": nearest(order["partition"], partitions)}
    request = partition_set.run_request(partition)
    told = {"runConfig": request.run_config, "tags": request.tags}
    return {**said, "partition": told, "nearest": []}


#: The set that was asked for last, its partitions, and until when they hold.
_cached: tuple[PartitionSetDefinition, dict[str, Partition], float] | None = None


def _cached_partitions(partition_set: PartitionSetDefinition, wanted: str) -> dict[str, Partition]:
    """Returns the partitions of a set; briefly those of the last call, if they have the wanted one.

    A backfill asks for one partition after the other, and would wait for the function each time.
    """
    global _cached  # noqa: PLW0603 (a worker carries out one call at a time)
    if _cached is not None and _cached[0] is partition_set:
        _, partitions, end = _cached
        if wanted in partitions and clock.monotonic() < end:
            return partitions
    start = clock.monotonic()
    partitions = partition_set.partitions()
    made = clock.monotonic()
    _cached = partition_set, partitions, made + _KEEP_FACTOR * (made - start)
    return partitions


_CALLS: dict[str, Call] = {
    "define": _define,
    "preview_schedule": _preview_schedule,
    "evaluate_tick": _evaluate_tick,
    "list_partitions": _list_partitions,
    "describe_partition": _describe_partition,
}
