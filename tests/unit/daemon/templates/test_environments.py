"""Environments: who waits for whom, who is forked, and what packages that change lead to."""

from __future__ import annotations

import pytest
from unit.daemon.templates.environment_desk import (
    FOLDER,
    OTHER,
    RECORD,
    A,
    B,
    Desk,
    play_desk,
    waits,
)
from unit.daemon.world import a_spec

from hostler.daemon.state.fork_policy import FIRST, Decision, Source
from hostler.daemon.templates.environment import (
    BUSY_SECONDS,
    FORK_PATIENCE_FACTOR,
    FORK_PATIENCE_SECONDS,
    IDLE_SECONDS,
    INSTALL_SECONDS,
    SCOUT_SECONDS,
)

# Who waits for whom


def test_the_first_load_is_a_new_interpreter_and_the_others_wait_for_what_comes_of_it() -> None:
    async def scenario(desk: Desk) -> None:
        assert not desk.environments.is_template_coming(B)
        host, decision = await desk.begin(A)
        assert decision == Decision(Source.SPAWN, FIRST)
        assert host.on_import is not None
        assert desk.template.preloaded == []
        assert desk.environments.template_of(A) is None
        waiting = await waits(desk, B)
        assert desk.environments.is_template_coming(B)
        assert not desk.environments.is_template_coming(OTHER)
        host.on_import("numpy")
        assert desk.template.preloaded == ["numpy"]
        desk.end(A, "numpy")
        await desk.world.advance()
        assert waiting.done()
        assert not desk.environments.is_template_coming(B)
        assert desk.template.modules == ["numpy"]
        _, decision = await desk.begin(B)
        assert decision == Decision(Source.TEMPLATE)

    play_desk(scenario)


def test_the_others_wait_while_the_template_is_made() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.begin(A)
        desk.template.makes_itself = False
        waiting = await waits(desk, B)
        desk.end(A, "numpy")
        await desk.world.advance()
        assert desk.environments.is_template_coming(B)
        assert not waiting.done()
        desk.template.make()
        await desk.world.advance()
        assert waiting.done()
        assert not desk.environments.is_template_coming(B)

    play_desk(scenario)


def test_a_first_load_that_imports_nothing_more_is_not_waited_for() -> None:
    async def scenario(desk: Desk) -> None:
        host, _ = await desk.begin(A)
        assert host.on_import is not None
        waiting = await waits(desk, B)
        await desk.world.advance(SCOUT_SECONDS - 0.1)
        host.on_import("numpy")  # it gets on
        await desk.world.advance(SCOUT_SECONDS - 0.1)
        assert not waiting.done()
        await desk.world.advance(0.2)
        assert waiting.done()
        assert not desk.environments.is_template_coming(B)
        second, decision = await desk.begin(B)
        assert decision == Decision(Source.SPAWN, FIRST)
        assert second.on_import is None, "one that goes on without end is waited for once"

    play_desk(scenario)


def test_a_first_load_that_fails_is_followed_by_another_first_one() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.begin(A)
        waiting = await waits(desk, B)
        desk.fail(A)
        await desk.world.advance()
        assert waiting.done()
        assert desk.template.preloaded is None, "its preloader is of no use"
        host, decision = await desk.begin(B)
        assert decision == Decision(Source.SPAWN, FIRST)
        assert host.on_import is not None
        assert desk.template.preloaded == []

    play_desk(scenario)


def test_whatever_load_is_ready_first_ends_the_waiting() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.begin(A)
        waiting = await waits(desk, B)
        desk.environments.load_started(B, "b/1")
        desk.end(B, "numpy")
        await desk.world.advance()
        assert waiting.done()

    play_desk(scenario)


def test_no_preloader_follows_the_first_load_of_a_location_that_is_alone() -> None:
    async def scenario(desk: Desk) -> None:
        host, _ = await desk.begin(OTHER)
        assert host.on_import is None
        assert desk.template.preloaded is None

    play_desk(scenario)


# Fork or spawn


def test_a_reason_against_a_fork_is_kept_to() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.warm()
        _, decision = await desk.begin(B, "a fork crashed")
        assert decision == Decision(Source.SPAWN, "a fork crashed")
        assert desk.template.processes.forks == 0

    play_desk(scenario)


def test_a_template_that_does_not_fork() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.warm()
        desk.template.processes.refuses = True
        _, decision = await desk.begin(B)
        assert decision == Decision(Source.SPAWN, "the template did not fork")
        desk.fail(B)
        desk.template.fail("there is no template: numpy: it starts a thread")
        _, decision = await desk.begin(B)
        assert decision == Decision(Source.SPAWN, "there is no template: numpy: it starts a thread")

    play_desk(scenario)


def test_an_environment_is_an_interpreter_and_its_variables() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.warm()
        assert desk.environments.template_of(B) is desk.template
        assert desk.environments.template_of(OTHER) is None
        _, decision = await desk.begin(OTHER)
        assert decision == Decision(Source.SPAWN, FIRST)
        assert len(desk.world.templates) == 2

    play_desk(scenario)


def test_a_location_that_never_forks_has_no_environment() -> None:
    async def scenario(desk: Desk) -> None:
        never = a_spec("n", executable="/other/python", fork="never")
        desk.environments.retain([never])
        await desk.begin(never, "fork: never in workspace.yaml")
        desk.end(never, "numpy")
        assert desk.world.templates == []
        assert not desk.environments.template_facts(never).is_begun
        assert desk.environments.fork_patience(never) == FORK_PATIENCE_SECONDS

    play_desk(scenario)


