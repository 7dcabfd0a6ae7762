"""Runs that go on while their code is saved again and again, and checks of each run."""

from __future__ import annotations

import itertools
import threading
from functools import partial
from typing import NamedTuple

from e2e.harness import Daemon, eventually

from hostler.v1.run_pb2 import Run

#: A solid looks all the time at its file's version, a helper's, and the source of a function.
CODE = """\
import inspect
import time

import helper
from hostler.definitions import pipeline, repository, solid

VERSION = {version}


def mark():
    return "mark {version};"


def seen():
    assert mark() in inspect.getsource(mark), inspect.getsource(mark)
    return VERSION, helper.VERSION, mark()


@solid(config_schema={{"seconds": float}})
def works(context):
    first = seen()
    end = time.monotonic() + context.config["seconds"]
    while time.monotonic() < end:
        time.sleep(0.05)
        assert seen() == first, (first, seen())
    return VERSION


@solid
def goes_on(context, version: int):
    assert seen()[0] == version
    return version


@pipeline
def long():
    goes_on(works())


@repository
def repo():
    return [long]
"""

BROKEN = "def broken(:\n"

#: Seconds between two saves.
PAUSE = 0.1

#: One in so many saves is broken.
BREAKS = 7


class Launched(NamedTuple):
    """Holds a run, and the newest version when its launch was answered."""

    name: str
    version: int


class Saver:
    """Saves a location of a daemon every tenth of a second, in place and by renaming.

    Attributes:
        version: the newest version on disk.
    """

    def __init__(self, daemon: Daemon) -> None:
        self.version = 0
        self._daemon = daemon
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def save(self) -> None:
        self.version += 1
        self._daemon.write("helper.py", f"VERSION = {self.version}\n")
        text = CODE.format(version=self.version)
        if self.version % 2:
            self._daemon.write("repos.py", text)
        else:
            self._daemon.write("repos.tmp", text).rename(self._daemon.folder / "repos.py")

    def has_saved(self, after: int) -> bool:
        """Returns whether there is a later version than this one."""
        return self.version > after

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stops after one more good save."""
        self._stop.set()
        self._thread.join()
        self.save()

    def _work(self) -> None:
        for number in itertools.count(1):
            if self._stop.wait(PAUSE):
                return
            if number % BREAKS:
                self.save()
            else:
                self._daemon.write("repos.py", BROKEN)


def rage(daemon: Daemon, runs: int, seconds: float) -> int:
    """Launches runs of so many seconds, one after each save, on a daemon that is not started yet.

    Asserts that each succeeds, with the code that it started with.

    Returns:
        How many generations the runs have started with: one may be right on a loaded machine, where
        a load takes longer than the time between two saves.
    """
    saver = Saver(daemon)
    saver.save()
    daemon.workspace.write_text("load_from:\n  - python_file: repos.py\n")
    daemon.environ["HOSTLER_RUN_LIMIT"] = str(runs)
    daemon.start().ready("repos.py")
    client = daemon.client
    saver.start()
    try:
        launched = []
        for _ in range(runs):
            config = {"solids": {"works": {"config": {"seconds": seconds}}}}
            name = client.launch("long", config, location="repos.py").name
            launched.append(Launched(name, saver.version))
            eventually(partial(saver.has_saved, saver.version))
        generations = check(daemon, launched)
    finally:
        saver.stop()
    eventually(lambda: newest(daemon) == saver.version, "the last save is served")
    return generations


def newest(daemon: Daemon) -> int:
    """Returns the version of the code that would be executed now."""
    config = {"solids": {"works": {"config": {"seconds": 0}}}}
    return output(daemon, daemon.client.launch("long", config))


def check(daemon: Daemon, launched: list[Launched]) -> int:
    """Asserts that each run has succeeded, with one version for each generation; counts these."""
    of_generation: dict[int, int] = {}
    for each in launched:
        for _ in daemon.client.follow_run(each.name):
            pass
        run = daemon.client.run(each.name)
        assert run.state == Run.SUCCEEDED, run
        version = output(daemon, run)
        assert version <= each.version, "it cannot have started with what was saved later"
        assert of_generation.setdefault(run.generation, version) == version
    assert sorted(of_generation.values()) == [of_generation[key] for key in sorted(of_generation)]
    return len(of_generation)


def output(daemon: Daemon, run: Run) -> int:
    """Returns the output of the last step of a run."""
    events = daemon.client.follow_run(run.name)
    found = [event.step_output.preview for event in events if event.HasField("step_output")]
    return int(found[-1])
