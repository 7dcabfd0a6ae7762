"""The numbered feed of changes: resuming, waiting, falling behind."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from hostler.daemon.supervision.change_feed import (
    MAX_CHANGES,
    Change,
    ChangeFeed,
    FollowerLaggedError,
)
from hostler.v1 import workspace_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

DEADLINE = 10.0


def run(scenario: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), DEADLINE))


def publish(changes: ChangeFeed, *reasons: str) -> None:
    for reason in reasons:
        changes.publish(workspace_pb2.WorkspaceChange(reason=reason))


def told(change: Change) -> workspace_pb2.WorkspaceChange:
    message = workspace_pb2.WorkspaceChange.FromString(change.message)
    assert message.revision == change.revision
    return message


async def take(follower: AsyncIterator[Change], count: int) -> list[str]:
    return [told(await anext(follower)).reason for _ in range(count)]


def test_revisions_are_counted_from_one() -> None:
    async def scenario() -> None:
        changes = ChangeFeed()
        assert (changes.revision, changes.oldest) == (0, 1)
        publish(changes, "one", "two")
        assert (changes.revision, changes.oldest) == (2, 1)
        follower = changes.follow(0)
        first = told(await anext(follower))
        assert (first.revision, first.reason) == (1, "one")
        assert first.time.ToNanoseconds() > 0

    run(scenario)


@pytest.mark.parametrize(("after", "expected"), [(0, "abc"), (1, "bc"), (2, "c")])
def test_a_reader_resumes_after_a_revision(after: int, expected: str) -> None:
    async def scenario() -> None:
        changes = ChangeFeed()
        publish(changes, *"abc")
        assert await take(changes.follow(after), len(expected)) == list(expected)

    run(scenario)


def test_a_reader_waits_for_the_next_one_and_misses_none() -> None:
    async def scenario() -> None:
        changes = ChangeFeed()
        publish(changes, "a")
        follower = changes.follow(1)
        waiting = asyncio.ensure_future(anext(follower))
        await asyncio.sleep(0)
        assert not waiting.done()
        publish(changes, "b", "c")
        assert told(await waiting).reason == "b"
        publish(changes, "d")
        assert await take(follower, 2) == ["c", "d"]

    run(scenario)


def test_each_reader_gets_every_change() -> None:
    async def scenario() -> None:
        changes = ChangeFeed()
        readers = [asyncio.ensure_future(take(changes.follow(0), 3)) for _ in range(3)]
        await asyncio.sleep(0)
        publish(changes, *"abc")
        assert await asyncio.gather(*readers) == [list("abc")] * 3

    run(scenario)


def test_news_is_set_by_the_next_change() -> None:
    async def scenario() -> None:
        changes = ChangeFeed()
        publish(changes, "past")
        next_change = changes.next_change()
        assert not next_change.is_set()
        publish(changes, "new")
        assert next_change.is_set()
        assert not changes.next_change().is_set()

    run(scenario)


def test_what_is_no_longer_kept_cannot_be_resumed() -> None:
    async def scenario() -> None:
        changes = ChangeFeed()
        publish(changes, *map(str, range(MAX_CHANGES + 5)))
        assert changes.oldest == 6
        assert await take(changes.follow(5), 2) == ["5", "6"]
        with pytest.raises(FollowerLaggedError):
            await anext(changes.follow(4))

    run(scenario)


def test_a_reader_that_falls_behind_is_told() -> None:
    async def scenario() -> None:
        changes = ChangeFeed()
        publish(changes, "seen")
        follower = changes.follow(0)
        assert await take(follower, 1) == ["seen"]
        publish(changes, *map(str, range(MAX_CHANGES + 1)))
        with pytest.raises(FollowerLaggedError):
            await anext(follower)

    run(scenario)


def test_a_reader_within_a_batch_is_not_told_that_it_fell_behind() -> None:
    async def scenario() -> None:
        changes = ChangeFeed()
        publish(changes, *"abc")
        follower = changes.follow(0)
        assert await take(follower, 1) == ["a"]
        publish(changes, *map(str, range(MAX_CHANGES)))
        assert await take(follower, 2) == ["b", "c"]

    run(scenario)
