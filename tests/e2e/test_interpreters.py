"""Locations in every interpreter, with nothing installed in it, and what their code sees."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e.harness import Daemon, daemon_in
from e2e.interpreters import interpreters, make_environment

from hostler.v1 import run_pb2

#: Functions that break if `hostler` is not really importable, or `__main__` is not guarded. The
#: code uses a pool at import too: its children import `shapes` alone.
CODE = '''\
import concurrent.futures
import inspect
import multiprocessing
import pickle
import subprocess
import sys

import shapes
from hostler.definitions import pipeline, repository, solid


def squares(method):
    with multiprocessing.get_context(method).Pool(2) as pool:
        result = pool.map(shapes.square, [1, 2, 3])
    pool.join()
    return result


AT_IMPORT = None
if multiprocessing.parent_process() is None:
    AT_IMPORT = {method: squares(method) for method in ("spawn", "forkserver")}


class Point:
    """A class of the file that is the target itself."""

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __eq__(self, other):
        return (self.x, self.y) == (other.x, other.y)


def mirror(point):
    return Point(point.y, point.x)


@solid
def at_import(context):
    return AT_IMPORT


@solid
def spawn(context):
    return squares("spawn")


@solid
def forkserver(context):
    return squares("forkserver")


@solid
def executor_of_own_classes(context):
    spawning = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=spawning) as executor:
        return executor.submit(mirror, Point(1, 2)).result() == Point(2, 1)


@solid
def dash_m(context):
    answer = subprocess.run(
        [sys.executable, "-m", "standalone"], stdout=subprocess.PIPE, check=True
    )
    return answer.stdout.decode().split()


@solid
def pickled(context):
    points = [Point(1, 2), shapes.Circle(3)]
    copies = pickle.loads(pickle.dumps(points))
    return [type(copy).__module__ for copy in copies] if copies[0] == points[0] else copies


@solid
def source(context):
    return inspect.getsource(mirror), inspect.getsource(shapes.Circle)


@solid
def version(context):
    return "%d.%d" % sys.version_info[:2]


@pipeline
def everything():
    at_import()
    spawn()
    forkserver()
    executor_of_own_classes()
    dash_m()
    pickled()
    source()
    version()


@repository
def repo():
    return [everything]
'''

SHAPES = """\
def square(x):
    return x * x


class Circle:
    def __init__(self, radius):
        self.radius = radius
"""

STANDALONE = """\
import sys
from hostler.definitions import solid


@solid
def alone(context):
    return 1


if __name__ == "__main__":
    print(alone.name, "%d.%d" % sys.version_info[:2])
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Starts a daemon with one location for each interpreter, named by its version."""
    with daemon_in(tmp_path_factory.mktemp("interpreters")) as daemon:
        daemon.write("repos.py", CODE)
        daemon.write("shapes.py", SHAPES)
        daemon.write("standalone.py", STANDALONE)
        daemon.workspace.write_text(
            "load_from:\n"
            + "".join(
                f"  - python_file: {{relative_path: repos.py, location_name: '{version}', "
                f"executable_path: {executable}}}\n"
                for version, executable in interpreters().items()
            )
        )
        yield daemon.start()


def outputs(daemon: Daemon, location: str, pipeline: str) -> dict[str, str]:
    """Returns the output of each step of a run, as a preview."""
    execution = daemon.client.execute(pipeline, location=location)
    found = {
        event.step: event.step_output.preview
        for event in execution
        if event.HasField("step_output")
    }
    run = execution.run()
    assert run.state == run_pb2.Run.SUCCEEDED, run.failure
    return found


@pytest.mark.parametrize("version", interpreters())
def test_user_code_works_in_it(served: Daemon, version: str) -> None:
    location = served.ready(version)
    assert location.python_version.startswith(f"{version}.")
    # multiprocessing keeps a process for what its pools share
    assert "a child process after import" in location.fork_reason
    given = outputs(served, version, "everything")
    squares = "[1, 4, 9]"
    assert given == {
        "at_import": f"{{'spawn': {squares}, 'forkserver': {squares}}}",
        "spawn": squares,
        "forkserver": squares,
        "executor_of_own_classes": "True",
        "dash_m": f"['alone', '{version}']",
        "pickled": "['repos', 'shapes']",
        "source": repr(("def mirror(point):\n    return Point(point.y, point.x)\n", CIRCLE)),
        "version": f"'{version}'",
    }


#: The class of `shapes`, as `inspect.getsource` gives it.
CIRCLE = SHAPES[SHAPES.index("class Circle") :]

SEEN = """\
import importlib.util, json, os, sys
from hostler.definitions import pipeline, repository, solid


