"""A process of a FakeLauncher: it speaks the wire from the loop of the test, which drives it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from hostler.daemon.launching.orders import ExitStatus
from hostler.host.wire import (
    EXIT_LOST,
    MAX_FDS,
    STACK_SIGNAL,
    Decoder,
    Event,
    Frame,
    Kind,
    Method,
    Status,
    dump,
    pack_definition,
    pack_files,
    unpack_files,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_CHUNK = 64 * 1024

#: The path by which a snapshot names the code that it holds.
_CODE_PATH = "/code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What a load finds.

    Attributes:
        name: names it among all codes of a test; a snapshot carries it.
        pipelines: of the one repository, "repo".
        files: the digest of each file that the load reads, None for what it looks for in vain.
        failure: the body of the answer where the load fails; see
            hostler.host.errors.describe_failure.
        report: replaces parts of the answer to a good load; see hostler.host.loading.Load.report.
    """

    name: str = "code"
    pipelines: tuple[str, ...] = ("daily",)
    files: Mapping[str, str | None] = field(default_factory=lambda: {"/project/code.py": "1"})
    failure: Mapping[str, Any] | None = None
    report: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """How a process behaves where nothing else is said: it does what it is asked, at once.

    Attributes:
        says_hello: whether it says hello.
        hangs_in: methods that it begins and does not end.
        dies_in: methods in which it ends, and how.
        refuses: methods that it answers with an error, and the error's body.
        answers: the bodies of good answers to CALL and RUN.
        stack: what it writes to stderr when it is asked where it is.
        ignores_term: whether SIGTERM does not end it.
        ignores_close: whether it does not end when the daemon closes its wire.
    """

    says_hello: bool = True
    hangs_in: frozenset[int] = frozenset()
    dies_in: Mapping[int, ExitStatus] = field(default_factory=dict)
    refuses: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    answers: Mapping[int, bytes] = field(default_factory=dict)
    stack: str = ""
    ignores_term: bool = False
    ignores_close: bool = False


class World(Protocol):
    """What the processes of a launcher share."""

    @property
    def disk(self) -> Code:
        """What a load from the disk finds now."""
        ...

    @property
    def codes(self) -> dict[str, Code]:
        """Every code that a process has loaded, by name."""
        ...

    @property
    def script(self) -> Script:
        """How a process behaves that has no script of its own."""
        ...

    @property
    def unsafe_modules(self) -> Mapping[str, str]:
        """Why modules do not bear a fork."""
        ...

    def make_fork(self, parent: FakeProcess, owner: str, ends: FarEnds) -> None:
        """Makes a process that has forked itself from another one."""

    def on_exit(self, process: FakeProcess, status: ExitStatus) -> None:
        """Tells how a process has ended."""


@dataclass(frozen=True, slots=True)
class FarEnds:
    """The process's ends of its wire, stdout and stderr."""

    control: socket.socket
    stdout: int
    stderr: int

    @classmethod
    def of(cls, control: int, stdout: int, stderr: int) -> FarEnds:
        """Takes over three descriptors, as the keeper or a FORK passes them on."""
        sock = socket.socket(fileno=control)
        sock.setblocking(False)
        return cls(sock, stdout, stderr)

    def close(self) -> None:
        """Closes the three."""
        self.control.close()
        os.close(self.stdout)
        os.close(self.stderr)


