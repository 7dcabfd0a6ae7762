"""From the order to ready: the load alone, without the watcher and the client."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

from bench.daemon import write
from bench.environments import PANDAS, MissingError, interpreter
from bench.figures import Report, alternate, faster, ratio
from bench.processes import PEERS, peer
from bench.projects import WITH_PANDAS
from bench.save import PYTHON, Saves, fresh, saving, warm

ROUNDS = 15
LOADS = 8
SECONDS = 30.0

#: The modules of the template: the third-party one, and those that every location imports.
PRELOADED = ("pandas", "hostler.definitions")

LOAD, FORKSERVER, FRESH = (
    "order to ready",
    "multiprocessing.forkserver, the same preload",
    "fresh interpreter imports it",
)


def run() -> Report:
    """Compares a fork of the template with Python alone, a fork of multiprocessing, and a spawn."""
    what = "a changed pandas location loaded and described, against imports of the same file"
    try:
        executable = interpreter(PANDAS)
    except MissingError as error:
        return Report("load", what, (), (f"skipped: {error}",))
    with tempfile.TemporaryDirectory(prefix="hostler-bench-") as temporary:
        folder = Path(temporary)
        write(folder / "forked", WITH_PANDAS.files())
        numbers = itertools.count(1)
        with (
            saving(WITH_PANDAS, folder / "hostler", executable) as saves,
            peer([executable, PEERS / "forkserver.py", *PRELOADED], folder / "forked") as server,
            warm(WITH_PANDAS, folder / "warm", executable) as python,
        ):

            def forkserver() -> float:
                text = WITH_PANDAS.text(f"version_{next(numbers)}")
                (folder / "forked" / WITH_PANDAS.saved).write_text(text)
                return float(server.ask(""))

            found = alternate(
                {
                    LOAD: lambda: _loaded(saves),
                    PYTHON: python,
                    FORKSERVER: forkserver,
                    FRESH: fresh(WITH_PANDAS, folder / "fresh", executable),
                },
                ROUNDS,
                "ms",
                times={LOAD: LOADS, PYTHON: LOADS, FORKSERVER: LOADS},
                limits={LOAD: 5},
                seconds=SECONDS,
            )
            remarks = saves.remarks("load")
    loaded, alone, by_forkserver, imported = found.values()
    return Report(
        "load",
        what,
        (
            *found.values(),
            ratio("load / Python alone", loaded, alone),
            faster("forkserver / load", by_forkserver, loaded),
            faster("fresh import / load", imported, loaded, 40),
        ),
        tuple(remarks),
    )


def _loaded(saves: Saves) -> float:
    """Returns what the daemon reports of the load that a save has caused."""
    saves.rested()
    return saves.location.load_duration.ToMicroseconds() / 1000
