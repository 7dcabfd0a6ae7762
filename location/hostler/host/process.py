"""A process of a location: carries out the daemon's orders, one after the other.

The same loop serves all roles. A template gets the order PRELOAD, then only COMPILE and FORK. A
location process, a fork of a template or a new interpreter, gets LOAD and from then on only PING,
FORK and SNAPSHOT: it runs no code of the user's once it is ready. A worker or a run is a fork of a
location process, or, where a fork is not safe, another process that got a LOAD of the same code. A
worker gets CALLs, a run gets one RUN.
"""

from __future__ import annotations

import faulthandler
import os
import sys

from hostler.definitions._late import late
from hostler.host import (
    calls,
    ending,
    errors,
    exit_handlers,
    finder,
    fitness,
    forks,
    imports,
    interpreter,
    late_imports,
    loading,
    runs,
    wire,
)
from hostler.host.connection import Connection
from hostler.host.marks import OwnerMark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hostler.definitions import RepositoryDefinition


class Process:
    """One process of a location: its wire, and what it has loaded."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.location = ""
        self.repositories: dict[str, RepositoryDefinition] = {}
        #: Why it may not be forked; see `fitness.Birth`.
        self.unfit_reasons: list[str] = []
        #: Whether its end waits for threads: not where it has loaded and called nothing since.
        self.joins_threads = False
        #: Whether all that its end has to do was done, before it told of that.
        self.is_finished = False
        self._overlay: dict[str, bytes | None] = {}
        self._mark = OwnerMark()
        #: Imported ahead, by a template that this process is a fork of.
        self._preloaded: imports.Preloaded | None = None
        self._handlers = {
            wire.Method.FORK: self._fork,
            wire.Method.CALL: self._call,
            wire.Method.RUN: self._run,
            wire.Method.LOAD: self._load,
            wire.Method.OVERLAY: self._set_overlay,
            wire.Method.SNAPSHOT: self._snapshot,
            wire.Method.PRELOAD: self._preload,
            wire.Method.COMPILE: self._compile,
            wire.Method.REHEARSE: self._rehearse,
        }

    def serve(self) -> None:
        """Answers requests until the daemon closes the wire."""
        while True:
            frame = self.connection.receive()
            if frame.kind == wire.Kind.REQUEST:
                self._handle(frame)

    def _handle(self, request: wire.Frame) -> None:
        if request.code == wire.Method.PING:  # a thousand processes get a hundred of them a second
            self._ping(request)
            return
        if not self.connection.is_wanted(request):
            for descriptor in request.fds:
                os.close(descriptor)
            self.connection.respond(request, wire.Status.CANCELED, b"{}")
            return
        handler = self._handlers.get(request.code)
        if handler is None:
            body = wire.dump({"message": f"unknown method {request.code}"})
            self.connection.respond(request, wire.Status.BAD_REQUEST, body)
        else:
            handler(request)

    def _ping(self, request: wire.Frame) -> None:
        self.connection.respond(request, wire.Status.OK)

    def _set_overlay(self, request: wire.Frame) -> None:
        self._overlay = wire.unpack_files(request.body)
        self.connection.respond(request, wire.Status.OK)

    def _snapshot(self, request: wire.Frame) -> None:
        sources: dict[str, bytes | None] = {}
        if finder.is_installed():  # else the load was given up before it began
            sources.update(finder.loaded_sources())
        self.connection.respond(request, wire.Status.OK, wire.pack_files(sources))
        # after the answer, so that the daemon does not wait for it
        late_imports.keep()
        if self._preloaded is not None and finder.is_installed():
            self._preloaded.report_shadows()
        interpreter.trim_memory()

    def _run(self, request: wire.Frame) -> None:
        runs.run(self, request)

    def _preload(self, request: wire.Frame) -> None:
        from hostler.host import template  # for templates alone

        order = request.json()
        body = template.preload(order["modules"], order["excluded"], is_last=order["is_last"])
        self._preloaded = imports.Preloaded()
        interpreter.flush_output()
        ending.flush_c_streams()
        self.connection.respond(request, wire.Status.OK, wire.dump(body))

    def _compile(self, request: wire.Frame) -> None:
        from hostler.host.code_cache import cache

        for path in request.json():
            cache.fill(path)
        self.connection.respond(request, wire.Status.OK)

    def _rehearse(self, request: wire.Frame) -> None:
        from hostler.host import rehearsal  # of templates and their forks

        if not finder.is_installed():
            order = request.json()
            is_wanted = self.connection.has_input
            try:
                rehearsal.rehearse(order["bytes"], order["sources"], is_wanted, self._preloaded)
            except Exception as error:  # noqa: BLE001 (a fault of hostler; a load does not need it)
                body = wire.dump(errors.describe_failure(error))
                self.connection.respond(request, wire.Status.ERROR, body)
                return
        self.connection.respond(request, wire.Status.OK)

    def _load(self, request: wire.Frame) -> None:
        order = request.json()
        self.location = order["location"]
        process = order.get("process")
        if process is not None:  # a fork of a template, which knew nothing of the location
            self._mark.write(process["owner"])
            forks.apply_limits(process["memory"], process["nice"])
        birth = fitness.Birth(
            {0, 1, 2, self.connection.descriptor}, is_fork=self._preloaded is not None
        )
        pid = os.getpid()
        try:
            announce = self._announce if order.get("announces") else None
            load = loading.Load(
                order, self._overlay, self.report_touched, self._preloaded, announce
            )
            load.run()
            # the daemon reads it while the report is made
            self.connection.send(wire.Frame(wire.Kind.ITEM, request.id, 0, load.described))
            body = load.report()
            interpreter.reopen_standard()
            body["unsafe"] = self.unfit_reasons = birth.unfit_reasons()
        except BaseException as error:  # noqa: BLE001 (the user's; it is answered)
            if os.getpid() != pid:
                interpreter.end_stray(error)
            body = errors.describe_failure(error)
            interpreter.flush_output()
            self.connection.respond(request, wire.Status.ERROR, wire.dump(body))
            return
        self.repositories = load.repositories
        interpreter.flush_output()
        ending.flush_c_streams()
        self.connection.respond(request, wire.Status.OK, wire.dump(body))
        ending.has_extensions()  # after the answer; forks need not look

    @property
    def has_foreign_code(self) -> bool:
        """Returns whether this process or one that it is a fork of has imported for others."""
        return finder.is_installed() or self._preloaded is not None

    def set_owner(self, owner: str) -> None:
        """Assigns this process, and those that it starts from now on, to another owner."""
        self._mark.write(owner)

    def report_touched(self, pairs: list[tuple[str, str | None]]) -> None:
        """Tells the daemon of source files that were read, or looked for in vain."""
        if not self.connection.is_of_parent:
            self.connection.send_event(wire.Event.TOUCHED, pairs)

    def _announce(self, module: str) -> None:
        if not self.connection.is_of_parent:
            self.connection.send_event(wire.Event.IMPORTING, {"module": module})

    def _fork(self, request: wire.Frame) -> None:
        interpreter.flush_output()
        order = request.json()
        try:
            forks.fork_process(lambda: self._become_child(order, request.fds))
        except OSError as error:
            body = wire.dump({"message": f"cannot fork: {error}"})
            self.connection.respond(request, wire.Status.ERROR, body)
        else:
            self.connection.respond(request, wire.Status.OK)
        finally:
            for descriptor in request.fds:
                os.close(descriptor)

    def _become_child(self, order: dict[str, Any], descriptors: tuple[int, ...]) -> None:
        """Gives a forked child its own wire, output and mark, and serves; does not return."""
        control, stdout, stderr = descriptors
        os.setsid()
        os.dup2(stdout, 1)
        os.dup2(stderr, 2)
        os.close(stdout)
        os.close(stderr)
        self.connection.close()
        # what the user's code starts from here belongs to this process, not to its parent
        self._mark.write(order["owner"])
        forks.part_from_parent({0, 1, 2, control})
        self.connection = Connection(control)
        if finder.is_installed():
            finder.set_report(self.report_touched)
        say_hello(self.connection)
        run_until_closed(self)

    def _call(self, request: wire.Frame) -> None:
        self.joins_threads = True
        pid = os.getpid()
        try:
            result = calls.call(self.location, self.repositories, request.json())
        except BaseException as error:  # noqa: BLE001 (the user's; it is answered)
            if os.getpid() != pid:
                interpreter.end_stray(error)
            status = wire.Status.ERROR
            body = wire.dump(errors.describe_failure(error))
        else:
            status, body = wire.Status.OK, wire.dump(result)
        finder.flush()
        interpreter.flush_output()
        self.connection.respond(request, status, body)


def say_hello(connection: Connection) -> None:
    connection.send_event(
        wire.Event.HELLO,
        {
            "pid": os.getpid(),
            "version": ".".join(map(str, sys.version_info[:3])),
            "implementation": sys.implementation.name,
            "executable": sys.executable,
        },
    )


def run_until_closed(process: Process) -> None:
    """Serves, then ends the process: with its own exit handlers, without those of its parents."""
    code = 0
    try:
        process.serve()
    except (wire.WireClosedError, ConnectionError):
        pass  # the daemon is gone, or wants no more of us
    except wire.WireLostError as error:
        code = wire.EXIT_LOST
        sys.stderr.write(f"{error}\n")
    except BaseException:  # noqa: BLE001 (a fault of hostler: it is logged, and the process ends)
        code = 70  # EX_SOFTWARE
        late("traceback").print_exc()  # with what it imports, 5 ms of each start
    finally:
        _finish(process)
        os._exit(code)


def _finish(process: Process) -> None:
    """Does what the end of an interpreter does, where code that is not hostler's was imported."""
    try:
        if process.has_foreign_code and not process.is_finished:
            process.repositories.clear()
            ending.finish(joins_threads=process.joins_threads)
    except BaseException:  # noqa: BLE001 (of the user's: it is logged, and the process ends)
        late("traceback").print_exc()
    finally:
        interpreter.flush_output()


def main(descriptor: int) -> None:
    """Serves the daemon at the other end of `descriptor`; does not return."""
    for stream in (sys.stdout, sys.stderr):
        # a pipe would be buffered by the block, and a crash would lose its reason
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    exit_handlers.install()
    # forks inherit it
    faulthandler.register(wire.STACK_SIGNAL, file=2, all_threads=True)
    connection = Connection(descriptor)
    say_hello(connection)
    run_until_closed(Process(connection))
