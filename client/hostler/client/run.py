"""The calls about runs: launch, list, watch, cancel, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from google.protobuf.struct_pb2 import Struct

from hostler.client.errors import InvalidArgumentError
from hostler.client.names import (
    definition_name,
    is_pipeline_name,
    location_name,
    parse_pipeline,
    partition_name,
    run_name,
)
from hostler.client.presets import over_preset
from hostler.client.repository import RepositoryCalls
from hostler.v1 import run_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from hostler.client.stream import Stream

#: A number travels as a double; an integer above this would arrive as another one.
MAX_INTEGER = 2**53

#: Runs in one answer; the daemon gives no more at once.
_PAGE = 1000


class RunCalls(RepositoryCalls):
    """Makes the calls of RunService. A run is named by its resource name or by its id alone."""

    def launch(  # noqa: PLR0913 (what a run can be launched with)
        self,
        pipeline: str,
        run_config: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        *,
        location: str | None = None,
        repository: str | None = None,
        request_id: str = "",
        timeout: float | None = None,
        solids: Sequence[str] = (),
        max_concurrency: int = 0,
        partition: str | tuple[str, str] | None = None,
        preset: str | None = None,
        backfill: str = "",
    ) -> pb.Run:
        """Records a run and returns at once; it starts as soon as the daemon's limits allow.

        Args:
            pipeline: the pipeline's resource name, or its name alone where that is not ambiguous.
            run_config: strings, numbers, booleans, None, lists and mappings of them.
            tags: kept with the run; those that begin with "hostler/" are the daemon's own.
            location, repository: where to look for the pipeline's name.
            request_id: at most 128 characters, best a UUID; makes a retry safe: a second launch
                with the same id and content gives the first one's run.
            timeout: seconds from the run's start; None for the daemon's own setting, 0 for none.
            solids: which are executed, all where none is named: ["load", "*total", "clean+"]. `*`
                adds all that a solid depends on, or all that depends on it, `+` one step of that.
            max_concurrency: steps at once, each in a process of its own; 0 for one after the other.
            partition: what the run is about: the resource name of a partition, or the names of a
                partition set of the pipeline's repository and of a partition of it. `run_config`
                and `tags` are merged over what the set gives for it.
            preset: one of the pipeline's; `run_config`, `tags` and `solids` win over what it has.
            backfill: the id of the backfill that the run belongs to.

        Raises:
            NotFoundError, AmbiguousNameError: no pipeline, partition or preset has the name, or
                several pipelines.
            UserCodeError: one of the partition set's functions raised.
            InvalidArgumentError: the run config is not valid, or the request id was used already.
            NotReadyError, LoadFailedError, NotRecordedError: it cannot be launched now.
        """
        if not is_pipeline_name(pipeline):
            pipeline = self.find_pipeline(pipeline, location, repository).name
        if preset is not None:
            described = self.pipeline(*parse_pipeline(pipeline))
            run_config, tags, solids = over_preset(described, preset, run_config, tags, solids)
        request = pb.LaunchRunRequest(
            pipeline=pipeline,
            run_config=_struct(run_config or {}),
            tags=tags,
            request_id=request_id,
            solids=_names(solids),
            max_concurrency=max_concurrency,
            partition=_partition(pipeline, partition),
            backfill=backfill,
        )
        if timeout is not None:
            request.timeout.FromNanoseconds(int(timeout * 1e9))
        return self._unary(self._run.LaunchRun, request)

    def run(self, run: str) -> pb.Run:
        """Returns one run."""
        return self._unary(self._run.GetRun, pb.GetRunRequest(name=run_name(run)))

    def runs(
        self,
        limit: int | None = None,
        *,
        location: str | None = None,
        pipeline: str | None = None,
        states: Iterable[pb.Run.State.ValueType] = (),
        tags: Mapping[str, str] | None = None,
        since: datetime | None = None,
        before: datetime | None = None,
    ) -> list[pb.Run]:
        """Returns the runs that fit all that is given, newest first; at most `limit`.

        Args:
            limit: None for all.
            location: only runs of this location.
            pipeline: only runs of this pipeline: its resource name, or its name alone for those of
                that name in every location.
            states: only runs in one of these states.
            tags: only runs with all of these tags.
            since: created at this time or later; a time without a zone is a local one.
            before: created before this time.
        """
        wanted = pb.RunFilter(
            location=location_name(location) if location else "",
            pipeline=pipeline or "",
            states=states,
            tags=tags,
        )
        if since is not None:
            wanted.create_time_from.FromDatetime(since.astimezone())
        if before is not None:
            wanted.create_time_before.FromDatetime(before.astimezone())
        found: list[pb.Run] = []
        request = pb.ListRunsRequest(page_size=min(limit or _PAGE, _PAGE), filter=wanted)
        for page in self._pages(self._run.ListRuns, request):
            found.extend(page.runs)
            if limit is not None and len(found) >= limit:
                break
        return found[:limit]

    def watch_run(self, run: str, after: int = 0) -> Stream[pb.RunEvent]:
        """Returns the events of a run: past ones first, then live ones, until it has ended.

        Args:
            run: the run.
            after: only events with a greater sequence number.
        """
        request = pb.WatchRunRequest(name=run_name(run), after_sequence=after)
        return self._stream(self._run.WatchRun, request)

    def delete_run(self, run: str) -> None:
        """Deletes the record of a run.

        Raises:
            NotFoundError: there is no such run.
            PreconditionError: it has not ended.
        """
        self._unary(self._run.DeleteRun, pb.DeleteRunRequest(name=run_name(run)))

    def cancel_run(self, run: str, *, kill: bool = False) -> pb.Run:
        """Asks a run to end, or kills it; its last event says when it has ended."""
        return self._unary(self._run.CancelRun, pb.CancelRunRequest(name=run_name(run), kill=kill))


def _names(solids: Sequence[str]) -> Sequence[str]:
    """Returns the names; refuses one string, whose letters would be taken for names.

    Raises:
        InvalidArgumentError: one string is given.
    """
    if isinstance(solids, str):
        raise InvalidArgumentError(f"cannot select {solids!r}: expected a list, [{solids!r}]")
    return solids


def _partition(pipeline: str, partition: str | tuple[str, str] | None) -> str:
    """Returns the resource name of a partition of a set of the pipeline's repository."""
    if partition is None or isinstance(partition, str):
        return partition or ""
    path = parse_pipeline(pipeline)
    partition_set, name = partition
    parent = definition_name(path.location, path.repository, "partitionSets", partition_set)
    return partition_name(parent, name)


def _struct(config: Mapping[str, Any]) -> Struct:
    """Returns the run config as it is sent.

    Raises:
        InvalidArgumentError: JSON cannot hold a value in it, or not exactly.
    """
    from google.protobuf import json_format  # 20 ms that most calls do without

    _check_values(config, "run_config")
    try:
        return json_format.ParseDict(dict(config), Struct())
    except (json_format.ParseError, TypeError, ValueError) as error:
        raise InvalidArgumentError(f"cannot send the run config: {error}") from error


def _check_values(value: object, place: str) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise InvalidArgumentError(
                    f"cannot send {place}: its key {key!r} is of the type {type(key).__name__}, "
                    f'expected a string; write it in quotes, "{key}"'
                )
            _check_values(item, f"{place}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _check_values(item, f"{place}[{index}]")
    elif isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise InvalidArgumentError(
            f"cannot send {place} exactly: {value} is above 2**53; write it as a string"
        )
