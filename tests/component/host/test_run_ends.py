"""How runs and steps end: as in an interpreter of their own, before they answer."""

from __future__ import annotations

import gzip
import json
import os
import signal
import textwrap
import time
import zipfile
from typing import TYPE_CHECKING

import pytest
from component.host.host_process import THREAD, Host, load
from component.host.run_ends import CODE, ENDS, End

from hostler.host import wire
from hostler.host.wire import Event, Kind, Method, Status

if TYPE_CHECKING:
    from pathlib import Path


def contents(path: Path) -> str | None:
    """Returns the text of a file, the first member's of a zip; None where there is none."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    if data[:2] == b"\x1f\x8b":
        return gzip.decompress(data).decode()
    if data[:2] == b"PK":
        with zipfile.ZipFile(path) as archive:
            return archive.read(archive.namelist()[0]).decode()
    return data.decode()


def source(end: End) -> str:
    return CODE.format(head=end.head, body=textwrap.indent(end.body, "    "))


def order(max_concurrency: int = 0) -> bytes:
    return wire.dump(
        {
            "run": "r1",
            "repository": "repo",
            "pipeline": "works",
            "config": {},
            "tags": {},
            "max_concurrency": max_concurrency,
        }
    )


def check(host: Host, folder: Path, end: End, max_concurrency: int = 0) -> None:
    """Has a process run, and looks at the files as soon as it has answered."""
    answer = host.ask(Method.RUN, order(max_concurrency))
    assert answer.code == Status.OK, answer.body
    failure = answer.json()["failure"]
    assert (failure is not None) == end.fails, failure
    assert {name: contents(folder / name) for name, _ in end.files} == dict(end.files)


@pytest.mark.parametrize("name", ENDS)
def test_a_run_that_is_a_fork_ends_whole(host: Host, tmp_path: Path, name: str) -> None:
    end = ENDS[name]
    answer = load(host, tmp_path, source(end))
    assert (answer.code, answer.json().get("unsafe")) == (Status.OK, []), answer.body
    for _ in range(2):
        child = host.fork()
        child.hello()
        check(child, tmp_path, end)
        for file in tmp_path.iterdir():
            if file.suffix == "" and not file.is_dir():
                file.unlink()
    child.end()
    printed = host.end()
    assert printed == ("", "")
    assert contents(tmp_path / end.files[0][0]) is None, "its parent has ended it again"


@pytest.mark.parametrize("name", ENDS)
def test_a_run_of_its_own_interpreter_ends_whole(host: Host, tmp_path: Path, name: str) -> None:
    assert load(host, tmp_path, source(ENDS[name])).code == Status.OK
    check(host, tmp_path, ENDS[name])


@pytest.mark.parametrize("name", ENDS)
def test_a_step_of_its_own_ends_whole(host: Host, tmp_path: Path, name: str) -> None:
    assert load(host, tmp_path, source(ENDS[name])).code == Status.OK
    child = host.fork()
    child.hello()
    check(child, tmp_path, ENDS[name], max_concurrency=1)


NEVER = "import threading\nthreading.Thread(target=threading.Event().wait, name='stuck').start()"


def test_a_step_that_does_not_end_is_killed_and_its_thread_named(
    host: Host, tmp_path: Path
) -> None:
    load(host, tmp_path, source(End(NEVER)))
    child = host.fork()
    child.hello()
    body = {**json.loads(order(1)), "end_grace": 0.3}
    failure = child.ask(Method.RUN, wire.dump(body)).json()["failure"]
    assert "did not end within 0.3 s after its function had" in failure["message"]
    assert "it waited for the thread stuck" in failure["message"]


def test_a_run_tells_what_its_end_waits_for(host: Host, tmp_path: Path) -> None:
    body = f"{NEVER}\nimport multiprocessing, time\nfork = multiprocessing.get_context('fork')\n"
    body += "fork.Process(target=time.sleep, args=(60,), name='child').start()"
    load(host, tmp_path, source(End(body)))
    child = host.fork()
    pid = child.hello()["pid"]
    child.order(Method.RUN, order())
    while (frame := child._receive()).kind != Kind.EVENT or frame.code != Event.ENDING:
        pass
    assert frame.json() == ["the thread stuck", "the process child"]
    os.killpg(pid, signal.SIGKILL)


@pytest.mark.parametrize("max_concurrency", [0, 1])
@pytest.mark.parametrize("where", ["in the solid", "while the end waits"])
def test_a_cancelled_run_ends_whole_too(
    host: Host, tmp_path: Path, where: str, max_concurrency: int
) -> None:
    body = "import atexit, threading, time\natexit.register(note, 'ended')\nglobal kept\n"
    body += "kept = open(place('out'), 'w')\nkept.write('done')\n"
    if where == "in the solid":
        body += "note('ready')\ntime.sleep(60)"
    else:
        body += "threading.Thread(target=wait).start()"
    head = "import time\ndef wait():\n    note('ready')\n    time.sleep(1)"
    load(host, tmp_path, source(End(body, head)))
    child = host.fork()
    pid = child.hello()["pid"]
    asked = child.order(Method.RUN, order(max_concurrency))
    while contents(tmp_path / "noted") != "ready\n":
        time.sleep(0.01)
    time.sleep(0.1)
    os.kill(pid, signal.SIGINT)
    assert child.answer(asked).code == Status.CANCELED
    assert contents(tmp_path / "noted") == "ready\nended\n"
    assert contents(tmp_path / "out") == "done"


def test_a_worker_ends_whole_when_its_wire_is_closed(host: Host, tmp_path: Path) -> None:
    for name in ("text file, global", "a thread that is no daemon", "exit handlers, last first"):
        end = ENDS[name]
        make = f"\n\ndef make():\n{textwrap.indent(end.body, '    ')}\n    return works\n"
        text = source(end).replace("\n\n@repository", f"{make}\n\n@repository")
        text = text.replace("return [works]", "return {'pipelines': {'works': make}}")
        assert load(host, tmp_path, text).code == Status.OK
        worker = host.fork()
        worker.hello()
        call = {"function": "define", "kind": "pipelines", "repository": "repo", "name": "works"}
        assert worker.ask(Method.CALL, wire.dump(call)).code == Status.OK
        worker.end()
        assert {name: contents(tmp_path / name) for name, _ in end.files} == dict(end.files)
        (tmp_path / "noted").unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("head", "warns"),
    [
        (THREAD, 1),
        ("import socket\nkept = socket.socket()", 1),
        ("import random\nkept = random.Random()", 0),
        ("import atexit\natexit.register(note, 'run')", 0),
        ("class Kept:\n    def __del__(self): pass\nkept = Kept()", 0),
    ],
)
def test_steps_warn_of_what_may_be_locked_alone(
    host: Host, tmp_path: Path, head: str, warns: int
) -> None:
    assert load(host, tmp_path, source(End("pass", head))).code == Status.OK
    assert host.ask(Method.RUN, order(1)).json() == {"failure": None}
    assert len([item for item in host.items if item["event"] == "log_message"]) == warns


#: What a load leaves for its process, and what is noted once each process has ended.
LOADED = {
    "an exit handler": "import atexit\natexit.register(note, 'ended')",
    "a finalizer": "import weakref\nclass Kept: pass\nkept = Kept()\n"
    "weakref.finalize(kept, note, 'ended')",
    "__del__": "class Kept:\n    def __del__(self): note('ended')\nkept = Kept()",
    "a suspended generator": "def steps():\n    try:\n        yield\n    finally:\n"
    "        note('ended')\nkept = steps(); next(kept)",
    "an exit handler of a method": "import atexit\nclass Kept:\n    def end(self): note('ended')\n"
    "atexit.register(Kept().end)",
    "a partial exit handler": "import atexit, functools\n"
    "atexit.register(functools.partial(note, 'ended'))",
}


@pytest.mark.parametrize("name", LOADED)
def test_what_a_load_leaves_ends_once_with_its_process(
    host: Host, tmp_path: Path, name: str
) -> None:
    answer = load(host, tmp_path, source(End("pass", LOADED[name])))
    assert answer.json()["unsafe"], "runs would be forks of it"
    # steps of the run are forks of it, and end nothing of it
    assert host.ask(Method.RUN, order(1)).code == Status.OK
    assert contents(tmp_path / "noted") == "ended\n"
    host.end()
    assert contents(tmp_path / "noted") == "ended\n"


@pytest.mark.parametrize("name", LOADED)
def test_what_a_load_leaves_ends_with_a_location_process(
    host: Host, tmp_path: Path, name: str
) -> None:
    assert load(host, tmp_path, source(End("pass", LOADED[name]))).code == Status.OK
    host.end()
    assert contents(tmp_path / "noted") == "ended\n"


@pytest.mark.parametrize("name", LOADED)
def test_what_a_load_that_fails_leaves_ends_too(host: Host, tmp_path: Path, name: str) -> None:
    assert load(host, tmp_path, source(End("pass", LOADED[name] + "\n1 / 0"))).code == Status.ERROR
    host.end()
    assert contents(tmp_path / "noted") == "ended\n"
