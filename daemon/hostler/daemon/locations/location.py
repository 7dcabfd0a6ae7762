"""One location: performs what the location table says and feeds it what happens."""

from collections.abc import Callable
from typing import Any, ClassVar

from hostler.daemon.base.text import utf8_safe
from hostler.daemon.generations import generation
from hostler.daemon.generations.generation import Generation
from hostler.daemon.loading.context import LocationContext
from hostler.daemon.loading.failures import LoadFailure
from hostler.daemon.locations.change_notifier import ChangeNotifier
from hostler.daemon.locations.folder_changes import FolderChanges
from hostler.daemon.locations.load_region import LoadRegion
from hostler.daemon.locations.processes import ANSWER_SECONDS, LocationProcesses
from hostler.daemon.locations.replicas import Replicas
from hostler.daemon.locations.serving_region import ServingRegion
from hostler.daemon.locations.watched_files import WatchedFiles
from hostler.daemon.logs.location import LocationLog
from hostler.daemon.processes.host_process import HostProcess
from hostler.daemon.state.fork_policy import Decision, ForkPolicy, Source
from hostler.daemon.state.location import Load, LocationEffect, LocationEvent, Status, status
from hostler.daemon.workspace.text.models import LocationSpec
from hostler.v1 import workspace_pb2