def seen(where):
    descriptors = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            descriptors[name] = os.readlink("/proc/self/fd/" + name).split(":")[0]
        except OSError:  # the listing's own
            pass
    found = {
        "argv": sys.argv,
        "cwd": os.getcwd(),
        "descriptors": descriptors,
        "environ": dict(os.environ),
        "executable": sys.executable,
        "files": {
            name: getattr(module, "__file__", None) for name, module in sys.modules.items()
        },
        "importable": [
            name
            for name in ("click", "google", "grpc", "psutil", "rich", "watchdog", "yaml")
            if importlib.util.find_spec(name)
        ],
        "path": sys.path,
        "prefix": [sys.prefix, sys.base_prefix],
        "stdin": sys.stdin.read(),
    }
    with open(where, "w") as file:
        json.dump(found, file)


seen("at_import.json")


@solid
def look(context):
    seen("in_a_run.json")


@pipeline
def looking():
    look()


@repository
def repo():
    return [looking]
"""


@pytest.mark.parametrize("moment", ["at_import", "in_a_run"])
def test_what_user_code_sees(daemon: Daemon, moment: str) -> None:
    """The environment has the daemon's own version, in which the daemon's packages would work."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    environment = daemon.folder / "environment"
    python = make_environment(interpreters()[own], environment)
    code = daemon.write("code/look.py", SEEN).parent
    daemon.write("variables.env", 'SHARED="from the file"\nexport FILED=a b # a remark\n')
    daemon.workspace.write_text(f"""\
load_from:
  - python_environment:
      executable_path: {python}
      env: {{SHARED: from the entry, NUMBER: "1"}}
      env_file: variables.env
      target: {{python_file: code/look.py}}
""")
    daemon.environ |= {"PYTHONHOME": sys.base_prefix, "VIRTUAL_ENV": sys.prefix, "SHARED": "no"}
    daemon.environ["INHERITED"] = "yes"
    daemon.start().ready("look.py")
    outputs(daemon, "look.py", "looking")
    seen = json.loads((code / f"{moment}.json").read_text())

    assert seen["executable"] == python
    assert seen["cwd"] == str(code)
    assert seen["stdin"] == ""
    check_environ(seen["environ"], daemon, environment)
    check_path(seen, daemon, environment)
    check_modules(seen["files"], daemon, seen["prefix"])
    descriptors = seen["descriptors"]
    assert {name: descriptors.pop(name) for name in "012"} == {
        "0": "/dev/null",
        "1": "pipe",
        "2": "pipe",
    }
    assert list(descriptors.values()) == ["socket"], "nothing of the daemon's but the wire"


def check_environ(environ: dict[str, str], daemon: Daemon, environment: Path) -> None:
    assert environ["SHARED"] == "from the entry"
    assert environ["FILED"] == "a b"
    assert environ["NUMBER"] == "1"
    assert environ["INHERITED"] == "yes"
    assert environ["PATH"].split(os.pathsep)[0] == str(environment / "bin")
    assert environ["VIRTUAL_ENV"] == str(environment)
    assert "PYTHONHOME" not in environ
    ours = set(environ) - set(daemon.environ)
    assert ours == {"FILED", "HOSTLER_OWNER", "NUMBER", "PYTHONPATH"} - set(daemon.environ)


