"""Whether a location's code can be loaded by a fork, as its loads have told."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from hostler.daemon.workspace.text.models import LocationSpec


@dataclass(frozen=True, slots=True)
class Report:
    """What a good load said of the process that it was done in.

    Attributes:
        variables: of the environment, which the code set while it was imported.
        fresh: what the code did that has to come before the imports that a template makes.
    """

    variables: frozenset[str] = frozenset()
    fresh: tuple[str, ...] = ()

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Report:
        """Of the answer to LOAD."""
        return cls(frozenset(body["variables"]), tuple(body["fresh"]))

    def unfit_after_fork(self) -> str:
        """Why a load by a fork does not count; empty where it does.

        In a fork the variables of libraries are set already, so what is reported is the code's own
        doing: it may have meant a library that was imported before it.
        """
        return "; ".join([*self.fresh, *filter(None, [_sets(self.variables)])])


class ForkPolicy:
    """Why the next process of a location has to be a new interpreter; empty where a fork will do.

    A fork that failed is a suspicion at first. A new interpreter that loads the same code confirms
    it; one that fails as well clears it: then the code is to blame.
    """

    def __init__(self) -> None:
        self._variables: frozenset[str] = frozenset()
        self._fresh: tuple[str, ...] = ()
        self._suspicion = ""
        self._is_once = False
        self._failures = 0
        self._confirmed = ""

    def reason(self, spec: LocationSpec) -> str:
        """Why there is no fork for the next process."""
        if spec.fork == "never":
            return "fork: never in workspace.yaml"
        own = "; ".join([*self._fresh, *filter(None, [_sets(self._variables)])])
        return own or self._confirmed or self._suspicion

    def unfit(self, report: Report) -> None:
        """A fork has loaded the code, and what it did is not for forks."""
        self._variables, self._fresh = report.variables, report.fresh

    def died(self, how: str, *, killed_externally: bool) -> None:
        """A fork ended, or did not get ready, in a way that a new interpreter may not.

        Args:
            killed_externally: somebody may have killed it, which says little of the code.
        """
        self._suspicion, self._is_once = f"a fork failed: {how}", killed_externally

    def failed(self, message: str, *, is_fork: bool) -> None:
        """A load has failed by what the user's code raised, or a new interpreter has failed."""
        if is_fork:
            self._suspicion, self._is_once = f"a fork failed: {message}", True
        else:
            self._suspicion = ""
            self._failures = 0

    def changed(self) -> None:
        """The code is another one: what a fork raised says nothing of it."""
        if self._is_once:
            self._suspicion = ""

    def loaded(self, report: Report, *, is_fork: bool) -> None:
        """A load has come to a good end."""
        if is_fork:
            self._failures = 0
            return
        self._fresh = report.fresh
        self._variables &= report.variables
        if not self._suspicion:
            return
        # what an exception or a kill had its cause in may have been mended meanwhile
        self._failures += 1
        if not self._is_once or self._failures > 1:
            self._confirmed = f"{self._suspicion}; a new interpreter did not"
        self._suspicion = ""

    def forget(self) -> None:
        """The environment is another one."""
        self.__init__()  # type: ignore[misc]  # back to the beginning, all of it


def _sets(variables: Collection[str]) -> str:
    return f"the code sets {', '.join(sorted(variables))} when it is imported" if variables else ""
