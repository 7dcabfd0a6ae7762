"""Commands without a name, and the other ways to name a pipeline, tags, solids and the socket."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from component.cli.commands import Outcome
    from component.facade_double.state import Facade


def test_the_only_one_needs_no_name(folder: Path, hostler: Callable[..., Outcome]) -> None:
    done = hostler("pipeline", "execute", "-f", "reports.py")
    assert done.code == 0, done.err
    assert " of totals in reports\n" in done.err
    assert "totals" in hostler("pipeline", "show", "-f", "reports.py").out
    assert "0 6 * * *" in hostler("schedule", "show", "-f", "reports.py").out
    assert len(hostler("schedule", "preview", "-n", "1", "-f", "reports.py").out.splitlines()) == 2
    assert "days" in hostler("partition", "show", "-f", "reports.py").out


@pytest.mark.parametrize("verb", ["execute", "show", "launch"])
def test_of_several_each_command_is_listed(
    facade: Facade, hostler: Callable[..., Outcome], verb: str
) -> None:
    done = hostler("pipeline", verb, "-l", "etl", "--json")
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines() == [
        "hostler: cannot tell which pipeline is meant; type one of:",
        f"  hostler pipeline {verb} -l etl --json totals",
        f"  hostler pipeline {verb} -l etl --json bad",
        f"  hostler pipeline {verb} -l etl --json long",
    ]
    lines = hostler("pipeline", verb).err.splitlines()
    assert f"  hostler pipeline {verb} totals -l reports" in lines
    assert f"  hostler pipeline {verb} bad" in lines
    assert not facade.runs


def test_many_are_counted(folder: Path, hostler: Callable[..., Outcome]) -> None:
    Path("etl.py").write_text("PIPELINES = {f'p{number}': ['load'] for number in range(50)}")
    lines = hostler("pipeline", "show", "-f", "etl.py").err.splitlines()
    assert sum(line.startswith("  hostler pipeline show -f etl.py p") for line in lines) == 20
    assert lines[-1] == "and 30 more"


def test_the_only_one_is_not_known_while_a_location_does_not_answer(
    facade: Facade, hostler: Callable[..., Outcome]
) -> None:
    done = hostler("schedule", "show")
    assert (done.code, done.out) == (4, "")
    assert "hostler: broken does not answer: NameError" in done.err
    assert done.err.endswith("; name it: hostler schedule show nightly\n")
    assert hostler("schedule", "show", "-l", "reports").code == 0


def test_none(folder: Path, hostler: Callable[..., Outcome]) -> None:
    done = hostler("schedule", "show", "-f", "etl.py")
    assert done.code == 1
    assert done.err.endswith("hostler: cannot find a schedule: there is none\n")


def test_a_pipeline_is_named_by_an_option_too(
    facade: Facade, hostler: Callable[..., Outcome]
) -> None:
    for words in (["-p", "bad"], ["--pipeline", "bad"], ["bad", "-p", "bad"]):
        assert hostler("pipeline", "launch", *words).code == 0
    assert all(run.pipeline.endswith("/bad") for run in facade.runs.values())
    done = hostler("pipeline", "launch", "bad", "-p", "long")
    assert (done.code, len(facade.runs)) == (2, 3)
    assert "cannot take two pipelines, bad and long; give one" in done.err


def test_a_pattern_that_the_shell_has_expanded(
    facade: Facade, hostler: Callable[..., Outcome]
) -> None:
    for name in ("a.yaml", "b.yaml"):
        Path(name).write_text("{}")
    done = hostler("pipeline", "execute", "-c", "a.yaml", "b.yaml")
    assert (done.code, done.out) == (2, "")
    assert "a pattern of several has to be quoted" in done.err


def test_tags_as_json(facade: Facade, hostler: Callable[..., Outcome]) -> None:
    tags = '{"team": "data", "tries": 3, "keep": true, "é": [1]}'
    words = ["--tag", "team=web", "--solid-selection", "load"]
    assert hostler("pipeline", "launch", "bad", "--tags", tags, *words).code == 0
    (run,) = facade.runs.values()
    assert run.tags == {"team": "web", "tries": "3", "keep": "true", "é": "[1]"}
    assert run.solids == ["load"]


@pytest.mark.parametrize("tags", ["team=data", "[1]", "3", "", '{"": "x"}', "{", "[" * 100_000])
def test_tags_that_are_none(facade: Facade, hostler: Callable[..., Outcome], tags: str) -> None:
    done = hostler("pipeline", "launch", "bad", "--tags", tags)
    assert (done.code, done.out) == (2, "")
    assert "Invalid value for '--tags': cannot " in done.err
    assert not facade.runs


class TestLeadingSocket:
    @pytest.fixture
    def socket(self, facade: Facade, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.delenv("HOSTLER_SOCKET")
        return str(folder / "d.sock")

    def test_it_names_the_daemon(self, socket: str, hostler: Callable[..., Outcome]) -> None:
        assert "etl" in hostler("--socket", socket, "ps").out
        assert "etl" in hostler("--socket", socket, "ps", "--socket", socket).out
        assert "bad" in hostler("--socket", socket, "pipeline", "list").out
        done = hostler("--socket", "no.sock", "ps")
        assert done.code == 3
        assert "cannot reach a daemon on no.sock" in done.err

    def test_it_is_typed_again(self, socket: str, hostler: Callable[..., Outcome]) -> None:
        done = hostler("--socket", socket, "pipeline", "show", "totals")
        assert f"  hostler --socket {socket} pipeline show totals -l etl\n" in done.err

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["check"], "cannot take --socket with check, which starts a daemon of its own"),
            (["ps", "--socket", "b.sock"], "cannot take two sockets, a.sock and b.sock; give one"),
            (["ps", "-f", "etl.py"], "cannot take --socket and -f together"),
        ],
    )
    def test_it_is_refused(
        self, folder: Path, hostler: Callable[..., Outcome], words: list[str], said: str
    ) -> None:
        done = hostler("--socket", "a.sock", *words)
        assert (done.code, done.out) == (2, "")
        assert said in done.err

    def test_completion_asks_it(
        self,
        socket: str,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        from hostler.cli.main import main

        words = f"hostler --socket {socket} pipeline show -p l"
        monkeypatch.setenv("_HOSTLER_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
        with pytest.raises(SystemExit):
            main([])
        assert capsys.readouterr().out.split() == ["plain,long"]


def test_of_two_files_none_is_left_out(folder: Path, hostler: Callable[..., Outcome]) -> None:
    for name in ("a.py", "b.py"):
        (folder / name).touch()
    done = hostler("pipeline", "list", "-f", "a.py", "-f", "b.py")
    assert done.code == 2
    assert "cannot take several Python files" in done.err


def test_a_path_that_cannot_be_looked_at_is_told_of(hostler: Callable[..., Outcome]) -> None:
    """Stands for a folder that may not be entered: root, who runs the tests, enters each."""
    name = "a" * 300 + ".py"
    done = hostler("pipeline", "list", "-f", name)
    assert done.code == 2
    assert f"{name}: File name too long; name another place" in done.err
