"""Presets by the command, against the double."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from hostler.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable

    from component.cli.commands import Outcome

pytestmark = pytest.mark.usefixtures("facade")


@pytest.mark.parametrize("verb", ["launch", "execute"])
def test_what_is_given_wins_over_the_preset(hostler: Callable[..., Outcome], verb: str) -> None:
    on = ("-l", "reports", "totals", "--preset", "local")
    assert hostler("pipeline", verb, *on).code == 0
    more = ("-c", "{a: {b: 3}}", "--tag", "team=y", "--solids", "sum")
    assert hostler("pipeline", verb, *on, *more).code == 0
    plain, changed = (
        json.loads(hostler("run", "show", number, "--json").out) for number in ("1", "2")
    )
    assert plain["runConfig"] == {"a": {"b": 1, "c": 2}}
    assert (plain["solids"], plain["tags"]) == (["load"], {"env": "dev", "team": "x"})
    assert changed["runConfig"] == {"a": {"b": 3, "c": 2}}
    assert (changed["solids"], changed["tags"]) == (["sum"], {"env": "dev", "team": "y"})


def test_a_preset_that_is_not_there(hostler: Callable[..., Outcome]) -> None:
    done = hostler("pipeline", "launch", "-l", "reports", "totals", "--preset", "locla")
    assert (done.code, done.out) == (1, "")
    assert "cannot find a preset 'locla'; did you mean local?" in done.err


def test_show(hostler: Callable[..., Outcome]) -> None:
    shown = hostler("pipeline", "show", "-l", "reports", "totals").out
    assert "  preset local  - Few rows.\n    solids: load\n    tags: env=dev, team=x\n" in shown


def test_completion(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    words = "hostler pipeline launch -l reports totals --preset l"
    monkeypatch.setenv("_HOSTLER_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    with pytest.raises(SystemExit):
        main([])
    assert capsys.readouterr().out.split() == ["plain,local"]


def test_validate_takes_a_preset(hostler: Callable[..., Outcome]) -> None:
    done = hostler("pipeline", "validate", "-l", "reports", "totals", "--preset", "local")
    assert (done.code, done.err) == (0, "")
    done = hostler("pipeline", "validate", "-l", "reports", "totals", "--preset", "locla")
    assert (done.code, done.out) == (1, "")
    assert "did you mean local?" in done.err
