"""Runs: how fast they begin, how fast their events come, how fast many of them are listed."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from datetime import UTC
from pathlib import Path

from bench.daemon import all_ready, hostlerd, milliseconds, python, workspace
from bench.figures import Figure, Report, alternate, ratio
from hostler.client import Client
from hostler.daemon.runs.store import database
from hostler.daemon.runs.store.record import Run, make_event
from hostler.daemon.runs.store.tables import RunTables
from hostler.v1 import run_pb2

ROUNDS = 15

#: Events of one run, as fast as its process can send them.
EVENTS = 5000

#: Runs that the record holds when it is listed.
RECORDED = 100_000

#: Runs that are all launched before each is awaited.
EMPTY_RUNS = 1000

SOURCE = """\
from hostler.definitions import pipeline, repository, solid


@solid
def nothing(context):
    pass


@solid(config_schema={"events": int})
def says(context):
    for number in range(context.config["events"]):
        context.log.info(str(number))


@pipeline
def empty():
    nothing()


@pipeline
def chatty():
    says()


@repository
def bench():
    return [empty, chatty]
"""


def run() -> Report:
    """Compares a launch with the start of a bare interpreter, and the rest with its aims."""
    with tempfile.TemporaryDirectory(prefix="hostler-bench-") as folder:
        of = workspace(Path(folder), {"location.py": SOURCE})
        with hostlerd(of), Client(of.socket) as client:
            all_ready(client, of)
            began = alternate(
                {
                    "launch to first step": lambda: milliseconds(lambda: _first_step(client)),
                    "python -c pass": lambda: milliseconds(lambda: python("-c", "pass")),
                },
                ROUNDS,
                "ms",
            )
            launched, bare = began.values()
            after_launches = _memory(client)
            events = Figure("1,000 events to a client", "ms", _events(client), 1000)
            after_events = _memory(client)
            empty = Figure(f"{EMPTY_RUNS:,} empty runs", "s", (_empty_runs(client),))
            after_runs = _memory(client)
        _record(of.folder / "state" / database.FILE, RECORDED)
        with hostlerd(of), Client(of.socket) as client:
            listed = [_memory(client, "  the daemon before them"), *_lists(client), _memory(client)]
    return Report(
        "runs",
        f"runs, each event on disk before it is seen; lists among {RECORDED:,} runs",
        (
            *(launched, bare, ratio("launch / python", launched, bare), after_launches),
            *(events, after_events),
            *(empty, after_runs),
            *listed,
        ),
    )


def _first_step(client: Client) -> None:
    launched = client.launch("empty")
    for each in client.watch_run(launched.name):
        if each.HasField("step_started"):
            break


def _events(client: Client) -> tuple[float, ...]:
    """Returns the milliseconds for 1,000 events, from a run's first to its last, at a client."""
    config = {"solids": {"says": {"config": {"events": EVENTS}}}}
    samples = []
    for _ in range(5):
        first, last, seen = 0.0, 0.0, 0
        for each in client.execute("chatty", config):
            if each.HasField("log_message"):
                last = time.perf_counter()
                first = first or last
                seen += 1
        if seen != EVENTS:
            raise RuntimeError(f"cannot measure: {seen} of {EVENTS} events came")
        samples.append((last - first) * 1e6 / EVENTS)
    return tuple(samples)


def _empty_runs(client: Client) -> float:
    began = time.perf_counter()
    for name in [client.launch("empty").name for _ in range(EMPTY_RUNS)]:
        for _ in client.watch_run(name):
            pass
    return time.perf_counter() - began


def _memory(client: Client, name: str = "  the daemon after that") -> Figure:
    """Returns the resident memory of the daemon."""
    return Figure(name, "MiB", (client.workspace().daemon.memory_bytes / 2**20,))


def _record(path: Path, count: int) -> None:
    """Fills the record as a daemon would."""
    tables = RunTables(database.open_for_writing(path, 0))
    for start in range(0, count, 1000):
        tables.begin()
        for number in range(start, start + 1000):
            place = f"locations/l{number % 10}/repositories/bench/pipelines/p{number % 50}"
            made = Run(
                name=f"runs/{number}",
                pipeline=place,
                tags={"team": str(number % 20), "nth": str(number)},
            )
            tables.create(made, make_event("run_queued"))
            tables.append(str(number), make_event("run_started", run_pb2.RunStarted(pid=1)))
            failed = number % 1000 == 0
            tables.append(str(number), make_event("run_failed" if failed else "run_succeeded"))
        tables.commit()
    tables.close()


def _lists(client: Client) -> list[Figure]:
    """Returns the figures of the first page: of all runs, and of filters that match few."""
    (middle,) = client.runs(1, tags={"nth": str(RECORDED // 2)})
    old = middle.create_time.ToDatetime(UTC)
    unlikely = [Run.CANCELED, Run.INTERRUPTED]
    wanted: dict[str, tuple[int, Callable[[], list[Run]]]] = {
        "first page of all": (100, lambda: client.runs(100)),
        "first page of a location": (100, lambda: client.runs(100, location="l3")),
        "first page of what failed": (100, lambda: client.runs(100, states=[Run.FAILED])),
        "first page of a tag": (100, lambda: client.runs(100, tags={"team": "7"})),
        "first page of the older half": (100, lambda: client.runs(100, before=old)),
        "none in two states": (0, lambda: client.runs(100, states=unlikely)),
        "none of a location": (0, lambda: client.runs(100, location="l3", pipeline="p4")),
    }
    return [Figure(name, "ms", _listed(*each), 50) for name, each in wanted.items()]


def _listed(count: int, ask: Callable[[], list[Run]]) -> tuple[float, ...]:
    if len(ask()) != count:
        raise RuntimeError(f"cannot measure: the list is not of {count} runs")
    return tuple(milliseconds(ask) for _ in range(ROUNDS))
