"""The workers and run processes of one location: forks if that is safe, else they load anew."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from hostler.daemon.generations.generation import Generation
from hostler.daemon.generations.shared_calls import SharedCalls
from hostler.daemon.generations.worker_pools import WorkerPools
from hostler.daemon.loading.context import LocationContext
from hostler.daemon.locations.import_times import ImportTimes, measure_imports
from hostler.daemon.locations.processes import LocationProcesses
from hostler.daemon.locations.standby import RunSource, Standby
from hostler.daemon.processes import command
from hostler.daemon.processes.channel import RemoteError
from hostler.daemon.processes.factory import ForkError
from hostler.daemon.processes.host_process import HostProcess, Listener, Role
from hostler.daemon.state.fork_policy import Decision, ForkPolicy, LoadReport, leaves_traces
from hostler.daemon.workspace.text.models import LocationSpec

#: Ticks of a location that are evaluated at once, the slow ones aside: most functions of schedules
#: take less than another worker takes to begin.
QUICK_TICKS = 1


class NoProcessError(Exception):
    """No process for a worker or a run could be made."""


class Replicas:
    """Makes processes that have loaded a generation, and ends them."""

    def __init__(
        self,
        context: LocationContext,
        name: str,
        processes: LocationProcesses,
        policy: ForkPolicy,
        find_source: Callable[[], HostProcess | Generation | None],
    ) -> None:
        """
        Args:
            name: the location's name.
            find_source: returns the process that serves the newest generation, where forks of it
                are safe; the generation, where forks of the template load it anew; else None.
        """
        self._context = context
        self._name = name
        self._processes = processes
        self._policy = policy
        self._find_source = find_source
        listener = Listener(processes.line_logger("run"), processes.on_late_import)
        self._standby = Standby(context, self._run_source, lambda: self._owner("s"), listener)
        pool = partial(
            WorkerPools,
            *(self._start_worker, self.finish, self.end, context.settings, context.tasks, name),
        )
        self._worker_pools = pool()
        #: Of their own, so that the functions of schedules hold up no reader, nor each other.
        self._tick_pools = pool(quick_calls=QUICK_TICKS)

    @property
    def pids(self) -> list[int]:
        """The pids of the workers and of the standby."""
        workers = [*self._worker_pools.pids, *self._tick_pools.pids]
        return [*workers, *filter(None, [self.standby_pid])]

    @property
    def standby_pid(self) -> int:
        """The pid of the standby; 0 if there is none."""
        return self._standby.pid

    def calls(self, generation: Generation) -> SharedCalls:
        """Returns what calls the functions of a generation, once for all readers who ask."""
        return self._worker_pools.of(generation)

    def tick_calls(self, generation: Generation) -> SharedCalls:
        """Returns what calls the functions of a generation's schedules, in workers of their own."""
        return self._tick_pools.of(generation)

    def retire_tick_workers(self) -> None:
        """Ends the workers of schedules; for when none of them is busy."""
        self._tick_pools.retire(0)

    async def measure_imports(self, spec: LocationSpec) -> ImportTimes:
        """Returns what a load imports now, and how long each module takes.

        Raises:
            SpawnError: the interpreter cannot be started.
        """
        return await measure_imports(self._context.factory, spec, self._owner("i"))

    def retire_workers(self, seconds: float) -> None:
        """Ends the workers.

        Args:
            seconds: how long their calls may go on.
        """
        self._worker_pools.retire(seconds)
        self._tick_pools.retire(seconds)

    def renew_standby(self) -> None:
        """Has a standby made of the process that serves now, where a launch still wants one."""
        self._standby.renew()

    def end_standby(self) -> None:
        """Ends the standby."""
        self._standby.end()

    async def ended(self) -> None:
        """Returns when all workers and standbys have ended that were told to."""
        await self._standby.ended()
        await self._worker_pools.retired()
        await self._tick_pools.retired()

    async def obtain(
        self, generation: Generation, role: Role, owner: str, listener: Listener, *, is_newest: bool
    ) -> HostProcess:
        """Makes a process that has loaded a generation.

        Args:
            is_newest: whether it is the generation that is served now.

        Raises:
            NoProcessError: neither a fork nor a spawn worked.
            RemoteError: the code could not be loaded anew.
        """
        source = self._run_source() if is_newest and not generation.spawn_reason else None
        if source is not None:
            try:
                host = await self._make_from(source, role, owner, listener)
            except ForkError as error:
                self._processes.remark(f"{error}; it is spawned", role)
            else:
                self._watch_over(host)
                return host
        is_forbidden = generation.spec.fork == "never"
        reason = generation.spawn_reason or self._policy.spawn_reason(is_forbidden=is_forbidden)
        if role == "run" and not reason:
            self._standby.prepare()
        return await self._load_anew(generation, owner, listener, reason)

    def _run_source(self) -> RunSource | None:
        """Returns what workers and runs of the newest generation are made from."""
        source = self._find_source()
        if isinstance(source, HostProcess):
            return RunSource(source, partial(self._context.factory.fork, source), source)
        if source is not None:
            # one that waits would hold a scratch folder, or a helper, that belongs to no run yet
            may_wait = not leaves_traces(source.fork_obstacles)
            return RunSource(source, partial(self._load_in_fork, source), may_wait=may_wait)
        return None

    async def _load_in_fork(
        self, generation: Generation, owner: str, listener: Listener
    ) -> HostProcess:
        return await self._load_anew(generation, owner, listener, "")

    async def _make_from(
        self, source: RunSource, role: Role, owner: str, listener: Listener
    ) -> HostProcess:
        """Makes a process, or takes the standby for a run.

        Raises:
            ForkError: the location process could not be forked.
            NoProcessError, RemoteError: as `obtain`.
        """
        if role != "run":
            return await source.make(owner, listener)
        waiting = await self._standby.take(source)
        if waiting is not None:
            self._context.factory.reassign(waiting, owner, listener)
        made = waiting or await source.make(owner, listener)
        self._standby.prepare()
        return made

    def end(self, host: HostProcess) -> asyncio.Task[None]:
        """Ends a process and its descendants in the background."""
        work = self._context.factory.kill(host)
        return self._context.tasks.start(work, f"end of {host.owner}")

    def finish(self, host: HostProcess) -> asyncio.Task[None]:
        """Has a process that calls nothing end by itself, in the background, or kills it."""
        work = self._context.factory.terminate(host)
        return self._context.tasks.start(work, f"end of {host.owner}")

    async def _load_anew(
        self, generation: Generation, owner: str, listener: Listener, spawn_reason: str
    ) -> HostProcess:
        host, fork_decision = await self._start(generation, owner, listener, spawn_reason)
        if not fork_decision.is_fork:
            await self._load(host, generation, generation.spec.load_timeout)
            return host
        try:
            patience = self._context.environments.fork_patience(generation.spec)
            body = await self._load(host, generation, patience)
            report = LoadReport.of(body)
            reason = report.unfit_after_fork()
            if not reason:
                return host
            self._policy.fork_unfit(report)
            self.end(host)
        except (NoProcessError, RemoteError) as error:
            reason = f"a fork failed: {error}"  # a new interpreter shows whether that was why
        # another owner, since the fork's processes are still being ended
        host, _ = await self._start(generation, f"{owner}/2", listener, reason)
        await self._load(host, generation, generation.spec.load_timeout)
        return host

    async def _start(
        self, generation: Generation, owner: str, listener: Listener, spawn_reason: str
    ) -> tuple[HostProcess, Decision]:
        try:
            host, fork_decision = await self._context.environments.start_process(
                generation.spec, owner, listener, spawn_reason
            )
        except Exception as error:
            executable = command.executable(generation.spec)
            raise NoProcessError(f"cannot start {executable}: {error}") from error
        self._watch_over(host)
        return host, fork_decision

    async def _load(
        self, host: HostProcess, generation: Generation, seconds: float
    ) -> dict[str, Any]:
        """Has a process load the sources of a generation; ends the process if it cannot.

        Args:
            seconds: how long it may take; 0 for no limit.
        """
        try:
            async with asyncio.timeout(seconds or None):
                await host.wait_for_hello()
                return await self._context.factory.load(host, generation.spec, generation.sources())
        except BaseException as error:
            self.end(host)
            if isinstance(error, RemoteError):
                raise  # the user's code says why
            if isinstance(error, TimeoutError):
                raise NoProcessError(
                    "cannot load the code anew in a process: "
                    f"it took longer than load_timeout ({seconds:g} s)"
                ) from error
            if isinstance(error, Exception):
                raise NoProcessError(f"cannot load the code anew in a process: {error}") from error
            raise

    def _watch_over(self, host: HostProcess) -> None:
        """Has the process released once it has ended, however that happens."""
        host.exit.add_done_callback(lambda _: self.end(host))

    async def _start_worker(self, generation: Generation) -> HostProcess:
        listener = Listener(self._processes.line_logger("worker"), self._processes.on_late_import)
        return await self.obtain(generation, "worker", self._owner("w"), listener, is_newest=True)

    def _owner(self, kind: str) -> str:
        return f"{self._name}/{kind}{next(self._context.numbers)}"
