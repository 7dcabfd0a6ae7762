"""Where things lie, and who may import whom."""

from __future__ import annotations

import ast
import sys
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
    },
}

#: It looks for the folder that it copies for the locations.
EXCEPTIONS = {("daemon/hostler/daemon/processes/runtime.py", "hostler.host")}

#: What each package below a root is; anything else is in the wrong place.
PACKAGES = {
    "location": {"definitions", "host"},
    "rpc": {"rpc", "v1"},
    "client": {"client", "cli"},
    "daemon": {"daemon"},
}


def modules(root: str) -> list[Path]:
    return sorted((ROOT / root).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it, as a dotted name."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = ".".join(filter(None, [_package(path, node.level), node.module]))
            for alias in node.names:
                yield _module(f"{source}.{alias.name}") or source


def _package(path: Path, level: int) -> str:
    """What the dots of a relative import stand for; "" for none."""
    if not level:
        return ""
    return ".".join(path.relative_to(ROOT).parts[1:-level])


def _module(name: str) -> str | None:
    """The name, if it is a module of ours and not something in one."""
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
    """grpc's fork handlers would run; only the keeper, which has no grpc, may."""
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
    """It runs under -I -S, and every process of every location is forked from it."""
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
