"""The environments that the demo makes, kept in a cache from run to run."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from expectations import DemoError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from interpreters import Interpreter
    from narration import Narrator, Report

#: Written last: a folder without it was left half made.
MARK = "made.json"

#: Prints the versions that the demo talks about.
VERSIONS = """\
import importlib.metadata, json, platform
print(json.dumps([platform.python_version(), importlib.metadata.version("pandas")]))
"""

#: How many lines of a failed command are shown.
TAIL = 6


@dataclass(frozen=True, slots=True)
class Recipe:
    """An environment to be made."""

    name: str
    interpreter: Interpreter
    requirements: tuple[str, ...]

    def folder(self, cache: Path) -> Path:
        """Where it is made; another interpreter or other requirements, another folder."""
        text = json.dumps([str(self.interpreter.path), self.interpreter.version, self.requirements])
        return cache / f"{self.name}-{hashlib.blake2b(text.encode(), digest_size=6).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment that is there, and what is in it."""

    name: str
    folder: Path
    python: str
    pandas: str


@contextlib.contextmanager
def environments(
    recipes: Sequence[Recipe], cache: Path, narrator: Narrator, *, fresh: bool
) -> Iterator[list[Environment]]:
    """The environments, made side by side where they are not in the cache yet.

    The cache is locked for the length of the block, so that no other demo makes them anew.

    Raises:
        DemoError: one cannot be made.
    """
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = (cache / ".lock").open("w")
    except OSError as error:
        raise DemoError(f"cannot use the cache {cache}: {error}; name another with --cache") from (
            error
        )
    with lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        if fresh or _missing(recipes, cache):
            _lock_alone(lock.fileno(), narrator)
            # Another demo may have made them meanwhile.
            missing = list(recipes) if fresh else _missing(recipes, cache)
            asyncio.run(_make_all(missing, cache, narrator))
            fcntl.flock(lock, fcntl.LOCK_SH)
        else:
            narrator.say(f"They are in the cache ({cache}); --fresh makes them anew.")
        yield [_read(recipe, cache) for recipe in recipes]


def _lock_alone(lock: int, narrator: Narrator) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        narrator.say("Waiting for another demo that uses the same cache ...")
        fcntl.flock(lock, fcntl.LOCK_EX)


def _missing(recipes: Sequence[Recipe], cache: Path) -> list[Recipe]:
    """Those that are not there, or whose interpreter is gone."""
    return [
        recipe
        for recipe in recipes
        if not (recipe.folder(cache) / MARK).exists()
        or not (recipe.folder(cache) / "bin" / "python").exists()
    ]


def _read(recipe: Recipe, cache: Path) -> Environment:
    folder = recipe.folder(cache)
    try:
        done = subprocess.run(
            [folder / "bin" / "python", "-I", "-c", VERSIONS], capture_output=True, check=True
        )
        python, pandas = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise DemoError(
            f"cannot use the environment {folder}: {error}; make it anew with --fresh"
        ) from error
    return Environment(recipe.name, folder, python, pandas)


async def _make_all(recipes: Sequence[Recipe], cache: Path, narrator: Narrator) -> None:
    with narrator.works([recipe.name for recipe in recipes]) as report:
        try:
            async with asyncio.TaskGroup() as group:
                for recipe in recipes:
                    group.create_task(_make(recipe, recipe.folder(cache), report))
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None  # the others were cancelled


async def _make(recipe: Recipe, folder: Path, report: Report) -> None:
    (folder / MARK).unlink(missing_ok=True)
    report(recipe.name, "making room")
    # Thousands of files: by a process, which goes on beside the others and can be ended.
    await _execute(f"remove {folder}", ["rm", "-rf", str(folder)])
    try:
        report(recipe.name, f"venv with Python {recipe.interpreter.version_text}")
        what = f"make an environment with {recipe.interpreter.path}"
        venv = [str(recipe.interpreter.path), "-m", "venv", str(folder)]
        await _execute(what, venv)
        pip = [
            *(str(folder / "bin" / "python"), "-m", "pip", "install", *recipe.requirements),
            # No compiler is needed, and a machine without a network does not wait for minutes.
            *("--only-binary", ":all:", "--retries", "1", "--progress-bar", "off"),
            *("--no-input", "--disable-pip-version-check"),
        ]

        def follow(line: str) -> None:
            first, _, rest = line.partition(" ")
            if first in {"Collecting", "Downloading"}:
                report(recipe.name, f"{first.lower()} {rest.partition(' ')[0]}")
            elif first == "Installing":
                report(recipe.name, "installing")

        what = f"install {' '.join(recipe.requirements)}"
        await _execute(what, pip, follow, "is there a network, and does pip reach its index?")
        (folder / MARK).write_text(json.dumps(recipe.requirements))
        report(recipe.name, "done")
    finally:
        if not (folder / MARK).exists():
            shutil.rmtree(folder, ignore_errors=True)


async def _execute(
    what: str,
    command: Sequence[str],
    on_line: Callable[[str], None] | None = None,
    hint: str = "see below",
) -> None:
    """Executes a command, which ends with this task.

    Args:
        what: is done, for the message of a failure.
        command: to be executed.
        on_line: called with each line as it comes.
        hint: what may be the cause of a failure.

    Raises:
        DemoError: the command failed.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    )
    assert process.stdout is not None
    lines: list[str] = []
    try:
        async for raw in process.stdout:
            lines.append(raw.decode(errors="replace").strip())
            if on_line is not None:
                on_line(lines[-1])
        code = await process.wait()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if code:
        tail = "\n".join(f"  | {line}" for line in lines[-TAIL:])
        raise DemoError(f"cannot {what}: exit code {code}; {hint}\n{tail}")
