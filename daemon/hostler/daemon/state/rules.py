"""What a state table is made of."""

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
    """The next state, and what the shell has to do, in this order."""

    state: S
    effects: tuple[F, ...] = ()


@dataclass(frozen=True, slots=True)
class InState(Generic[S, E, F]):
    """What a table says of one state.

    Attributes:
        rules: what each event leads to.
        ignores: events that may come late or for nothing here, and change nothing.
    """

    rules: Mapping[E, Rule[S, F]]
    ignores: AbstractSet[E] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Table(Generic[S, E, F]):
    """A whole life, state by state.

    Attributes:
        hears: the events that concern this table; every other one leaves it as it is. For each of
            these, each state has a rule or ignores it: a test holds that.
    """

    name: str
    initial: S
    hears: AbstractSet[E]
    states: Mapping[S, InState[S, E, F]]

    def step(self, state: S, event: E) -> Rule[S, F] | None:
        """Returns what `event` does in `state`; None where the table does not declare the pair."""
        if event not in self.hears:
            return Rule(state)
        here = self.states[state]
        rule = here.rules.get(event)
        if rule is not None:
            return rule
        return Rule(state) if event in here.ignores else None

    def pairs(self) -> dict[tuple[S, E], Rule[S, F]]:
        """Returns every rule by its state and event."""
        return {
            (state, event): rule
            for state, here in self.states.items()
            for event, rule in here.rules.items()
        }


class Machine(Generic[S, E, F]):
    """Stands in one state of a table and moves as events come.

    Attributes:
        state: where it stands now.
    """

    def __init__(self, table: Table[S, E, F], on_undeclared: Callable[[str, S, E], None]) -> None:
        """
        Args:
            on_undeclared: told the table's name, the state and the event where the table does not
                declare the pair; nothing else happens then.
        """
        self.state = table.initial
        self._table = table
        self._on_undeclared = on_undeclared

    def feed(self, event: E) -> tuple[F, ...]:
        """Moves to the next state; returns what the shell has to do, in this order."""
        rule = self._table.step(self.state, event)
        if rule is None:
            self._on_undeclared(self._table.name, self.state, event)
            return ()
        self.state = rule.state
        return rule.effects
