from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hostler.rpc import address


def test_the_socket_has_the_folder_s_name_and_a_hash(tmp_path: Path) -> None:
    folder = tmp_path / "my project"
    folder.mkdir()
    file = folder / "workspace.yaml"
    file.touch()
    environ = {"XDG_RUNTIME_DIR": "/run/user/1000"}
    found = address.default_socket([file], environ)
    assert found.parent == Path("/run/user/1000/hostler")
    assert found.name.startswith("my-project-")
    assert found.suffix == ".sock"
    link = tmp_path / "link"
    link.symlink_to(folder)
    assert address.default_socket([link / "workspace.yaml"], environ) == found


def test_the_order_of_the_files_does_not_count_for_the_hash(tmp_path: Path) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    environ = {"XDG_RUNTIME_DIR": "/run/user/1000"}
    both = address.default_socket([one, two], environ)
    assert both == address.default_socket([two, one], environ)
    assert both != address.default_socket([one], environ)


@pytest.mark.parametrize("length", [1, 40, 60, 80, 81, 120, 300])
def test_the_path_always_fits(length: int) -> None:
    environ = {"XDG_RUNTIME_DIR": "/" + "r" * length}
    name = "\N{LATIN SMALL LETTER U WITH DIAERESIS}" + "n" * 200
    found = address.default_socket([Path("/") / name / "workspace.yaml"], environ)
    assert len(os.fsencode(found)) <= address.MAX_SOCKET_PATH
    fallback = Path(f"/tmp/hostler-{os.getuid()}")
    assert found.parent == (
        Path(environ["XDG_RUNTIME_DIR"]) / "hostler" if length <= 80 else fallback
    )


def test_without_a_runtime_directory() -> None:
    uid = os.getuid()
    assert address.runtime_directory({}) == Path(f"/tmp/hostler-{uid}")
    assert address.runtime_directory({"TMPDIR": "/var/t"}) == Path(f"/var/t/hostler-{uid}")
    assert address.runtime_directory({"XDG_RUNTIME_DIR": "run"}) == Path(f"/tmp/hostler-{uid}")


def test_state_and_cache() -> None:
    files, home = [Path("/srv/p/workspace.yaml")], {"HOME": "/home/me"}
    name = address.default_socket(files, home).stem
    assert address.state_directory(files, home) == Path("/home/me/.local/state/hostler", name)
    assert address.state_directory(files, {"XDG_STATE_HOME": "/s"}) == Path("/s/hostler", name)
    assert address.state_directory(files, {"HOSTLER_STATE": "/x", **home}) == Path("/x")
    assert address.cache_directory(home) == Path("/home/me/.cache/hostler")
    assert address.cache_directory({"XDG_CACHE_HOME": "/c"}) == Path("/c/hostler")


def test_a_long_path_of_the_socket_cuts_no_name_of_a_state_folder() -> None:
    files = [Path("/srv") / ("n" * 60) / "workspace.yaml"]
    environ = {"XDG_RUNTIME_DIR": "/" + "r" * 70, "XDG_STATE_HOME": "/s"}
    state = address.state_directory(files, environ)
    assert state.name.startswith("n" * 60 + "-")
    assert address.state_directory(files, {**environ, "XDG_RUNTIME_DIR": "/r"}) == state
    longest = address.state_directory([Path("/" + "m" * 255) / "workspace.yaml"], environ)
    assert len(longest.name) < 255


@pytest.mark.parametrize(
    "text",
    ["0.0.0.0:5000", "localhost:80", ":5000", "[::]:5000", "5000", "http://h:1/", "tcp:/x", "a:9"],
)
def test_an_address_of_a_network_is_no_socket(text: str) -> None:
    with pytest.raises(ValueError, match="give a path, as in --socket") as raised:
        address.check_socket_path(text)
    assert str(raised.value).startswith(f"cannot use {text} as a socket: ")


@pytest.mark.parametrize("text", ["unix:/run/x.sock", "unix:///run/x.sock"])
def test_a_socket_in_the_notation_of_grpc(text: str) -> None:
    with pytest.raises(ValueError, match=r"give the path alone, /run/x\.sock"):
        address.check_socket_path(text)


@pytest.mark.parametrize("text", ["h.sock", "./5000", "/run/a:80/h.sock", "dir/a:80", "h:x"])
def test_paths_of_sockets(text: str) -> None:
    address.check_socket_path(text)


def test_no_workspace_file() -> None:
    with pytest.raises(ValueError, match="cannot name a socket"):
        address.default_socket([], {})


def test_a_target_is_escaped() -> None:
    assert address.grpc_target("/run/a b%20?#ü.sock") == "unix:/run/a%20b%2520%3F%23%C3%BC.sock"
    assert address.grpc_target("a.sock") == f"unix:{Path.cwd()}/a.sock"
    with pytest.raises(ValueError, match="at a comma"):
        address.grpc_target("/run/a,b.sock")


def test_it_imports_no_grpc() -> None:
    code = "import sys, hostler.rpc.address; sys.exit('grpc' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
