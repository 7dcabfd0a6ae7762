"""Fork or spawn: the one place that decides, from what loads and deaths have told.

A fork of the template is as good as a new interpreter until one fails. That is a suspicion: a new
interpreter that loads the same code confirms it, one that fails as well clears it, since then the
code is to blame. What one exception or one kill proves is little, so it takes two of these.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from hostler.daemon.state.rules import InState, Machine, Rule, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping


class Trust(Enum):
    """Whether forks may load the code of a location."""

    TRUSTED = "trusted"
    #: A fork raised an exception, or somebody killed it; the next load is a spawn.
    DOUBTED = "doubted"
    #: The same, and a new interpreter loaded the code: one more fork is tried.
    RETRYING = "retrying"
    #: That one failed, too.
    DOUBTED_AGAIN = "doubted again"
    #: A fork crashed or hung; the next load is a spawn.
    SUSPECTED = "suspected"
    #: A new interpreter loaded what a fork could not.
    REFUSED = "refused"


class ForkEvent(Enum):
    FORK_LOADED = "fork loaded"
    #: The user's code raised an exception while a fork imported it.
    FORK_RAISED = "fork raised"
    #: Killed by a signal that the code does not cause by itself.
    FORK_KILLED = "fork killed"
    FORK_CRASHED = "fork crashed"
    SPAWN_LOADED = "spawn loaded"
    SPAWN_FAILED = "spawn failed"
    CODE_CHANGED = "code changed"
    #: The environment's packages changed, or a restart was asked for.
    RESET = "reset"


class ForkEffect(Enum):
    #: Keeps how the fork failed, as the reason for spawns.
    KEEP_REASON = "keep the reason"
    #: Adds to it that a new interpreter did not fail.
    CONFIRM = "confirm the reason"
    FORGET_REASON = "forget the reason"


_T, _E, _F = Trust, ForkEvent, ForkEffect

_DOUBT = Rule(_T.DOUBTED, (_F.KEEP_REASON,))
_DOUBT_AGAIN = Rule(_T.DOUBTED_AGAIN, (_F.KEEP_REASON,))
_SUSPECT = Rule(_T.SUSPECTED, (_F.KEEP_REASON,))
_TRUST = Rule(_T.TRUSTED, (_F.FORGET_REASON,))
_REFUSE = Rule(_T.REFUSED, (_F.CONFIRM,))

TRUST: Table[Trust, ForkEvent, ForkEffect] = Table(
    name="Fork policy",
    initial=_T.TRUSTED,
    hears=frozenset(ForkEvent),
    states={
        _T.TRUSTED: InState(
            {
                _E.FORK_RAISED: _DOUBT,
                _E.FORK_KILLED: _DOUBT,
                _E.FORK_CRASHED: _SUSPECT,
            },
            ignores={
                *(_E.FORK_LOADED, _E.SPAWN_LOADED, _E.SPAWN_FAILED),
                *(_E.CODE_CHANGED, _E.RESET),
            },
        ),
        _T.DOUBTED: InState(
            {
                _E.FORK_RAISED: _DOUBT,
                _E.FORK_KILLED: _DOUBT,
                _E.FORK_CRASHED: _SUSPECT,
                _E.SPAWN_LOADED: Rule(_T.RETRYING, (_F.FORGET_REASON,)),
                _E.SPAWN_FAILED: _TRUST,
                _E.CODE_CHANGED: _TRUST,
                _E.RESET: _TRUST,
            },
            # of a process that was forked before the doubt
            ignores={_E.FORK_LOADED},
        ),
        _T.RETRYING: InState(
            {
                _E.FORK_LOADED: _TRUST,
                _E.FORK_RAISED: _DOUBT_AGAIN,
                _E.FORK_KILLED: _DOUBT_AGAIN,
                _E.FORK_CRASHED: _SUSPECT,
                _E.SPAWN_FAILED: _TRUST,
                _E.RESET: _TRUST,
            },
            ignores={_E.SPAWN_LOADED, _E.CODE_CHANGED},
        ),
        _T.DOUBTED_AGAIN: InState(
            {
                _E.FORK_RAISED: _DOUBT_AGAIN,
                _E.FORK_KILLED: _DOUBT_AGAIN,
                _E.FORK_CRASHED: _SUSPECT,
                _E.FORK_LOADED: Rule(_T.DOUBTED),
                _E.SPAWN_LOADED: _REFUSE,
                _E.SPAWN_FAILED: _TRUST,
                _E.CODE_CHANGED: Rule(_T.RETRYING, (_F.FORGET_REASON,)),
                _E.RESET: _TRUST,
            },
        ),
        _T.SUSPECTED: InState(
            {
                _E.SPAWN_LOADED: _REFUSE,
                _E.SPAWN_FAILED: _TRUST,
                _E.RESET: _TRUST,
            },
            # a crash is none of the edit's doing; the rest is of processes from before
            ignores={
                *(_E.FORK_LOADED, _E.FORK_RAISED, _E.FORK_KILLED, _E.FORK_CRASHED),
                _E.CODE_CHANGED,
            },
        ),
        _T.REFUSED: InState(
            {_E.RESET: _TRUST},
            ignores={
                *(_E.FORK_LOADED, _E.FORK_RAISED, _E.FORK_KILLED, _E.FORK_CRASHED),
                *(_E.SPAWN_LOADED, _E.SPAWN_FAILED, _E.CODE_CHANGED),
            },
        ),
    },
)


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a good load told of the process that it was done in.

    Attributes:
        variables: of the environment, which the code set while it was imported.
        spawn_reasons: what the code did that has to come before the imports that a template makes.
    """

    variables: frozenset[str] = frozenset()
    spawn_reasons: tuple[str, ...] = ()

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> LoadReport:
        """Reads the answer to LOAD; see hostler.host.loading.Load.report."""
        return cls(frozenset(body["variables"]), tuple(body["fresh"]))

    def unfit_after_fork(self) -> str:
        """Returns why a load by a fork does not count; empty where it does.

        In a fork the variables of libraries are set already, so what is reported is the code's own
        doing: it may have meant a library that was imported before it.
        """
        return "; ".join([*self.spawn_reasons, *_set_by_the_code(self.variables)])


