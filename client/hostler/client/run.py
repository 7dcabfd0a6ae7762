"""The calls about runs: launch, list, count, watch, cancel, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from hostler.client.errors import InvalidArgumentError
from hostler.client.lookup import find_run
from hostler.client.names import is_whole_run, location_name, parse_pipeline, run_name
from hostler.client.presets import over_preset
from hostler.client.run_config import RunConfigCalls, as_names, as_partition, as_struct
from hostler.client.run_events import single_events
from hostler.v1 import run_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import Unpack

    from hostler.client.stream import Stream

#: Seconds: some hundred gigabytes are written anew in that time.
COMPACTION_TIMEOUT = 3600.0

#: What the tags begin with that the daemon alone gives.
DAEMON_TAGS = "hostler/"

#: Runs in one answer; the daemon gives no more at once.
_PAGE = 1000


class RunSelection(TypedDict, total=False):
    """Says which runs are meant: those that fit all that is given.

    Attributes:
        location: only runs of this location.
        pipeline: only runs of this pipeline: its resource name, or its name alone for those of
            that name in every location.
        states: only runs in one of these states.
        tags: only runs with all of these tags.
        since: created at this time or later; a time without a zone is a local one.
        before: created before this time.
    """

    location: str | None
    pipeline: str | None
    states: Iterable[pb.Run.State.ValueType]
    tags: Mapping[str, str] | None
    since: datetime | None
    before: datetime | None


class RunCalls(RunConfigCalls):
    """Makes the calls of RunService.

    A run is named by its resource name, by its id, or by a beginning of its id that no other run
    has: NotFoundError where none has it, AmbiguousNameError where several have.
    """

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
        debugging: pb.Debugging | None = None,
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
            debugging: the terminal or the port for a debugger; None for none.

        Raises:
            NotFoundError, AmbiguousNameError: no pipeline, partition or preset, or several.
            UserCodeError: one of the partition set's functions raised.
            InvalidArgumentError: the run config is not valid; the request id was used before.
            NotReadyError, LoadFailedError, NotRecordedError: it cannot be launched now.
        """
        pipeline = self._pipeline_name(pipeline, location, repository)
        if preset is not None:
            described = self.pipeline(*parse_pipeline(pipeline))
            run_config, tags, solids = over_preset(described, preset, run_config, tags, solids)
        request = pb.LaunchRunRequest(
            pipeline=pipeline,
            run_config=as_struct(run_config or {}),
            tags=tags,
            request_id=request_id,
            solids=as_names(solids),
            max_concurrency=max_concurrency,
            partition=as_partition(pipeline, partition),
            backfill=backfill,
            debugging=debugging,
        )
        _set_timeout(request, timeout)
        return self._unary(self._run.LaunchRun, request)

    def run(self, run: str) -> pb.Run:
        """Returns one run."""
        return self._unary(self._run.GetRun, pb.GetRunRequest(name=self.whole_run_name(run)))

    def retry_run(self, run: str) -> pb.Run:
        """Launches a run again: the same pipeline, run config, tags, solids, partition and limits.

        Tags of the daemon's own, which begin with "hostler/", are not taken over. The code is the
        one that the location has now.

        Raises:
            HostlerError: as `launch` does.
        """
        before = self.run(run)
        request = pb.LaunchRunRequest(
            pipeline=before.pipeline,
            run_config=before.run_config,
            tags={
                key: value for key, value in before.tags.items() if not key.startswith(DAEMON_TAGS)
            },
            solids=before.solids,
            max_concurrency=before.max_concurrency,
            partition=before.partition,
            timeout=before.timeout,  # 0 where it had none: not the setting of the daemon
        )
        return self._unary(self._run.LaunchRun, request)

    def runs(self, limit: int | None = None, **wanted: Unpack[RunSelection]) -> list[pb.Run]:
        """Returns the runs that fit all that is given, newest first; at most `limit`.

        Args:
            limit: None for all.
            wanted: see `RunSelection`.
        """
        found: list[pb.Run] = []
        request = pb.ListRunsRequest(
            page_size=min(limit or _PAGE, _PAGE), filter=_run_filter(**wanted)
        )
        for page in self._pages(self._run.ListRuns, request):
            found.extend(page.runs)
            if limit is not None and len(found) >= limit:
                break
        return found[:limit]

    def count_runs(self, **wanted: Unpack[RunSelection]) -> dict[pb.Run.State.ValueType, int]:
        """Returns how many runs fit all that is given, by the states that there are."""
        request = pb.CountRunsRequest(filter=_run_filter(**wanted))
        return {each.state: each.count for each in self._unary(self._run.CountRuns, request).counts}

    def watch_runs(
        self, after: str = "", snapshot: int = 0, **wanted: Unpack[RunSelection]
    ) -> Stream[pb.WatchRunsResponse]:
        """Returns the runs that fit all that is given as they are now, then each that changes.

        Args:
            after: the `resume_token` of the last message of another watch with the same selection.
            snapshot: runs of the present state, the newest ones; at most 1000, 0 for 100.
            wanted: see `RunSelection`.
        """
        request = pb.WatchRunsRequest(
            filter=_run_filter(**wanted), resume_token=after, snapshot_size=snapshot
        )
        return self._stream(self._run.WatchRuns, request)

    def steps(self, run: str) -> list[pb.Step]:
        """Returns the steps of a run that have begun or were skipped, in that order."""
        request = pb.ListStepsRequest(parent=self.whole_run_name(run))
        pages = self._pages(self._run.ListSteps, request)
        return [step for page in pages for step in page.steps]

    def cancel_runs(
        self,
        runs: Iterable[str] | None = None,
        *,
        kill: bool = False,
        **wanted: Unpack[RunSelection],
    ) -> pb.CancelRunsResponse:
        """Asks many runs to end, or kills them; returns what was done, as CancelRuns says it.

        Args:
            runs: their names; None for all that fit `wanted`, of which one call cancels 10,000.
            kill: whether to kill their processes at once.
            wanted: see `RunSelection`; for no `runs` alone.

        Raises:
            InvalidArgumentError: both are given.
        """
        request = pb.CancelRunsRequest(kill=kill)
        _choose(request, self._whole_names(runs), wanted)
        return self._unary(self._run.CancelRuns, request)

    def delete_runs(
        self, runs: Iterable[str] | None = None, **wanted: Unpack[RunSelection]
    ) -> pb.DeleteRunsResponse:
        """Deletes the records of many runs; returns what was done, as DeleteRuns says it.

        Args:
            runs: their names; None for all that fit `wanted` and have ended, of which one call
                deletes 10,000.
            wanted: see `RunSelection`; for no `runs` alone.

        Raises:
            InvalidArgumentError: both are given.
        """
        request = pb.DeleteRunsRequest()
        _choose(request, self._whole_names(runs), wanted)
        return self._unary(self._run.DeleteRuns, request)

    def watch_run(self, run: str, after: int = 0, *, joined: bool = False) -> Stream[pb.RunEvent]:
        """Returns the events of a run: past ones first, then live ones, until it has ended.

        Args:
            run: the run.
            after: only events with a greater sequence number.
            joined: whether printed lines that came together are one event, whose sequence number
                is the first one's, with the others in `printed_line.more`: several times faster
                for a run that prints much.
        """
        request = pb.WatchRunRequest(
            name=self.whole_run_name(run), after_sequence=after, join_lines=True
        )
        return self._stream(self._run.WatchRun, request, None if joined else single_events)

    def delete_run(self, run: str) -> None:
        """Deletes the record of a run.

        Raises:
            NotFoundError: there is no such run.
            PreconditionError: it has not ended.
        """
        self._unary(self._run.DeleteRun, pb.DeleteRunRequest(name=self.whole_run_name(run)))

    def compact_record(self) -> pb.CompactRecordResponse:
        """Has the daemon write the file of its record anew, without the room of deleted runs.

        What is to be recorded waits until that is done.

        Raises:
            NotRecordedError: the disk is full, or another program has locked the record.
        """
        request = pb.CompactRecordRequest()
        return self._unary(self._run.CompactRecord, request, COMPACTION_TIMEOUT)

    def cancel_run(self, run: str, *, kill: bool = False) -> pb.Run:
        """Asks a run to end, or kills it; its last event says when it has ended."""
        request = pb.CancelRunRequest(name=self.whole_run_name(run), kill=kill)
        return self._unary(self._run.CancelRun, request)

    def whole_run_name(self, run: str) -> str:
        """Returns the resource name of the run that a name, an id or a beginning of an id means."""
        return run_name(run) if is_whole_run(run) else find_run(run, self._all_runs()).name

    def _whole_names(self, runs: Iterable[str] | None) -> list[str] | None:
        return None if runs is None else [self.whole_run_name(run) for run in runs]

    def _all_runs(self) -> Iterator[pb.Run]:
        """Yields every run that is recorded, a page at a time: there may be a hundred thousand."""
        for page in self._pages(self._run.ListRuns, pb.ListRunsRequest(page_size=_PAGE)):
            yield from page.runs


