"""The user's code does in a fork what it does in a new interpreter.

Two locations serve each source, one by forks and one with `fork: never`; both must say the same.
"""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from e2e.behaviours import CASES
from e2e.harness import Daemon, daemon_in, eventually

from hostler.v1.workspace_pb2 import Location, LogLine

FORKED, NEVER = "forked", "never"

CODE = """\
{code}
from hostler.definitions import pipeline, repository, solid


@solid
def works(context):
    context.log.info(str(work(context)))


@pipeline
def plain():
    works()


def make():
    return pipeline(name="lazy", description=str(look()))(lambda: works())


@repository
def repo():
    return {{"pipelines": {{"plain": plain, "lazy": make}}}}

# {number}
"""

INNER = 'def fail():\n    raise ValueError("of the inner one")\n'


class Said(NamedTuple):
    """Holds what a location's code said of itself."""

    run: str
    printed: set[str]
    lazy: str


class Pair:
    """Names two locations of one source."""

    def __init__(self, daemon: Daemon, forked: str, never: str) -> None:
        self.forked = forked
        self.never = never
        self._daemon = daemon

    def __iter__(self) -> Iterator[str]:
        yield from (self.forked, self.never)

    def location(self, name: str) -> Location:
        return self._daemon.client.location(name)

    def said(self, name: str) -> Said:
        """Returns what a location logs and prints in a run, and answers in a lazy read."""
        client = self._daemon.client
        events = list(client.execute("plain", location=name))
        assert events[-1].HasField("run_succeeded"), events[-1]
        logged = [each.log_message.message for each in events if each.HasField("log_message")]
        lazy = client.pipeline(name, "repo", "lazy").description
        printed = {line.text for line in client.logs(name) if line.stream != LogLine.DAEMON}

        def plain(text: str) -> str:
            return text.replace(f"/{name}/here", "/here")

        return Said(plain("\n".join(logged)), set(map(plain, printed)), plain(lazy))


class Pairs:
    """Keeps a daemon whose locations come in pairs of one source; each test adds a pair."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self._count = 0
        self._entries = "load_from:\n"

    def add(self, code: str) -> Pair:
        """Adds a source, served by forks and without, each in its second generation."""
        self._count += 1
        pair = Pair(self.daemon, f"{FORKED}_{self._count}", f"{NEVER}_{self._count}")
        for name, fork in ((pair.forked, ""), (pair.never, ", fork: never")):
            folder = f"{name}/here"
            self.daemon.write(f"{folder}/data.txt", "rows")
            self.daemon.write(f"{folder}/pack/__init__.py", "")
            self.daemon.write(f"{folder}/pack/data.txt", "packed")
            self.daemon.write(f"{folder}/pack/inner.py", INNER)
            self.daemon.write(f"{folder}/repos.py", CODE.format(code=code, number=1))
            self._entries += (
                "  - python_file:\n"
                f"      {{relative_path: {folder}/repos.py, location_name: {name}{fork}}}\n"
            )
        self.daemon.workspace.write_text(self._entries)
        if self._count == 1:
            self.daemon.start()
        for name in pair:
            self.daemon.ready(name)
        eventually(lambda: pair.location(pair.forked).template.spare_pid, "a spare")
        for name in pair:
            self.daemon.write(f"{name}/here/repos.py", CODE.format(code=code, number=2))
            self.daemon.ready(name, 2)
        return pair


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pairs]:
    """Starts one daemon for all tests: its template has imported the modules of all of them."""
    with daemon_in(tmp_path_factory.mktemp("pairs")) as daemon:
        yield Pairs(daemon)


@pytest.mark.parametrize("name", CASES)
def test_a_fork_does_what_a_new_interpreter_does(pairs: Pairs, name: str) -> None:
    case = CASES[name]
    pair = pairs.add(case.code)
    forked = pair.location(pair.forked)
    assert (forked.start_mode, forked.fork_mode) == (case.start, case.fork), forked
    assert pair.location(pair.never).start_mode == Location.SPAWNED
    ours, theirs = pair.said(pair.forked), pair.said(pair.never)
    assert case.says in "\n".join([ours.run, *ours.printed])
    assert ours == theirs


def test_no_two_processes_draw_the_same(pairs: Pairs) -> None:
    code = """\
import os, random, secrets, tempfile, uuid
IMPORTED = random.random()
def work(context):
    return IMPORTED, random.random(), uuid.uuid4().hex, secrets.token_hex(4), \\
        os.path.basename(tempfile.mktemp())
look = lambda: work(None)
"""
    pair = pairs.add(code)
    assert pair.location(pair.forked).start_mode == Location.FORKED
    said = [pair.said(pair.forked) for _ in range(3)]
    drawn = [literal_eval(text) for text in (said[0].lazy, *(each.run for each in said))]
    for values in zip(*drawn, strict=True):  # also what is drawn at import: each loads anew
        assert len(set(values)) == len(drawn), values
    imported = {values[0] for values in drawn}
    pairs.daemon.write(f"{pair.forked}/here/repos.py", CODE.format(code=code, number=3))
    pairs.daemon.ready(pair.forked, 3)
    assert literal_eval(pair.said(pair.forked).run)[0] not in imported
