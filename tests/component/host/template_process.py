"""An environment for a real process that becomes a template, and the orders to it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from component.host.host_process import INTERPRETERS, Host, hosted

from hostler.host import wire
from hostler.host.wire import Method, Status

REPOSITORY = """
from hostler.definitions import pipeline, repository, solid


@solid
def one():
    return 1


@pipeline
def works():
    one()


@repository
def repo():
    return [works]
"""


class Place:
    """Holds an environment with a site-packages of its own, and a project beside it."""

    def __init__(self, folder: Path, runtime: Path) -> None:
        self.site = folder / "lib" / "site-packages"
        self.project = folder / "project"
        self.site.mkdir(parents=True)
        self.project.mkdir()
        self.runtime = runtime

    def install(self, name: str, text: str) -> None:
        """Makes a third-party module."""
        (self.site / f"{name}.py").write_text(text)

    def write(self, text: str, name: str = "etl.py") -> Path:
        """Writes a file of the project."""
        path = self.project / name
        path.write_text(text)
        return path

    @contextlib.contextmanager
    def start(self, version: str) -> Iterator[Host]:
        """Starts a process, which has said hello."""
        path = os.pathsep.join(map(str, [self.runtime, self.site]))
        variables = {"PYTHONPATH": path, "HOSTLER_OWNER": "i:template/1", "HOSTLER_ROOM": " " * 400}
        with hosted(INTERPRETERS[version], self.runtime, variables) as host:
            host.hello()
            yield host


def preload(
    host: Host, *modules: str, excluded: tuple[str, ...] = (), is_last: bool = True
) -> dict[str, Any]:
    order = {"modules": modules, "excluded": excluded, "is_last": is_last}
    answer = host.ask(Method.PRELOAD, wire.dump(order))
    assert answer.code == Status.OK
    said: dict[str, Any] = answer.json()
    return said


def forked(host: Host) -> Host:
    child = host.fork("i:template/1.2")
    child.hello()
    return child


def load(child: Host, path: Path, owner: str = "i:here/3") -> dict[str, Any]:
    order = {
        "location": "here",
        "target": {
            "kind": "python_file",
            "value": str(path),
            "attribute": None,
            "working_directory": str(path.parent),
        },
        "process": {"owner": owner, "memory": None, "nice": 3},
    }
    answer = child.ask(Method.LOAD, wire.dump(order))
    said: dict[str, Any] = answer.json()
    assert answer.code == Status.OK, said
    return said
