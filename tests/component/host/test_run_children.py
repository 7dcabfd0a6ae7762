"""Children that the user's code forks: none speaks for its run, and each ends as a script's."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, NamedTuple

import pytest
from component.host.host_process import Host, load
from component.host.run_ends import CODE, noted
from component.host.test_run_ends import contents, order

from hostler.host import wire
from hostler.host.wire import Method, Status

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """\
import atexit
import sys
from hostler.definitions import Output, OutputDefinition


def fork(child):
    pid = os.fork()
    if pid == 0:
        return child()
    status = os.waitpid(pid, 0)[1]
    note("exit %d" % (status >> 8 or -status))


def fails():
    raise OSError("the child's")
"""


class Child(NamedTuple):
    """Describes what a solid has its child do, and what is noted."""

    body: str
    head: str = ""
    noted: tuple[str, ...] = ("exit 0",)
    out: str | None = None


CHILDREN = {
    "returns": Child("fork(int)"),
    "raises": Child("fork(fails)", noted=("exit 1",)),
    "exits": Child("fork(lambda: sys.exit(7))", noted=("exit 7",)),
    "exits with a message": Child("fork(lambda: sys.exit('bye'))", noted=("exit 1",)),
    "exits at once": Child("fork(lambda: os._exit(9))", noted=("exit 9",)),
    "is interrupted": Child(
        "fork(interrupt)", "def interrupt():\n    raise KeyboardInterrupt", noted=("exit -2",)
    ),
    "cannot exec": Child("fork(lambda: os.execv('/nowhere', ['x']))", noted=("exit 1",)),
    "execs": Child("fork(lambda: os.execv('/bin/sh', ['sh', '-c', 'exit 5']))", noted=("exit 5",)),
    "logs and goes on": Child(
        "fork(lambda: (context.log.info('child'), note('child'), os._exit(2)))",
        noted=("child", "exit 2"),
    ),
    "imports and goes on": Child(
        "fork(lambda: (__import__('late'), note('child'), os._exit(2)))", noted=("child", "exit 2")
    ),
    "yields and goes on": Child(
        "pid = os.fork()\nyield Output(1)\nif pid == 0:\n    note('child')\n    os._exit(3)\n"
        "note('exit %d' % (os.waitpid(pid, 0)[1] >> 8))",
        noted=("child", "exit 3"),
    ),
    "has an exit handler": Child(
        "atexit.register(note, 'run')\nfork(lambda: atexit.register(note, 'child'))",
        noted=("child", "exit 0", "run"),
    ),
    "leaves a file": Child(
        "fork(keep)",
        "def keep():\n    global kept\n    kept = open(place('out'), 'w')\n    kept.write('done')",
        out="done",
    ),
    "has its parent's file": Child(
        "global kept\nkept = open(place('out'), 'w')\nkept.write('once')\nfork(int)", out="once"
    ),
    "has its parent's scratch folder": Child(
        "import tempfile\nglobal kept\nkept = tempfile.TemporaryDirectory()\nfork(int)\n"
        "note(str(os.path.isdir(kept.name)))",
        noted=("True", "exit 0", "True"),
    ),
    "has a scratch folder": Child(
        "import tempfile, weakref\nfork(lambda: weakref.finalize(note, note, 'gone'))",
        noted=("gone", "exit 0"),
    ),
    "leaves a thread": Child(
        "fork(lambda: threading.Thread(target=later).start())",
        "import threading, time\ndef later():\n    time.sleep(0.1)\n    note('thread')",
        noted=("thread", "exit 0"),
    ),
    "retries": Child(
        "if context.retry_number == 0:\n    fork(fails)\n    raise OSError('the run')\n"
        "note('again')",
        noted=("exit 1", "again"),
    ),
}


def source(child: Child) -> str:
    code = CODE.format(head=HEAD + child.head, body=textwrap.indent(child.body, "    "))
    return code.replace("@solid\n", "@solid(retry_policy=RetryPolicy(1))\n", 1).replace(
        "pipeline, ", "RetryPolicy, pipeline, "
    )


@pytest.mark.parametrize("max_concurrency", [0, 1])
@pytest.mark.parametrize("name", CHILDREN)
def test_a_child_of_a_solid_never_speaks_for_the_run(
    host: Host, tmp_path: Path, name: str, max_concurrency: int
) -> None:
    child = CHILDREN[name]
    (tmp_path / "late.py").write_text("")
    answer = load(host, tmp_path, source(child))
    assert answer.code == Status.OK, answer.body
    run = host.fork()
    run.hello()
    answer = run.ask(Method.RUN, order(max_concurrency))
    assert (answer.code, answer.json()) == (Status.OK, {"failure": None})
    assert contents(tmp_path / "noted") == dict(noted(*child.noted))["noted"]
    assert contents(tmp_path / "out") == child.out
    told = [item["event"] for item in run.items if item["event"] != "printed_line"]
    retried = ["step_retried"] if name == "retries" else []
    assert told == ["step_started", *retried, "step_output", "step_succeeded"]
    if name in ("raises", "cannot exec") and not max_concurrency:
        assert "Error" in run.end()[1]


IN_A_LOAD = {"returns": 0, "raises": 1, "exits": 7, "exits at once": 9, "cannot exec": 1}


@pytest.mark.parametrize("name", IN_A_LOAD)
def test_a_child_of_a_load_never_answers_it(host: Host, tmp_path: Path, name: str) -> None:
    body = CHILDREN[name].body
    answer = load(host, tmp_path, CODE.format(head=f"{HEAD}\n{body}", body="    pass"))
    assert (answer.code, answer.json().get("unsafe")) == (Status.OK, []), answer.body
    assert contents(tmp_path / "noted") == f"exit {IN_A_LOAD[name]}\n"
    assert host.ask(Method.PING).code == Status.OK


@pytest.mark.parametrize("name", IN_A_LOAD)
def test_a_child_of_a_worker_never_answers_a_call(host: Host, tmp_path: Path, name: str) -> None:
    body = CHILDREN[name].body
    lazy = f"def make():\n    {body}\n    return works\n\n\n@repository\ndef repo():\n"
    text = CODE.format(head=HEAD, body="    pass").partition("@repository")[0]
    text += f"{lazy}    return {{'pipelines': {{'works': make}}}}\n"
    assert load(host, tmp_path, text).code == Status.OK
    worker = host.fork()
    worker.hello()
    call = {"function": "define", "kind": "pipelines", "repository": "repo", "name": "works"}
    answer = worker.ask(Method.CALL, wire.dump(call))
    assert answer.code == Status.OK, answer.body
    assert contents(tmp_path / "noted") == f"exit {IN_A_LOAD[name]}\n"
    assert worker.ask(Method.PING).code == Status.OK
