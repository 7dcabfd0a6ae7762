"""The state tables: complete, and without a state that waits for ever, in any order of events."""

from __future__ import annotations

from enum import Enum
from itertools import product
from typing import Any, TypeAlias, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.daemon.state import location as loc
from hostler.daemon.state import process as proc
from hostler.daemon.state.fork_policy import TRUST, ForkEffect, ForkEvent, Trust
from hostler.daemon.state.location import LOAD, SERVING, Load, Serving, Status, status
from hostler.daemon.state.process import TABLE, ProcessState
from hostler.daemon.state.rules import InState, Machine, Rule, Table

AnyTable: TypeAlias = "Table[Any, Any, Any]"


def after(table: AnyTable, state: Enum, event: Enum) -> Rule[Any, Any]:
    """Returns what an event leads to; fails for a pair that is not declared."""
    rule = table.step(state, event)
    assert rule is not None
    return rule


TABLES = pytest.mark.parametrize(
    ("table", "states", "events"),
    [
        (TABLE, ProcessState, proc.ProcessEvent),
        (LOAD, Load, loc.LocationEvent),
        (SERVING, Serving, loc.LocationEvent),
        (TRUST, Trust, ForkEvent),
    ],
    ids=["process", "load", "serving", "fork policy"],
)


@TABLES
def test_each_pair_is_a_rule_or_ignored_and_never_both(
    table: AnyTable, states: type[Enum], events: type[Enum]
) -> None:
    assert set(table.states) == set(states)
    assert table.hears <= set(events)
    for state, here in table.states.items():
        assert here.rules.keys() | here.ignores == table.hears, state
        assert not here.rules.keys() & here.ignores, state


@TABLES
def test_each_state_can_be_reached(table: AnyTable, states: type[Enum], events: type[Enum]) -> None:
    reached = {table.initial}
    while (
        more := {rule.state for (state, _), rule in table.pairs().items() if state in reached}
        - reached
    ):
        reached |= more
    assert reached == set(states)


@TABLES
def test_what_is_ignored_changes_nothing(
    table: AnyTable, states: type[Enum], events: type[Enum]
) -> None:
    for state, event in set(product(states, events)) - table.pairs().keys():
        assert table.step(state, event) == Rule(state)


def test_an_undeclared_pair_is_told_and_changes_nothing() -> None:
    told: list[object] = []
    empty: InState[Any, Any, Any] = InState({})
    hole = Table("Hole", Load.STOPPED, {loc.LocationEvent.START}, {Load.STOPPED: empty})
    machine = Machine(hole, lambda *pair: told.append(pair))
    assert machine.feed(loc.LocationEvent.START) == ()
    assert machine.state is Load.STOPPED
    assert told == [("Hole", Load.STOPPED, loc.LocationEvent.START)]
    assert machine.feed(loc.LocationEvent.STOP) == (), "it does not hear of this one"
    assert len(told) == 1


def used(*tables: AnyTable) -> set[Enum]:
    return {
        effect for table in tables for rule in table.pairs().values() for effect in rule.effects
    }


def test_each_effect_is_used() -> None:
    assert used(TABLE) == set(proc.ProcessEffect)
    assert used(LOAD, SERVING) == set(loc.LocationEffect)
    told = {loc.LocationEffect.NOTIFY, loc.LocationEffect.NOTIFY_SOON}
    assert used(LOAD) & used(SERVING) == told, "a region performs what belongs to the other"
    assert used(TRUST) == set(ForkEffect)


def test_whoever_watches_is_told_last_and_soon_where_a_process_is_ordered() -> None:
    orders = {loc.LocationEffect.LOAD, loc.LocationEffect.REVIVE}
    for table in (LOAD, SERVING):
        for rule in cast("AnyTable", table).pairs().values():
            soon = loc.LocationEffect.NOTIFY_SOON in rule.effects
            assert soon == bool(orders & set(rule.effects))
            for effect in rule.effects[:-1]:
                assert effect not in {loc.LocationEffect.NOTIFY, loc.LocationEffect.NOTIFY_SOON}


