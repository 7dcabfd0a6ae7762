"""Files of the user's that have names of Python's own modules, under each interpreter."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from component.host.host_process import INTERPRETERS, Host, hosted, run_order

from hostler.host import wire
from hostler.host.wire import Method, Status

#: All that makes hostler import something late.
REPOSITORY = """\
import sys
from hostler.definitions import (
    PartitionSetDefinition, RetryPolicy, ScheduleDefinition, daily_partitions, pipeline, repository,
    solid,
)


@solid(config_schema={"greeting": str})
def greet(context):
    context.log.info(context.config["greeting"])
    return {"a": [1]}


@solid(timeout=60)
def timed(context, value):
    context.log.info("timed")
    return value


@solid(retry_policy=RetryPolicy(max_retries=1))
def fail(context, number):
    raise RuntimeError("no luck")


@pipeline
def works():
    timed(greet())


@pipeline
def fails():
    fail(greet())


days = PartitionSetDefinition(
    "days", "works", daily_partitions("2024-01-01", "2024-02-01", timezone="Europe/Berlin")
)
nightly = ScheduleDefinition("nightly", "0 2 * * *", "works", execution_timezone="Europe/Berlin")


@repository
def repo():
    return [works, fails, days, nightly]
"""

#: Python's names, also those that only another version has.
NAMES = """
import os, sys
known = set(getattr(sys, "stdlib_module_names", ())) | set(sys.builtin_module_names)
for name in os.listdir(os.path.dirname(os.__file__)):
    known.add(name.partition(".")[0])
at_start = set(sys.modules) if len(sys.argv) > 1 else set()
print("\\n".join(name for name in known if name.isidentifier() and name not in at_start))
"""


def names_of(executable: str, *arguments: str) -> list[str]:
    """Returns the names of the library's modules; with an argument, of those not yet imported."""
    done = subprocess.run(
        [executable, "-c", NAMES, *arguments],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        env={name: value for name, value in os.environ.items() if name[:6] != "PYTHON"},
    )
    return done.stdout.split()


@contextmanager
def process(executable: str, runtime: Path, *python_path: Path) -> Iterator[Host]:
    entries = os.pathsep.join(map(str, [runtime, *python_path]))
    with hosted(executable, runtime, {"PYTHONPATH": entries}) as host:
        host.hello()
        yield host


def call(host: Host, function: str, **order: object) -> dict[str, Any]:
    body = wire.dump({"function": function, "repository": "repo", **order})
    frame = host.ask(Method.CALL, body)
    assert frame.code == Status.OK, frame.body
    found: dict[str, Any] = frame.json()
    return found


def use(host: Host) -> None:
    """Has forks of a location's process do all that such processes do."""
    worker = host.fork()
    worker.hello()
    assert call(worker, "list_partitions", name="days", start=0, size=5)["count"] == 31
    told = call(worker, "describe_partition", name="days", partition="2024-01-99")
    assert told["nearest"]
    assert len(call(worker, "preview_schedule", name="nightly", after=0, count=3)["ticks"]) == 3
    assert call(worker, "define", kind="pipelines", name="works")["name"].endswith("/works")
    for pipeline, limit in (("works", 0), ("works", 2), ("fails", 0), ("fails", 2)):
        run = host.fork()
        run.hello()
        order = {**json.loads(run_order(pipeline)), "max_concurrency": limit}
        answer = run.ask(Method.RUN, wire.dump(order))
        assert answer.code == Status.OK
        failure = answer.json()["failure"]
        assert (failure is None) == (pipeline == "works"), failure
        if failure:
            assert "in fail" in failure["exception"]["traceback"]
            assert 'raise RuntimeError("no luck")' in failure["exception"]["traceback"]
        printed = run.end()
        assert not any("taken: " in text for text in printed), printed
    assert host.ask(Method.SNAPSHOT).code == Status.OK


def fail_in_each_way(executable: str, runtime: Path, folder: Path) -> None:
    for text, expected in (
        ("def broken(:\n", "SyntaxError"),
        ("import no_such_module\n", "no_such_module"),
        ("1 / 0\n", "ZeroDivisionError"),
        ("x = 1\n", "cannot find a repository"),
        ("raise SystemExit(3)\n", "sys.exit"),
    ):
        (folder / "etl.py").write_text(text)
        with process(executable, runtime) as host:
            frame = host.load(folder / "etl.py")
            assert frame.code == Status.ERROR
            assert expected in frame.json()["message"], frame.json()
            assert "taken: " not in str(frame.json())


