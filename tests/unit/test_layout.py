"""Where things lie, and who may import whom."""

from __future__ import annotations

import ast
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
ROOTS = ("location", "rpc", "client", "daemon")

#: For each source root: what it may import, as prefixes, beside the standard library.
ALLOWED = {
    "location": {"hostler.definitions", "hostler.host"},
    "rpc": {"google", "grpc", "hostler.rpc", "hostler.v1"},
    "client": {
        *("click", "google", "grpc", "rich", "yaml"),
        *("hostler.client", "hostler.cli", "hostler.rpc", "hostler.v1"),
    },
    "daemon": {
        *("google", "grpc", "grpc_health", "grpc_reflection", "psutil", "watchdog", "yaml"),
        *("hostler.daemon", "hostler.rpc", "hostler.v1", "hostler.host.wire"),
        # one implementation checks a run config for whoever launches and for the run itself, and
        # says when a schedule is due, in a preview and in a launch
        "hostler.definitions",
    },
}

#: `runtime` looks for the folder that it copies for the locations.
EXCEPTIONS = {
    ("daemon/hostler/daemon/processes/runtime.py", "hostler.host"),
    # of the location's own environment, for a run whose launch asks for it
    ("location/hostler/host/debugging.py", "debugpy"),
}

#: What each package below a root is; anything else is in the wrong place.
PACKAGES = {
    "location": {"definitions", "host"},
    "rpc": {"rpc", "v1"},
    "client": {"client", "cli"},
    "daemon": {"daemon"},
}


#: The rooms of each package, bottom up: a module imports from its own room and those before it.
#: docs/architecture.md draws the same order. A package without an entry is one room.
ROOMS = {
    "daemon/hostler/daemon": (
        *("base", "keeper", "launching"),
        *("workspace/text", "workspace/grammar", "workspace"),
        *("state", "logs"),
        *("watching/content", "watching/folders", "watching"),
        *("processes", "generations", "templates", "loading", "locations"),
        *("runs/store", "runs", "schedules"),
        *("supervision", "facade", "diagnosis", ""),
    ),
    "client/hostler/cli": (
        *("terminal", "text", "options", "projects", "daemons", "live", "commands", ""),
    ),
}


#: What is longer holds two things, as a rule: part it by theme.
MOST_LINES, MOST_FUNCTION_LINES, MOST_METHODS = 400, 60, 25

#: Tables: they are read state by state, and parting them would hide what they lack.
TABLES = {"daemon/hostler/daemon/state/location.py"}


def modules(root: str) -> list[Path]:
    return sorted((ROOT / root).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Yields every module that a file imports, wherever in it, as a dotted name."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = ".".join(filter(None, [_package(path, node.level), node.module]))
            for alias in node.names:
                yield _module(f"{source}.{alias.name}") or source


def _package(path: Path, level: int) -> str:
    """Returns what the dots of a relative import stand for; "" for none."""
    if not level:
        return ""
    return ".".join(path.relative_to(ROOT).parts[1:-level])


def _module(name: str) -> str | None:
    """Returns the name if it is a module of ours; None if it is something in one."""
    relative = Path(*name.split("."))
    if any(
        (ROOT / root / relative).with_suffix(".py").is_file()
        or (ROOT / root / relative / "__init__.py").is_file()
        for root in ROOTS
    ):
        return name
    return None


def allowed(name: str, prefixes: set[str]) -> bool:
    if name.partition(".")[0] in sys.stdlib_module_names:
        return True
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


@pytest.mark.parametrize("root", ROOTS)
def test_hostler_is_a_namespace(root: str) -> None:
    """An __init__.py in one root would hide the packages of the others."""
    assert (ROOT / root / "hostler").is_dir()
    assert not (ROOT / root / "hostler" / "__init__.py").exists()
    assert not list((ROOT / root).glob("*.py"))
    assert not list((ROOT / root / "hostler").glob("*.py"))


@pytest.mark.parametrize("root", ROOTS)
def test_each_package_is_in_its_root_and_typed(root: str) -> None:
    found = {path.parent for path in (ROOT / root / "hostler").glob("*/*.py")}
    assert {folder.name for folder in found} == PACKAGES[root]
    for folder in found:
        assert (folder / "py.typed").is_file(), f"{folder} has no py.typed"


@pytest.mark.parametrize("root", ROOTS)
def test_imports_run_one_way(root: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(root)
        for name in imports(path)
        if not allowed(name, ALLOWED[root])
        and (str(path.relative_to(ROOT)), name) not in EXCEPTIONS
    ]
    assert not wrong


def test_the_rules_would_catch_a_wrong_import(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        "import os, grpc\n"
        "def f():\n"
        "    from hostler.host import wire, process\n"
        "    from hostler.daemon.base.settings import Settings\n"
    )
    found = list(imports(path))
    assert found == [
        *("os", "grpc", "hostler.host.wire", "hostler.host.process", "hostler.daemon.base.settings")
    ]
    kept = {root: [n for n in found if allowed(n, ALLOWED[root])] for root in ROOTS}
    assert kept == {
        "location": ["os", "hostler.host.wire", "hostler.host.process"],
        "rpc": ["os", "grpc"],
        "client": ["os", "grpc"],
        "daemon": ["os", "grpc", "hostler.host.wire", "hostler.daemon.base.settings"],
    }


def test_the_daemon_never_forks() -> None:
    """grpc's fork handlers would run; only the keeper, which has no grpc, may fork."""
    keeper = ROOT / "daemon" / "hostler" / "daemon" / "keeper"
    wrong = []
    for path in modules("daemon"):
        if path.is_relative_to(keeper):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                if ast.unparse(node) in ("os.fork", "os.forkpty"):
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}")
            elif isinstance(node, ast.keyword) and node.arg == "preexec_fn":
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not wrong
    assert any("os.fork()" in path.read_text() for path in keeper.glob("*.py"))