def _set_timeout(request: pb.LaunchRunRequest, seconds: float | None) -> None:
    if seconds is not None:
        request.timeout.FromNanoseconds(int(seconds * 1e9))


def _run_filter(**wanted: Unpack[RunSelection]) -> pb.RunFilter:
    location, since, before = wanted.get("location"), wanted.get("since"), wanted.get("before")
    made = pb.RunFilter(
        location=location_name(location) if location else "",
        pipeline=wanted.get("pipeline") or "",
        states=wanted.get("states", ()),
        tags=wanted.get("tags"),
    )
    if since is not None:
        made.create_time_from.FromDatetime(since.astimezone())
    if before is not None:
        made.create_time_before.FromDatetime(before.astimezone())
    return made


def _choose(
    request: pb.CancelRunsRequest | pb.DeleteRunsRequest,
    names: list[str] | None,
    wanted: RunSelection,
) -> None:
    """Sets the names or the filter of a request.

    Raises:
        InvalidArgumentError: both are given.
    """
    if names is None:
        request.filter.CopyFrom(_run_filter(**wanted))
    elif wanted:
        raise InvalidArgumentError("cannot take both runs and a filter; give one of the two")
    elif not names:
        raise InvalidArgumentError("cannot take an empty list of runs; name at least one")
    else:
        request.names.extend(names)
