"""The daemon: makes its parts, runs them until it is asked to stop, and ends them in order."""

import asyncio
import contextlib
import gc
import itertools
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hostler.daemon.base import descriptors
from hostler.daemon.base.clock import Clock, LoopClock
from hostler.daemon.base.journal import Format, Journal, Level
from hostler.daemon.base.notify import ServiceManager
from hostler.daemon.base.settings import Settings
from hostler.daemon.base.state_folder import adopt_earlier_state
from hostler.daemon.base.state_format import require_readable
from hostler.daemon.base.tasks import Tasks
from hostler.daemon.facade.sockets import SocketAccess, SocketClaim, claim_socket
from hostler.daemon.launching import leftovers
from hostler.daemon.launching.launcher import KeeperLauncher
from hostler.daemon.loading.admission import Slots
from hostler.daemon.loading.context import LocationContext
from hostler.daemon.loading.pings import Pings
from hostler.daemon.logs.files import LogWriter
from hostler.daemon.processes import runtime
from hostler.daemon.processes.factory import ProcessFactory
from hostler.daemon.runs.runs import Runs
from hostler.daemon.runs.store.run_store import RunStore
from hostler.daemon.schedules.evaluation import WorkerEvaluator
from hostler.daemon.schedules.schedules import Schedules
from hostler.daemon.supervision.service import ServiceReporter
from hostler.daemon.supervision.supervisor import Folders, Supervisor
from hostler.daemon.templates.environment import EnvironmentContext
from hostler.daemon.templates.environments import Environments
from hostler.daemon.templates.process_template import ProcessTemplate
from hostler.daemon.watching.file_watcher import FileWatcher
from hostler.daemon.workspace.text.models import LocationSpec
from hostler.rpc.address import cache_directory

if TYPE_CHECKING:
    from hostler.daemon.facade.facade import Facade


def _import_facade() -> tuple[type["Facade"], str]:
    """Returns the facade's class, and the version of hostler.

    Importing them takes a third of the daemon's start; the first locations load meanwhile.
    """
    from importlib.metadata import version

    from hostler.daemon.facade.facade import Facade

    return Facade, version("hostler")


#: Seconds for which a thread computes before another that waits gets the interpreter, 5 ms by
#: default: a call goes through the loop several times, and inotify's thread, the one that measures
#: memory and the one that writes the record each take their turn in between.
SWITCH_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class Options:
    """Holds the options of the command line.

    Attributes:
        socket_chosen: whether the user has named the socket.
        earlier_state: where an earlier version kept the state; None where the user has named the
            state folder.
        logs: the folder of what the locations print.
        diagnose: whether to look at the machine and end, in place of serving.
        lifeline: a descriptor to which the daemon writes a line once it serves; it stops when the
            other end is closed.
        ready: a descriptor to which the daemon writes a line once it serves, and which it then
            closes.
    """

    files: tuple[Path, ...]
    socket: Path
    socket_chosen: bool
    state: Path
    earlier_state: Path | None
    logs: Path
    log_format: Format
    log_level: Level
    lifeline: int | None
    ready: int | None
    diagnose: bool = False