class FakeProcess:
    """One process: carries out orders one after the other, as `hostler.host.process` does.

    Attributes:
        owner: to whom it counts.
        parent: the process that it was forked from; None where it was started.
        code: what it has loaded, or is to load in place of what the launcher says; None before.
        received: the methods that it has begun, in order.
        preloaded: the modules that it was told to import ahead.
        status: how it has ended; None while it lives.
    """

    def __init__(
        self, world: World, pid: int, owner: str, ends: FarEnds, parent: FakeProcess | None = None
    ) -> None:
        self.pid = pid
        self.owner = owner
        self.parent = parent
        self.code: Code | None = parent.code if parent else None
        self.received: list[int] = []
        self.preloaded: list[str] = list(parent.preloaded) if parent else []
        self.status: ExitStatus | None = None
        self._world = world
        self._ends = ends
        self._loop = asyncio.get_running_loop()
        self._script: Script | None = None
        self._decoder = Decoder()
        self._requests: deque[Frame] = deque()
        self._in_progress: Frame | None = None
        self._canceled: set[int] = set()
        self._has_said_hello = False
        self._has_wire = True
        #: With what it ends once it looks for its next order and has no wire.
        self._end_code = 0
        self._loop.add_reader(ends.control, self._on_readable)
        self._say_hello()

    # What the test says

    @property
    def is_alive(self) -> bool:
        return self.status is None

    @property
    def script(self) -> Script:
        """Returns how it behaves."""
        return self._script or self._world.script

    def is_in(self, method: int) -> bool:
        """Returns whether it has begun an order and not ended it."""
        return self._in_progress is not None and self._in_progress.code == method

    def follow(self, script: Script) -> None:
        """Has it behave in another way from now on, also in what it has begun."""
        self._script = script
        if self.is_alive:
            self._say_hello()
            self._work()

    def touch(self, files: Mapping[str, str | None]) -> None:
        """Tells of files that it reads, or looks for in vain."""
        self._say(Event.TOUCHED, list(files.items()))

    def announce(self, module: str) -> None:
        """Tells that its load begins to import a module."""
        self._say(Event.IMPORTING, {"module": module})

    def print(self, text: str, stream: Literal["stdout", "stderr"] = "stdout") -> None:
        """Prints a line."""
        os.write(getattr(self._ends, stream), text.encode() + b"\n")

    def close_wire(self) -> None:
        """Closes the wire, as the user's code may by mistake; lives on while an order hangs."""
        self._hang_up()
        self._ends.control.close()
        self._end_code = EXIT_LOST
        self._work()

    def exit(self, code: int = 0) -> None:
        """Ends by itself; nothing where it has ended."""
        self.end(ExitStatus(code, None))

    def end(self, status: ExitStatus) -> None:
        """Ends in whatever way; nothing where it has ended."""
        if self.status is not None:
            return
        self.status = status
        self._hang_up()
        self._ends.close()
        for request in self._requests:
            _close_all(request.fds)
        self._requests.clear()
        self._in_progress = None
        self._world.on_exit(self, status)

    def signal(self, number: int) -> None:
        """Gets a signal; nothing where it has ended."""
        if number == STACK_SIGNAL:
            if self.is_alive and self.script.stack:
                self.print(self.script.stack, "stderr")
        elif number == signal.SIGKILL or not self.script.ignores_term:
            self.end(ExitStatus(None, int(number)))

    # The wire

    def _say_hello(self) -> None:
        if self._has_said_hello or not self.script.says_hello:
            return
        self._has_said_hello = True
        hello = {"version": "3.11.0", "implementation": "cpython", "executable": "/fake/python"}
        self._say(Event.HELLO, {"pid": self.pid, **hello})

    def _say(self, event: int, value: object) -> None:
        self._send(Frame(Kind.EVENT, 0, event, dump(value)))

    def _send(self, frame: Frame) -> None:
        if not self._has_wire or not self.is_alive:
            return
        # where the daemon has closed its end, the next read says so
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._ends.control.sendall(frame.encode())

    def _hang_up(self) -> None:
        if self._has_wire:
            self._has_wire = False
            self._loop.remove_reader(self._ends.control)

    def _on_readable(self) -> None:
        try:
            data, fds, _, _ = socket.recv_fds(self._ends.control, _CHUNK, MAX_FDS)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data, fds = b"", []
        if not data:
            self._hang_up()
        for frame in self._decoder.feed(data, fds):
            if frame.kind == Kind.REQUEST:
                self._requests.append(frame)
            elif frame.kind == Kind.CANCEL:
                self._canceled.add(frame.id)
        self._work()

    def _work(self) -> None:
        """Carries out what has been asked, up to an order that does not end."""
        while self.is_alive:
            if self._in_progress is None:
                if not self._requests and not self._has_wire and not self.script.ignores_close:
                    self.exit(self._end_code)
                if not self._requests:
                    return
                self._in_progress = self._requests.popleft()
                self.received.append(self._in_progress.code)
            request = self._in_progress
            if request.code in self.script.hangs_in and request.id not in self._canceled:
                return
            self._in_progress = None
            self._carry_out(request)

    def _carry_out(self, request: Frame) -> None:
        if request.id in self._canceled:
            _close_all(request.fds)
            self._respond(request, dump({}), Status.CANCELED)
        elif request.code in self.script.dies_in:
            _close_all(request.fds)
            self.end(self.script.dies_in[request.code])
        elif request.code in self.script.refuses:
            _close_all(request.fds)
            self._respond(request, dump(self.script.refuses[request.code]), Status.ERROR)
        elif request.code == Method.LOAD:
            self._load(request)
        elif request.code == Method.FORK:
            owner = _owner_of(request.json()["owner"])
            self._world.make_fork(self, owner, FarEnds.of(*request.fds))
            self._respond(request)
        else:
            self._respond(request, self._answer(request))

    def _answer(self, request: Frame) -> bytes:
        if request.code == Method.SNAPSHOT:
            return _snapshot(self.code) if self.code else pack_files({})
        if request.code == Method.OVERLAY:
            name = unpack_files(request.body)[_CODE_PATH]
            self.code = self._world.codes[(name or b"").decode()]
        elif request.code == Method.PRELOAD:
            order = request.json()
            self.preloaded += order["modules"]
            for module, reason in self._world.unsafe_modules.items():
                if module in set(order["modules"]) - set(order["excluded"]):
                    return dump({"files": [], "unsafe": {"module": module, "reason": reason}})
            return dump({"files": []})
        return self.script.answers.get(request.code, b"{}")

    def _load(self, request: Frame) -> None:
        order = request.json()
        if "process" in order:  # a fork of a template, which knew nothing of its location
            self.owner = _owner_of(order["process"]["owner"])
        code = self.code = self.code or self._world.disk
        self._world.codes[code.name] = code
        self.touch(code.files)
        if code.failure is not None:
            self._respond(request, dump(code.failure), Status.ERROR)
            return
        described = _describe(order["location"], code.pipelines)
        self._send(Frame(Kind.ITEM, request.id, 0, described))
        self._respond(request, dump({**_REPORT, **code.report}))

    def _respond(self, request: Frame, body: bytes = b"", status: int = Status.OK) -> None:
        self._send(Frame(Kind.RESPONSE, request.id, status, body))


#: Of a load that imports one package and does nothing that matters to forks.
_REPORT: Mapping[str, Any] = {
    "imports": ["numpy"],
    "variables": [],
    "packages": {"folders": [], "configuration": None},
    "fresh": [],
    "seconds": {"import": 0.01, "describe": 0.001},
    "unsafe": [],
    "warnings": [],
}


def _describe(location: str, pipelines: Sequence[str]) -> bytes:
    """Describes one repository, as `hostler.host.describe.pack` does."""
    parent = f"locations/{location}/repositories/repo"
    named = [{"name": f"{parent}/pipelines/{name}"} for name in pipelines]
    head = {
        "repository": {"name": parent, "pipelines": named},
        "definitions": {"pipelines": list(pipelines), "schedules": [], "partitionSets": []},
    }
    return b"\n".join([dump([head]), *(pack_definition(dict(one)) for one in named)])


def _snapshot(code: Code) -> bytes:
    return pack_files({_CODE_PATH: code.name.encode()})


def _owner_of(mark: str) -> str:
    return mark.partition(":")[2]


def _close_all(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
