"""hostler state: where everything is, with a daemon and without one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hostler.rpc.address import default_socket, state_directory

if TYPE_CHECKING:
    from collections.abc import Callable

    from component.cli.commands import Outcome


@pytest.fixture(autouse=True)
def _homes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOSTLER_STATE", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "homes" / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "homes" / "cache"))


def environ(folder: Path) -> dict[str, str]:
    return {
        "XDG_STATE_HOME": str(folder / "homes" / "state"),
        "XDG_RUNTIME_DIR": str(folder / "run"),
    }


def test_without_a_daemon(folder: Path, hostler: Callable[..., Outcome]) -> None:
    state = state_directory([folder / "workspace.yaml"], environ(folder))
    places = json.loads(hostler("state", "--json").out)
    assert places["state"] == {"path": str(state), "bytes": None}
    assert places["logs"]["path"] == str(state / "logs")
    assert places["cache"]["path"] == str(folder / "homes" / "cache" / "hostler")
    assert places["socket"]["path"] == str(
        default_socket([folder / "workspace.yaml"], environ(folder))
    )
    (state / "logs").mkdir(parents=True)
    (state / "logs" / "etl.log").write_text("x" * 100_000)
    (state / "runs.db").write_text("y" * 50_000)
    places = json.loads(hostler("state", "--json").out)
    assert places["logs"]["bytes"] >= 100_000
    assert places["state"]["bytes"] >= places["logs"]["bytes"] + 50_000
    rows = hostler("state").out.splitlines()
    assert rows[1].split()[0] == "state"
    assert str(state) in rows[1]
    assert "none yet" in hostler("state").out


def test_another_target_has_another_state(folder: Path, hostler: Callable[..., Outcome]) -> None:
    paths = {
        json.loads(hostler("state", "--json", *options).out)["state"]["path"]
        for options in ([], ["-f", "etl.py"], ["-w", "workspace.yaml"], ["-m", "etl"])
    }
    assert len(paths) == 3, "the workspace file of this folder is the default"
    assert not (folder / "homes").exists(), "asking makes nothing"


def test_a_chosen_folder(
    folder: Path, hostler: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOSTLER_STATE", str(folder / "mine"))
    assert json.loads(hostler("state", "--json").out)["state"]["path"] == str(folder / "mine")


def test_what_an_earlier_version_left_is_named(
    folder: Path, hostler: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = folder / "homes" / "state" / "hostler" / "h"
    earlier.mkdir(parents=True)
    (earlier / "runs.db").touch()
    monkeypatch.setenv("HOSTLER_STATE", str(folder / "mine"))
    done = hostler("state", "--socket", str(folder / "h.sock"))
    assert f"an earlier version kept runs in {earlier}" in done.err


@pytest.mark.usefixtures("facade")
def test_a_daemon_says_where_its_own_is(folder: Path, hostler: Callable[..., Outcome]) -> None:
    places = json.loads(hostler("state", "--json").out)
    assert places["state"]["path"] == str(folder / "state of the double")
    assert places["socket"]["path"] == str(folder / "d.sock")


def test_a_socket_alone_says_too_little(folder: Path, hostler: Callable[..., Outcome]) -> None:
    done = hostler("state", "--socket", str(folder / "no.sock"))
    assert (done.code, done.out) == (3, "")