class Daemon:
    """Makes the parts of one daemon, runs them, and ends them."""

    def __init__(
        self, options: Options, settings: Settings, journal: Journal, manager: ServiceManager
    ) -> None:
        self._options = options
        self._settings = settings
        self._journal = journal
        self._manager = manager
        self._supervisor: Supervisor | None = None
        self._reporter: ServiceReporter | None = None

    async def run(self) -> None:
        """Serves until SIGTERM, SIGINT, the end of its terminal or of the lifeline.

        Raises:
            SocketError: the socket is taken, or cannot be made.
            StateFolderError: a newer hostler has written the state folder.
            WorkspaceError: the workspace files are not valid.
            KeeperError: the keeper cannot be started.
            StoreError: the record of runs cannot be used.
            OSError: the cache or the state folder cannot be written.
        """
        sys.setswitchinterval(SWITCH_SECONDS)
        stop = asyncio.Event()
        self._listen_for_stop(stop)
        options = self._options
        if options.ready is not None:
            os.set_inheritable(options.ready, False)
        async with AsyncExitStack() as stack:
            claim, read_claim = self._claim_sockets(stack)
            await asyncio.to_thread(require_readable, options.state)
            tasks = await stack.enter_async_context(Tasks(self._journal))
            if options.earlier_state is not None:
                adopt_earlier_state(options.state, options.earlier_state, self._journal)
            supervisor = await self._supervise(stack, tasks)
            make_facade, version = await asyncio.to_thread(_import_facade)
            facade = make_facade(
                supervisor, self._settings, self._journal, version, str(options.state)
            )
            await facade.start(claim, read_claim)
            supervisor.serving()
            stack.push_async_callback(facade.stop)
            tasks.start(facade.publish_health(), "health")
            # What exists by now stays: a full collection that included it would hold up every call
            # for 25 ms.
            gc.freeze()
            self._journal.info("serving", socket=options.socket, pid=os.getpid(), version=version)
            self._tell_ready()
            clock = LoopClock(asyncio.get_running_loop())
            reporter = ServiceReporter(self._manager, supervisor, tasks, clock)
            stack.callback(reporter.close)
            reporter.start()
            self._reporter = reporter
            await stop.wait()
            self._journal.info("stopping")
            reporter.stop()
            supervisor.closing = True
            await facade.announce_stop()
            supervisor.schedules.close()
            await supervisor.runs.close()
            await supervisor.close()
        self._journal.info("stopped")

    def _claim_sockets(self, stack: AsyncExitStack) -> tuple[SocketClaim, SocketClaim | None]:
        """Claims the daemon's socket, and the one that answers only what reads, where it is set.

        Raises:
            SocketError: one of them cannot be claimed.
        """
        options, settings = self._options, self._settings
        access = SocketAccess(settings.socket_group, settings.socket_mode)
        claim = claim_socket(options.socket, chosen=options.socket_chosen, access=access)
        stack.callback(claim.release)
        if not settings.read_socket:
            return claim, None
        access = SocketAccess(settings.read_socket_group, settings.read_socket_mode)
        read_claim = claim_socket(Path(settings.read_socket), chosen=True, access=access)
        stack.callback(read_claim.release)
        return claim, read_claim

    async def _supervise(self, stack: AsyncExitStack, tasks: Tasks) -> Supervisor:
        """Starts the keeper, the parts that locations share, and the locations themselves."""
        instance = leftovers.instance_id(self._options.socket)
        killed = await asyncio.to_thread(leftovers.kill_leftovers, instance)
        if killed:
            self._journal.warning("killed processes that an earlier daemon left", pids=killed)
        settings = self._settings
        logs = LogWriter(settings, self._journal)
        logs.start()
        # Called after the keeper has ended all processes, which may print until then.
        stack.callback(logs.close)
        limit = descriptors.raise_limit()  # the keeper inherits it
        keeper = KeeperLauncher(instance, self._on_keeper_death, self._journal)
        await keeper.open()
        stack.push_async_callback(keeper.close)
        prepared = await asyncio.to_thread(runtime.prepare, cache_directory(os.environ))
        stack.callback(prepared.close)
        factory = ProcessFactory(keeper, instance, prepared, settings, os.environ, limit)
        clock = LoopClock(asyncio.get_running_loop())
        slots = Slots(settings.parallel_starts, clock)
        numbers = itertools.count(1)
        watcher = FileWatcher(asyncio.get_running_loop(), settings, self._journal)
        stack.push_async_callback(watcher.close)
        watcher.start()
        make_template = partial(ProcessTemplate, factory, tasks, clock)
        environments = Environments(
            EnvironmentContext(factory, make_template, tasks, self._journal, watcher, clock),
            self._on_packages_changed,
        )
        context = LocationContext(
            factory,
            environments,
            watcher,
            settings,
            tasks,
            slots,
            clock,
            self._journal,
            Pings(clock),
            numbers,
        )
        store = RunStore(self._options.state, settings, self._journal)
        stack.push_async_callback(store.close)
        runs = Runs(store, factory, settings, tasks, self._journal)
        schedules = self._make_schedules(runs, clock, tasks)
        self._supervisor = Supervisor(
            self._options.files,
            os.environ,
            context,
            runs,
            schedules,
            logs,
            Folders(self._options.state, self._options.logs),
            self._journal,
        )
        await self._supervisor.start()
        runs.resume(self._supervisor.find_location)
        await schedules.start(self._supervisor.find_location, self._supervisor.locations)
        return self._supervisor

    def _make_schedules(self, runs: Runs, clock: Clock, tasks: Tasks) -> Schedules:
        evaluator = WorkerEvaluator(self._settings, clock)
        shared = (clock, self._settings, tasks, self._journal)
        return Schedules(runs.store, runs.launch_within, evaluator, *shared)

    def _tell_ready(self) -> None:
        """Tells those who started the daemon that it serves."""
        if self._options.lifeline is not None:
            os.write(self._options.lifeline, b"ready\n")
        if self._options.ready is not None:
            with contextlib.suppress(BrokenPipeError):  # who waited for it has gone
                os.write(self._options.ready, b"ready\n")
            os.close(self._options.ready)

    def _on_keeper_death(self) -> None:
        if self._supervisor is not None:
            self._supervisor.keeper_lost()

    def _on_packages_changed(self, concerns: Callable[[LocationSpec], bool], what: str) -> None:
        if self._supervisor is not None:
            self._supervisor.packages_changed(concerns, what)

    def _listen_for_stop(self, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        ends_with_terminal = signal.getsignal(signal.SIGHUP) is signal.SIG_DFL and _has_terminal()

        def on_hangup() -> None:
            if ends_with_terminal and not _has_terminal():
                stop.set()
            elif self._reporter is not None:
                self._journal.info("SIGHUP", action="reads the workspace and env files again")
                self._reporter.reread_workspace()

        loop.add_signal_handler(signal.SIGHUP, on_hangup)
        lifeline = self._options.lifeline
        if lifeline is not None:

            def on_lifeline() -> None:
                if not os.read(lifeline, 1):
                    loop.remove_reader(lifeline)
                    stop.set()

            os.set_inheritable(lifeline, False)
            loop.add_reader(lifeline, on_lifeline)


def _has_terminal() -> bool:
    """Returns whether this process has a terminal that was not hung up."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True
