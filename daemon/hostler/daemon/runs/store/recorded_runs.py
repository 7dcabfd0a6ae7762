"""Reads the record of runs, with what is known of runs that go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from hostler.daemon.runs.store.record import ENDED, Run, RunFilter, run_id

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hostler.daemon.runs.store.live_run import LiveRun
    from hostler.daemon.runs.store.reader import RunReader

T = TypeVar("T")


class RecordedRuns:
    """Answers questions about runs from the disk, off the loop, and about their progress.

    Args:
        reader: of the record.
    """

    def __init__(self, reader: RunReader) -> None:
        self._reader = reader
        #: The runs that have not ended, by id.
        self._live_runs: dict[str, LiveRun] = {}

    async def read(self, read: Callable[..., T], *arguments: object) -> T:
        """Has a function read the record off the loop; it gets a connection and the arguments."""
        return await self._reader.read(read, *arguments)

    async def get(self, run_id: str) -> Run | None:
        """Returns the run as it is on disk; None where there is none."""
        found = await self._reader.run(run_id)
        if found is not None:
            self._add_progress(found)
        return found

    def _add_progress(self, run: Run) -> None:
        """Adds how far a run is; its record has that only from its end on."""
        live_run = self._live_runs.get(run_id(run))
        if live_run is not None and run.state not in ENDED:
            run.progress.CopyFrom(live_run.run.progress)

    async def find_by_request_id(self, request_id: str) -> tuple[Run, Run] | None:
        """Returns the run that was launched with a request id, and what was asked for."""
        return await self._reader.run_by_request_id(request_id)

    async def page(
        self, run_filter: RunFilter, size: int, before: int | None, size_bytes: int = 0
    ) -> list[tuple[int, Run]]:
        """Returns runs that fit a filter, newest first, each with its position in the order.

        Args:
            before: the position after which the page begins; None for the first page.
            size_bytes: of the messages; one more run than fits is returned. 0 for no such limit.
        """
        found = await self._reader.page(run_filter, size, before, size_bytes)
        for _, run in found:
            self._add_progress(run)
        return found

    async def counts(self, run_filter: RunFilter) -> dict[int, int]:
        """Returns how many runs fit a filter, by their states."""
        return await self._reader.counts(run_filter)

    async def states(self, run_ids: Sequence[str]) -> dict[str, int]:
        """Returns the states of those of the runs that there are; of no more than a few hundred."""
        return await self._reader.states(run_ids)

    async def names(
        self, run_filter: RunFilter, size: int, before: int | None
    ) -> list[tuple[int, str]]:
        """Returns positions and ids of runs that fit a filter, newest first; see `page`."""
        return await self._reader.names(run_filter, size, before)

    async def steps(self, run_id: str, size: int, after: int) -> list[tuple[int, bytes]]:
        """Returns serialized steps with the numbers of their first events, in that order.

        Args:
            after: only steps that began after the event of this number.
        """
        return await self._reader.steps(run_id, size, after)
