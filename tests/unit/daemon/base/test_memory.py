"""Memory is scarce by the control group where there is one, by the machine otherwise."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hostler.daemon.base import memory
from hostler.daemon.base.memory import MemoryGroups

MIB = 2**20

Make = Callable[..., MemoryGroups]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Returns what writes groups, by folder: (limit, usage, page cache in MiB)."""

    def write(own: str, groups: dict[str, tuple[int | str, int, int]]) -> MemoryGroups:
        (tmp_path / "own").write_text(own)
        for name, (limit, usage, cached) in groups.items():
            folder = tmp_path / "cgroup" / name
            folder.mkdir(parents=True, exist_ok=True)
            is_v1 = name.startswith("memory")
            names = ("limit_in_bytes", "usage_in_bytes") if is_v1 else ("max", "current")
            text = limit if isinstance(limit, str) else str(limit * MIB)
            (folder / f"memory.{names[0]}").write_text(f"{text}\n")
            (folder / f"memory.{names[1]}").write_text(f"{usage * MIB}\n")
            key = "total_inactive_file" if is_v1 else "inactive_file"
            (folder / "memory.stat").write_text(f"anon 5\n{key} {cached * MIB}\nother 7\n")
        return MemoryGroups(tmp_path / "cgroup", tmp_path / "own")

    return write


@pytest.mark.parametrize(
    ("own", "groups", "headroom"),
    [
        ("0::/\n", {".": (100, 97, 0)}, 0.03),
        ("0::/\n", {".": (100, 97, 50)}, 0.53),
        ("0::/\n", {".": ("max", 97, 0)}, 1.0),
        ("0::/a/b\n", {"a": (100, 90, 0), "a/b": ("max", 80, 0)}, 0.1),
        ("0::/a/b\n", {"a": (100, 10, 0), "a/b": (50, 40, 0)}, 0.2),
        ("0::/of/the/host\n", {".": (100, 99, 0)}, 0.01),
        ("4:memory:/x\n1:cpu:/\n", {"memory/x": (100, 96, 0)}, 0.04),
        ("4:cpu,memory:/x\n0::/\n", {"memory": (100, 60, 0), "memory/x": (1000, 60, 0)}, 0.4),
        ("4:memory:/x\n0::/\n", {"memory": (2**43, 60, 0)}, 1.0),
        ("4:memory:/gone\n0::/y\n", {"unified/y": (100, 95, 0)}, 0.05),
        ("0::/\n", {}, 1.0),
        ("", {}, 1.0),
        ("nonsense\n", {".": (100, 99, 0)}, 1.0),
        ("0::/\n", {".": (100, 120, 0)}, -0.2),
        ("0::/../..\n", {".": (100, 99, 0)}, 0.01),
    ],
)
def test_the_tightest_group_counts(
    make: Make, own: str, groups: dict[str, tuple[int | str, int, int]], headroom: float
) -> None:
    assert make(own, groups).headroom() == pytest.approx(headroom)


def test_files_that_are_broken_limit_nothing(make: Make, tmp_path: Path) -> None:
    groups = make("0::/\n", {".": (100, 99, 0)})
    assert groups.headroom() < memory.SCARCE
    (tmp_path / "cgroup/memory.current").write_text("")
    assert groups.headroom() == 1.0
    (tmp_path / "cgroup/memory.max").unlink()
    assert groups.headroom() == 1.0


def test_it_is_asked_for_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_answer", [0.0, False])
    monkeypatch.setattr(memory, "_own_groups", MemoryGroups)
    assert not memory.memory_is_scarce()
    began = time.perf_counter()
    for _ in range(1000):
        memory.memory_is_scarce()
    assert time.perf_counter() - began < 0.1


def test_a_group_without_room_is_scarce(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    groups = make("0::/\n", {".": (100, 96, 0)})
    monkeypatch.setattr(memory, "_answer", [0.0, False])
    monkeypatch.setattr(memory, "_own_groups", lambda: groups)
    assert memory.memory_is_scarce()
