"""What a state table is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

S = TypeVar("S", bound=Enum)
E = TypeVar("E", bound=Enum)
F = TypeVar("F", bound=Enum)


@dataclass(frozen=True, slots=True)
class Rule(Generic[S, F]):
    """The next state, and what the shell has to do, in this order."""

    state: S
    effects: tuple[F, ...] = ()


@dataclass(frozen=True, slots=True)
class Table(Generic[S, E, F]):
    """A whole life: a rule for each pair of state and event that means something.

    A pair without a rule is a late event, such as the death of what was given up; it changes
    nothing. `ignored` lists those pairs, so that a test can tell them from forgotten ones.
    """

    name: str
    initial: S
    rules: Mapping[tuple[S, E], Rule[S, F]]
    ignored: frozenset[tuple[S, E]]

    def step(self, state: S, event: E) -> Rule[S, F]:
        """What `event` does in `state`."""
        return self.rules.get((state, event)) or Rule(state)