@pytest.mark.parametrize(("load", "serving"), list(product(Load, Serving)))
def test_a_change_of_status_is_told(load: Load, serving: Serving) -> None:
    """Leaves out reports of a load in states without a load: they cannot come."""
    for event in loc.LocationEvent:
        first, second = LOAD.step(load, event), SERVING.step(serving, event)
        assert first is not None
        assert second is not None
        is_stray = event is loc.LocationEvent.LOADED and first.state is load is not Load.CURRENT
        before = status(load, serving, processes_left=True)
        if status(first.state, second.state, processes_left=True) is not before and not is_stray:
            effects = {*first.effects, *second.effects}
            assert effects & {loc.LocationEffect.NOTIFY, loc.LocationEffect.NOTIFY_SOON}, event


@TABLES
def test_no_rule_performs_an_effect_twice(
    table: AnyTable, states: type[Enum], events: type[Enum]
) -> None:
    for rule in table.pairs().values():
        assert len(set(rule.effects)) == len(rule.effects)


# A location, with events in any order, also those that cannot come


@given(st.lists(st.sampled_from(loc.LocationEvent)))
def test_stop_stops_whatever_came_before(events: list[loc.LocationEvent]) -> None:
    load, serving = LOAD.initial, SERVING.initial
    for event in [*events, loc.LocationEvent.STOP]:
        load, serving = after(LOAD, load, event).state, after(SERVING, serving, event).state
    assert (load, serving) == (Load.STOPPED, Serving.NONE)
    assert status(load, serving, processes_left=True) is Status.STOPPING
    assert status(load, serving, processes_left=False) is Status.STOPPED


@pytest.mark.parametrize("serving", [each for each in Serving if each is not Serving.NONE])
def test_nothing_but_stop_takes_the_last_good_generation_away(serving: Serving) -> None:
    for event in loc.LocationEvent:
        rule = after(SERVING, serving, event)
        assert (rule.state is Serving.NONE) == (event is loc.LocationEvent.STOP)
        assert (loc.LocationEffect.FORGET_GENERATION in rule.effects) == (
            event is loc.LocationEvent.STOP
        )


def test_a_generation_begins_to_serve_by_promote_alone() -> None:
    for (state, event), rule in LOAD.pairs().items():
        assert (loc.LocationEffect.PROMOTE in rule.effects) == (
            event is loc.LocationEvent.LOADED
        ), state
    for (serving, event), region_rule in SERVING.pairs().items():
        begins = serving is Serving.NONE and region_rule.state is not Serving.NONE
        assert not begins or event is loc.LocationEvent.LOADED


@pytest.mark.parametrize(
    ("table", "state", "arms"),
    [
        (LOAD, Load.HELD, loc.LocationEffect.ARM_HOLD),
        (LOAD, Load.BACKOFF, loc.LocationEffect.ARM_RETRY),
        (LOAD, Load.OUTDATED, loc.LocationEffect.ARM_PATIENCE),
        (LOAD, Load.DEBOUNCING, loc.LocationEffect.ARM_QUIET_TIMER),
        (SERVING, Serving.LAPSED, loc.LocationEffect.ARM_REVIVAL),
    ],
)
def test_a_state_that_waits_is_entered_with_its_timer_armed(
    table: AnyTable, state: Enum, arms: loc.LocationEffect
) -> None:
    entries = [
        rule for (before, _), rule in table.pairs().items() if rule.state is state is not before
    ]
    assert entries
    assert all(arms in rule.effects for rule in entries)


@pytest.mark.parametrize(("load", "serving"), list(product(Load, Serving)))
def test_each_pair_of_regions_is_shown_as_something(load: Load, serving: Serving) -> None:
    word = status(load, serving, processes_left=True)
    if word is Status.RELOADING:
        assert serving is not Serving.NONE
    if word is Status.READY:
        assert load is Load.CURRENT
    assert (word is Status.FAILED) == (load is Load.FAILED)


@pytest.mark.parametrize("state", ProcessState)
def test_an_exit_ends_a_process_in_each_state(state: ProcessState) -> None:
    assert after(TABLE, state, proc.ProcessEvent.EXITED).state is ProcessState.DEAD
