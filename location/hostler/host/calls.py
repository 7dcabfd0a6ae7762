"""The functions of the user's that a reader may need called, in a worker."""

from __future__ import annotations

from hostler.host import describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Mapping

    from hostler.definitions import RepositoryDefinition
    from hostler.host.process import Process

    Call = Callable[[str, RepositoryDefinition, Mapping[str, Any]], Dict[str, Any]]


def call(process: Process, order: Mapping[str, Any]) -> dict[str, Any]:
    """Carries out a CALL order: {"function": name, "repository": name, ...}.

    Raises:
        Exception: whatever the user's function raises.
        LookupError: the order names no function of ours.
    """
    function = _CALLS.get(order["function"])
    if function is None:
        raise LookupError(f"unknown function {order['function']!r}")
    return function(process.location, process.repositories[order["repository"]], order)


def _define(
    location: str, repository: RepositoryDefinition, order: Mapping[str, Any]
) -> dict[str, Any]:
    """{"kind": field of Repository, "name"}: hostler.v1.Pipeline, Schedule or PartitionSet."""
    return describe.describe_definition(location, repository, order["kind"], order["name"])


def _preview_schedule(
    _: str, repository: RepositoryDefinition, order: Mapping[str, Any]
) -> dict[str, Any]:
    """{"name", "after": seconds since the epoch, "count"}: PreviewScheduleResponse."""
    from datetime import datetime, timezone
    from itertools import islice

    schedule = repository.schedules.get(order["name"])
    after = datetime.fromtimestamp(order["after"], timezone.utc)
    described = []
    for tick in islice(schedule.ticks(after), order["count"]):
        one: dict[str, Any] = {
            "time": tick.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "localTime": tick.isoformat(),
        }
        request = schedule.run_request(tick)
        if request is None:
            one["skipped"] = True
        else:
            one["runConfig"] = request.run_config
            one["tags"] = request.tags
        described.append(one)
    return {"ticks": described}


def _list_partitions(
    _: str, repository: RepositoryDefinition, order: Mapping[str, Any]
) -> dict[str, Any]:
    """{"name", "start", "size"}: {"names": those of the page, "count": of all}."""
    names = list(repository.partition_sets.get(order["name"]).partitions())
    start = order["start"]
    return {"names": names[start : start + order["size"]], "count": len(names)}


def _describe_partition(
    _: str, repository: RepositoryDefinition, order: Mapping[str, Any]
) -> dict[str, Any]:
    """{"name", "partition"}: {"partition": Partition without its name, or null where there is none,
    "nearest": names of the nearest}."""
    from hostler.definitions.names import nearest

    partition_set = repository.partition_sets.get(order["name"])
    partitions = partition_set.partitions()
    partition = partitions.get(order["partition"])
    if partition is None:
        return {"partition": None, "nearest": nearest(order["partition"], partitions)}
    request = partition_set.run_request(partition)
    return {"partition": {"runConfig": request.run_config, "tags": request.tags}, "nearest": []}


_CALLS: dict[str, Call] = {
    "define": _define,
    "preview_schedule": _preview_schedule,
    "list_partitions": _list_partitions,
    "describe_partition": _describe_partition,
}
