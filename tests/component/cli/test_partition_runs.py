"""Runs for partitions by the command, against the double."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from hostler.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable

    from component.cli.commands import Outcome

pytestmark = pytest.mark.usefixtures("facade")


def test_a_run_for_a_partition(hostler: Callable[..., Outcome]) -> None:
    on = ("-l", "reports", "totals", "--partition")
    assert hostler("pipeline", "launch", *on, "days/eu/2026-01-03").code == 0
    assert hostler("pipeline", "execute", *on, "days/2026-01-01").code == 0
    assert "partition   days/eu/2026-01-03\n" in hostler("run", "show", "1").out
    run = json.loads(hostler("run", "show", "2", "--json").out)
    assert run["partition"].endswith("/partitionSets/days/partitions/2026-01-01")
    assert hostler("run", "list").out.splitlines()[2].endswith("  days/eu/2026-01-03")
    listed = hostler("run", "list", "--tag", "hostler/partition=2026-01-01", "--json")
    assert [run["name"] for run in json.loads(listed.out)["runs"]] == ["runs/2"]
    done = hostler("pipeline", "execute", *on, "days/2027-01-01")
    assert (done.code, done.out) == (1, "")
    done = hostler("pipeline", "execute", *on, "days")
    assert done.code == 2
    assert "give it as SET/PARTITION" in done.err


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("hostler pipeline launch totals --partition d", ["days/2026-01-01", "days/2026-01-02"]),
        ("hostler pipeline launch totals --partition days/e", ["days/eu/2026-01-03"]),
        ("hostler pipeline launch totals --partition x", []),
    ],
)
def test_completion(
    words: str,
    names: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("_HOSTLER_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    with pytest.raises(SystemExit):
        main([])
    assert capsys.readouterr().out.split()[: len(names) or 1] == [f"plain,{one}" for one in names]
