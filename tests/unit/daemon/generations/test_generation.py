"""Generations: what they are built from, and how two of them differ."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from google.protobuf.json_format import ParseError

from hostler.daemon.generations import description, generation
from hostler.daemon.generations.generation import Generation, changes
from hostler.daemon.generations.kinds import PARTITION_SET, PIPELINE, SCHEDULE, DefinitionKey
from hostler.daemon.workspace.text.models import LocationSpec, Position, Target
from hostler.host import wire
from hostler.v1 import definitions_pb2

SPEC = LocationSpec("a", Target("python_file", "/a.py"), Position("/workspace.yaml", 1, 1))
FILES = {"/a.py": "digest-of-a", "/helper.py": None}


def described(
    pipelines: dict[str, dict[str, Any] | None], repository: str = "repo"
) -> dict[str, Any]:
    """Returns a repository as the host describes it; a pipeline of None is lazy."""
    parent = f"locations/a/repositories/{repository}"
    return {
        "repository": {
            "name": parent,
            "pipelines": [
                {"name": f"{parent}/pipelines/{name}", "lazy": definition is None}
                for name, definition in pipelines.items()
            ],
        },
        "definitions": {
            "pipelines": {
                name: {"name": f"{parent}/pipelines/{name}", **definition}
                for name, definition in pipelines.items()
                if definition is not None
            },
            "schedules": {},
            "partitionSets": {},
        },
    }


def pipeline(name: str) -> DefinitionKey:
    return DefinitionKey(PIPELINE, "repo", name)


def with_schedules(*names: str, cron: str = "@daily", line: int = 1) -> dict[str, Any]:
    """Returns a repository of schedules, the first of them lazy."""
    found = described({})
    parent = f"{found['repository']['name']}/schedules"
    found["repository"]["schedules"] = [{"name": f"{parent}/{name}"} for name in names]
    found["definitions"]["schedules"] = {
        name: {"cronSchedule": cron, "source": {"file": "f", "line": line}} for name in names[1:]
    }
    return found


def said(*repositories: dict[str, Any]) -> bytes:
    """Packs descriptions as hostler.host.describe.pack does."""
    heads = [
        {**each, "definitions": {kind: list(named) for kind, named in each["definitions"].items()}}
        for each in repositories
    ]
    named = [kind for each in repositories for kind in each["definitions"].values()]
    lines = [wire.pack_definition(copy.deepcopy(one)) for each in named for one in each.values()]
    return b"\n".join([wire.dump(heads), *lines])


def make(*repositories: dict[str, Any], files: dict[str, str | None] | None = None) -> Generation:
    body = {"unsafe": ["1 Python thread after import"]}
    snapshot = wire.pack_files({"/a.py": b"source"})
    found = description.read(said(*repositories))
    return generation.build(SPEC, found, body, files or FILES, snapshot, "3.8.1")


def solid(name: str, line: int) -> dict[str, Any]:
    return {"name": name, "source": {"file": "/a.py", "line": line}}


def test_a_generation_holds_what_was_described() -> None:
    made = make(described({"eager": {"description": "now"}, "lazy": None}))
    assert made.repositories["repo"].pipelines[1].lazy
    serialized = made.definitions.get(pipeline("eager"))
    assert serialized is not None
    eager = definitions_pb2.Pipeline.FromString(serialized)
    assert eager.description == "now"
    assert made.definitions.get(pipeline("lazy")) is None
    assert made.has_pipeline("repo", "eager")
    assert made.has_pipeline("repo", "lazy")
    assert not made.has_pipeline("repo", "other")
    assert not made.has_pipeline("other", "eager")
    assert made.fork_obstacles == ("1 Python thread after import",)
    assert (made.python_version, made.number) == ("3.8.1", 0)


def test_its_sources_hide_what_was_not_there() -> None:
    assert wire.unpack_files(make().sources()) == {"/a.py": b"source", "/helper.py": None}


def test_its_digest_names_the_files_that_were_read() -> None:
    made = make()
    assert made.digest == make(files={"/helper.py": None, **FILES}).digest
    assert made.digest == make(files={"/a.py": "digest-of-a", "/more.py": None}).digest
    assert made.digest != make(files={"/a.py": "another"}).digest
    assert made.digest != make(files={**FILES, "/helper.py": "digest"}).digest


def test_what_does_not_fit_the_contract_is_refused() -> None:
    unheard_of = make(described({"p": {"unheard_of": 1}}))
    with pytest.raises(ParseError):
        unheard_of.definitions.get(pipeline("p"))
    broken = described({})
    broken["repository"]["unheard_of"] = 1
    with pytest.raises(ParseError):
        make(broken)


@pytest.mark.parametrize(
    "text", [b"", b"[]\n{}", said(described({"p": {}})).partition(b"\n")[0], b"\xff", b"[1]"]
)
def test_what_is_no_description_is_refused(text: bytes) -> None:
    for at_once in (0, 1000):
        arriving = description.DescriptionBuffer(at_once)
        arriving.receive(text)
        with pytest.raises((ValueError, TypeError)):
            arriving.get()


@pytest.mark.parametrize("positions", [b"", b"[null", b"[]", b"[null,null]", b"[1]", b"[[1]]"])
def test_a_definition_that_cannot_be_read_is_refused_alone(positions: bytes) -> None:
    whole = said(described({"p": {}, "q": {}}))
    found = description.read(whole.removesuffix(b"[null]") + positions)
    assert found.definitions.get(pipeline("p"))
    with pytest.raises(ParseError, match="repo/q"):
        found.definitions.get(pipeline("q"))


def test_positions_are_told_as_they_were() -> None:
    solids = [solid("s", 3), {"name": "without"}, solid("t", 9)]
    made = make(described({"p": {"solids": solids, "source": {"file": "/a.py", "line": 12}}}))
    found = definitions_pb2.Pipeline.FromString(made.definitions.get(pipeline("p")) or b"")
    assert (found.source.file, found.source.line) == ("/a.py", 12)
    assert [each.source.line for each in found.solids] == [3, 0, 9]
    assert not found.solids[1].HasField("source")


def test_another_order_of_keys_is_no_change() -> None:
    old = make(described({"p": {"tags": {"a": "1", "b": "2"}}}))
    new = make(described({"p": {"tags": {"b": "2", "a": "1"}}}))
    assert changes(old, new).ByteSize() == 0


def test_of_a_first_generation_everything_is_new() -> None:
    found = changes(None, make(described({"b": {}, "a": None}), described({"c": {}}, "other")))
    assert list(found.added) == ["other/c", "repo/a", "repo/b"]
    assert not found.removed
    assert not found.altered


def test_what_came_went_and_changed() -> None:
    old = make(described({"same": {"description": "x"}, "gone": {}, "new_text": {}}))
    new = make(described({"same": {"description": "x"}, "new_text": {"description": "y"}, "n": {}}))
    found = changes(old, new)
    assert list(found.added) == ["repo/n"]
    assert list(found.removed) == ["repo/gone"]
    assert list(found.altered) == ["repo/new_text"]


def test_a_definition_that_only_moved_has_not_changed() -> None:
    old = make(described({"p": {"solids": [solid("s", 3)], "source": {"file": "f", "line": 1}}}))
    new = make(described({"p": {"solids": [solid("s", 9)], "source": {"file": "f", "line": 7}}}))
    assert changes(old, new).ByteSize() == 0
    renamed = make(described({"p": {"solids": [solid("t", 3)]}}))
    assert list(changes(old, renamed).altered) == ["repo/p"]


def test_a_lazy_pipeline_that_nobody_constructed_is_known_by_its_name_alone() -> None:
    old, new = make(described({"p": None})), make(described({"p": None}))
    new.definitions.add(pipeline("p"), {"description": "constructed"})
    assert changes(old, new).ByteSize() == 0
    old.definitions.add(pipeline("p"), {"description": "before"})
    assert list(changes(old, new).altered) == ["repo/p"]


def test_the_same_name_in_another_repository_is_another_pipeline() -> None:
    found = changes(make(described({"p": {}}, "one")), make(described({"p": {}}, "two")))
    assert (list(found.added), list(found.removed)) == (["two/p"], ["one/p"])


def test_schedules_and_partition_sets_come_and_go_too() -> None:
    old = make(with_schedules("lazy", "same", "gone"))
    new = make(with_schedules("lazy", "same", line=9))
    assert list(changes(old, new).removed) == ["repo/schedules/gone"]
    assert not changes(old, new).altered
    later = make(with_schedules("lazy", "same", cron="@hourly"))
    assert list(changes(new, later).altered) == ["repo/schedules/same"]
    assert new.names(SCHEDULE, "repo") == ["lazy", "same"]
    assert new.names(PARTITION_SET, "repo") == new.names(SCHEDULE, "other") == []
    sets = described({})
    name = "locations/a/repositories/repo/partitionSets/days"
    sets["repository"]["partitionSets"] = [{"name": name, "lazy": True}]
    assert list(changes(make(described({})), make(sets)).added) == ["repo/partitionSets/days"]


def test_tags_are_compared_whatever_their_order() -> None:
    old = make(described({"p": {"tags": {"a": "1", "b": "2"}}}))
    new = make(described({"p": {"tags": {"b": "2", "a": "1"}}}))
    assert changes(old, new).ByteSize() == 0
