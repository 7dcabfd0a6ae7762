"""Whether the next process of a location may be a fork."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.daemon.state.fork_policy import (
    FIRST,
    Decision,
    ForkEvent,
    ForkPolicy,
    LoadReport,
    Source,
    TemplateFacts,
    Trust,
    choose_load,
)

GOOD = LoadReport()
SETS = LoadReport(variables=frozenset({"THREADS"}))
READY = TemplateFacts(is_begun=True, can_fork=True)


def refuse(*pair: object) -> None:
    raise AssertionError(f"not declared: {pair}")


class Policy(ForkPolicy):
    """Makes a policy that fails on undeclared pairs, for a location that may fork."""

    def __init__(self) -> None:
        super().__init__(refuse)

    @property
    def reason(self) -> str:
        return self.spawn_reason(is_forbidden=False)


def test_nothing_speaks_against_a_fork_at_first() -> None:
    assert Policy().reason == ""


def test_the_workspace_file_has_the_last_word() -> None:
    assert Policy().spawn_reason(is_forbidden=True) == "fork: never in workspace.yaml"
    decision = Policy().choose_descendant((), READY, is_forbidden=True)
    assert decision == Decision(Source.SPAWN, "fork: never in workspace.yaml")


def test_what_the_code_sets_holds_until_a_new_interpreter_does_not_report_it() -> None:
    policy = Policy()
    assert SETS.unfit_after_fork()
    policy.fork_unfit(SETS)
    assert policy.reason == "the code sets THREADS when it is imported"
    # of a new interpreter come the variables of libraries as well
    policy.spawn_loaded(LoadReport(frozenset({"THREADS", "OF_A_LIBRARY"})))
    assert policy.reason == "the code sets THREADS when it is imported"
    policy.spawn_loaded(LoadReport(frozenset({"OF_A_LIBRARY"})))
    assert policy.reason == ""


def test_what_a_new_interpreter_reports_before_any_fork() -> None:
    policy = Policy()
    policy.spawn_loaded(LoadReport(spawn_reasons=("the code is patched by gevent",)))
    assert policy.reason == "the code is patched by gevent"
    policy.spawn_loaded(GOOD)
    assert policy.reason == ""


def test_a_fork_that_died_is_a_suspicion_that_a_new_interpreter_confirms() -> None:
    policy = Policy()
    policy.fork_died("it was killed by SIGSEGV", killed_externally=False)
    assert policy.reason == "a fork failed: it was killed by SIGSEGV"
    policy.spawn_loaded(GOOD)
    assert policy.reason.endswith("SIGSEGV; a new interpreter did not")
    policy.reset()
    assert policy.reason == ""


def test_a_new_interpreter_that_fails_as_well_clears_it() -> None:
    policy = Policy()
    policy.fork_died("it was killed by SIGABRT", killed_externally=False)
    policy.spawn_failed()
    assert policy.reason == ""


def test_what_was_raised_or_killed_once_is_no_proof() -> None:
    policy = Policy()
    for _ in range(2):
        assert policy.reason == ""
        policy.fork_raised("KeyError: 'x'")
        assert policy.reason == "a fork failed: KeyError: 'x'"
        policy.spawn_loaded(GOOD)
    assert policy.reason.endswith("a new interpreter did not"), "twice in a row is"


def test_a_good_fork_in_between_begins_the_count_anew() -> None:
    policy = Policy()
    for _ in range(3):
        policy.fork_died("it was killed by SIGKILL", killed_externally=True)
        policy.spawn_loaded(GOOD)
        assert policy.reason == ""
        policy.fork_loaded()


def test_an_edit_makes_what_was_raised_void_but_not_a_crash() -> None:
    policy = Policy()
    policy.fork_raised("KeyError: 'x'")
    policy.code_changed()
    assert policy.reason == ""
    policy.fork_died("it was killed by SIGSEGV", killed_externally=False)
    policy.code_changed()
    assert policy.reason != ""


# How a process is made


@pytest.mark.parametrize(
    ("spawn_reason", "template", "decision"),
    [
        ("", READY, Decision(Source.TEMPLATE)),
        ("it crashed", READY, Decision(Source.SPAWN, "it crashed")),
        ("", TemplateFacts(), Decision(Source.SPAWN, FIRST)),
        (
            "",
            TemplateFacts(is_begun=True, reason="the template is being made"),
            Decision(Source.SPAWN, "the template is being made"),
        ),
        ("", TemplateFacts(is_begun=True), Decision(Source.SPAWN, "the template did not fork")),
    ],
)
def test_a_load_is_a_fork_unless_there_is_a_reason(
    spawn_reason: str, template: TemplateFacts, decision: Decision
) -> None:
    assert choose_load(spawn_reason, template) == decision


def test_workers_and_runs_come_from_the_location_process_where_that_may_fork() -> None:
    policy = Policy()
    assert policy.choose_descendant((), READY, is_forbidden=False) == Decision(Source.PARENT)
    obstacles = ("it has a thread", "it has a socket")
    assert policy.choose_descendant(obstacles, READY, is_forbidden=False) == Decision(
        Source.TEMPLATE, "it has a thread; it has a socket"
    )
    assert policy.choose_descendant(obstacles, TemplateFacts(), is_forbidden=False) == Decision(
        Source.SPAWN, "it has a thread; it has a socket"
    )
    policy.fork_died("it was killed by SIGSEGV", killed_externally=False)
    assert policy.choose_descendant(obstacles, READY, is_forbidden=False).source is Source.SPAWN


def feed(policy: ForkPolicy, event: ForkEvent) -> None:
    calls: dict[ForkEvent, Any] = {
        ForkEvent.FORK_LOADED: policy.fork_loaded,
        ForkEvent.FORK_RAISED: lambda: policy.fork_raised("KeyError: 'x'"),
        ForkEvent.FORK_KILLED: lambda: policy.fork_died("SIGKILL", killed_externally=True),
        ForkEvent.FORK_CRASHED: lambda: policy.fork_died("SIGSEGV", killed_externally=False),
        ForkEvent.SPAWN_LOADED: lambda: policy.spawn_loaded(GOOD),
        ForkEvent.SPAWN_FAILED: policy.spawn_failed,
        ForkEvent.CODE_CHANGED: policy.code_changed,
        ForkEvent.RESET: policy.reset,
    }
    calls[event]()


@given(st.lists(st.sampled_from(ForkEvent)))
def test_there_is_a_reason_where_forks_are_not_trusted_and_none_where_they_are(
    events: list[ForkEvent],
) -> None:
    policy = Policy()
    for event in events:
        feed(policy, event)
        assert bool(policy.reason) == (policy.trust not in (Trust.TRUSTED, Trust.RETRYING))


@given(st.lists(st.sampled_from(ForkEvent)))
def test_a_reset_forgets_whatever_came_before(events: list[ForkEvent]) -> None:
    policy = Policy()
    policy.fork_unfit(SETS)
    for event in [*events, ForkEvent.RESET]:
        feed(policy, event)
    assert (policy.trust, policy.reason) == (Trust.TRUSTED, "")
