"""The location processes of one location: starts them, and passes on what becomes of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hostler.daemon.loading.location_process import LocationProcess
from hostler.daemon.state.fork_policy import choose_load

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostler.daemon.generations.generation import Generation
    from hostler.daemon.launching.launcher import ExitStatus
    from hostler.daemon.loading.context import LocationContext
    from hostler.daemon.loading.failures import LoadFailure
    from hostler.daemon.locations.load_region import LoadRegion
    from hostler.daemon.locations.serving_region import ServingRegion
    from hostler.daemon.locations.watched_files import WatchedFiles
    from hostler.daemon.logs.location import LocationLog
    from hostler.daemon.processes.host_process import Role, Stream
    from hostler.daemon.state.fork_policy import ForkPolicy
    from hostler.daemon.workspace.text.models import LocationSpec

#: In this time, clients that waited for a load read what it has brought. Only then the daemon ends
#: the old process and prepares the next spare, which keeps a small machine busy for longer.
ANSWER_SECONDS = 0.01

#: After the first load of an environment its template is made within a second or so; who waits
#: longer asks again, each time after as long as all waits before.
RENEWAL_SECONDS, LONGEST_RENEWAL_SECONDS = 0.5, 60.0


class LocationProcesses:
    """Starts the location processes of one location and observes them until they have ended.

    Passes what a process reports to the region that started it: the process is the load region's
    candidate, the serving region's successor, or the one that serves. Any other was given up.

    Attributes:
        alive: the processes that have not ended.
    """

    def __init__(
        self,
        context: LocationContext,
        name: str,
        log: LocationLog,
        policy: ForkPolicy,
        watched: WatchedFiles,
        on_last_end: Callable[[], None],
    ) -> None:
        """
        Args:
            on_last_end: called when no process is alive any more.
        """
        self.alive: set[LocationProcess] = set()
        self._context = context
        self._name = name
        self._log = log
        self._policy = policy
        self._watched = watched
        self._on_last_end = on_last_end
        self._load: LoadRegion
        self._serving: ServingRegion

    def connect(self, load: LoadRegion, serving: ServingRegion) -> None:
        """Sets the regions that are told; has to be called once, before `start`."""
        self._load, self._serving = load, serving

    def start(self, spec: LocationSpec, overlay: bytes | None) -> LocationProcess:
        """Starts a process that loads the code.

        Args:
            overlay: the sources that it loads in place of those on disk; None for the disk.
        """
        owner = f"{self._name}/{next(self._context.numbers)}"
        reason = self._policy.spawn_reason(is_forbidden=spec.fork == "never")
        process = LocationProcess(self._context, spec, owner, self, overlay, reason)
        self.alive.add(process)
        process.start()
        return process

    def prepare_next(self) -> None:
        """Has a spare forked for the next load."""
        self._load.prepare_next(self._watched.spec, self._serving.generation)

    # What the processes report

    def on_ready(self, process: LocationProcess, loaded: Generation) -> None:
        if process.fork_decision.is_fork:
            self._policy.fork_loaded()
        else:
            self._policy.spawn_loaded(process.attempt.report)
        if process is self._load.candidate:
            self._load.on_ready(process, loaded)
        elif process is self._serving.successor:
            self._serving.on_ready(loaded)
        self._context.clock.call_later(ANSWER_SECONDS, self.prepare_next)
        if not process.fork_decision.is_fork:
            self._context.clock.call_later(RENEWAL_SECONDS, self._renew, process, RENEWAL_SECONDS)

    def _renew(self, process: LocationProcess, waited: float) -> None:
        """Replaces a new interpreter that serves but is no parent of forks, once a fork can."""
        serving = self._serving
        if (
            process is not serving.current
            or not serving.generation
            or not serving.generation.fork_obstacles
        ):
            return
        reason = self._policy.spawn_reason(is_forbidden=process.spec.fork == "never")
        if choose_load(reason, self._context.environments.template_facts(process.spec)).is_fork:
            serving.on_template_ready()
        elif not reason and waited < LONGEST_RENEWAL_SECONDS:
            self._context.clock.call_later(waited, self._renew, process, 2 * waited)

    def on_unfit(
        self, process: LocationProcess, reason: str, *, killed_externally: bool = False
    ) -> None:
        self.remark(f"not by a fork: {reason}", "location", process.pid)
        if process.attempt.report.unfit_after_fork():
            self._policy.fork_unfit(process.attempt.report)
        else:
            self._policy.fork_died(reason, killed_externally=killed_externally)
        if process is self._load.candidate:
            self._load.on_unfit(reason)
        elif process is self._serving.successor:
            self._serving.on_unfit(reason)

    def on_failed(self, process: LocationProcess, failure: LoadFailure) -> None:
        if not failure.permanent:
            if process.fork_decision.is_fork:
                self._policy.fork_raised(failure.message)
            else:
                self._policy.spawn_failed()
        self.prepare_next()
        if process is self._load.candidate:
            self._load.on_failed(process, failure, is_first=self._serving.generation is None)
        elif process is self._serving.successor:
            self._serving.on_failed(failure)

    def on_died(self, process: LocationProcess, status: ExitStatus) -> None:
        self.remark(status.describe(), "location", process.pid)
        # if the process died with the keeper, Location.keeper_lost() follows
        if process is self._serving.current and not status.keeper_died:
            self._serving.on_died(process, status)

    def on_unhealthy(self, process: LocationProcess) -> None:
        if process is self._serving.current:
            self._serving.on_unhealthy()

    def on_ended(self, process: LocationProcess) -> None:
        self.alive.discard(process)
        if not self.alive:
            self._on_last_end()

    def on_lines(self, stream: Stream, texts: list[str], pid: int, role: Role) -> None:
        self._log.write_lines(self._context.clock.time(), stream, texts, pid, role)

    def on_files_read(self, process: LocationProcess, pairs: list[tuple[str, str | None]]) -> None:
        if process is self._load.candidate:
            self._watched.add_soon(pairs)
        elif process is self._serving.current:
            self.on_late_import(pairs)

    def on_late_import(self, pairs: list[tuple[str, str | None]]) -> None:
        """Watches further files of the user's that a process of the generation has imported."""
        generation = self._serving.generation
        if generation is not None:
            generation.files.update(pairs)
            self._watched.add(pairs)

    def remark(self, text: str, role: Role = "location", pid: int = 0) -> None:
        """Writes a remark of the daemon into the location's log."""
        self._log.write(self._context.clock.time(), "daemon", text, pid, role)

    def line_logger(self, role: Role) -> Callable[[Stream, list[str], int], None]:
        """Returns a function that logs the lines of processes of a role."""
        return partial(self.on_lines, role=role)
