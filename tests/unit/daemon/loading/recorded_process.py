"""A LocationProcess in a world of fakes, and what its observer was told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unit.daemon.world import a_spec

from hostler.daemon.loading.location_process import LocationProcess
from hostler.daemon.state.process import ProcessState

if TYPE_CHECKING:
    from unit.daemon.world import World

    from hostler.daemon.generations.generation import Generation
    from hostler.daemon.launching.fake_process import FakeProcess
    from hostler.daemon.launching.launcher import ExitStatus
    from hostler.daemon.loading.failures import LoadFailure
    from hostler.daemon.processes.host_process import Role, Stream
    from hostler.daemon.workspace.text.models import LocationSpec

#: What a process may tell of its end; it tells one of these at most.
ENDS = {"failed", "unfit", "died"}


class RecordedProcess:
    """One location process, and all that its observer was told.

    Attributes:
        told: "ready", "failed", "unfit", "died", "unhealthy" and "ended", in order.
        asked: whether the test has asked it to end before it had told an end.
    """

    def __init__(
        self,
        world: World,
        spec: LocationSpec | None = None,
        *,
        is_fork: bool = False,
        overlay: bytes | None = None,
    ) -> None:
        spec = spec or a_spec()
        self.world = world
        self.told: list[str] = []
        self.asked = False
        self.loaded: Generation | None = None
        self.failure: LoadFailure | None = None
        self.reason = ""
        self.killed_externally = False
        self.status: ExitStatus | None = None
        self.lines: list[str] = []
        world.environments.retain([spec])
        if is_fork:
            world.warm_up(spec)
        self.process = LocationProcess(world.context, spec, "a/1", self, overlay, "")
        self.process.start()

    @property
    def fake(self) -> FakeProcess:
        """Returns the far end of it."""
        found = [one for one in self.world.launcher.processes if one.owner == "a/1"]
        return found[-1]

    @property
    def state(self) -> ProcessState:
        return self.process._machine.state

    def retire(self) -> None:
        self.asked |= not ENDS & {*self.told}
        self.process.retire()

    def abort(self) -> None:
        self.asked |= not ENDS & {*self.told}
        self.process.abort()

    # What a ProcessObserver is told

    def on_ready(self, process: LocationProcess, loaded: Generation) -> None:
        assert process is self.process
        self.told.append("ready")
        self.loaded = loaded

    def on_failed(self, process: LocationProcess, failure: LoadFailure) -> None:
        assert process is self.process
        self.told.append("failed")
        self.failure = failure

    def on_unfit(
        self, process: LocationProcess, reason: str, *, killed_externally: bool = False
    ) -> None:
        assert process is self.process
        self.told.append("unfit")
        self.reason = reason
        self.killed_externally = killed_externally

    def on_died(self, process: LocationProcess, status: ExitStatus) -> None:
        assert process is self.process
        self.told.append("died")
        self.status = status

    def on_unhealthy(self, process: LocationProcess) -> None:
        assert process is self.process
        self.told.append("unhealthy")

    def on_ended(self, process: LocationProcess) -> None:
        assert process is self.process
        self.told.append("ended")

    def on_lines(self, stream: Stream, texts: list[str], pid: int, role: Role) -> None:
        self.lines.extend(texts)

    def on_files_read(self, process: LocationProcess, pairs: list[tuple[str, str | None]]) -> None:
        assert process is self.process