@dataclass(frozen=True, slots=True)
class TemplateFacts:
    """What can be had from the template of an environment.

    Attributes:
        is_begun: whether a load has told what to make it of.
        can_fork: whether it, or its spare, is there.
        reason: why it does not fork; may be empty.
    """

    is_begun: bool = False
    can_fork: bool = False
    reason: str = ""


class Source(Enum):
    """What a process is made from."""

    #: A fork of the location process, with the code that it has loaded.
    PARENT = "parent"
    #: A fork of the template, which loads the code.
    TEMPLATE = "template"
    #: A new interpreter, which loads the code.
    SPAWN = "spawn"


@dataclass(frozen=True, slots=True)
class Decision:
    """How a process is to be made.

    Attributes:
        reason: why not by what is faster; empty for PARENT and, for a load, for TEMPLATE.
    """

    source: Source
    reason: str = ""

    @property
    def is_fork(self) -> bool:
        """Whether the process is a fork, of whatever."""
        return self.source is not Source.SPAWN


#: Why the first process of an environment is not forked.
FIRST = "the first load in this environment"

#: Why nothing of a location is forked where its entry says so.
FORBIDDEN = "fork: never in workspace.yaml"


def choose_load(spawn_reason: str, template: TemplateFacts) -> Decision:
    """Decides how a process that loads the code is made.

    Args:
        spawn_reason: why it has to be a new interpreter; empty where a fork will do.
    """
    if spawn_reason:
        return Decision(Source.SPAWN, spawn_reason)
    if not template.is_begun:
        return Decision(Source.SPAWN, FIRST)
    if not template.can_fork:
        return Decision(Source.SPAWN, template.reason or "the template did not fork")
    return Decision(Source.TEMPLATE)


class ForkPolicy:
    """Decides for one location, from what its loads and deaths have told."""

    def __init__(self, on_undeclared: Callable[[str, Trust, ForkEvent], None]) -> None:
        """
        Args:
            on_undeclared: see `Machine`.
        """
        self._trust = Machine(TRUST, on_undeclared)
        self._report = LoadReport()
        self._reason = ""

    @property
    def trust(self) -> Trust:
        """Where the location stands in the table."""
        return self._trust.state

    def spawn_reason(self, *, is_forbidden: bool) -> str:
        """Returns why the next process has to be a new interpreter; empty where a fork will do.

        Args:
            is_forbidden: whether workspace.yaml says `fork: never`.
        """
        if is_forbidden:
            return FORBIDDEN
        return self._report.unfit_after_fork() or self._reason

    def choose_descendant(
        self, fork_obstacles: Collection[str], template: TemplateFacts, *, is_forbidden: bool
    ) -> Decision:
        """Decides how workers and runs of a generation are made.

        Args:
            fork_obstacles: why its location process may not be forked; empty where it may.
        """
        if is_forbidden:
            return Decision(Source.SPAWN, FORBIDDEN)
        if not fork_obstacles:
            return Decision(Source.PARENT)
        load = choose_load(self.spawn_reason(is_forbidden=False), template)
        return Decision(load.source, "; ".join(fork_obstacles))

    # What happens

    def fork_unfit(self, report: LoadReport) -> None:
        """A fork has loaded the code, and what the code did is not for forks."""
        self._report = report

    def fork_died(self, how: str, *, killed_externally: bool) -> None:
        """A fork ended, or did not get ready, in a way that a new interpreter may not.

        Args:
            killed_externally: somebody may have killed it, which says little of the code.
        """
        self._feed(ForkEvent.FORK_KILLED if killed_externally else ForkEvent.FORK_CRASHED, how)

    def fork_raised(self, message: str) -> None:
        """The user's code raised an exception in a fork."""
        self._feed(ForkEvent.FORK_RAISED, message)

    def fork_loaded(self) -> None:
        """A fork has loaded the code, and it counts."""
        self._feed(ForkEvent.FORK_LOADED)

    def spawn_loaded(self, report: LoadReport) -> None:
        """A new interpreter has loaded the code.

        It cannot tell which variables its libraries have set, so it takes back only.
        """
        kept = self._report.variables & report.variables
        self._report = LoadReport(kept, report.spawn_reasons)
        self._feed(ForkEvent.SPAWN_LOADED)

    def spawn_failed(self) -> None:
        """A new interpreter could not load the code either."""
        self._feed(ForkEvent.SPAWN_FAILED)

    def code_changed(self) -> None:
        """A file has changed: what a fork raised says nothing of the code as it is now."""
        self._feed(ForkEvent.CODE_CHANGED)

    def reset(self) -> None:
        """The environment has changed, or a restart was asked for: nothing is known any more."""
        self._report = LoadReport()
        self._feed(ForkEvent.RESET)

    def _feed(self, event: ForkEvent, how: str = "") -> None:
        for effect in self._trust.feed(event):
            if effect is ForkEffect.KEEP_REASON:
                self._reason = f"a fork failed: {how}"
            elif effect is ForkEffect.CONFIRM:
                self._reason += "; a new interpreter did not"
            else:
                self._reason = ""


def _set_by_the_code(variables: Collection[str]) -> list[str]:
    if not variables:
        return []
    return [f"the code sets {', '.join(sorted(variables))} when it is imported"]
