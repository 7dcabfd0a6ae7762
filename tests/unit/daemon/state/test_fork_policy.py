"""Whether the next process of a location may be a fork."""

from __future__ import annotations

import dataclasses

from hostler.daemon.loading.fork_policy import ForkPolicy, Report
from hostler.daemon.workspace.text.models import LocationSpec, Position, Target

SPEC = LocationSpec(
    name="etl", target=Target(kind="python_file", value="/a.py"), source=Position("w.yaml", 1, 1)
)
GOOD = Report()
SETS = Report(variables=frozenset({"THREADS"}))


def test_nothing_speaks_against_a_fork_at_first() -> None:
    assert ForkPolicy().reason(SPEC) == ""


def test_the_workspace_file_has_the_last_word() -> None:
    never = dataclasses.replace(SPEC, fork="never")
    assert ForkPolicy().reason(never) == "fork: never in workspace.yaml"


def test_what_the_code_sets_holds_until_a_new_interpreter_does_not_report_it() -> None:
    freshness = ForkPolicy()
    assert SETS.unfit_after_fork()
    freshness.unfit(SETS)
    assert freshness.reason(SPEC) == "the code sets THREADS when it is imported"
    # of a new interpreter come the variables of libraries as well
    freshness.loaded(Report(frozenset({"THREADS", "OF_A_LIBRARY"})), is_fork=False)
    assert freshness.reason(SPEC) == "the code sets THREADS when it is imported"
    freshness.loaded(Report(frozenset({"OF_A_LIBRARY"})), is_fork=False)
    assert freshness.reason(SPEC) == ""


def test_what_a_new_interpreter_reports_before_any_fork() -> None:
    freshness = ForkPolicy()
    freshness.loaded(Report(fresh=("the code is patched by gevent",)), is_fork=False)
    assert freshness.reason(SPEC) == "the code is patched by gevent"
    freshness.loaded(GOOD, is_fork=False)
    assert freshness.reason(SPEC) == ""


def test_a_fork_that_died_is_a_suspicion_that_a_new_interpreter_confirms() -> None:
    freshness = ForkPolicy()
    freshness.died("it was killed by SIGSEGV", killed_externally=False)
    assert freshness.reason(SPEC) == "a fork failed: it was killed by SIGSEGV"
    freshness.loaded(GOOD, is_fork=False)
    assert freshness.reason(SPEC).endswith("SIGSEGV; a new interpreter did not")
    freshness.forget()
    assert freshness.reason(SPEC) == ""


def test_a_new_interpreter_that_fails_as_well_clears_it() -> None:
    freshness = ForkPolicy()
    freshness.died("it was killed by SIGABRT", killed_externally=False)
    freshness.failed("killed by SIGABRT", is_fork=False)
    assert freshness.reason(SPEC) == ""


def test_what_was_raised_or_killed_once_is_no_proof() -> None:
    freshness = ForkPolicy()
    for _ in range(2):
        assert freshness.reason(SPEC) == ""
        freshness.failed("KeyError: 'x'", is_fork=True)
        assert freshness.reason(SPEC) == "a fork failed: KeyError: 'x'"
        freshness.loaded(GOOD, is_fork=False)
    assert freshness.reason(SPEC).endswith("a new interpreter did not"), "twice in a row is"


def test_a_good_fork_in_between_begins_the_count_anew() -> None:
    freshness = ForkPolicy()
    for _ in range(3):
        freshness.died("it was killed by SIGKILL", killed_externally=True)
        freshness.loaded(GOOD, is_fork=False)
        assert freshness.reason(SPEC) == ""
        freshness.loaded(GOOD, is_fork=True)


def test_an_edit_makes_what_was_raised_void_but_not_a_crash() -> None:
    freshness = ForkPolicy()
    freshness.failed("KeyError: 'x'", is_fork=True)
    freshness.changed()
    assert freshness.reason(SPEC) == ""
    freshness.died("it was killed by SIGSEGV", killed_externally=False)
    freshness.changed()
    assert freshness.reason(SPEC) != ""
