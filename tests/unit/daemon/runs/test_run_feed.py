"""The feed of many runs: each run once, as it is by then."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from unit.daemon.runs.run_record import a_run, created, ended, opened, started, sync

from hostler.daemon.runs.store import run_feed
from hostler.daemon.runs.store.record import Run, RunFilter, State, fits, make_event
from hostler.daemon.runs.store.run_feed import ChangedRun, FollowerLaggedError, RunFeed
from hostler.v1 import run_pb2


async def taken(feed: RunFeed, after: int, count: int) -> list[ChangedRun]:
    found: list[ChangedRun] = []
    async for change in feed.follow(after):
        found.append(change)
        if len(found) == count:
            break
    return found


@sync
async def test_changes_of_a_run_that_come_fast_are_one() -> None:
    feed = RunFeed(interval=0)
    run = a_run("a")
    for number in range(100):
        run.progress.succeeded = number
        feed.note(run)
    (change,) = await taken(feed, 0, 1)
    assert change.run.progress.succeeded == 99
    assert feed.revision == 1
    run.progress.succeeded = 100
    assert change.run.progress.succeeded == 99, "what was told does not change"


@sync
async def test_a_state_waits_for_nothing() -> None:
    feed = RunFeed(interval=3600)
    feed.note(a_run("a"))
    assert feed.revision == 0
    feed.note(a_run("b"), at_once=True)
    assert [change.run.name for change in await taken(feed, 0, 2)] == ["runs/a", "runs/b"]


@sync
async def test_a_slow_follower_gets_each_run_once() -> None:
    feed = RunFeed()
    first, second = a_run("a"), a_run("b")
    for number in range(5):
        for run in (first, second):
            run.last_sequence = number
            feed.note(run, at_once=True)
    found = await taken(feed, 0, 2)
    assert [(change.run.name, change.run.last_sequence) for change in found] == [
        ("runs/a", 4),
        ("runs/b", 4),
    ]
    waiting = asyncio.ensure_future(taken(feed, found[-1].revision, 1))
    feed.note(first, at_once=True)
    assert (await waiting)[0].run.name == "runs/a"


@sync
async def test_what_is_kept_is_bounded_and_a_late_follower_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run_feed, "MOST_KEPT", 3)
    feed = RunFeed()
    for number in range(5):
        feed.note(a_run(str(number)), at_once=True)
    assert [each.run.name for each in await taken(feed, 2, 3)] == ["runs/2", "runs/3", "runs/4"]
    with pytest.raises(FollowerLaggedError):
        await taken(feed, 1, 1)
    assert feed.revision_of(feed.token(1)) is None
    assert feed.revision_of(feed.token(2)) == 2
    assert feed.revision_of(feed.token(6)) is None, "it is of no change yet"
    monkeypatch.setattr(run_feed, "MOST_BYTES", 1000)
    feed.note(a_run("large", tags={"a": "x" * 900}), at_once=True)
    feed.note(a_run("large too", tags={"a": "x" * 900}), at_once=True)
    assert [each.run.name for each in await taken(feed, 6, 1)] == ["runs/large too"]


def test_a_token_of_another_daemon_resumes_nothing() -> None:
    feed = RunFeed()
    assert feed.revision_of(feed.token(0)) == 0
    for token in (RunFeed().token(0), "", "x", "-", "0", feed.token(0) + "x", "9" * 5000):
        assert feed.revision_of(token) is None


@sync
async def test_a_change_is_serialized_once_for_all_who_watch() -> None:
    feed = RunFeed()
    feed.note(a_run("a"), at_once=True)
    (change,) = await taken(feed, 0, 1)
    assert change.message(is_wanted=True) is change.message(is_wanted=True)
    told = run_pb2.WatchRunsResponse.FromString(change.message(is_wanted=True))
    assert told.run.name == "runs/a"
    gone = run_pb2.WatchRunsResponse.FromString(change.message(is_wanted=False))
    assert (gone.removed_run, gone.resume_token) == ("runs/a", told.resume_token)


@sync
async def test_the_store_tells_what_becomes_of_a_run(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        config = run_pb2.Run()
        config.run_config["large"] = "x" * 1000
        await created(store, "a", run_config=config.run_config)
        store.append("a", started())
        await store.mark_canceling("a")
        store.append("a", make_event("run_canceled"))
        await store.flush()
        (change,) = await taken(store.feed, 0, 1)
        assert change.run.state == State.CANCELED
        assert not change.run.HasField("run_config")
        assert change.revision == 4, "queued, running, canceling, canceled"
        await store.delete("a")
        deleted = asyncio.ensure_future(taken(store.feed, change.revision, 1))
        assert (await deleted)[0].is_deleted


@sync
async def test_counts_names_and_deletions_of_many(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        for number in range(5):
            await ended(store, f"e{number}", tags={"team": "data" if number % 2 else "web"})
        await created(store, "q", tags={"team": "data"})
        assert await store.counts(RunFilter()) == {State.SUCCEEDED: 5, State.QUEUED: 1}
        data = RunFilter(tags=(("team", "data"),))
        assert await store.counts(data) == {State.SUCCEEDED: 2, State.QUEUED: 1}
        assert await store.counts(RunFilter(location="other")) == {}
        assert [name for _, name in await store.names(data, 2, None)] == ["q", "e3"]
        assert await store.states(["e0", "q", "x"]) == {"e0": State.SUCCEEDED, "q": State.QUEUED}
        done = await store.delete_all(["e0", "q", "x"])
        assert {name: type(error).__name__ for name, error in done.items()} == {
            "e0": "NoneType",
            "q": "RunActiveError",
            "x": "UnknownRunError",
        }
        assert await store.get("e0") is None
        assert await store.get("q") is not None


def test_a_run_fits_in_memory_as_it_does_on_disk() -> None:
    run = a_run("a", tags={"team": "data"})
    run.create_time.FromSeconds(100)
    at = 100_000_000_000
    for wanted in (
        RunFilter(),
        RunFilter(location="etl", repository="repo", pipeline="p", tags=(("team", "data"),)),
        RunFilter(created_from=at, created_before=at + 1),
    ):
        assert fits(run, wanted)
    for wanted in (
        RunFilter(location="et"),
        RunFilter(repository="x"),
        RunFilter(pipeline="pp"),
        RunFilter(tags=(("team", "web"),)),
        RunFilter(created_from=at + 1),
        RunFilter(created_before=at),
    ):
        assert not fits(run, wanted)
    assert fits(Run(state=State.QUEUED), RunFilter(states=frozenset({State.FAILED})))
