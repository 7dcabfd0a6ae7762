"""What the rest of the daemon knows of a template: it learns from loads, and forks processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from hostler.daemon.processes.host_process import HostProcess, Listener
    from hostler.daemon.workspace.text.models import LocationSpec

#: Makes the template of an environment, for the specification of the environment's first location
#: and the owner of the template's processes. The template calls the third argument each time that
#: it was made; the fourth returns whether processes load now, so that all but forks should wait.
TemplateFactory: TypeAlias = Callable[
    ["LocationSpec", str, Callable[[], None], Callable[[], bool]], "Template"
]


class ForkSource(Protocol):
    """Forks processes from a template."""

    @property
    def forks(self) -> int:
        """Returns how many processes were forked for locations, workers and runs."""
        ...

    @property
    def pid(self) -> int:
        """Returns the pid of the process that has imported the modules; 0 if there is none."""
        ...

    @property
    def spare_pid(self) -> int:
        """Returns the pid of the spare; 0 if there is none."""
        ...

    @property
    def pids(self) -> list[int]:
        """Returns the pids of the process that has imported the modules and of the spare."""
        ...

    @property
    def can_fork(self) -> bool:
        """Returns whether there is anything to fork or take."""
        ...

    async def fork(self, owner: str, listener: Listener) -> HostProcess | None:
        """Returns a fork that has not loaded yet; None if none can be made."""
        ...


class LoadPreparer(Protocol):
    """Has a template do ahead what the next load needs."""

    def prepare(self, sources: Collection[str], size: int = 0) -> None:
        """Has the template compile files and fork a spare, in the background.

        Args:
            sources: the source files of the location that has loaded last.
            size: how many bytes they have in all.
        """

    def compile_ahead(self, sources: Collection[str]) -> None:
        """Has the template compile, in the background, files that a next load may read."""


class Template(Protocol):
    """The template of one environment, over all of its processes."""

    @property
    def reason(self) -> str:
        """Returns why the template does not fork now; empty if it forks."""
        ...

    @property
    def processes(self) -> ForkSource:
        """Returns what forks from the template."""
        ...

    @property
    def spares(self) -> LoadPreparer:
        """Returns what keeps the spare, and has the template compile files."""
        ...

    @property
    def excluded(self) -> Mapping[str, str]:
        """Returns why modules were left out, by top-level name."""
        ...

    @property
    def files(self) -> Sequence[str]:
        """Returns the source files of packages that the template has imported."""
        ...

    @property
    def is_begun(self) -> bool:
        """Returns whether a load has ever reported modules to make the template from."""
        ...

    def learn(self, modules: Sequence[str], seconds: float) -> None:
        """Makes the template, or makes it anew, if a load has imported modules that it lacks.

        Args:
            modules: the modules that the load imported, in its order.
            seconds: how long the load took.
        """

    def remaining_wait(self) -> float:
        """Returns how many more seconds a load should wait while the first template is made."""
        ...

    async def wait_until_made(self) -> None:
        """Waits while the first template is made; no longer than `remaining_wait` says."""

    def start_preloader(self) -> None:
        """Starts the preloader, since a scout has begun to load."""

    def preload(self, module: str) -> None:
        """Has the preloader import a module that the scout has begun to import."""

    def drop_preloader(self) -> None:
        """Ends the preloader, unless the template is being made from it."""

    def retire(self, reason: str) -> None:
        """Ends the template, which forks nothing any more until `forget_modules`.

        Args:
            reason: what `ps` shows.
        """

    def forget_modules(self) -> None:
        """Learns from the next loads, since the environment has changed."""

    def keeper_lost(self) -> None:
        """Makes the template anew, since its processes have ended with the keeper."""
