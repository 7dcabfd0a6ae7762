"""Random numbers: runs of a location draw as interpreters of their own, and so do their steps."""

from __future__ import annotations

import subprocess
from functools import cache
from typing import TYPE_CHECKING

import pytest
from component.host.host_process import INTERPRETERS, Host, hosted, load
from component.host.test_run_ends import order

from hostler.host.wire import Method, Status

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable
    from pathlib import Path

CODE = """\
import os, random
from hostler.definitions import RetryPolicy, pipeline, repository, solid

{head}


@solid(retry_policy=RetryPolicy(1))
def draw(context):
    context.log.info(repr({draw}))
    if context.retry_number == 0:
        raise OSError("once more")


@pipeline
def works():
    draw.alias("first")()
    draw.alias("second")()


@repository
def repo():
    return [works]
"""

#: What is made at import, what draws from it, and whether it is the same in each run.
GENERATORS = {
    "unseeded": ("kept = random.Random()", "kept.random()", False),
    "seeded": ("kept = random.Random(7)", "kept.random()", True),
    "in a class": ("class Kept:\n    its = random.Random()", "Kept.its.random()", False),
    "in a closure": (
        "def make(kept):\n    return lambda: kept.random()\nkept = make(random.Random(3))",
        "kept()",
        True,
    ),
    "in a cycle": ("kept = [random.Random()]; kept.append(kept)", "kept[0].random()", False),
    "of a subclass": ("class Own(random.Random): pass\nkept = Own(5)", "kept.random()", True),
    "a bound method": ("kept = random.Random().random", "kept()", False),
    "the global one, seeded": ("random.seed(7)", "random.random()", True),
    "the global one, used": ("random.random()", "random.random()", False),
    "the global one": ("", "random.random()", False),
    "of the system": ("kept = random.SystemRandom()", "kept.random()", False),
    "names of temporary files": (
        "import tempfile\ntempfile.mktemp()",
        "tempfile.mktemp()",
        False,
    ),
}

#: Whose runs are forks of their location's process.
FIT = {"the global one", "of the system", "names of temporary files"}

NUMPY = {
    "legacy, unseeded": ("", "numpy.random.random()", False),
    "legacy, seeded": ("numpy.random.seed(7)", "numpy.random.random()", True),
    "legacy, an object": ("kept = numpy.random.RandomState(7)", "kept.random_sample()", True),
    "new, unseeded": ("kept = numpy.random.default_rng()", "kept.random()", False),
    "new, seeded": ("kept = numpy.random.default_rng(7)", "kept.random()", True),
    "another kind of bits": (
        "kept = numpy.random.Generator(numpy.random.Philox(7))",
        "kept.random()",
        True,
    ),
    "bits alone": ("kept = numpy.random.PCG64()", "kept.random_raw()", False),
    "seeds alone": (
        "kept = numpy.random.SeedSequence()",
        "int(numpy.random.default_rng(kept.spawn(1)[0]).integers(1 << 60))",
        False,
    ),
    "in a class": (
        "class Kept:\n    its = numpy.random.default_rng()",
        "Kept.its.random()",
        False,
    ),
}


#: A module that has a generator as torch has it, which the collector does not know either.
TORCH = """\
import os


class State(list):
    def tolist(self):
        return list(self)


class Generator:
    __slots__ = ("state",)

    def __init__(self):
        self.seed()

    def seed(self):
        self.manual_seed(int.from_bytes(os.urandom(7), "big"))

    def manual_seed(self, number):
        assert -(2**63) <= number < 2**64
        self.state = number

    def get_state(self):
        return State([self.state])


default_generator = Generator()
manual_seed = default_generator.manual_seed


def rand():
    default_generator.state = (default_generator.state * 6364136223846793005 + 1) % 2**64
    return default_generator.state
"""

#: What is done at import, whether it is the same in each run, and whether runs are forks.
OF_TORCH = {
    "unseeded": ("", False, True),
    "seeded": ("torch.manual_seed(7)", True, False),
    "used": ("torch.rand()", False, False),
}


