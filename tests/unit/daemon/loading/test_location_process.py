"""A location process, from its order to the outcome of its load, in a world of fakes."""

from __future__ import annotations

import dataclasses
import errno
import signal
import sys

import pytest
from unit.daemon.loading.recorded_process import RecordedProcess
from unit.daemon.world import FILE, World, a_spec, broken, code, play

from hostler.daemon.launching.fake_process import Script
from hostler.daemon.launching.launcher import ExitStatus
from hostler.daemon.loading.load_timer import STACK_SECONDS
from hostler.daemon.loading.stacks import StackFrame
from hostler.daemon.templates.environment import FORK_PATIENCE_SECONDS
from hostler.host.wire import EXIT_LOST, STACK_SIGNAL, Method

HANGS = Script(hangs_in=frozenset({Method.LOAD}))


def dies(status: ExitStatus, method: int = Method.LOAD) -> Script:
    return Script(dies_in={method: status})


KILLED = ExitStatus(None, signal.SIGKILL)
SEGFAULT = ExitStatus(None, signal.SIGSEGV)


def test_it_loads_serves_and_ends() -> None:
    async def scenario(world: World) -> None:
        told = RecordedProcess(world)
        await world.advance()
        assert told.told == ["ready"]
        assert told.process.is_ready
        assert told.process.pid == told.fake.pid
        assert not told.process.fork_decision.is_fork
        assert told.loaded is not None
        assert told.loaded.files == {FILE: "good"}
        assert told.loaded.parts.keys() == {"order", "import", "describe"}
        assert told.fake.received == [Method.LOAD, Method.SNAPSHOT]
        told.abort()
        await world.advance()
        assert told.told == ["ready", "ended"]
        assert told.fake.status == ExitStatus(0, None), "it ends by itself"
        assert told.process.ended.is_set()
        assert world.launcher.alive == []

    play(scenario)


def test_code_that_raises() -> None:
    async def scenario(world: World) -> None:
        world.put(broken())
        told = RecordedProcess(world)
        await world.advance()
        assert told.told == ["failed", "ended"]
        assert told.failure is not None
        assert told.failure.message == "broken: NameError"
        assert not told.failure.permanent
        assert told.process.attempt.has_told_all
        assert told.process.attempt.files == {FILE: "broken"}
        assert told.fake.status == ExitStatus(0, None), "it ends by itself"

    play(scenario)


def test_what_was_printed_before_the_failure_is_shown_with_it() -> None:
    async def scenario(world: World) -> None:
        world.put(broken())
        world.launcher.script = HANGS
        told = RecordedProcess(world)
        await world.advance()
        told.fake.print("first")
        told.fake.print("second", "stderr")
        told.fake.follow(Script())
        await world.advance()
        assert told.failure is not None
        assert set(told.failure.output) == {"first", "second"}
        assert set(told.lines) == {"first", "second"}

    play(scenario)


@pytest.mark.parametrize(
    ("status", "message", "permanent"),
    [
        (ExitStatus(3, None), "the process ended while it loaded: exit code 3", False),
        (SEGFAULT, "the process ended while it loaded: killed by SIGSEGV", False),
        (ExitStatus(125, None), "the location asked not to be restarted (exit code 125)", True),
        (ExitStatus(EXIT_LOST, None), "its code closed the descriptor", True),
    ],
)
def test_a_process_that_ends_while_it_loads(
    status: ExitStatus, message: str, permanent: bool
) -> None:
    async def scenario(world: World) -> None:
        world.launcher.script = dies(status)
        told = RecordedProcess(world)
        await world.advance(2)
        assert sorted(told.told) == ["ended", "failed"]
        assert told.failure is not None
        assert told.failure.message.startswith(message)
        assert told.failure.permanent == permanent
        assert told.failure.wants_stop == (status.code == 125)

    play(scenario)


def test_a_process_that_ends_before_it_says_hello() -> None:
    async def scenario(world: World) -> None:
        world.launcher.script = Script(says_hello=False)
        told = RecordedProcess(world)
        await world.advance()
        told.fake.print("not a Python", "stderr")
        told.fake.exit(127)
        await world.advance()
        assert sorted(told.told) == ["ended", "failed"]
        assert told.failure is not None
        assert told.failure.kind == "EXECUTABLE"
        assert told.failure.output == ["not a Python"]

    play(scenario)


@pytest.mark.parametrize(("number", "permanent"), [(errno.ENOENT, True), (errno.EACCES, False)])
def test_an_executable_that_cannot_be_started(number: int, permanent: bool) -> None:
    async def scenario(world: World) -> None:
        world.launcher.refusals["/gone/python"] = ("exec", number)
        told = RecordedProcess(world, a_spec(executable="/gone/python"))
        await world.advance()
        assert told.told == ["failed", "ended"]
        assert told.failure is not None
        assert (told.failure.kind, told.failure.permanent) == ("EXECUTABLE", permanent)
        # the coming of the executable is a reason to try again
        assert told.process.attempt.files == {"/gone/python": None}
        assert told.process.pid == 0

    play(scenario)


def test_a_start_that_fails_since_there_is_no_keeper_is_told_to_nobody() -> None:
    async def scenario(world: World) -> None:
        world.launcher.refusals[sys.executable] = ("keeper", 0)
        told = RecordedProcess(world)
        await world.advance()
        assert told.told == ["ended"]

    play(scenario)


