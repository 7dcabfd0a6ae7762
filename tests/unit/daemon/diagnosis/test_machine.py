"""What the doctor thinks of figures, paths and clocks; what is not good has a remedy."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hostler.daemon.base.settings import Settings
from hostler.daemon.diagnosis import machine

if TYPE_CHECKING:
    from hostler.daemon.diagnosis.findings import Finding

SETTINGS = Settings()


def levels(found: list[Finding]) -> list[str]:
    assert all(bool(each.remedy) == (each.level != "ok") for each in found), found
    return [each.level for each in found]


@pytest.mark.parametrize(
    ("path", "level"),
    [("/tmp/h.sock", "ok"), ("/tmp/" + "x" * 102, "ok"), ("/tmp/" + "x" * 103, "problem")],
)
def test_the_length_of_the_socket(path: str, level: str) -> None:
    assert levels([machine.check_socket(Path(path))]) == [level]


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_not_ours() -> None:
    assert levels([machine.check_socket(Path("/proc/x/h.sock"))]) == ["problem"]
    assert levels([machine.check_folder("state", Path("/proc/x"))]) == ["problem"]


def test_a_folder(tmp_path: Path) -> None:
    assert levels([machine.check_folder("state", tmp_path / "not" / "there")]) == ["ok"]
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    found = machine.check_folder("state", open_to_all)
    assert levels([found]) == ["warning"]
    assert found.remedy == f"chmod o-w {open_to_all}"


@pytest.mark.parametrize(
    ("free", "locations", "level"),
    [
        (10**12, 3, "ok"),
        (10**10, 50, "warning"),  # the logs of fifty locations may take 25 GB
        (5 * 10**8, 1, "warning"),
        (10**7, 1, "problem"),
    ],
)
def test_the_disk(free: int, locations: int, level: str) -> None:
    assert levels([machine.judge_disk(Path("/s"), free, SETTINGS, locations)]) == [level]


@pytest.mark.parametrize(
    ("watches", "instances", "folders", "level"),
    [(524_288, 512, 1000, "ok"), (8192, 512, 8000, "warning"), (524_288, 8, 10, "warning")],
)
def test_inotify(watches: int, instances: int, folders: int, level: str) -> None:
    assert levels(list(machine.judge_inotify(watches, instances, folders))) == [level]


def test_folders_are_counted_once_and_without_environments(tmp_path: Path) -> None:
    for name in ("a/b", "venv/lib/c", ".git/objects"):
        (tmp_path / name).mkdir(parents=True)
    assert machine.count_folders([str(tmp_path), str(tmp_path / "a")]) == 3


@pytest.mark.parametrize(("headroom", "level"), [(1.0, "ok"), (0.5, "ok"), (0.05, "warning")])
def test_memory(headroom: float, level: str) -> None:
    assert levels([machine.judge_memory(headroom)]) == [level]


NOW = 1_900_000_000.0


@pytest.mark.parametrize(
    ("now", "newest", "level"),
    [
        (NOW, 0.0, "ok"),
        (NOW, NOW - 10, "ok"),
        (NOW, NOW + 3600, "warning"),
        (86_400.0, 0.0, "problem"),
    ],
)
def test_the_clock(now: float, newest: float, level: str) -> None:
    assert levels([machine.judge_clock(now, newest)]) == [level]


def test_a_time_zone_that_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Mars/Olympus")
    found = list(machine.check_clock(tmp_path))
    assert "problem" in levels(found)
    assert "TZ=Mars/Olympus" in found[-1].message
    monkeypatch.setenv("TZ", "UTC")
    assert "problem" not in levels(list(machine.check_clock(tmp_path / "not there")))