def test_the_keeper_s_own_process_imports_the_standard_library_alone() -> None:
    """The keeper runs under -I -S, and every process of a location is forked from it."""
    folder = ROOT / "daemon" / "hostler" / "daemon" / "keeper"
    waiting, seen = [folder / "process.py"], set()
    while waiting:
        path = waiting.pop()
        seen.add(path.stem)
        for name in imports(path):
            package, _, stem = name.rpartition(".")
            if package == "hostler.daemon.keeper":
                waiting += [] if stem in seen else [folder / f"{stem}.py"]
            else:
                assert allowed(name, set()), f"{path.relative_to(ROOT)} imports {name}"
    assert {"process", "spawn", "link"} <= seen


def test_no_module_has_a_name_for_everything() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert not [path for root in ROOTS for path in modules(root) if path.stem in vague]


def room_of(path: Path, package: Path) -> str:
    """Returns the room that a module lies in; "" for the top of the package."""
    return str(path.parent.relative_to(package)).removeprefix(".")


@pytest.mark.parametrize("package", ROOMS)
def test_no_import_runs_up_from_room_to_room(package: str) -> None:
    order = {room: floor for floor, room in enumerate(ROOMS[package])}
    folder = ROOT / package
    dotted = ".".join(folder.relative_to(ROOT).parts[1:])
    files = {_dotted(path): path for path in folder.rglob("*.py")}
    assert {room_of(path, folder) for path in files.values()} == set(order)
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files.values()
        for name in imports(path)
        if name.startswith(f"{dotted}.") and name in files
        if order[room_of(files[name], folder)] > order[room_of(path, folder)]
    ]
    assert not wrong


@pytest.mark.parametrize("root", ROOTS)
def test_no_import_runs_in_a_circle(root: str) -> None:
    """Imports inside functions and for types alone count as well."""
    files = {_dotted(path): path for path in modules(root) if "_pb2" not in path.name}
    graph = {name: {*imports(path)} & files.keys() - {name} for name, path in files.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"these import each other: {' -> '.join(error.args[1])}")


def _dotted(path: Path) -> str:
    """Returns the dotted name of a module; the package's for its __init__.py."""
    parts = path.relative_to(ROOT).with_suffix("").parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("package", ROOMS)
def test_each_room_says_what_lives_there(package: str) -> None:
    for room in filter(None, ROOMS[package]):
        text = (ROOT / package / room / "__init__.py").read_text()
        tree = ast.parse(text)
        said = ast.get_docstring(tree) or ""
        assert "Begin with" in said, f"{package}/{room} does not say where to begin"
        if room != "keeper":  # its packets are documented there
            assert len(tree.body) == 1, f"{package}/{room} exports something"


def sources() -> Iterator[tuple[Path, ast.Module]]:
    """Yields each Python file that is not generated, with its syntax tree."""
    for folder in (*ROOTS, "tests", "bench", "examples"):
        for path in (ROOT / folder).rglob("*.py"):
            if "_pb2" not in path.name:
                yield path.relative_to(ROOT), ast.parse(path.read_text())


def test_no_file_function_or_class_holds_two_things() -> None:
    wrong = []
    for path, tree in sources():
        lines = len((ROOT / path).read_text().splitlines())
        if lines > MOST_LINES and str(path) not in TABLES:
            wrong.append(f"{path}: {lines} lines")
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                length = (node.end_lineno or 0) - node.lineno + 1
                if length > MOST_FUNCTION_LINES:
                    wrong.append(f"{path}:{node.lineno} {node.name}: {length} lines")
            elif isinstance(node, ast.ClassDef):
                methods = [
                    m for m in node.body if isinstance(m, (ast.FunctionDef, ast.AsyncFunctionDef))
                ]
                if len(methods) > MOST_METHODS:
                    wrong.append(f"{path}:{node.lineno} {node.name}: {len(methods)} methods")
    assert not wrong, "\n".join(wrong)


def test_the_daemon_has_one_log() -> None:
    """All goes to the journal; it would lack what goes to the standard library's logging."""
    wrong = [path for path in modules("daemon") if "logging" in imports(path)]
    assert not wrong