class Location:
    """Keeps one location's code loaded and served.

    Attributes:
        spec: the location's entry in workspace.yaml, as it is now.
        log: what its processes print.
        processes: its location processes.
        load: loads the newest code.
        serving: keeps the process of the last good generation.
        replicas: makes its workers and the processes of its runs.
        last_changes: how the newest generation differs from the one before.
        remembered: what an earlier daemon has kept of its last good generation; it answers reads
            until the first good load, and has no code.
    """

    def __init__(
        self,
        context: LocationContext,
        spec: LocationSpec,
        log: LocationLog,
        on_change: Callable[["Location", Status, str], None],
    ) -> None:
        """
        Args:
            on_change: called with each change: the location, the status before, and the reason.
        """
        self.spec = spec
        self.log = log
        self.last_changes = workspace_pb2.DefinitionChanges()
        self.remembered: Generation | None = None
        self._context = context
        self._on_change = on_change
        self._notifier = ChangeNotifier(context.clock, self._tell)
        self._policy = ForkPolicy(context.on_undeclared)
        self.watched = WatchedFiles(spec, context.watcher, context.clock, self.files_changed)
        self.processes = LocationProcesses(
            context, spec.name, log, self._policy, self.watched, self._on_last_end
        )
        start = self.processes.start
        self.load = LoadRegion(context, self.watched, self._policy, start, self._feed)
        self.serving = ServingRegion(context, start, self._feed)
        self._folders = FolderChanges(
            context.clock, context.settings, self.load.files_changed, self.processes.remark
        )
        self.processes.connect(self.load, self.serving)
        self.replicas = Replicas(
            context, spec.name, self.processes, self._policy, self._find_source
        )

    @property
    def name(self) -> str:
        """The location's name in workspace.yaml."""
        return self.spec.name

    @property
    def generation(self) -> Generation | None:
        """The last good generation; None before the first, and when the location is stopped."""
        return self.serving.generation

    @property
    def answering(self) -> Generation | None:
        """What reads of definitions are answered from: the generation, or what is remembered."""
        is_stopped = self.load.state is Load.STOPPED
        return self.generation or (None if is_stopped else self.remembered)

    @property
    def status(self) -> Status:
        """The state that `ps` shows."""
        left = bool(self.processes.alive)
        return status(self.load.state, self.serving.state, processes_left=left)

    @property
    def error(self) -> LoadFailure | None:
        """Why the newest load failed, or why the good generation has no process now."""
        return self.load.failure or self.serving.failure

    @property
    def fork_decision(self) -> Decision:
        """How workers and runs of the last good generation are made, and why."""
        if self.generation and self.generation.spawn_reason:
            return Decision(Source.SPAWN, self.generation.spawn_reason)
        obstacles = self.generation.fork_obstacles if self.generation else ()
        template = self._context.environments.template_facts(self.spec)
        is_forbidden = self.spec.fork == "never"
        return self._policy.choose_descendant(obstacles, template, is_forbidden=is_forbidden)

    @property
    def pids(self) -> list[int]:
        """The pids of the location's processes, its runs aside."""
        own = [process.pid for process in self.processes.alive if process.pid]
        return [*own, *self.replicas.pids]

    def has_current(self, generation: Generation) -> bool:
        """Returns whether a generation is of the code that is on disk now, as far as is known."""
        return generation is self.generation and self.load.state is Load.CURRENT

    # Orders

    def start(self) -> None:
        """Starts the location, or tries a failed load again at once."""
        if self.load.state is Load.STOPPED:
            self.watched.begin()
        self._feed(LocationEvent.START, "started")

    def stop(self) -> None:
        """Ends the location's processes, its runs aside; answers nothing any more."""
        self._feed(LocationEvent.STOP, "stopped")
        self._folders.stop()
        self.remembered = None
        self.watched.forget()

    def reload(self) -> None:
        """Loads the code anew; the last good generation answers until then."""
        self._feed(LocationEvent.RELOAD, "reload asked for")

    def restart(self) -> None:
        """Ends the processes, workers too, and loads anew; definitions are answered meanwhile."""
        self.replicas.retire_workers(0)
        self._policy.reset()
        self._feed(LocationEvent.RESTART, "restart asked for")

    def change_spec(self, spec: LocationSpec) -> None:
        """Loads by the new entry of workspace.yaml; the old generation answers until then."""
        was_watched = self.spec.reload
        self.spec = self.watched.spec = spec
        self.load.reset_backoff()
        if not spec.reload:
            self.watched.forget()
        elif not was_watched and self.load.state is not Load.STOPPED:
            self.watched.begin()
        if self.load.state is not Load.STOPPED:
            self._feed(LocationEvent.RELOAD, "its entry in workspace.yaml changed")

    def files_changed(self, paths: frozenset[str]) -> None:
        """Has the code loaded anew, since the content of watched files has changed."""
        self._folders.take(paths, self.watched.was_read)

    def packages_changed(self, what: str) -> None:
        """Loads the code anew, since packages of its environment have changed."""
        self._policy.reset()
        self.load.causes |= {what}
        self._feed(LocationEvent.CHANGED, f"packages changed: {what}")

    def keeper_lost(self) -> None:
        """Starts the location process anew, since every process has ended with the keeper."""
        self._feed(LocationEvent.KEEPER_LOST, "the keeper died")

    async def ended(self) -> None:
        """Returns when all present processes have ended, runs aside."""
        for process in list(self.processes.alive):
            await process.ended.wait()
        await self.replicas.ended()

    def flush_changes(self) -> None:
        """Tells of a change that still waits to be told."""
        self._notifier.flush()

    # Events and effects

    def _feed(self, event: LocationEvent, reason: str) -> None:
        self._notifier.flush()
        before = self.status
        if event in (LocationEvent.LOADED, LocationEvent.FAILED):
            self._folders.load_ended()
        effects = (*self.load.step(event), *self.serving.step(event))
        for effect in effects:
            try:
                self._EFFECTS[effect](self)
            except Exception as error:  # noqa: BLE001 (a fault of ours must not leave the rest undone)
                self._context.journal.fault(f"cannot {effect.value}", error, location=self.name)
        self.load.note_settled()
        if LocationEffect.NOTIFY_SOON in effects:
            self._notifier.notify_soon(before, reason)
        elif LocationEffect.NOTIFY in effects:
            self._notifier.notify(before, reason)

    def _tell(self, before: Status, reason: str) -> None:
        try:
            self._on_change(self, before, reason)
        except Exception as error:  # noqa: BLE001 (likewise: what comes next must happen)
            self._context.journal.fault("cannot tell of a change", error, location=self.name)

    def _on_last_end(self) -> None:
        if self.load.state is Load.STOPPED:
            self._notifier.notify(Status.STOPPING, "its processes have ended")

    def _find_source(self) -> HostProcess | Generation | None:
        """Returns what workers and runs are made from; see `Replicas`."""
        source = self.fork_decision.source
        if source is Source.TEMPLATE:
            return self.generation
        process = self.serving.current
        is_parent = source is Source.PARENT and process is not None and process.is_ready
        return process.host if is_parent and process is not None else None

    def _load(self) -> None:
        self._folders.load_begins()
        self.load.start(self.spec)

    def _promote(self) -> None:
        process, loaded, causes = self.load.hand_over()
        retired, before = self.serving.promote(process, loaded)
        self.remembered = None
        self.replicas.end_standby()
        self.replicas.retire_workers(self._context.settings.drain)
        if retired:
            self._context.clock.call_later(ANSWER_SECONDS, retired.retire)
        self.watched.replace_soon(loaded.files)
        self.last_changes = generation.changes(before, loaded)
        self.last_changes.files.extend(sorted(map(utf8_safe, causes)))

    _EFFECTS: ClassVar[dict[LocationEffect, Callable[[Any], object]]] = {
        LocationEffect.LOAD: _load,
        LocationEffect.ABORT_LOAD: lambda self: self.load.abort(),
        LocationEffect.PROMOTE: _promote,
        LocationEffect.ARM_PATIENCE: lambda self: self.load.arm_patience(),
        LocationEffect.ARM_QUIET_TIMER: lambda self: self.load.arm_quiet_timer(),
        LocationEffect.ARM_HOLD: lambda self: self.load.arm_hold(),
        LocationEffect.SHOW_FAILURE: lambda self: self.load.show_failure(),
        LocationEffect.FORGET_FAILURE: lambda self: (
            self.load.forget_failure(),
            self.serving.forget_failure(),
        ),
        LocationEffect.ARM_RETRY: lambda self: self.load.arm_retry(),
        LocationEffect.RESET_BACKOFF: lambda self: self.load.reset_backoff(),
        LocationEffect.REVIVE: lambda self: self.serving.revive(),
        LocationEffect.ABORT_REVIVAL: lambda self: self.serving.abort_successor(),
        LocationEffect.ADOPT_REVIVED: lambda self: (
            self.serving.adopt_successor(),
            self.replicas.renew_standby(),
        ),
        LocationEffect.ARM_REVIVAL: lambda self: self.serving.arm_revival(),
        LocationEffect.DISARM_REVIVAL: lambda self: self.serving.disarm_revival(),
        LocationEffect.END_SERVING: lambda self: (
            self.replicas.end_standby(),
            self.serving.end_serving(),
        ),
        LocationEffect.FORGET_GENERATION: lambda self: (
            self.replicas.retire_workers(0),
            self.serving.forget_generation(),
        ),
        #: `_feed` performs these two, after all others and once for both regions.
        LocationEffect.NOTIFY: lambda _: None,
        LocationEffect.NOTIFY_SOON: lambda _: None,
    }
