"""The parts of a state table, and the machine that runs one."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from collections.abc import Set as AbstractSet

S = TypeVar("S", bound=Enum)
E = TypeVar("E", bound=Enum)
F = TypeVar("F", bound=Enum)


@dataclass(frozen=True, slots=True)
class Rule(Generic[S, F]):
    """Names the next state and the effects that the caller has to perform, in this order."""

    state: S
    effects: tuple[F, ...] = ()


@dataclass(frozen=True, slots=True)
class InState(Generic[S, E, F]):
    """Says what each event does in one state.

    Attributes:
        rules: what an event leads to.
        ignores: events that may come in this state, late or without need, and change nothing.
    """

    rules: Mapping[E, Rule[S, F]]
    ignores: AbstractSet[E] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Table(Generic[S, E, F]):
    """Declares every state and what each event does in it.

    Attributes:
        hears: the events that concern this table; any other event changes nothing. A test checks
            that each state has a rule for each of these, or ignores it.
    """

    name: str
    initial: S
    hears: AbstractSet[E]
    states: Mapping[S, InState[S, E, F]]

    def step(self, state: S, event: E) -> Rule[S, F] | None:
        """Returns what `event` does in `state`; None if the table does not declare the pair."""
        if event not in self.hears:
            return Rule(state)
        here = self.states[state]
        rule = here.rules.get(event)
        if rule is not None:
            return rule
        return Rule(state) if event in here.ignores else None

    def pairs(self) -> dict[tuple[S, E], Rule[S, F]]:
        """Returns every rule, by state and event."""
        return {
            (state, event): rule
            for state, here in self.states.items()
            for event, rule in here.rules.items()
        }


class Machine(Generic[S, E, F]):
    """Keeps the present state of one table and changes it as events come.

    Attributes:
        state: the present state.
    """

    def __init__(self, table: Table[S, E, F], on_undeclared: Callable[[str, S, E], None]) -> None:
        """
        Args:
            on_undeclared: called with the table's name, the state and the event if the table does
                not declare the pair; nothing else happens then.
        """
        self.state = table.initial
        self._table = table
        self._on_undeclared = on_undeclared

    def feed(self, event: E) -> tuple[F, ...]:
        """Moves to the next state; returns the effects that the caller has to perform, in order."""
        rule = self._table.step(self.state, event)
        if rule is None:
            self._on_undeclared(self._table.name, self.state, event)
            return ()
        self.state = rule.state
        return rule.effects
