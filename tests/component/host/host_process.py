"""A real process of a location, started as the keeper starts one, without a daemon around it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
from typing import TYPE_CHECKING, Any

from e2e.interpreters import interpreters

from hostler.daemon.processes import runtime
from hostler.host import wire
from hostler.host.wire import Decoder, Event, Frame, Kind, Method, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

INTERPRETERS = interpreters()

#: Long enough for a loaded machine; a test that passes does not wait for it.
PATIENCE = 30.0

GOOD = """\
from hostler.definitions import pipeline, repository, solid

print("imported")


@solid(config_schema={"greeting": str})
def greet(context):
    print("in the solid")
    context.log.info(context.config["greeting"])
    return 3


@solid
def fail(context, number):
    raise RuntimeError("no luck with %d" % number)


@pipeline
def works():
    greet()


@pipeline
def fails():
    fail(greet())


def make_late():
    print("constructed")

    @pipeline
    def late():
        greet()

    return late


def make_broken():
    raise OSError("cannot reach the database")


@repository
def repo():
    return {"pipelines": {"works": works, "fails": fails, "late": make_late, "broken": make_broken}}
"""


class Host:
    """Speaks to one process as the daemon does; blocks, and makes one request at a time."""

    def __init__(self, control: socket.socket, stdout: int, stderr: int) -> None:
        control.settimeout(PATIENCE)
        self.control = control
        self.pid = 0
        self.stdout = stdout
        self.stderr = stderr
        self.events: list[tuple[int, Any]] = []
        #: The bodies of all items; after a load, the last one is its description.
        self.bodies: list[bytes] = []
        self._decoder = Decoder()
        self._frames: list[Frame] = []
        self._ids = 0
        self._forks: list[Host] = []

    @property
    def items(self) -> list[Any]:
        """The items that runs have streamed; a load's description is a list."""
        return [json.loads(body) for body in self.bodies if body[:1] == b"{"]

    @property
    def described(self) -> dict[str, dict[str, Any]]:
        """The description of the one repository that was loaded, and its pipelines by name."""
        head, *lines = self.bodies[-1].split(b"\n")
        (described,) = json.loads(head)
        names = described["definitions"]["pipelines"]
        pipelines = [json.loads(line.partition(b"\t")[0]) for line in lines]
        named = dict(zip(names, pipelines, strict=True))
        return {"repository": described["repository"], "pipelines": named}

    def hello(self) -> dict[str, Any]:
        frame = self._receive()
        assert (frame.kind, frame.code) == (Kind.EVENT, Event.HELLO)
        said: dict[str, Any] = frame.json()
        self.pid = said["pid"]
        return said

    def ask(self, method: int, body: bytes = b"", fds: tuple[int, ...] = ()) -> Frame:
        """Returns the answer; what came before it is in `events` and `bodies`."""
        return self.answer(self.order(method, body, fds))

    def order(self, method: int, body: bytes = b"", fds: tuple[int, ...] = ()) -> int:
        """Sends a request; returns its id."""
        self._ids += 1
        frame = Frame(Kind.REQUEST, self._ids, method, body, fds=fds)
        socket.send_fds(self.control, [frame.encode()], list(fds))
        return self._ids

    def cancel(self, id_: int) -> None:
        self.control.sendall(Frame(Kind.CANCEL, id_).encode())

    def answer(self, id_: int) -> Frame:
        while (frame := self._receive()).kind != Kind.RESPONSE:
            if frame.kind == Kind.EVENT:
                self.events.append((frame.code, frame.json()))
            else:
                self.bodies.append(frame.body)
        assert frame.id == id_
        return frame

    def item(self, event: str) -> Any:
        """Returns the next item of a stream that reports such an event."""
        while True:
            frame = self._receive()
            assert frame.kind != Kind.RESPONSE, frame.body
            if frame.kind == Kind.ITEM and frame.json()["event"] == event:
                return frame.json()

    def load(self, path: Path, attribute: str | None = None) -> Frame:
        target = {
            "kind": "python_file",
            "value": str(path),
            "attribute": attribute,
            "working_directory": str(path.parent),
        }
        return self.ask(Method.LOAD, wire.dump({"location": "here", "target": target}))

    def fork(self, owner: str = "instance:here/w1") -> Host:
        """Has the process fork; returns the child, which has not said hello yet."""
        ours, theirs = socket.socketpair()
        out, their_out = os.pipe()
        err, their_err = os.pipe()
        descriptors = (theirs.detach(), their_out, their_err)
        answer = self.ask(Method.FORK, wire.dump({"owner": owner}), descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        assert answer.code == Status.OK, answer.body
        self._forks.append(Host(ours, out, err))
        return self._forks[-1]

    def end(self) -> tuple[str, str]:
        """Closes the wire, which ends the process; returns all that it has printed."""
        self.control.close()
        printed = read_all(self.stdout), read_all(self.stderr)
        self.close()
        return printed

    def close(self) -> None:
        """Closes the wires to the process and to its forks, which ends them."""
        for fork in self._forks:
            fork.close()
        self.control.close()
        if self.stdout >= 0:
            os.close(self.stdout)
            os.close(self.stderr)
            self.stdout = self.stderr = -1

    def _receive(self) -> Frame:
        while not self._frames:
            data = self.control.recv(1 << 16)
            assert data, f"the process has ended: {read_all(self.stderr)}"
            self._frames += self._decoder.feed(data)
        return self._frames.pop(0)


def read_all(descriptor: int) -> str:
    parts: list[bytes] = []
    while True:
        ready, _, _ = select.select([descriptor], [], [], PATIENCE)
        assert ready, "a process that ought to end holds its output open"
        part = os.read(descriptor, 1 << 16)
        if not part:
            return b"".join(parts).decode()
        parts.append(part)


@contextlib.contextmanager
def hosted(
    executable: str, folder: Path, variables: Mapping[str, str] | None = None
) -> Iterator[Host]:
    """Starts a process as the keeper does, which has not said hello yet; ends it at last."""
    ours, theirs = socket.socketpair()
    out, their_out = os.pipe()
    err, their_err = os.pipe()
    environ = {name: value for name, value in os.environ.items() if name[:6] != "PYTHON"}
    process = subprocess.Popen(
        [executable, str(runtime.bootstrap(folder)), str(theirs.fileno())],
        stdin=subprocess.DEVNULL,
        stdout=their_out,
        stderr=their_err,
        pass_fds=[theirs.fileno()],
        env={**environ, "PYTHONPATH": str(folder), **(variables or {})},
    )
    theirs.close()
    os.close(their_out)
    os.close(their_err)
    host = Host(ours, out, err)
    try:
        yield host
        host.close()
        assert process.wait(PATIENCE) == 0
    finally:
        host.close()
        process.kill()
        process.wait()


def load(host: Host, folder: Path, text: str) -> Frame:
    path = folder / "etl.py"
    path.write_text(text)
    return host.load(path)


def run_order(pipeline: str, greeting: object = "hello") -> bytes:
    config = {"solids": {"greet": {"config": {"greeting": greeting}}}}
    return wire.dump(
        {"run": "r1", "repository": "repo", "pipeline": pipeline, "config": config, "tags": {}}
    )


THREAD = """\
import threading
event = threading.Event()
threading.Thread(target=event.wait, daemon=True).start()
"""