def test_a_fork_gets_a_multiple_of_the_longest_load() -> None:
    async def scenario(desk: Desk) -> None:
        assert desk.environments.fork_patience(A) == FORK_PATIENCE_SECONDS
        await desk.begin(A)
        desk.end(A, seconds=0.1)
        assert desk.environments.fork_patience(A) == FORK_PATIENCE_SECONDS
        await desk.begin(B)
        desk.end(B, seconds=10)
        desk.end(B, seconds=0.1)
        assert desk.environments.fork_patience(A) == 10 * FORK_PATIENCE_FACTOR

    play_desk(scenario)


# What the template does between loads


def test_what_was_left_undone_is_done_when_no_load_goes_on() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.warm()
        await desk.begin(A)
        await desk.begin(B)
        await desk.world.advance(IDLE_SECONDS)
        desk.template.spares.prepared.clear()
        desk.end(A)
        await desk.world.advance(2 * IDLE_SECONDS)
        assert desk.template.spares.prepared == [], "B loads"
        desk.end(B)
        await desk.world.advance(IDLE_SECONDS)
        assert desk.template.spares.prepared == [((), 0)]
        await desk.start(A, "a/w2")  # a worker: another spare for the next need
        await desk.world.advance(IDLE_SECONDS)
        assert desk.template.spares.prepared == [((), 0)] * 2

    play_desk(scenario)


def test_a_load_that_is_about_to_begin_is_waited_for_as_well() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.warm()
        await desk.world.advance(IDLE_SECONDS - 0.01)
        desk.environments.compile_ahead(A, ["/project/a.py"])
        assert desk.template.spares.compiled == [["/project/a.py"]]
        await desk.world.advance(IDLE_SECONDS - 0.001)
        assert desk.template.spares.prepared == []
        await desk.world.advance(0.01)
        assert desk.template.spares.prepared == [((), 0)]
        desk.environments.prepare(A, ["/project/a.py"], 10)
        assert desk.template.spares.prepared[-1] == (["/project/a.py"], 10)

    play_desk(scenario)


def test_loads_that_have_just_begun_keep_the_template_busy() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.warm()
        assert not desk.template.is_busy()
        await desk.begin(A)
        assert desk.template.is_busy()
        await desk.world.advance(BUSY_SECONDS)
        assert not desk.template.is_busy(), "it sleeps at import"

    play_desk(scenario)


# Packages


def test_an_installer_retires_the_template_and_has_its_locations_loaded_when_it_has_ended() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.warm()
        assert f"{FOLDER}/*.dist-info/RECORD" in desk.watch().globs
        desk.world.watcher.change(RECORD, "1")
        assert desk.is_retired()
        _, decision = await desk.begin(B)
        assert decision == Decision(Source.SPAWN, "packages have changed: numpy-2")
        desk.end(B, "numpy")
        assert desk.template.modules == ["numpy"], "nothing is learned meanwhile"
        await desk.world.advance(INSTALL_SECONDS - 0.1)
        desk.world.watcher.change(RECORD, "2")
        await desk.world.advance(INSTALL_SECONDS - 0.1)
        assert desk.world.packages_changed == [], "the installer is at it"
        await desk.world.advance(0.1)
        ((concerns, what),) = desk.world.packages_changed
        assert what == "numpy-2"
        assert [concerns(spec) for spec in (A, B, OTHER)] == [True, True, False]
        assert not desk.is_retired()
        assert not desk.template.is_begun
        desk.end(B, "numpy", folders=(FOLDER,))
        await desk.world.advance()
        _, decision = await desk.begin(A)
        assert decision == Decision(Source.TEMPLATE)

    play_desk(scenario)


def test_what_the_template_was_made_of_is_watched() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.begin(A)
        desk.template.files = [f"{FOLDER}/numpy.py"]
        desk.end(A, "numpy", folders=(FOLDER,))
        await desk.world.advance()
        assert f"{FOLDER}/numpy.py" in desk.watch().files
        desk.world.watcher.change(f"{FOLDER}/numpy.py", "1")
        assert desk.template.reason == "packages have changed: numpy.py"

    play_desk(scenario)


# Their lives


@pytest.mark.parametrize("is_template_coming", [False, True])
def test_an_environment_that_no_location_has_any_more_is_dropped(is_template_coming: bool) -> None:
    async def scenario(desk: Desk) -> None:
        await desk.warm()
        if is_template_coming:
            desk.world.watcher.change(RECORD, "1")
        desk.environments.retain([OTHER])
        await desk.world.advance(5)
        assert desk.template.is_retired
        assert desk.template.reason == "no location needs it"
        assert desk.world.watcher.watches == set()
        assert desk.world.packages_changed == []
        assert desk.world.clock.pending == ()

    play_desk(scenario)


def test_an_environment_that_is_dropped_while_it_looks_at_its_packages() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.begin(A)
        desk.end(A, "numpy", folders=(FOLDER,))
        desk.environments.retain([])
        await desk.world.advance(5)
        assert desk.world.watcher.watches == set()

    play_desk(scenario)


def test_the_death_of_the_keeper_concerns_every_template() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.warm()
        desk.template.makes_itself = False
        desk.environments.keeper_lost()
        assert not desk.template.processes.can_fork
        desk.template.make()
        _, decision = await desk.begin(B)
        assert decision.is_fork

    play_desk(scenario)
