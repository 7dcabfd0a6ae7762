"""The death of the keeper: the real launcher and the fake one are told the same story."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from component.daemon.keeping import run, until

from hostler.daemon.base.journal import Journal
from hostler.daemon.launching.fake import FakeLauncher
from hostler.daemon.launching.launcher import ExitStatus, KeeperLauncher, Launcher, SpawnOrder

if TYPE_CHECKING:
    from collections.abc import Callable

SLEEP = SpawnOrder("a", ("/bin/sleep", "1000"), dict(os.environ), None)


async def lose_the_keeper(
    launcher: Launcher, lose: Callable[[], None], replace: Callable[[], None], deaths: list[int]
) -> None:
    """Has the keeper die and another one take its place; asserts what the launcher tells."""
    first = await launcher.start(SLEEP)
    lose()
    assert await first.exit == ExitStatus(None, None, keeper_died=True)
    early = asyncio.ensure_future(launcher.start(SLEEP))
    ending = asyncio.ensure_future(launcher.end("a"))
    await asyncio.sleep(0)
    assert not early.done(), "it waits for the next keeper"
    assert await launcher.adopt(first.pid, "a") == ExitStatus(None, None, keeper_died=True)
    replace()
    second = await early
    await ending
    await until(lambda: bool(deaths))
    assert not second.exit.done()
    await launcher.end("a")
    assert second.exit.result() == ExitStatus(None, signal.SIGKILL)
    assert deaths == [1], "it is told once"
    for handle in (first, second):
        handle.close()


def test_the_death_of_the_fake_keeper() -> None:
    async def scenario() -> None:
        deaths: list[int] = []
        launcher = FakeLauncher(lambda: deaths.append(1))
        await lose_the_keeper(launcher, launcher.lose_keeper, launcher.new_keeper, deaths)
        launcher.close()

    run(scenario())


async def main() -> None:
    """Plays the story with a real keeper, whose death ends all children of this process."""
    deaths: list[int] = []
    keeper = KeeperLauncher("test-death", lambda: deaths.append(1), Journal())
    await keeper.open()

    def lose() -> None:
        assert keeper.pid is not None
        os.kill(keeper.pid, signal.SIGKILL)

    await lose_the_keeper(keeper, lose, lambda: None, deaths)
    await keeper.close()


def test_the_death_of_the_real_keeper() -> None:
    code = (
        "import asyncio; from component.daemon.launching import test_either_keeper_death as story; "
        "asyncio.run(story.main())"
    )
    path = str(Path(__file__).parents[3])
    daemon = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert daemon.returncode == 0, daemon.stderr
