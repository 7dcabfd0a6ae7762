from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from hostler.cli.options.target import Target
from hostler.cli.options.target_options import target_from_options
from hostler.cli.terminal.exits import CommandError
from hostler.rpc.address import default_socket


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.delenv("HOSTLER_SOCKET", raising=False)


def target(*, serving: bool = False, **given: Any) -> Target:
    names = ("workspace", "python_file", "module", "package", "attribute")
    nothing = dict.fromkeys((*names, "working_directory", "socket"))
    return target_from_options({**nothing, **given}, serving=serving)


def entry(found: Target) -> dict[str, Any]:
    (file,) = found.workspace_files()
    ((kind, fields),) = yaml.safe_load(file.read_text())["load_from"][0].items()
    return {"kind": kind, **fields}


def test_nothing_given_means_the_workspace_file_of_this_folder() -> None:
    found = target()
    assert found.files == (Path("workspace.yaml"),)
    assert found.socket_path == default_socket([Path("workspace.yaml")], {**_environ()})
    assert found.command("up") == "hostler up"


def _environ() -> dict[str, str]:
    return {"XDG_RUNTIME_DIR": str(Path.cwd() / "run")}


@pytest.mark.parametrize(
    "given",
    [
        {"workspace": [Path("a.yaml")], "python_file": Path("a.py")},
        {"python_file": Path("a.py"), "module": "a"},
        {"module": "a", "package": "b"},
        {"workspace": [Path("a.yaml")], "attribute": "a"},
        {"working_directory": Path("d")},
        {"socket": Path("s"), "module": "a"},
        {"socket": Path("s"), "workspace": [Path("a.yaml")]},
    ],
)
def test_options_that_exclude_each_other_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(click.UsageError, match=r"^cannot take "):
        target(**given)


def test_up_takes_a_socket_beside_its_target() -> None:
    found = target(serving=True, socket=Path("s"), module="a")
    assert found.socket_path == Path("s")
    assert found.code is not None


def test_a_socket_names_the_daemon_outright() -> None:
    found = target(socket=Path("s.sock"))
    assert found.named_by_socket
    assert found.socket_path == Path("s.sock")


def test_the_environment_names_a_daemon_unless_the_command_line_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOSTLER_SOCKET", "/run/x.sock")
    assert target().socket_path == Path("/run/x.sock")
    assert target(socket=Path("s")).socket_path == Path("s")
    assert target(module="a").socket is None
    assert target(serving=True).files == (Path("workspace.yaml"),)
    assert target(serving=True).socket_path == Path("/run/x.sock")


def test_a_file_becomes_a_workspace_file_with_absolute_paths(tmp_path: Path) -> None:
    (tmp_path / "repos é.py").touch()
    found = target(
        python_file=Path("repos é.py"), attribute="nightly", working_directory=Path("sub")
    )
    assert entry(found) == {
        "kind": "python_file",
        "relative_path": str(tmp_path / "repos é.py"),
        "attribute": "nightly",
        "working_directory": str(tmp_path / "sub"),
    }


def test_a_module_is_looked_for_from_here(tmp_path: Path) -> None:
    expected = {"kind": "python_module", "module_name": "a.b", "working_directory": str(tmp_path)}
    assert entry(target(module="a.b")) == expected
    assert entry(target(package="p")) == {"kind": "python_package", "package_name": "p"}


def test_commands_with_the_same_target_meet_on_one_socket(tmp_path: Path) -> None:
    (tmp_path / "repos.py").touch()
    relative, absolute = Path("repos.py"), tmp_path / "repos.py"
    assert target(python_file=relative).socket_path == target(python_file=absolute).socket_path
    other = target(python_file=relative, attribute="other")
    assert other.socket_path != target(python_file=relative).socket_path


def test_the_workspace_file_is_not_written_again_under_a_daemon(tmp_path: Path) -> None:
    (tmp_path / "repos.py").touch()
    (file,) = target(python_file=Path("repos.py")).workspace_files()
    inode = file.stat().st_ino
    assert target(python_file=Path("repos.py")).workspace_files() == [file]
    assert file.stat().st_ino == inode
    assert (tmp_path / "run" / "hostler").stat().st_mode & 0o077 == 0


def test_a_folder_that_others_can_write_is_refused(tmp_path: Path) -> None:
    (tmp_path / "repos.py").touch()
    (tmp_path / "run" / "hostler").mkdir(parents=True, mode=0o755)
    with pytest.raises(CommandError, match="chmod 700"):
        target(python_file=Path("repos.py")).workspace_files()


def test_a_missing_default_names_the_options_and_the_nearest_file_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "workspace.yaml").touch()
    monkeypatch.chdir(tmp_path / "a" / "b")
    with pytest.raises(click.UsageError) as raised:
        target().require_files()
    for part in ("-w", "-f FILE", "-m MODULE", "--package NAME", str(tmp_path / "workspace.yaml")):
        assert part in raised.value.message


@pytest.mark.parametrize("given", [{"workspace": [Path("x.yaml")]}, {"python_file": Path("x.py")}])
def test_a_missing_file_is_named(given: dict[str, Any]) -> None:
    with pytest.raises(click.UsageError, match=r"x\.(py|yaml)"):
        target(**given).workspace_files()


def test_a_hint_repeats_the_target() -> None:
    found = target(python_file=Path("my repos.py"), attribute="nightly")
    assert found.command("up") == "hostler up -f 'my repos.py' -a nightly"
