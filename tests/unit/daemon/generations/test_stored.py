"""Definitions as bytes for the disk: whole they come back, damaged in any way they are refused."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from hostler.daemon.generations import description, stored
from hostler.daemon.generations.generation import Generation, build
from hostler.daemon.generations.kinds import PIPELINE, DefinitionKey
from hostler.daemon.generations.stored import NotStoredError
from hostler.daemon.workspace.text.models import LocationSpec, Position, Target
from hostler.host.wire import dump, pack_definition

if TYPE_CHECKING:
    from typing import Any

NAME = "locations/a/repositories/r"
KEY = DefinitionKey(PIPELINE, "r", "ones")


def spec(name: str = "a", value: str = "/w/a.py") -> LocationSpec:
    return LocationSpec(name, Target("python_file", value), Position("workspace.yaml", 1, 1))


def generation() -> Generation:
    definition = {"name": f"{NAME}/pipelines/ones", "solids": []}
    repository = {
        "name": NAME,
        "pipelines": [
            {"name": f"{NAME}/pipelines/ones", "solidCount": 0},
            {"name": f"{NAME}/pipelines/lazy", "lazy": True},
        ],
        "schedules": [],
        "partitionSets": [],
    }
    head = [
        {
            "repository": repository,
            "definitions": {"pipelines": ["ones"], "schedules": [], "partitionSets": []},
        }
    ]
    said = dump(head) + b"\n" + pack_definition(definition)
    body: dict[str, Any] = {"unsafe": []}
    made = build(spec(), description.read(said), body, {"/w/a.py": "d"}, b"", "3.11.7")
    made.ready_time, made.seconds = 1_700_000_000.5, 0.25
    return made


def packed() -> bytes:
    made = generation()
    return stored.pack(made, made.definitions.described())


def test_what_was_kept_answers_as_the_generation_does() -> None:
    before, after = generation(), stored.unpack(packed(), spec())
    assert after.repositories == before.repositories
    assert after.listed == before.listed
    assert after.definitions.get(KEY) == before.definitions.get(KEY)
    assert after.definitions.get(DefinitionKey(PIPELINE, "r", "lazy")) is None
    assert (after.ready_time, after.seconds, after.python_version, after.digest) == (
        before.ready_time,
        before.seconds,
        before.python_version,
        before.digest,
    )
    assert after.number == 0
    assert after.snapshot == b""


def test_an_end_at_any_byte_is_found() -> None:
    data = packed()
    for size in range(len(data)):
        with pytest.raises(NotStoredError):
            stored.unpack(data[:size], spec())


def test_a_change_of_any_byte_is_found() -> None:
    data = packed()
    noise = random.Random(7)
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= noise.randint(1, 255)
        with pytest.raises(NotStoredError):
            stored.unpack(bytes(damaged), spec())


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 5000, b"hostler definitions 2\n" + packed().partition(b"\n")[2]]
)
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(NotStoredError, match="another version"):
        stored.unpack(data, spec())


@pytest.mark.parametrize("other", [spec(name="b"), spec(value="/w/b.py")])
def test_those_of_another_target_are_refused(other: LocationSpec) -> None:
    with pytest.raises(NotStoredError, match="another target"):
        stored.unpack(packed(), other)
