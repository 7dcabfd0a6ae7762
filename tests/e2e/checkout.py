"""`git checkout` between two branches that differ in each file of a project."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

from e2e.harness import Daemon, eventually

from hostler.v1.workspace_pb2 import Location

NAME = "repos.py"

#: Modules of one package.
MODULES = 20

#: Modules that only one of the branches has, for each package.
OWN = 1

BRANCHES = ("left", "right")

GIT = {
    "GIT_AUTHOR_NAME": "Author",
    "GIT_AUTHOR_EMAIL": "author@example.org",
    "GIT_COMMITTER_NAME": "Author",
    "GIT_COMMITTER_EMAIL": "author@example.org",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
}

#: Names the branches that its modules come from, and says how many there are.
CODE = """\
# {branch}
import project
from hostler.definitions import pipeline, repository, solid


@solid
def one(context):
    return 1


@pipeline(description=" ".join(sorted(set(project.BRANCHES))) + " %d" % len(project.BRANCHES))
def marked():
    one()


@repository
def repo():
    return [marked]
"""

MODULE = '''\
"""Module {name} of {branch}."""

BRANCH = "{branch}"


def work(value):
    return [value + number for number in range({number})]
'''


class Checkout(NamedTuple):
    """Holds the outcome of one checkout.

    Attributes:
        generations: how many generations clients have seen.
        forks: how often the template has forked.
        seconds: from the end of git to the answer with the branch.
    """

    generations: int
    forks: int
    seconds: float


class Project:
    """Keeps a repository of so many files, and a daemon that serves it."""

    def __init__(self, daemon: Daemon, files: int) -> None:
        self._daemon = daemon
        self._folder = daemon.folder / "project"
        self._packages = files // (MODULES + 1)
        self._git("init", "-q", "-b", BRANCHES[0])
        for branch in BRANCHES:
            if branch != BRANCHES[0]:
                self._git("checkout", "-q", "-b", branch)
                self._git("rm", "-rq", ".")
            self._write(branch)
            self._git("add", "-A")
            self._git("commit", "-qm", branch)

    def serve(self) -> None:
        """Starts the daemon, and waits for the template and its spare."""
        self._daemon.workspace.write_text(
            f"load_from:\n  - python_file: {{relative_path: project/{NAME}}}\n"
        )
        client = self._daemon.start().client
        self._daemon.ready(NAME)
        eventually(lambda: client.location(NAME).template.spare_pid, "a spare")

    def check_out(self, branch: str) -> Checkout:
        """Checks a branch out, and waits until it is served and nothing is left to load."""
        client = self._daemon.client
        before = client.location(NAME)
        most = Most(self._daemon)
        with most:
            self._git("checkout", "-q", branch)
            began = time.monotonic()
            eventually(lambda: self.served() == self.expected(branch), branch, timeout=60)
            seconds = time.monotonic() - began
        # changes that are still to come have the same content: no load, and no other answer
        eventually(lambda: client.location(NAME).state == Location.READY)
        after = client.location(NAME)
        assert most.processes <= 8, "no more at a time than those that load and those that end"
        return Checkout(
            after.generation - before.generation,
            after.template.forks - before.template.forks,
            seconds,
        )

    def served(self) -> str:
        (marked,) = self._daemon.client.pipelines(NAME)
        return marked.description

    def expected(self, branch: str) -> str:
        return f"{branch} {self._packages * (MODULES + OWN)}"

    def on_disk(self) -> str:
        """Returns what an interpreter without the daemon loads from the files."""
        script = "import project; print(*sorted(set(project.BRANCHES)), len(project.BRANCHES))"
        found = subprocess.run(
            ["python3", "-Bc", script], cwd=self._folder, check=True, capture_output=True, text=True
        )
        return found.stdout.strip()

    def _write(self, branch: str) -> None:
        self._daemon.write(f"project/{NAME}", CODE.format(branch=branch))
        packages = [f"package_{number:03d}" for number in range(self._packages)]
        imports = "".join(f"from project import {name}\n" for name in packages)
        parts = "".join(f"BRANCHES += {name}.BRANCHES\n" for name in packages)
        self._daemon.write(
            "project/project/__init__.py", f"# {branch}\n{imports}BRANCHES = []\n{parts}"
        )
        for package in packages:
            names = [*(f"module_{number}" for number in range(MODULES)), f"only_{branch}"]
            path = f"project/project/{package}"
            for number, name in enumerate(names):
                text = MODULE.format(name=name, branch=branch, number=number)
                self._daemon.write(f"{path}/{name}.py", text)
            init = f"# {branch}\nfrom project.{package} import {', '.join(names)}\n"
            values = ", ".join(f"{name}.BRANCH" for name in names)
            self._daemon.write(f"{path}/__init__.py", f"{init}BRANCHES = [{values}]\n")

    def _git(self, *arguments: str) -> None:
        self._folder.mkdir(exist_ok=True)
        environ = {**self._daemon.environ, **GIT}
        subprocess.run(["git", *arguments], cwd=self._folder, check=True, env=environ)


class Most:
    """Counts the processes of a daemon, templates aside, ten times a second; keeps the most."""

    def __init__(self, daemon: Daemon) -> None:
        self.processes = 0
        self._daemon = daemon
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._count)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _count(self) -> None:
        while not self._stop.wait(0.1):
            self.processes = max(self.processes, len(self._daemon.at_work()))


def back_and_forth(daemon: Daemon, files: int, times: int) -> Iterator[Checkout]:
    """Checks the branches out in turn, on a daemon that is not started yet."""
    project = Project(daemon, files)
    project.serve()
    before = daemon.client.location(NAME).generation
    for number in range(times):
        yield project.check_out(BRANCHES[number % len(BRANCHES)])
    assert project.served() == project.on_disk()
    # one more load gives the same: the newest answer was the final state
    (loaded,) = daemon.client.reload(NAME)
    assert not loaded.last_changes.altered
    assert loaded.generation - 1 - before <= 2 * times
