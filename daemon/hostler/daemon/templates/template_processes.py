"""The processes of a template: the one that has imported the modules, and its forks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostler.daemon.processes.factory import ForkError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostler.daemon.base.clock import Clock
    from hostler.daemon.base.tasks import Tasks
    from hostler.daemon.launching.launcher import ExitStatus
    from hostler.daemon.processes.factory import ProcessFactory
    from hostler.daemon.processes.host_process import HostProcess, Listener
    from hostler.daemon.templates.spare import Spares


class TemplateProcesses:
    """Forks processes from a template: hands the spare out, or forks the template itself.

    Attributes:
        forks: how many processes were forked for locations, workers and runs.
    """

    def __init__(
        self,
        spares: Spares,
        factory: ProcessFactory,
        tasks: Tasks,
        clock: Clock,
        on_death: Callable[[ExitStatus, float], None],
        on_unresponsive: Callable[[ForkError], None],
    ) -> None:
        """
        Args:
            on_death: called when the template has died by itself: how, and how many seconds after
                it was installed.
            on_unresponsive: called when the template has failed to fork twice in a row.
        """
        self.forks = 0
        self._spares = spares
        self._factory = factory
        self._tasks = tasks
        self._clock = clock
        self._on_death = on_death
        self._on_unresponsive = on_unresponsive
        self._process: HostProcess | None = None
        self._failed_forks = 0

    @property
    def is_up(self) -> bool:
        """Whether there is a process that has imported the modules, the spare aside."""
        return self._process is not None

    @property
    def pid(self) -> int:
        """The pid of the process that has imported the modules; 0 if there is none."""
        return self._process.pid if self._process else 0

    @property
    def spare_pid(self) -> int:
        """The pid of the spare; 0 if there is none."""
        return self._spares.pid

    @property
    def pids(self) -> list[int]:
        """The pids of the process that has imported the modules and of the spare."""
        return [pid for pid in (self.pid, self.spare_pid) if pid]

    @property
    def can_fork(self) -> bool:
        """Whether there is anything to fork or take; the spare outlives the template."""
        return self.is_up or self.spare_pid != 0

    async def fork(self, owner: str, listener: Listener) -> HostProcess | None:
        """Returns a fork that has not loaded yet; None if none can be made."""
        spare = self._spares.take()
        if spare is not None:
            self._factory.reassign(spare, owner, listener)
            return self._count(spare)
        if self._process is None:
            return None
        try:
            forked = await self._factory.fork(self._process, owner, listener)
        except ForkError as error:
            self._failed_forks += 1
            if self._failed_forks > 1:  # the first time the machine may have been busy
                self._on_unresponsive(error)
            return None
        self._failed_forks = 0
        return self._count(forked)

    def _count(self, forked: HostProcess) -> HostProcess:
        forked.is_template_fork = True
        self.forks += 1
        return forked

    def install(self, made: HostProcess) -> None:
        """Puts a process that has imported the modules in the place of the one before."""
        self.end()
        self._process = made
        born = self._clock.monotonic()
        made.exit.add_done_callback(lambda _: self._on_exit(made, born))

    def end(self) -> None:
        """Ends the template and the spare."""
        self._spares.fork_from(None)
        process, self._process = self._process, None
        if process is not None:
            self._kill(process)

    def _on_exit(self, died: HostProcess, born: float) -> None:
        self._kill(died)
        if self._process is not died:
            return
        self._process = None
        self._spares.template_died()
        status = died.exit.result()
        if not status.keeper_died:  # else Template.keeper_lost() follows
            self._on_death(status, self._clock.monotonic() - born)

    def _kill(self, process: HostProcess) -> None:
        # by itself: libraries have made scratch folders when they were imported
        self._tasks.start(self._factory.terminate(process), f"end of {process.owner}")
