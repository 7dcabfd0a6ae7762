from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest

from hostler.cli.main import COMMANDS, hostler, main

if TYPE_CHECKING:
    from collections.abc import Iterator


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """Yields every command below one, with the words that call it."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from commands(child, f"{path} {name}")


ALL = dict(commands(hostler, "hostler"))


@pytest.mark.parametrize("name", COMMANDS)
def test_the_overview_says_what_the_command_says(name: str) -> None:
    assert ALL[f"hostler {name}"].get_short_help_str(100) == COMMANDS[name]


@pytest.mark.parametrize("path", [path for path, item in ALL.items() if item.callback])
def test_every_command_has_a_help_with_an_example(
    path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*path.split()[1:], "--help"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"Usage: {path} ")
    if not isinstance(ALL[path], click.Group) and path != "hostler completion":
        assert f"\n  {path}" in text.partition("Usage:")[2]


def imported(*arguments: str) -> set[str]:
    """Returns the modules that a command imports."""
    code = (
        "import sys; from hostler.cli.main import main; main(sys.argv[1:]);"
        "print('\\n'.join(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return set(done.stderr.splitlines())


def test_the_overview_imports_no_grpc() -> None:
    assert imported("--help") & {"grpc", "rich", "yaml", "google.protobuf"} == set()


def test_ps_imports_neither_rich_nor_what_it_does_not_print() -> None:
    modules = imported("ps", "--socket", "/nowhere/x.sock")
    assert modules & {"rich", "yaml", "google.protobuf.json_format"} == set()


@pytest.mark.parametrize(
    "arguments", [["nothing"], ["ps", "--nothing"], ["logs"], ["completion", "tcsh"]]
)
def test_a_wrong_command_line_exits_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert "Usage: hostler" in streams.err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("hostler 0.")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert f"_HOSTLER_COMPLETE={shell}_complete" in capsys.readouterr().out


def test_completion_offers_the_commands_without_importing_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_HOSTLER_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "hostler re")
    monkeypatch.setenv("COMP_CWORD", "1")
    with pytest.raises(SystemExit):
        main([])
    names = capsys.readouterr().out.split()
    assert names == ["plain,reload", "plain,restart", "plain,repository"]
