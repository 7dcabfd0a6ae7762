"""Background work under one root."""

from __future__ import annotations

import asyncio
import io

from hostler.daemon.base.journal import Journal
from hostler.daemon.base.tasks import Tasks


def test_a_fault_is_logged_and_the_group_goes_on() -> None:
    stream = io.StringIO()
    journal = Journal(stream=stream)

    async def fault() -> None:
        raise ValueError("mine")

    async def scenario() -> None:
        async with Tasks(journal) as tasks:
            failed = tasks.start(fault(), "first")
            await asyncio.wait([failed])
            other = tasks.start(asyncio.sleep(0), "second")
            await asyncio.wait([other])
            assert failed.exception() is None

    asyncio.run(scenario())
    journal.close()
    assert "a task failed task=first error=" in stream.getvalue()


def test_work_that_is_cancelled_before_it_has_begun_is_closed() -> None:
    """Python would else warn of a coroutine that was never awaited."""
    begun: list[str] = []

    async def work() -> None:
        begun.append("work")

    async def scenario() -> None:
        async with Tasks(Journal(stream=io.StringIO())) as tasks:
            task = tasks.start(work(), "work")
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()

    asyncio.run(scenario())
    assert begun == []
