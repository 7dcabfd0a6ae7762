"""Backfills: a run for each of many partitions; one that was interrupted can go on."""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from hostler.client.errors import (
    InvalidArgumentError,
    NotFoundError,
    NotReadyError,
    OverloadedError,
    UnreachableError,
)
from hostler.client.lookup import not_found_message
from hostler.client.names import parse_definition, partition_id, partition_name
from hostler.client.partition import PartitionCalls
from hostler.client.run import RunCalls
from hostler.v1.run_pb2 import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import TypeVar

    T = TypeVar("T")

#: The tag of the runs of a backfill; its value is the backfill's id.
BACKFILL_TAG = "hostler/backfill"

#: The tag that the daemon gives to runs for partitions; its value is the set's name.
PARTITION_SET_TAG = "hostler/partition_set"

ENDED_STATES = frozenset({Run.SUCCEEDED, Run.FAILED, Run.CANCELED, Run.INTERRUPTED})

#: The states of the runs whose partitions `missing` leaves out.
COVERING_STATES = (Run.SUCCEEDED, Run.QUEUED, Run.RUNNING)

#: The request id of a run holds the backfill's and the partition's name, or a digest of that.
_MAX_REQUEST_ID = 128
_MAX_ID = 64

#: Seconds between two polls of the runs; ten times as long as a poll where that is more.
_POLL_INTERVAL = 0.25

#: Errors that pass by themselves: the daemon is restarted, its locations load.
_TRANSIENT = (UnreachableError, NotReadyError, OverloadedError)

#: Seconds for which a call is retried after such an error.
PATIENCE = 30.0


class _LeftError(Exception):
    """Ends a retry, because `leave` was called meanwhile."""


class Backfill:
    """Launches a run for each of some partitions of a set.

    Attributes:
        id: a second backfill with the same id, set and content goes on with this one.
        partition_set: the set's resource name.
        pipeline: the resource name of the pipeline.
        partitions: the names of the partitions, in the order in which their runs are launched.
        runs: those that are launched, by resource name, each as the last poll found it.
    """

    def __init__(
        self,
        calls: BackfillCalls,
        partition_set: str,
        pipeline: str,
        partitions: Sequence[str],
        launch: Callable[..., Run],
        backfill_id: str,
    ) -> None:
        self._calls = calls
        self._launch = launch
        self._left = threading.Event()
        self.id = backfill_id
        self.partition_set = partition_set
        self.pipeline = pipeline
        self.partitions = list(partitions)
        self.runs: dict[str, Run] = {}

    def launch(self) -> Iterator[Run]:
        """Launches one run after the other, and yields each.

        The daemon's queue and its limits decide when each of them starts. A run that this backfill
        has launched before is yielded as it is now. The call waits for a daemon that is restarted
        meanwhile.

        Raises:
            InvalidArgumentError: the id was used for a backfill of another content.
            UserCodeError: a function of the partition set raised; those before are launched.
            NotFoundError: a partition does not exist any more; those before are launched.
        """
        for partition in self.partitions[len(self.runs) :]:
            if self._left.is_set():
                return
            try:
                run = self._retried(partial(self._launched, partition))
            except _LeftError:
                return
            self.runs[run.name] = run
            yield run

    def watch(self) -> Iterator[Run]:
        """Yields each run that was launched when it has ended; those that have ended come first.

        The call waits for a daemon that is restarted meanwhile. A run whose record is deleted
        before its end was seen is yielded in STATE_UNSPECIFIED.
        """
        left = dict.fromkeys(self.runs)
        while left and not self._left.is_set():
            start = time.monotonic()
            try:
                found = self._retried(partial(self._poll, left))
            except _LeftError:
                return
            for run in found:
                self.runs[run.name] = run
                if run.state in ENDED_STATES or not run.state:
                    del left[run.name]
                    yield run
            if left:
                self._left.wait(max(_POLL_INTERVAL, 10 * (time.monotonic() - start)))

    def leave(self) -> None:
        """Ends `launch` and `watch`; runs that are launched go on. Callable from any thread."""
        self._left.set()

    @property
    def succeeded(self) -> bool:
        """Returns whether the run of each partition is known to have succeeded."""
        good = [run for run in self.runs.values() if run.state == Run.SUCCEEDED]
        return len(good) == len(self.partitions)

    def _launched(self, partition: str) -> Run:
        return self._launch(
            request_id=_request_id(self.id, partition),
            partition=partition_name(self.partition_set, partition),
        )

    def _poll(self, left: Iterable[str]) -> list[Run]:
        """Returns the runs that have not ended yet as they are now, in the order of launches."""
        found = {run.name: run for run in self._calls.runs(tags={BACKFILL_TAG: self.id})}
        now = []
        for name in left:
            run = found.get(name)
            if run is None:  # its record was deleted
                run = Run()
                run.CopyFrom(self.runs[name])
                run.state = Run.STATE_UNSPECIFIED
            now.append(run)
        return now

    def _retried(self, call: Callable[[], T]) -> T:
        """Makes a call again as long as it fails by an error that passes by itself."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return call()
            except _TRANSIENT as error:
                if time.monotonic() >= deadline:
                    raise
                if self._left.wait(error.retry_delay or _POLL_INTERVAL):
                    raise _LeftError from None


class BackfillCalls(PartitionCalls, RunCalls):
    """Makes the calls that need both the partitions and the runs."""

    def backfill(  # noqa: PLR0913 (those of a launch, by keyword, and its own)
        self,
        partition_set: str,
        partitions: Iterable[str] | Callable[[list[str]], Iterable[str]] | None = None,
        run_config: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        *,
        location: str | None = None,
        repository: str | None = None,
        backfill_id: str = "",
        missing: bool = False,
        timeout: float | None = None,
    ) -> Backfill:
        """Prepares a run for each of some partitions of a set; `Backfill.launch` launches them.

        Args:
            partition_set: its name.
            partitions: names of partitions, or a function that takes all names, in the set's
                order, and returns some of them; all where it is left out.
            run_config: merged over what the set gives for each partition.
            tags: merged over what the set gives for each partition.
            location: where to look for the set's name.
            repository: where to look for the set's name.
            backfill_id: the id of a backfill to go on with; a new one is made where it is left out.
            missing: leave out the partitions that have a run that succeeded, is queued or under
                way, unless it is of this backfill.
            timeout: seconds for each run, as `launch` takes it.

        Raises:
            NotFoundError, AmbiguousNameError: the name is of no set, or of several, or there is no
                such partition; the message gives the nearest.
            InvalidArgumentError: the id is too long.
            UserCodeError: the set's function raised.
        """
        if len(backfill_id) > _MAX_ID:
            raise InvalidArgumentError(
                f"cannot use a backfill's id of {len(backfill_id)} characters; at most {_MAX_ID}"
            )
        backfill_id = backfill_id or _new_id()
        name = self.find_partition_set(partition_set, location, repository).name
        path = parse_definition(name)
        pipeline = self.partition_set(path.location, path.repository, path.name).pipeline
        names = self.partition_names(path.location, path.repository, path.name)
        wanted = partitions(names) if callable(partitions) else partitions
        chosen = names if wanted is None else select_partitions(names, wanted)
        if missing:
            covered = self._covered(pipeline, path.name, backfill_id)
            chosen = [one for one in chosen if partition_name(name, one) not in covered]

        def launch(**of_partition: Any) -> Run:
            return self.launch(
                pipeline, run_config, tags, timeout=timeout, backfill=backfill_id, **of_partition
            )

        return Backfill(self, name, pipeline, chosen, launch, backfill_id)

    def partition_names(self, location: str, repository: str, partition_set: str) -> list[str]:
        """Returns the names of a set's partitions as they are now, as people write them."""
        found = self.partitions(location, repository, partition_set)
        return [partition_id(one.name) for one in found]

    def _covered(self, pipeline: str, partition_set: str, except_id: str) -> set[str]:
        """Returns the partitions that have a good or open run of another backfill, or of none."""
        found = self.runs(
            pipeline=pipeline, states=COVERING_STATES, tags={PARTITION_SET_TAG: partition_set}
        )
        return {run.partition for run in found if run.tags.get(BACKFILL_TAG) != except_id}


