"""The daemon takes the descriptors that it may have, and says where they are too few."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from hostler.daemon.base.descriptors import OWN, DescriptorLimit


def run(soft: int, hard: int) -> list[int]:
    code = (
        "import resource; from hostler.daemon.base.descriptors import raise_limit; "
        "limit = raise_limit(); "
        "print(limit.inherited, limit.own, *resource.getrlimit(resource.RLIMIT_NOFILE))"
    )

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True, preexec_fn=limit)
    return list(map(int, done.stdout.split()))


@pytest.mark.parametrize(("soft", "hard"), [(256, 1024), (64, 64), (100, 101), (1000, 1000)])
def test_the_soft_limit_becomes_the_hard_one(soft: int, hard: int) -> None:
    assert run(soft, hard) == [soft, hard, hard, hard]


@pytest.mark.parametrize(
    ("own", "locations", "runs", "allowed"),
    [
        (256, 120, 32, "some 0 locations"),
        (1024, 1000, 32, "some 121 locations"),
        (1024, 200, 0, "some 137 locations"),
        (OWN, 1, 0, "some 0 locations"),
        (1024, 122, 32, "some 121 locations"),
        (4096, 500, 1000, "some 149 locations"),
    ],
)
def test_a_shortage_is_told(own: int, locations: int, runs: int, allowed: str) -> None:
    said = DescriptorLimit(256, own).shortage(locations, runs)
    assert allowed in said
    assert f"{locations}; raise the hard limit to " in said
    needed = int(said.partition("raise the hard limit to ")[2].split()[0])
    assert DescriptorLimit(256, needed).shortage(locations, runs) == ""


@pytest.mark.parametrize("own", [1024, 4096, resource.RLIM_INFINITY])
def test_nothing_is_said_where_there_are_enough(own: int) -> None:
    assert DescriptorLimit(256, own).shortage(100, 32) == ""
