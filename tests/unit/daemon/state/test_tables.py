"""The state tables: complete, and without a state that waits for ever, in any order of events."""

from __future__ import annotations

from dataclasses import astuple, dataclass, field, replace
from enum import Enum
from itertools import product
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.daemon.state import location as loc
from hostler.daemon.state import process as proc
from hostler.daemon.state.fork_policy import TRUST, ForkEffect, ForkEvent, Trust
from hostler.daemon.state.location import LOAD, SERVING, Load, Serving, Status, status
from hostler.daemon.state.process import TABLE, ProcessState
from hostler.daemon.state.rules import InState, Machine, Rule, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

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


# A location, with the events that can come, and what the effects do


@dataclass
class LocationModel:
    """Does what hostler.daemon.locations.location does for each effect, without processes."""

    load: Load = LOAD.initial
    serving: Serving = SERVING.initial
    loading: bool = False
    process: bool = False
    reviving: bool = False
    generation: bool = False
    timers: frozenset[str] = frozenset()

    def copy(self) -> LocationModel:
        return replace(self)

    def situation(self) -> tuple[object, ...]:
        return astuple(self)

    def possible(self) -> list[loc.LocationEvent]:
        """Returns the events that can come now; orders of the user can come at any time."""
        event = loc.LocationEvent
        found = [event.START, event.STOP, event.RELOAD, event.RESTART]
        found += [event.CHANGED, event.FLOODED, event.KEEPER_LOST]
        if self.loading:
            found += [event.LOADED, event.FAILED]
        if self.process:
            found += [event.DIED, event.DIED_EARLY, event.UNHEALTHY]
        if self.reviving:
            found += [event.REVIVED, event.REVIVAL_FAILED]
        due = {
            "patience": [event.PATIENCE_OVER],
            "quiet": [event.QUIET],
            "hold": [event.HOLD_OVER, event.HOLD_OVER_FOR_GOOD],
            "retry": [event.RETRY_DUE],
            "revival": [event.REVIVAL_DUE],
        }
        return found + [each for name in sorted(self.timers) for each in due[name]]

    def feed(self, event: loc.LocationEvent) -> Sequence[loc.LocationEffect]:
        """Performs what the tables say."""
        kind = loc.LocationEvent
        if event is kind.FAILED:
            self.loading = False
        elif event is kind.REVIVAL_FAILED:
            self.reviving = False
        elif event in (kind.DIED, kind.DIED_EARLY):
            self.process = False
        elif event is kind.KEEPER_LOST:
            self.loading = self.reviving = self.process = False
        for name, due in (
            ("patience", kind.PATIENCE_OVER),
            ("quiet", kind.QUIET),
            ("hold", kind.HOLD_OVER),
            ("hold", kind.HOLD_OVER_FOR_GOOD),
            ("retry", kind.RETRY_DUE),
            ("revival", kind.REVIVAL_DUE),
        ):
            if event is due:
                self.timers -= {name}
        load, serving = after(LOAD, self.load, event), after(SERVING, self.serving, event)
        self.load, self.serving = load.state, serving.state
        effects = (*load.effects, *serving.effects)
        for effect in effects:
            self._perform(effect)
        return effects

    def _perform(self, effect: loc.LocationEffect) -> None:
        if effect in _ARMS:
            self.timers |= {_ARMS[effect]}
        elif effect in _DISARMS:
            self.timers -= {_DISARMS[effect]}
        else:
            getattr(self, f"_{effect.name.lower()}", lambda: None)()

    def _load(self) -> None:
        assert not self.loading, "two loads at a time"
        self.loading = True
        self.timers -= {"patience", "quiet", "hold", "retry"}

    def _abort_load(self) -> None:
        self.loading = False
        self.timers -= {"patience", "quiet"}

    def _arm_quiet_timer(self) -> None:
        self.timers = self.timers - {"hold"} | {"quiet"}

    def _promote(self) -> None:
        assert self.loading, "nothing to promote"
        self.loading, self.process, self.generation = False, True, True
        self.timers -= {"patience"}

    def _forget_failure(self) -> None:
        self.timers -= {"hold", "retry"}

    def _revive(self) -> None:
        assert not self.reviving, "two revivals at a time"
        assert self.generation, "nothing to revive"
        self.reviving = True

    def _abort_revival(self) -> None:
        self.reviving = False

    def _adopt_revived(self) -> None:
        assert self.reviving, "nothing to adopt"
        self.reviving, self.process = False, True

    def _end_serving(self) -> None:
        self.process = False

    def _forget_generation(self) -> None:
        assert not self.process, "a process of no generation"
        self.generation = False

    def check(self) -> None:
        """Asserts that each timer and process that the state waits for is there, and no other."""
        assert self.loading == (self.load in (Load.LOADING, Load.OUTDATED))
        assert ("retry" in self.timers) == (self.load is Load.BACKOFF)
        assert ("hold" in self.timers) == (self.load is Load.HELD)
        assert ("patience" in self.timers) == (self.load is Load.OUTDATED)
        assert ("quiet" in self.timers) == (self.load is Load.DEBOUNCING)
        assert ("revival" in self.timers) == (self.serving is Serving.LAPSED)
        assert self.reviving == (self.serving in (Serving.REVIVING, Serving.REPLACING))
        assert self.process == (self.serving in (Serving.UP, Serving.REPLACING))
        assert self.generation == (self.serving is not Serving.NONE)
        if self.serving is Serving.AWAITING:
            assert self.loading or self.load is Load.DEBOUNCING, (
                "it awaits a load that nobody has ordered"
            )