def select_partitions(names: Sequence[str], wanted: Iterable[str]) -> list[str]:
    """Returns the partitions that are wanted, in the set's order, each once.

    Raises:
        NotFoundError: one is not there; the message names all that are not, and the nearest.
    """
    kept = set(wanted)
    unknown = sorted(kept.difference(names))
    if unknown:
        messages = [not_found_message("partition", name, set(names)) for name in unknown]
        raise NotFoundError("\n".join(messages))
    return [name for name in names if name in kept]


def partition_range(names: Sequence[str], first: str | None, last: str | None) -> list[str]:
    """Returns the partitions from `first` to `last`, both included, in the set's order.

    Args:
        names: all partitions of the set.
        first: None for the set's first one.
        last: None for the set's last one.

    Raises:
        NotFoundError: one of them is not there; the message names the nearest.
        InvalidArgumentError: the first comes after the last.
    """
    select_partitions(names, [name for name in (first, last) if name is not None])
    start = 0 if first is None else names.index(first)
    end = len(names) - 1 if last is None else names.index(last)
    if end < start:
        raise InvalidArgumentError(
            f"cannot take the partitions from {first!r} to {last!r}: "
            f"in the set's order {last!r} comes first; exchange them"
        )
    return list(names[start : end + 1])


def _new_id() -> str:
    import secrets  # 5 ms that most calls do without

    return secrets.token_hex(5)


def _request_id(backfill_id: str, partition: str) -> str:
    plain = f"backfill/{backfill_id}/{partition}"
    if len(plain) <= _MAX_REQUEST_ID:
        return plain
    import hashlib

    digest = hashlib.blake2b(partition.encode(), digest_size=16).hexdigest()
    return f"backfill/{backfill_id}/{digest}"
