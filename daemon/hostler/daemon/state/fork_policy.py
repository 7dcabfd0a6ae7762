"""Fork or spawn: the one module that decides, from reports of loads and deaths of processes.

The policy takes a fork of the template to be as good as a new interpreter until a fork fails. Then
a new interpreter loads the same code: if it succeeds, the fork was to blame, and the location is
forked no more; if it fails as well, the code was to blame. One exception, or one kill from outside,
proves little, so that two of these are needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from hostler.daemon.state.rules import InState, Machine, Rule, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping


class Trust(Enum):
    """The states of the policy: whether forks may load the code of a location."""

    TRUSTED = "trusted"
    #: The code raised an exception in a fork, or a kill ended the fork; the next load is a spawn.
    DOUBTED = "doubted"
    #: After that, a new interpreter loaded the code; one more fork is tried.
    RETRYING = "retrying"
    #: That fork failed, too; the next load is a spawn.
    DOUBTED_AGAIN = "doubted again"
    #: A fork crashed or hung; the next load is a spawn.
    SUSPECTED = "suspected"
    #: A new interpreter loaded the code that forks could not load; all further loads are spawns.
    REFUSED = "refused"


class ForkEvent(Enum):
    FORK_LOADED = "fork loaded"
    #: The user's code raised an exception while a fork imported it.
    FORK_RAISED = "fork raised"
    #: SIGKILL ended the fork: something outside of the code may have sent it.
    FORK_KILLED = "fork killed"
    FORK_CRASHED = "fork crashed"
    SPAWN_LOADED = "spawn loaded"
    SPAWN_FAILED = "spawn failed"
    CODE_CHANGED = "code changed"
    #: The environment's packages changed, or a restart was asked for.
    RESET = "reset"


class ForkEffect(Enum):
    #: Keeps how the fork failed: that is the reason for spawns.
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
            # from a process that was forked before the doubt
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
            # an edit does not explain a crash; the others are from processes of before
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
    """Holds what a successful load has reported of its process.

    Attributes:
        variables: environment variables that the code set while it was imported.
        spawn_reasons: things that the code did which have to come before the template's imports.
    """

    variables: frozenset[str] = frozenset()
    spawn_reasons: tuple[str, ...] = ()

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> LoadReport:
        """Reads the answer to LOAD; see hostler.host.loading.Load.report."""
        return cls(frozenset(body["variables"]), tuple(body["fresh"]))

    def unfit_after_fork(self) -> str:
        """Returns why a load by a fork does not count; empty if it counts.

        In a fork, the libraries' variables were set before the load, so that the code itself has
        set those that are reported. They may be meant for a library that the template had imported
        earlier, which did not see them.
        """
        return "; ".join([*self.spawn_reasons, *_set_by_the_code(self.variables)])


@dataclass(frozen=True, slots=True)
class TemplateFacts:
    """Says whether an environment's template can fork.

    Attributes:
        is_begun: whether a load has reported the modules that the template has to import.
        can_fork: whether the template or its spare is there.
        reason: why the template does not fork; may be empty.
    """

    is_begun: bool = False
    can_fork: bool = False
    reason: str = ""


class Source(Enum):
    """Names what a process is made from."""

    #: A fork of the location process, which has loaded the code.
    PARENT = "parent"
    #: A fork of the template, which loads the code.
    TEMPLATE = "template"
    #: A new interpreter, which loads the code.
    SPAWN = "spawn"


@dataclass(frozen=True, slots=True)
class Decision:
    """Says how a process is made, and why.

    Attributes:
        reason: why a faster way was not taken; empty for PARENT and, for a load, for TEMPLATE.
    """

    source: Source
    reason: str = ""

    @property
    def is_fork(self) -> bool:
        """Whether the process is a fork, of the location process or of the template."""
        return self.source is not Source.SPAWN


#: Why the first location process of an environment is not forked.
FIRST = "the first load in this environment"

#: Why no process of a location is forked if its entry says so.
FORBIDDEN = "fork: never in workspace.yaml"


def choose_load(spawn_reason: str, template: TemplateFacts) -> Decision:
    """Decides how a process that loads the code is made.

    Args:
        spawn_reason: why the process has to be a new interpreter; empty if a fork will do.
    """
    if spawn_reason:
        return Decision(Source.SPAWN, spawn_reason)
    if not template.is_begun:
        return Decision(Source.SPAWN, FIRST)
    if not template.can_fork:
        return Decision(Source.SPAWN, template.reason or "the template did not fork")
    return Decision(Source.TEMPLATE)


class ForkPolicy:
    """Decides for one location, from its loads and the deaths of its processes."""

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
        """The present state of the table."""
        return self._trust.state

    def spawn_reason(self, *, is_forbidden: bool) -> str:
        """Returns why the next process has to be a new interpreter; empty if a fork will do.

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
            fork_obstacles: why its location process may not be forked; empty if it may.
        """
        if is_forbidden:
            return Decision(Source.SPAWN, FORBIDDEN)
        if not fork_obstacles:
            return Decision(Source.PARENT)
        load = choose_load(self.spawn_reason(is_forbidden=False), template)
        return Decision(load.source, "; ".join(fork_obstacles))

    # What happens

    def fork_unfit(self, report: LoadReport) -> None:
        """Notes that a fork has loaded the code, and that by its report the load does not count."""
        self._report = report

    def fork_died(self, how: str, *, killed_externally: bool) -> None:
        """Notes that a fork died, or took too long, as a new interpreter may not.

        Args:
            killed_externally: whether somebody may have killed it, which says little of the code.
        """
        self._feed(ForkEvent.FORK_KILLED if killed_externally else ForkEvent.FORK_CRASHED, how)

    def fork_raised(self, message: str) -> None:
        """Notes that the user's code raised an exception in a fork."""
        self._feed(ForkEvent.FORK_RAISED, message)

    def fork_loaded(self) -> None:
        """Notes that a fork has loaded the code, and that the load counts."""
        self._feed(ForkEvent.FORK_LOADED)

    def spawn_loaded(self, report: LoadReport) -> None:
        """Notes that a new interpreter has loaded the code.

        In a new interpreter the variables of libraries count among those that were set. So the
        policy forgets each variable that this report lacks, and learns no new one.
        """
        kept = self._report.variables & report.variables
        self._report = LoadReport(kept, report.spawn_reasons)
        self._feed(ForkEvent.SPAWN_LOADED)

    def spawn_failed(self) -> None:
        """Notes that a new interpreter could not load the code."""
        self._feed(ForkEvent.SPAWN_FAILED)

    def code_changed(self) -> None:
        """Notes that a file has changed: earlier exceptions say nothing of the new code."""
        self._feed(ForkEvent.CODE_CHANGED)

    def reset(self) -> None:
        """Forgets all, since the environment has changed or the user has asked for a restart."""
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


def leaves_traces(fork_obstacles: Collection[str]) -> bool:
    """Returns whether a load has made what others see, such as a scratch folder or a process."""
    return any(
        one.startswith(("an exit handler", "a child process")) or "finalizer" in one
        for one in fork_obstacles
    )


def _set_by_the_code(variables: Collection[str]) -> list[str]:
    if not variables:
        return []
    return [f"the code sets {', '.join(sorted(variables))} when it is imported"]