def drawn(run: Host, max_concurrency: int) -> list[str]:
    """Returns what the two attempts of the two steps have drawn, by step and attempt."""
    answer = run.ask(Method.RUN, order(max_concurrency))
    assert answer.code == Status.OK, answer.body
    assert "once" not in str(answer.json()) or answer.json()["failure"] is None, answer.json()
    logged = [
        (item["step"], item["data"]["message"])
        for item in run.items
        if item["event"] == "log_message" and item["data"]["level"] == "INFO"
    ]
    assert len(logged) == 4, run.items
    return [text for _, text in sorted(logged, key=lambda one: one[0])]


@pytest.mark.parametrize("max_concurrency", [0, 2])
@pytest.mark.parametrize("name", GENERATORS)
def test_runs_draw_as_in_interpreters_of_their_own(
    start: Callable[[], contextlib.AbstractContextManager[Host]],
    tmp_path: Path,
    name: str,
    max_concurrency: int,
) -> None:
    head, draw, is_seeded = GENERATORS[name]
    check(start, tmp_path, CODE.format(head=head, draw=draw), is_seeded, max_concurrency, name)


@pytest.mark.parametrize("max_concurrency", [0, 2])
@pytest.mark.parametrize("name", NUMPY)
def test_runs_draw_from_numpy_as_in_interpreters_of_their_own(
    own_start: Callable[[], contextlib.AbstractContextManager[Host]],
    tmp_path: Path,
    name: str,
    max_concurrency: int,
) -> None:
    head, draw, is_seeded = NUMPY[name]
    code = CODE.format(head=f"import numpy\n{head}", draw=draw)
    check(own_start, tmp_path, code, is_seeded, max_concurrency, "")


@pytest.mark.parametrize("max_concurrency", [0, 2])
@pytest.mark.parametrize("name", OF_TORCH)
def test_runs_draw_from_torch_as_in_interpreters_of_their_own(
    start: Callable[[], contextlib.AbstractContextManager[Host]],
    tmp_path: Path,
    name: str,
    max_concurrency: int,
) -> None:
    head, is_seeded, is_fit = OF_TORCH[name]
    (tmp_path / "torch.py").write_text(TORCH)
    code = CODE.format(head=f"import torch\n{head}", draw="torch.rand()")
    check(start, tmp_path, code, is_seeded, max_concurrency, "the global one" if is_fit else name)


def check(
    start: Callable[[], contextlib.AbstractContextManager[Host]],
    folder: Path,
    code: str,
    is_seeded: bool,
    max_concurrency: int,
    name: str,
) -> None:
    """Executes two runs, forks where that is safe, else each in a process of its own."""
    rows = []
    with start() as host:
        host.hello()
        answer = load(host, folder, code)
        assert answer.code == Status.OK, answer.body
        is_fit = not answer.json()["unsafe"]
        if name:
            assert is_fit == (name in FIT), answer.json()["unsafe"]
        for _ in range(2 * is_fit):
            run = host.fork()
            run.hello()
            rows.append(drawn(run, max_concurrency))
    for _ in range(2 - len(rows)):
        with start() as host:
            host.hello()
            assert load(host, folder, code).code == Status.OK
            rows.append(drawn(host, max_concurrency))
    assert (rows[0] == rows[1]) == is_seeded, rows
    assert len(set(rows[0])) == 4, f"steps or attempts draw the same: {rows[0]}"


@cache
def with_numpy() -> str | None:
    """Returns an interpreter of this machine that has numpy, if there is one."""
    for python in INTERPRETERS.values():
        command = [python, "-c", "import numpy"]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return python
    return None


@pytest.fixture
def own_start(runtime_folder: Path) -> Callable[[], contextlib.AbstractContextManager[Host]]:
    """Returns what starts a process with numpy."""
    python = with_numpy()
    if python is None:
        pytest.skip("no interpreter of this machine has numpy")
    # one thread, so that what is left at import is of the generators alone
    return lambda: hosted(python, runtime_folder, {"OPENBLAS_NUM_THREADS": "1"})
