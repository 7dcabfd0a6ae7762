"""From the end of a checkout of many files to the answer that has all of them."""

from __future__ import annotations

import itertools
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.daemon import Feed, all_ready, hostlerd, plain_environ, rested, workspace, write
from bench.environments import WATCHFILES, MissingError, interpreter
from bench.figures import Figure, Report, alternate, faster
from bench.processes import PEERS, Peer, peer
from hostler.client import Client

FILES = 300
ROUNDS = 12
CHECKOUTS = 4
SECONDS = 45.0

BRANCHES = ("main", "other")

CHECKOUT = "checkout to final answer"
PEER = "watchfiles at its defaults, fresh interpreter"

_HEAD = """\
from hostler.definitions import PipelineDefinition, repository
"""

_TAIL = """

@repository
def bench():
    return [PipelineDefinition(f"total_{TOTAL}", [])]
"""


def run() -> Report:
    """Measures git checkouts between two branches that differ in every file."""
    remarks = []
    with tempfile.TemporaryDirectory(prefix="hostler-bench-") as temporary:
        ours, theirs = Path(temporary) / "hostler", Path(temporary) / "peer"
        ours.mkdir()
        of = workspace(ours, {"location.py": _entry()}, beside=_modules("main"))
        for folder in (ours, theirs):
            _repository(folder)
        with hostlerd(of), Client(of.socket) as client, Feed(client) as feed:
            all_ready(client, of)
            loads: list[float] = []
            sides = {CHECKOUT: _hostler(ours, client, feed, loads)}
            try:
                command = [interpreter(WATCHFILES), PEERS / "watching.py"]
            except MissingError as error:
                remarks.append(f"watchfiles is skipped: {error}")
                found = _measured(sides)
            else:
                with peer(command, theirs) as watching:
                    watching.hear()
                    found = _measured(sides | {PEER: _watchfiles(theirs, watching)})
    figures = [
        *found.values(),
        Figure("loads of a checkout that a client sees", "loads", tuple(loads), 2),
    ]
    if PEER in found:
        figures.append(faster("watchfiles / hostler", found[PEER], found[CHECKOUT]))
    what = f"a git checkout of {FILES} files, from its end until all of them are in the answer"
    return Report("checkout", what, tuple(figures), tuple(remarks))


def _measured(sides: dict[str, Callable[[], float]]) -> dict[str, Figure]:
    return alternate(
        sides, ROUNDS, "ms", times={CHECKOUT: CHECKOUTS}, limits={CHECKOUT: 100}, seconds=SECONDS
    )


def _hostler(folder: Path, client: Client, feed: Feed, loads: list[float]) -> Callable[[], float]:
    turns = itertools.cycle(reversed(BRANCHES))

    def measure() -> float:
        branch = next(turns)
        seen = {rested(client, "location.py").generation}
        ended = _checkout(folder, branch)
        wanted = f"/total_{_total(branch)}"
        while True:
            found = feed.until(lambda location: location.generation not in seen)
            seen.add(found.generation)
            if client.pipelines("location.py")[0].name.endswith(wanted):
                taken = (time.monotonic() - ended) * 1000
                loads.append(len(seen) - 1)
                return taken

    return measure


def _watchfiles(folder: Path, watching: Peer) -> Callable[[], float]:
    turns = itertools.cycle(reversed(BRANCHES))

    def measure() -> float:
        branch = next(turns)
        ended = _checkout(folder, branch)
        while True:
            total, at = watching.hear().split()
            if total == str(_total(branch)):
                return (float(at) - ended) * 1000

    return measure


def _checkout(folder: Path, branch: str) -> float:
    """Checks a branch out; returns when git ended."""
    _git(folder, "checkout", "-q", branch)
    return time.monotonic()


def _repository(folder: Path) -> None:
    """Makes a repository of two branches; the first one is checked out."""
    files = ["location.py", "shop"]
    folder.mkdir(exist_ok=True)
    (folder / "location.py").write_text(_entry())
    for number, branch in enumerate(BRANCHES):
        write(folder, _modules(branch))
        if not number:
            _git(folder, "init", "-q")
        _git(folder, "checkout", "-q", "-b", branch)
        _git(folder, "add", *files)
        _git(folder, *_IDENTITY, "commit", "-q", "-m", branch)
    _git(folder, "checkout", "-q", BRANCHES[0])


_IDENTITY = ("-c", "user.name=bench", "-c", "user.email=bench@example.org")


def _git(folder: Path, *arguments: str) -> None:
    """Runs git as on a machine where git is not configured."""
    environ = plain_environ() | {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    subprocess.run(["git", *arguments], cwd=folder, env=environ, check=True)


def _entry() -> str:
    names = [f"part_{number:03}" for number in range(FILES)]
    imports = "".join(f"import shop.{name}\n" for name in names)
    total = " + ".join(f"shop.{name}.VALUE" for name in names)
    return f"{imports}{_HEAD}\nTOTAL = {total}\n{_TAIL}"


def _modules(branch: str) -> dict[str, str]:
    found = {f"shop/part_{number:03}.py": f"VALUE = {_value(branch)}\n" for number in range(FILES)}
    return found | {"shop/__init__.py": ""}


def _value(branch: str) -> int:
    """Returns a value whose size differs from branch to branch: Python would take a pyc of the
    same second and size for that of the file."""
    return (1, 10)[BRANCHES.index(branch)]


def _total(branch: str) -> int:
    return FILES * _value(branch)