def check_path(seen: dict[str, Any], daemon: Daemon, environment: Path) -> None:
    (runtime,) = (daemon.folder / "cache" / "hostler").glob("runtime-*")
    assert seen["argv"] == [str(runtime / "hostler" / "host" / "bootstrap.py")]
    path = seen["path"]
    assert path[:2] == [str(daemon.folder / "code"), str(runtime)]
    standard = seen["prefix"][1] + "/lib"
    for entry in path[2:]:
        assert entry.startswith((standard, str(environment))), entry
        assert "site-packages" not in entry or entry.startswith(str(environment)), entry
    assert seen["importable"] == []


def check_modules(files: dict[str, str | None], daemon: Daemon, prefixes: list[str]) -> None:
    runtime = str(daemon.folder / "cache" / "hostler")
    known = (*prefixes, runtime, str(daemon.folder / "code"))
    for name, file in files.items():
        assert file is None or file.startswith(known), f"{name} is loaded from {file}"
        if name.startswith("hostler."):
            assert file is None or file.startswith(runtime), f"{name} is loaded from {file}"
    assert "look" in files
    # the user's module of any of these names is found, not hostler's
    assert not {"process", "loading", "target", "errors", "wire", "bootstrap"} & set(files)


OTHER_VERSION = """\
import os
import hostler.client, hostler.definitions, hostler.host
from hostler.definitions import pipeline, repository, solid

RUNTIME = os.environ["PYTHONPATH"].split(os.pathsep)[0]


@solid
def imported(context):
    ours = [os.path.relpath(m.__file__, RUNTIME) for m in (hostler.definitions, hostler.host)]
    return [hostler.client.VERSION] + ours


@pipeline
def others():
    imported()


@repository
def repo():
    return [others]
"""


def in_environment(daemon: Daemon, python: str) -> str:
    """Writes a workspace with one file in an environment."""
    daemon.write("repos.py", OTHER_VERSION)
    return (
        f"load_from:\n  - python_environment:\n      executable_path: {python}\n"
        "      target: {python_file: repos.py}\n"
    )


def test_another_version_of_hostler_is_installed(daemon: Daemon) -> None:
    """Definitions and host are the daemon's; the rest is what the user installed."""
    interpreter = next(iter(interpreters().values()))
    environment = daemon.folder / "environment"
    python = make_environment(interpreter, environment)
    (packages,) = environment.glob("lib/python*/site-packages")
    for name, text in {
        "hostler/client/__init__.py": "VERSION = 'another'\n",
        "hostler/definitions/__init__.py": "raise RuntimeError('of another version')\n",
        "hostler/host/__init__.py": "raise RuntimeError('of another version')\n",
        "hostler-0.0.1.dist-info/METADATA": "Metadata-Version: 2.1\nName: hostler\nVersion: 0\n",
    }.items():
        daemon.write(str((packages / name).relative_to(daemon.folder)), text)
    daemon.workspace.write_text(in_environment(daemon, python))
    daemon.start().ready("repos.py")
    assert outputs(daemon, "repos.py", "others")["imported"] == repr(
        ["another", "hostler/definitions/__init__.py", "hostler/host/__init__.py"]
    )


def test_a_package_that_hides_ours_is_named(daemon: Daemon) -> None:
    """Python finds a regular package before any portion of a namespace of its name."""
    environment = daemon.folder / "environment"
    python = make_environment(next(iter(interpreters().values())), environment)
    (packages,) = environment.glob("lib/python*/site-packages")
    daemon.write(str((packages / "hostler/__init__.py").relative_to(daemon.folder)), "")
    daemon.workspace.write_text(in_environment(daemon, python))
    daemon.start()
    error = daemon.in_state("repos.py", "FAILED").error
    assert error.kind == error.EXECUTABLE
    assert python in error.message
    assert str(packages / "hostler" / "__init__.py") in error.message
    assert error.message.endswith("; uninstall it")
