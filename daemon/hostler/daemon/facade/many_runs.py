"""Calls about many runs at once: watching, cancelling and deleting them."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence

from hostler.daemon.base.settings import Settings
from hostler.daemon.facade import names, refusals
from hostler.daemon.facade.refusals import RefusalError
from hostler.daemon.facade.run_filter import run_filter
from hostler.daemon.runs.runs import Runs
from hostler.daemon.runs.store.record import ENDED, RunFilter, State, fits, without_config
from hostler.daemon.runs.store.run_feed import FollowerLaggedError
from hostler.daemon.runs.store.run_store import RunStore
from hostler.daemon.runs.store.tables import RunActiveError
from hostler.rpc.errors import Reason
from hostler.v1 import run_pb2 as pb

#: Runs of the present state of a watch whose caller names no number, and of any.
_DEFAULT_SNAPSHOT, _MAX_SNAPSHOT = 100, 1000

#: Runs that one call cancels or deletes by a filter: a second's work.
MOST_BY_FILTER = 10_000

#: Problems that are listed one by one.
_MOST_PROBLEMS = 100

#: Runs that are dealt with before others get the loop.
_PER_TURN = 50

#: Bytes of a name in a problem.
_MAX_NAME = 200


async def watch(
    store: RunStore, request: pb.WatchRunsRequest, settings: Settings
) -> AsyncIterator[bytes]:
    """Yields serialized WatchRunsResponse messages.

    Raises:
        RefusalError: INVALID_ARGUMENT for the filter; UNAVAILABLE when the daemon ends.
    """
    wanted = run_filter(request.filter)
    size = min(request.snapshot_size or _DEFAULT_SNAPSHOT, _MAX_SNAPSHOT)
    after = store.feed.revision_of(request.resume_token) if request.resume_token else None
    while True:
        if after is None:
            after = store.feed.revision
            snapshot = await _snapshot(store, wanted, size, settings.page_bytes)
            told = pb.WatchRunsResponse(resume_token=store.feed.token(after), snapshot=snapshot)
            yield told.SerializeToString()
        try:
            async for change in store.feed.follow(after):
                after = change.revision
                run = change.run
                if change.is_deleted or fits(run, wanted):
                    is_wanted = not wanted.states or run.state in wanted.states
                    yield change.message(is_wanted=is_wanted)
        except FollowerLaggedError:
            after = None
        else:
            raise refusals.shutting_down()


async def _snapshot(
    store: RunStore, wanted: RunFilter, size: int, page_bytes: int
) -> pb.RunSnapshot:
    """Returns the newest runs without their configs, as many as fit into so many bytes."""
    snapshot = pb.RunSnapshot()
    before: int | None = None
    while len(snapshot.runs) < size:
        room = size - len(snapshot.runs)
        found = await store.page(wanted, room, before, page_bytes)
        for position, run in found:
            before = position
            snapshot.runs.append(without_config(run))
            if snapshot.ByteSize() > page_bytes and len(snapshot.runs) > 1:
                del snapshot.runs[-1]
                return snapshot
        if not found:
            break
    return snapshot


async def cancel(runs: Runs, request: pb.CancelRunsRequest) -> pb.CancelRunsResponse:
    """Cancels the runs of a request.

    Raises:
        RefusalError: INVALID_ARGUMENT.
        NotRecordedError: the record cannot be written.
    """
    answer = pb.CancelRunsResponse()
    by_filter = _require_one_of(request.names, request.HasField("filter"), "cancel")
    if by_filter:
        wanted, answer.has_more = await _found(runs.store, request.filter, ended=False)
    else:
        wanted = _ids(request.names, answer)
    reason = "it was killed on request" if request.kill else "a cancel was asked for"
    known = await _states(runs.store, wanted) if not by_filter else {}
    going_on: list[str] = []
    for run_id in wanted:
        state = known.get(run_id)
        if by_filter or (state is not None and state not in ENDED):
            going_on.append(run_id)
        elif state is None:
            _add_problem(answer, f"runs/{run_id}", refusals.unknown("run", f"runs/{run_id}", ()))
        else:
            answer.unchanged_count += 1
    for start in range(0, len(going_on), _PER_TURN):
        part = going_on[start : start + _PER_TURN]
        answer.canceled_count += await runs.cancel_all(part, reason, kill=request.kill)
        await asyncio.sleep(0)
    answer.unchanged_count += len(going_on) - answer.canceled_count
    return answer


async def delete(runs: Runs, request: pb.DeleteRunsRequest) -> pb.DeleteRunsResponse:
    """Deletes the runs of a request.

    Raises:
        RefusalError: INVALID_ARGUMENT.
        NotRecordedError: the record cannot be written.
    """
    answer = pb.DeleteRunsResponse()
    by_filter = _require_one_of(request.names, request.HasField("filter"), "delete")
    if by_filter:
        wanted, answer.has_more = await _found(runs.store, request.filter, ended=True)
    else:
        wanted = _ids(request.names, answer)
    for run_id, error in (await runs.store.delete_all(wanted)).items():
        name = f"runs/{run_id}"
        if error is None:
            answer.deleted_count += 1
        elif by_filter:
            continue  # another call has deleted it meanwhile
        elif isinstance(error, RunActiveError):
            _add_problem(answer, name, refusals.run_active(name))
        else:
            _add_problem(answer, name, refusals.unknown("run", name, ()))
    return answer


def _require_one_of(listed: Sequence[str], has_filter: bool, what: str) -> bool:  # noqa: FBT001
    """Returns whether the runs are chosen by a filter.

    Raises:
        RefusalError: neither names nor a filter, or both.
    """
    if bool(listed) == has_filter:
        found = "both" if has_filter else "neither"
        raise refusals.invalid(
            f"cannot {what} runs by {found} of names and filter; set one of the two, an empty "
            "filter for all runs"
        )
    return has_filter


def _ids(listed: Iterable[str], answer: pb.CancelRunsResponse | pb.DeleteRunsResponse) -> list[str]:
    """Returns the ids of the names, each once; what is no name becomes a problem."""
    found: dict[str, None] = {}
    for name in dict.fromkeys(listed):
        try:
            found[names.run_id(name)] = None
        except RefusalError as refusal:
            _add_problem(answer, name, refusal)
    return list(found)


async def _found(store: RunStore, wanted: pb.RunFilter, *, ended: bool) -> tuple[list[str], bool]:
    """Returns the ids of the newest runs that fit and have ended, or not; and whether more do."""
    fitting = ENDED if ended else frozenset(State.values()) - ENDED
    asked = run_filter(wanted)
    states = fitting & asked.states if asked.states else fitting
    if not states:
        return [], False
    narrowed = RunFilter(
        asked.location,
        asked.repository,
        asked.pipeline,
        states,
        asked.tags,
        asked.created_from,
        asked.created_before,
    )
    found = await store.names(narrowed, MOST_BY_FILTER + 1, None)
    return [name for _, name in found[:MOST_BY_FILTER]], len(found) > MOST_BY_FILTER


async def _states(store: RunStore, run_ids: Sequence[str]) -> dict[str, int]:
    """Returns the states of those runs that there are."""
    found: dict[str, int] = {}
    for start in range(0, len(run_ids), _PER_TURN):
        found.update(await store.states(run_ids[start : start + _PER_TURN]))
    return found


def _add_problem(
    answer: pb.CancelRunsResponse | pb.DeleteRunsResponse, name: str, refusal: RefusalError
) -> None:
    answer.problem_count += 1
    if len(answer.problems) < _MOST_PROBLEMS:
        shown = name.encode()[:_MAX_NAME].decode(errors="ignore")
        reason = refusal.details.reason or Reason.INVALID_ARGUMENT
        answer.problems.add(name=shown, reason=reason, message=refusal.message[:500])
