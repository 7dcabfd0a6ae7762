"""The plan from one workspace to another."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from hostler.daemon.workspace.plan import Plan, plan
from hostler.daemon.workspace.text.models import LocationSpec, Position, Target, Workspace

if TYPE_CHECKING:
    from random import Random


def spec(name: str, line: int = 1, reload: bool = True) -> LocationSpec:
    target = Target("python_package", name)
    return LocationSpec(name, target, Position("w.yaml", line, 5), reload=reload)


def test_each_kind_of_change() -> None:
    old = Workspace(locations=(spec("a"), spec("b"), spec("c")))
    new = Workspace(locations=(spec("d"), spec("c", line=9), spec("b", reload=False)))

    result = plan(old, new)

    assert result == Plan(
        added=(spec("d"),),
        removed=(spec("a"),),
        changed=((spec("b"), spec("b", reload=False)),),
        kept=(spec("c"),),
    )
    assert not result.is_empty
    assert result.kept[0].source.line == 9


def test_a_new_name_is_a_new_location() -> None:
    old, new = spec("a"), replace(spec("a"), name="b")
    result = plan(Workspace(locations=(old,)), Workspace(locations=(new,)))
    assert result == Plan(added=(new,), removed=(old,))


SPECS = st.builds(
    spec,
    st.sampled_from("abcdefgh"),
    st.integers(1, 99),
    reload=st.booleans(),
)
WORKSPACES = st.lists(SPECS, unique_by=lambda location: location.name).map(
    lambda locations: Workspace(locations=tuple(locations))
)


@given(WORKSPACES, st.randoms(use_true_random=False), st.integers(1, 99))
def test_order_and_place_change_nothing(workspace: Workspace, random: Random, line: int) -> None:
    moved = [replace(one, source=Position("x.yaml", line, 1)) for one in workspace.locations]
    random.shuffle(moved)
    result = plan(workspace, replace(workspace, locations=tuple(moved)))
    assert result.is_empty
    assert result.kept == tuple(moved)


@given(WORKSPACES, WORKSPACES)
def test_applying_a_plan_gives_the_new_workspace(old: Workspace, new: Workspace) -> None:
    result = plan(old, new)
    running = {location.name: location for location in old.locations}
    for location in result.removed:
        del running[location.name]
    for was, now in result.changed:
        assert was != now
        assert running[was.name] == was
        running[now.name] = now
    for location in result.added:
        assert location.name not in running
        running[location.name] = location
    assert running == {location.name: location for location in new.locations}
    assert len(result.kept) + len(result.changed) + len(result.added) == len(new.locations)