_ARMS = {
    loc.LocationEffect.ARM_PATIENCE: "patience",
    loc.LocationEffect.ARM_HOLD: "hold",
    loc.LocationEffect.ARM_RETRY: "retry",
    loc.LocationEffect.ARM_REVIVAL: "revival",
}
_DISARMS = {loc.LocationEffect.DISARM_REVIVAL: "revival"}


def test_a_location_never_waits_for_what_will_not_come() -> None:
    """Tries every situation that any order of events leads to: there are few enough."""
    waiting = [LocationModel()]
    seen = {waiting[0].situation()}
    while waiting:
        model = waiting.pop()
        for event in model.possible():
            later = model.copy()
            effects = later.feed(event)
            later.check()
            if later.generation and not model.generation:
                assert loc.LocationEffect.PROMOTE in effects
            if model.generation and not later.generation:
                assert event is loc.LocationEvent.STOP
            if later.situation() not in seen:
                seen.add(later.situation())
                waiting.append(later)
    assert {load for load, *_ in seen} == set(Load)
    assert {serving for _, serving, *_ in seen} == set(Serving)


@given(st.data())
def test_a_location_left_alone_comes_to_rest_and_serves(data: st.DataObject) -> None:
    """Once loads succeed, the newest code serves, whatever came before."""
    model = LocationModel()
    model.feed(loc.LocationEvent.START)
    for event in data.draw(st.lists(st.sampled_from(loc.LocationEvent)), label="events"):
        if event in model.possible() and event is not loc.LocationEvent.STOP:
            model.feed(event)
    if model.load is Load.FAILED:
        model.feed(loc.LocationEvent.CHANGED)  # the repair
    for _ in range(10):
        good = (
            loc.LocationEvent.LOADED,
            loc.LocationEvent.REVIVED,
            loc.LocationEvent.HOLD_OVER,
            loc.LocationEvent.QUIET,
            loc.LocationEvent.RETRY_DUE,
            loc.LocationEvent.REVIVAL_DUE,
        )
        coming = [event for event in good if event in model.possible()]
        if not coming:
            break
        model.feed(coming[0])
    assert (model.load, model.serving) == (Load.CURRENT, Serving.UP)
    assert status(model.load, model.serving, processes_left=True) is Status.READY


@pytest.mark.parametrize(("load", "serving"), list(product(Load, Serving)))
def test_each_pair_of_regions_is_shown_as_something(load: Load, serving: Serving) -> None:
    word = status(load, serving, processes_left=True)
    if word is Status.RELOADING:
        assert serving is not Serving.NONE
    if word is Status.READY:
        assert load is Load.CURRENT
    assert (word is Status.FAILED) == (load is Load.FAILED)


# A process


@dataclass
class ProcessModel:
    """Does what hostler.daemon.loading.location_process does for each effect, without processes."""

    state: ProcessState = TABLE.initial
    timer: bool = True
    pinging: bool = False
    ending: bool = False
    asked: bool = False
    told: list[proc.ProcessEffect] = field(default_factory=list)
    releases: int = 0

    def feed(self, event: proc.ProcessEvent) -> None:
        """Performs what the table says."""
        kind = proc.ProcessEffect
        if event is proc.ProcessEvent.OVERDUE:
            self.timer = False
        self.asked |= event in (
            proc.ProcessEvent.ABORT,
            proc.ProcessEvent.RETIRE,
        ) and self.state in (
            ProcessState.SPAWNED,
            ProcessState.LOADING,
            ProcessState.READY,
        )
        rule = after(TABLE, self.state, event)
        for effect in rule.effects:
            if effect is kind.DISARM_LOAD_TIMER:
                self.timer = False
            elif effect in (kind.START_PINGS, kind.STOP_PINGS):
                self.pinging = effect is kind.START_PINGS
            elif effect in (kind.AWAIT_CALLS, kind.TERMINATE, kind.KILL):
                self.ending = True
            elif effect is kind.RELEASE:
                self.releases += 1
            elif effect.name.startswith("ANNOUNCE"):
                self.told.append(effect)
        self.state = rule.state

    def check(self) -> None:
        """Asserts that each wait has a time limit, and that nothing goes on without a use."""
        assert not self.timer or self.state in (ProcessState.SPAWNED, ProcessState.LOADING)
        assert self.pinging == (self.state is ProcessState.READY)
        assert self.ending or self.state is not ProcessState.DRAINING
        assert self.releases == (self.state is ProcessState.DEAD)
        ends = {
            proc.ProcessEffect.ANNOUNCE_FAILED,
            proc.ProcessEffect.ANNOUNCE_UNFIT,
            proc.ProcessEffect.ANNOUNCE_OVERDUE,
            proc.ProcessEffect.ANNOUNCE_DIED,
        }
        outcomes = [effect for effect in self.told if effect in ends]
        assert len(outcomes) <= 1, "two ends were announced"
        assert self.told.count(proc.ProcessEffect.ANNOUNCE_READY) <= 1
        if self.state is ProcessState.DEAD and not self.asked:
            assert len(outcomes) == 1, "it ended and nobody was told"


@given(st.lists(st.sampled_from(proc.ProcessEvent)))
def test_a_process_keeps_nothing_and_its_end_is_told_once(events: list[proc.ProcessEvent]) -> None:
    model = ProcessModel()
    for event in events:
        model.feed(event)
        model.check()


@pytest.mark.parametrize("state", ProcessState)
def test_an_exit_ends_a_process_in_each_state(state: ProcessState) -> None:
    assert after(TABLE, state, proc.ProcessEvent.EXITED).state is ProcessState.DEAD
