"""From a save to the new answer."""

from __future__ import annotations

import contextlib
import itertools
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.daemon import Feed, Workspace, hostlerd, milliseconds, rested, workspace, write
from bench.environments import DAGSTER, MissingError, interpreter
from bench.figures import Figure, Report, alternate, faster, ratio
from bench.processes import PEERS, imports, peer
from bench.projects import (
    MANY_MODULES,
    PIPELINES,
    PLAIN,
    WITH_PANDAS,
    WITH_SCIKIT_LEARN,
    Project,
    dagster_source,
)
from hostler.client import Client
from hostler.v1.workspace_pb2 import Location

ROUNDS = 12

#: The least time that any tool can take, since it has to execute the code anew.
PYTHON = "Python alone imports it, all else imported"

#: Saves in a round, since the other sides take a hundred times as long.
SAVES = 9

#: Seconds after which a project gets no further round.
SECONDS = 25.0


def run() -> Report:
    """Compares saves in projects of several kinds with imports; a save includes the watcher."""
    figures: list[Figure] = []
    remarks: list[str] = []
    for project in (WITH_PANDAS, PLAIN, WITH_SCIKIT_LEARN, MANY_MODULES):
        try:
            with tempfile.TemporaryDirectory(prefix="hostler-bench-") as folder:
                figures += _measured(project, Path(folder), remarks)
        except MissingError as error:
            remarks.append(f"{project.name} is skipped: {error}")
    return Report(
        "save",
        "a saved file's new definitions over gRPC, against a fresh import of the file",
        tuple(figures),
        tuple(remarks),
    )


def _measured(project: Project, folder: Path, remarks: list[str]) -> Iterator[Figure]:
    executable = interpreter(project.requirements) if project.requirements else None
    with contextlib.ExitStack() as stack:
        saves = stack.enter_context(saving(project, folder / "hostler", executable))
        sides = {
            "save to new answer": saves.rested,
            "the same, as fast as answers come": saves.at_once,
            PYTHON: stack.enter_context(warm(project, folder / "warm", executable)),
            "fresh interpreter imports it": fresh(project, folder / "fresh", executable),
        }
        if project is WITH_PANDAS:
            try:
                reload = stack.enter_context(_dagster(folder / "dagster"))
                sides["Dagster 1.13, reload on request"] = reload
            except MissingError as error:
                remarks.append(f"Dagster is skipped: {error}")
        found = alternate(
            {f"{project.name}: {name}": measure for name, measure in sides.items()},
            ROUNDS,
            "ms",
            times=dict.fromkeys([f"{project.name}: {name}" for name in list(sides)[:3]], SAVES),
            limits={f"{project.name}: save to new answer": project.aim},
            seconds=SECONDS,
        )
        remarks += saves.remarks(project.name)
    saved, _, alone, *others = found.values()
    yield from found.values()
    yield ratio(f"{project.name}: save / Python alone", saved, alone)
    for name, other in zip(("fresh import", "Dagster"), others, strict=False):
        yield faster(f"{project.name}: {name} / save", other, saved)


class Saves:
    """Saves one location again and again.

    Attributes:
        location: its state in the feed after the last save.
    """

    def __init__(self, project: Project, of: Workspace, client: Client, feed: Feed) -> None:
        self._project = project
        self._of = of
        self._client = client
        self._feed = feed
        self._numbers = itertools.count(1)
        self._spawned: list[str] = []
        self.location = rested(client, "location.py")

    def rested(self) -> float:
        """Returns the milliseconds of a save after a while without one."""
        rested(self._client, "location.py")
        return self._save()

    def at_once(self) -> float:
        """Returns the milliseconds of a save right after the answer to another one."""
        self._save()
        return self._save()

    def remarks(self, name: str) -> list[str]:
        """Returns remarks on saves that were not loaded by forks."""
        if not self._spawned:
            return []
        return [f"{name}: {len(self._spawned)} loads were no forks: {self._spawned[0]}"]

    def _save(self) -> float:
        prefix = f"version_{next(self._numbers)}"
        path, text = self._of.folder / self._project.saved, self._project.text(prefix)
        taken = milliseconds(lambda: self._written(path, text, prefix))
        if self.location.start_mode != Location.FORKED:
            self._spawned.append(self.location.start_reason)
        return taken

    def _written(self, path: Path, text: str, prefix: str) -> None:
        """Writes the file anew; returns when the daemon answers with its new content."""
        path.write_text(text)
        while True:
            self.location = self._feed.newer(self.location)
            if self._answers_with(prefix):
                return

    def _answers_with(self, prefix: str) -> bool:
        names = (each.name for each in self._client.pipelines("location.py"))
        return any(name.rpartition("/")[2].startswith(prefix) for name in names)


@contextlib.contextmanager
def saving(project: Project, folder: Path, executable: Path | None) -> Iterator[Saves]:
    """Starts a daemon with the project as its one location, and waits until it is idle."""
    folder.mkdir()
    files = dict(project.files())
    target = {"location.py": files.pop("location.py")}
    of = workspace(folder, target, beside=files, executable=executable)
    with hostlerd(of), Client(of.socket) as client, Feed(client) as feed:
        rested(client, "location.py")
        yield Saves(project, of, client, feed)


def fresh(project: Project, folder: Path, executable: Path | None) -> Callable[[], float]:
    """Has a fresh interpreter import the project; the saved file differs each time."""
    write(folder, project.files())
    numbers = itertools.count(1)

    def measure() -> float:
        (folder / project.saved).write_text(project.text(f"version_{next(numbers)}"))
        return milliseconds(lambda: imports(folder, executable))

    return measure


@contextlib.contextmanager
def warm(project: Project, folder: Path, executable: Path | None) -> Iterator[Callable[[], float]]:
    """Does what `fresh` does, in a process that has imported all else."""
    write(folder, project.files())
    numbers = itertools.count(1)
    preloaded = ["hostler.definitions", *project.imports.split()[1:2]]
    command = [executable or sys.executable, PEERS / "importing.py", project.saved, *preloaded]
    with peer(command, folder) as python:

        def measure() -> float:
            (folder / project.saved).write_text(project.text(f"version_{next(numbers)}"))
            return float(python.ask(""))

        yield measure


@contextlib.contextmanager
def _dagster(folder: Path) -> Iterator[Callable[[], float]]:
    """Measures a Dagster code server with as many definitions; to write the file does not count."""
    executable = interpreter(DAGSTER)
    folder.mkdir()
    numbers = itertools.count(1)
    location = folder / "location.py"
    location.write_text(dagster_source(PIPELINES, "version_0", WITH_PANDAS.imports))
    command = [str(executable), "-m", "dagster", "code-server", "start", "-f", str(location)]
    with (
        peer([*command, "-s", str(folder / "d.sock")], folder),
        peer([executable, PEERS / "dagster_reload.py", folder / "d.sock"], folder) as reloader,
    ):

        def measure() -> float:
            prefix = f"version_{next(numbers)}"
            location.write_text(dagster_source(PIPELINES, prefix, WITH_PANDAS.imports))
            return float(reloader.ask(prefix))

        yield measure