@pytest.fixture(params=INTERPRETERS)
def executable(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return INTERPRETERS[found]


def test_no_name_of_pythons_is_imported_from_the_project(
    executable: str, runtime_folder: Path, tmp_path: Path
) -> None:
    for name in names_of(executable):
        (tmp_path / f"{name}.py").write_text(f"raise RuntimeError('taken: {name}')\n")
    (tmp_path / "etl.py").write_text(REPOSITORY)
    with process(executable, runtime_folder) as host:
        frame = host.load(tmp_path / "etl.py")
        assert frame.code == Status.OK, frame.body
        use(host)
    fail_in_each_way(executable, runtime_folder, tmp_path)


def test_no_name_of_pythons_is_imported_from_a_pythonpath(
    executable: str, runtime_folder: Path, tmp_path: Path
) -> None:
    library = tmp_path / "library"
    library.mkdir()
    for name in names_of(executable, "not yet imported"):
        (library / f"{name}.py").write_text(f"raise RuntimeError('taken: {name}')\n")
    (tmp_path / "etl.py").write_text(REPOSITORY)
    with process(executable, runtime_folder, library) as host:
        frame = host.load(tmp_path / "etl.py")
        assert frame.code == Status.OK, frame.body
        use(host)


@pytest.mark.parametrize(
    "name",
    [
        "token",
        "json",
        "inspect",
        "linecache",
        "traceback",
        "calendar",
        "pickle",
        "datetime",
        "select",
    ],
)
def test_the_users_code_imports_its_own(
    name: str, executable: str, runtime_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / f"{name}.py").write_text("VALUE = 'mine'\n")
    place = f"{name}.__file__.startswith({str(tmp_path)!r})"
    own = f"import {name}\nassert {name}.VALUE == 'mine'\nassert {place}\n"
    (tmp_path / "etl.py").write_text(own + REPOSITORY)
    with process(executable, runtime_folder) as host:
        frame = host.load(tmp_path / "etl.py")
        assert frame.code == Status.OK, frame.body
        use(host)


@pytest.mark.parametrize("name", ["token", "inspect", "ast", "difflib"])
def test_a_folder_that_the_code_puts_first_hides_nothing_from_hostler(
    name: str, executable: str, runtime_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / f"{name}.py").write_text("VALUE = 'mine'\n")
    own = f"import sys\nsys.path.insert(0, {str(tmp_path / 'lib')!r})\n"
    (tmp_path / "etl.py").write_text(own + REPOSITORY)
    with process(executable, runtime_folder) as host:
        frame = host.load(tmp_path / "etl.py")
        assert frame.code == Status.OK, frame.body
        use(host)


@pytest.mark.parametrize("name", ["sched", "wave"])
def test_a_file_of_a_name_that_nobody_uses_may_be_the_target(
    name: str, executable: str, runtime_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / f"{name}.py").write_text(REPOSITORY)
    with process(executable, runtime_folder) as host:
        frame = host.load(tmp_path / f"{name}.py")
        assert frame.code == Status.OK, frame.body
        (warning,) = frame.json()["warnings"]
        assert f"rename it, for example to {name}_repository.py" in warning
        use(host)


@pytest.mark.parametrize("name", ["json", "calendar", "sys", "traceback", "contextvars"])
def test_a_file_of_a_name_that_is_in_use_is_refused(
    name: str, executable: str, runtime_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / f"{name}.py").write_text(REPOSITORY)
    with process(executable, runtime_folder) as host:
        frame = host.load(tmp_path / f"{name}.py")
        assert frame.code == Status.ERROR
        assert "a module of the standard library has that name" in frame.json()["message"]


def test_a_module_of_a_name_of_pythons_may_be_the_target(
    executable: str, runtime_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "queue.py").write_text(REPOSITORY)
    with process(executable, runtime_folder) as host:
        target = {
            "kind": "python_module",
            "value": "queue",
            "attribute": None,
            "working_directory": str(tmp_path),
        }
        frame = host.ask(Method.LOAD, wire.dump({"location": "here", "target": target}))
        assert frame.code == Status.OK, frame.body