def test_a_load_that_takes_too_long_is_asked_where_it_is() -> None:
    async def scenario(world: World) -> None:
        outermost = f"{world.factory.own_code}/host/bootstrap.py"
        stack = [
            "Current thread 0x0 (most recent call first):",
            f'  File "{FILE}", line 7 in wait',
            f'  File "{outermost}", line 9 in <module>',
        ]
        world.launcher.script = dataclasses.replace(HANGS, stack="\n".join(stack))
        told = RecordedProcess(world, a_spec(load_timeout=5.0))
        await world.advance(4.9)
        assert told.told == []
        await world.advance(0.1)
        assert told.told == ["failed", "ended"]
        assert told.failure is not None
        assert told.failure.kind == "TIMEOUT"
        assert str(StackFrame(FILE, 7, "wait")) in told.failure.message
        assert told.failure.source == {"file": FILE, "line": 7}
        assert told.lines == [], "the stack is no output of the user's"

    play(scenario)


def test_a_load_that_takes_too_long_and_does_not_say_where_it_is() -> None:
    async def scenario(world: World) -> None:
        world.launcher.script = HANGS
        told = RecordedProcess(world, a_spec(load_timeout=5.0))
        await world.advance(5)
        assert told.told == []
        await world.advance(STACK_SECONDS)
        assert told.told == ["failed", "ended"]
        assert told.failure is not None
        assert told.failure.kind == "TIMEOUT"

    play(scenario)


def test_a_process_that_says_nothing_until_the_time_is_over() -> None:
    async def scenario(world: World) -> None:
        world.launcher.script = Script(says_hello=False)
        told = RecordedProcess(world, a_spec(load_timeout=5.0))
        await world.advance(5)
        assert told.told == ["failed", "ended"]
        assert told.failure is not None
        assert told.failure.kind == "EXECUTABLE"

    play(scenario)


def test_a_process_that_the_question_kills() -> None:
    """The user's code has given the signal back its default action."""

    async def scenario(world: World) -> None:
        world.launcher.script = HANGS
        told = RecordedProcess(world, a_spec(load_timeout=5.0))
        await world.advance(5)
        told.fake.end(ExitStatus(None, STACK_SIGNAL))
        await world.advance()
        assert sorted(told.told) == ["ended", "failed"]
        assert told.failure is not None
        assert told.failure.kind == "TIMEOUT"

    play(scenario)


# A fork of the template


def test_a_fork_loads_as_well() -> None:
    async def scenario(world: World) -> None:
        told = RecordedProcess(world, is_fork=True)
        await world.advance()
        assert told.told == ["ready"]
        assert told.process.fork_decision.is_fork
        assert world.templates[0].processes.forks == 1

    play(scenario)


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        ({"variables": ["THREADS"]}, "the code sets THREADS when it is imported"),
        ({"fresh": ["gevent has patched it"]}, "gevent has patched it"),
    ],
)
def test_a_fork_that_is_unfit(report: dict[str, list[str]], reason: str) -> None:
    async def scenario(world: World) -> None:
        world.put(code(report=report))
        told = RecordedProcess(world, is_fork=True)
        await world.advance()
        assert told.told == ["unfit", "ended"]
        assert told.reason == reason
        assert not told.killed_externally
        assert told.process.attempt.report.unfit_after_fork() == reason
        assert told.fake.status == KILLED

    play(scenario)


def test_what_makes_a_fork_unfit_is_no_fault_of_a_spawn() -> None:
    async def scenario(world: World) -> None:
        world.put(code(report={"variables": ["THREADS"]}))
        told = RecordedProcess(world)
        await world.advance()
        assert told.told == ["ready"]

    play(scenario)


def test_a_fork_that_hangs_is_given_up_long_before_the_load_timeout() -> None:
    async def scenario(world: World) -> None:
        world.launcher.script = HANGS
        told = RecordedProcess(world, is_fork=True)
        await world.advance(FORK_PATIENCE_SECONDS - 0.1)
        assert told.told == []
        await world.advance(0.1 + STACK_SECONDS)
        assert told.told == ["unfit", "ended"]
        assert told.reason == "it was not ready within 5 s"

    play(scenario)


@pytest.mark.parametrize("status", [KILLED, SEGFAULT])
def test_a_fork_that_is_killed_while_it_loads(status: ExitStatus) -> None:
    async def scenario(world: World) -> None:
        world.launcher.script = HANGS
        told = RecordedProcess(world, is_fork=True)
        await world.advance()
        told.fake.end(status)
        await world.advance()
        assert sorted(told.told) == ["ended", "unfit"]
        assert told.killed_externally == (status is KILLED)

    play(scenario)


def test_a_fork_that_the_question_kills() -> None:
    async def scenario(world: World) -> None:
        world.launcher.script = HANGS
        told = RecordedProcess(world, is_fork=True)
        await world.advance(FORK_PATIENCE_SECONDS)
        told.fake.end(ExitStatus(None, STACK_SIGNAL))
        await world.advance()
        assert sorted(told.told) == ["ended", "unfit"]
        assert told.reason.startswith("it was not ready within")

    play(scenario)
