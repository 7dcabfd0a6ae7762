"""All locations of the workspace, and the workspace itself."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hostler.daemon.base.journal import Journal
from hostler.daemon.base.text import utf8_safe
from hostler.daemon.generations.generation import Generation
from hostler.daemon.loading.context import LocationContext
from hostler.daemon.locations.location import Location
from hostler.daemon.logs.files import LogWriter
from hostler.daemon.logs.location import LocationLog
from hostler.daemon.runs.runs import Runs
from hostler.daemon.schedules.schedules import Schedules
from hostler.daemon.state.location import Status
from hostler.daemon.supervision import presentation, snapshots
from hostler.daemon.supervision.change_feed import ChangeFeed
from hostler.daemon.supervision.last_known import LastKnownDefinitions
from hostler.daemon.supervision.memory import ProcessMemory
from hostler.daemon.supervision.snapshots import Snapshots
from hostler.daemon.supervision.stopped import StoppedLocations
from hostler.daemon.watching.content.digests import digest_of
from hostler.daemon.workspace.loading import load_workspace
from hostler.daemon.workspace.plan import plan
from hostler.daemon.workspace.text.models import LocationSpec, Workspace
from hostler.daemon.workspace.text.problems import Problem, WorkspaceError
from hostler.v1 import workspace_pb2

#: Seconds after the stop grace: a killed process needs a moment to be gone.
CLOSE_PATIENCE = 5.0


class Folders(NamedTuple):
    """Names the folders of what outlives a daemon.

    Attributes:
        state: which locations are stopped, and their last good definitions.
        logs: the files of what they print.
    """

    state: Path
    logs: Path


class Supervisor:
    """Keeps the locations as the workspace files have them.

    Attributes:
        locations: by name, in the order of the workspace files.
        closing: whether the daemon stops; it starts no process any more.
        problems: what is wrong with the workspace files now; the last valid workspace still runs.
    """

    def __init__(
        self,
        files: Sequence[Path],
        environ: Mapping[str, str],
        context: LocationContext,
        runs: Runs,
        schedules: Schedules,
        logs: LogWriter,
        folders: Folders,
        journal: Journal,
    ) -> None:
        self.changes = ChangeFeed()
        self.locations: dict[str, Location] = {}
        self.problems: tuple[Problem, ...] = ()
        self.closing = False
        self.runs = runs
        self.schedules = schedules
        self._memory = ProcessMemory()
        self._snapshots = Snapshots(lambda: self.locations, self.location_message)
        self._files = tuple(files)
        self._environ = environ
        self._context = context
        self._logs = logs
        self._log_directory = folders.logs
        self._stopped = StoppedLocations(folders.state, journal)
        self._last_known = LastKnownDefinitions(
            folders.state, context.clock, context.tasks, journal
        )
        self._remembered: dict[str, Generation] = {}
        self._journal = journal
        self._reload_lock = asyncio.Lock()
        self._is_reload_due = False
        self._last_shortage = ""
        self._workspace = Workspace(tuple(map(str, files)), (), ())
        self._watch = context.watcher.watch({}, self._on_workspace_changed)

    @property
    def files(self) -> Sequence[str]:
        return self._workspace.files

    async def start(self) -> None:
        """Reads the workspace files and starts what they name.

        Raises:
            WorkspaceError: they are not valid.
        """
        async with self._reload_lock:
            workspace = await self._read_workspace()
            self._remembered = await asyncio.to_thread(self._last_known.read, workspace.locations)
            if self._remembered:
                self._context.slots.hold()
            self._apply(workspace)
            self._remembered.clear()

    def serving(self) -> None:
        """Lets the first loads begin, which would keep what is known from being answered."""
        self._context.slots.open()

    async def close(self) -> None:
        """Stops every location and waits for the end of its processes, with a limit.

        The keeper kills what has not ended a little after the stop grace.
        """
        self.closing = True
        self._context.environments.close()
        self._watch.close()
        await self._last_known.flush()
        for location in self.locations.values():
            location.stop()
        ends = [asyncio.ensure_future(location.ended()) for location in self.locations.values()]
        if ends:
            patience = self._context.settings.stop_grace + CLOSE_PATIENCE
            _, late = await asyncio.wait(ends, timeout=patience)
            for each in late:
                each.cancel()

    def keeper_lost(self) -> None:
        """Starts every location anew: the keeper died with all processes, and a new one is up."""
        self._journal.warning("keeper lost", action="every location gets a new process")
        self._context.environments.keeper_lost()
        for location in self.locations.values():
            location.keeper_lost()

    def packages_changed(self, concerns: Callable[[LocationSpec], bool], what: str) -> None:
        """Loads the concerned locations anew, since packages of their environment have changed."""
        for location in self.locations.values():
            if concerns(location.spec) and location.spec.reload:
                location.packages_changed(what)

    def start_location(self, location: Location) -> None:
        """Starts a location that was stopped, or tries a failed load again at once."""
        self._stopped.discard(location.name)
        location.start()

    def stop_location(self, location: Location) -> None:
        """Stops a location until it is started, also through a restart of the daemon."""
        self._stopped.add(location.name)
        location.stop()

    async def reread_workspace(self) -> None:
        """Reads the workspace files and the env files again, whatever the watcher has seen.

        Returns once what they say was applied, or was found to be invalid.
        """
        if not self._is_reload_due:
            self._is_reload_due = True  # until it begins to read
            await self._reload_workspace("were read again")
            return
        async with self._reload_lock:  # behind the one that has not begun to read
            pass

    def find_location(self, name: str) -> Location | None:
        """Returns the location of a name; None where the workspace has none."""
        return self.locations.get(name)

    def location_message(
        self, location: Location, *, with_private_memory: bool = True
    ) -> workspace_pb2.Location:
        """Returns a location as it is now; see `presentation.location_message`."""
        template = self._context.environments.template_of(location.spec)
        return presentation.location_message(
            location,
            location.watched.mode,
            self.runs.pids(location),
            template,
            self._memory,
            with_private_memory=with_private_memory,
        )

    async def measure(self, locations: Iterable[Location]) -> None:
        """Measures the memory of the locations' processes, where their figures are old."""
        pids = {pid for each in locations for pid in (*each.pids, *self.runs.pids(each))}
        for location in locations:
            template = self._context.environments.template_of(location.spec)
            if template is not None:
                pids.update(template.processes.pids[:1])
        await self._memory.measure(pids)

    def _on_workspace_changed(self, _: frozenset[str]) -> None:
        self._context.tasks.start(self._reload_workspace(), "reading of the workspace files")

    async def _reload_workspace(self, verb: str = "changed") -> None:
        async with self._reload_lock:  # one after the other, so that the newest is applied last
            self._is_reload_due = False
            if self.closing:
                return
            try:
                workspace = await self._read_workspace()
            except WorkspaceError as error:
                self.problems = error.problems
                for problem in error.problems:
                    self._journal.error("workspace invalid", problem=str(problem))
                await self._publish_workspace(
                    "the workspace files are not valid; the last ones go on"
                )
                return
            were_invalid, self.problems = bool(self.problems), ()
            self._apply(workspace)
            for location in self.locations.values():
                location.flush_changes()
            if were_invalid:
                self._journal.info("workspace valid")
            what = "are valid again" if were_invalid else verb
            await self._publish_workspace(f"the workspace files {what}")

    async def _read_workspace(self) -> Workspace:
        """Reads the workspace files, and watches every file that the result depends on."""
        seen = self._digests_of([*map(str, self._files), *self._workspace.inputs])
        inputs: Sequence[str] = ()
        try:
            # a thousand locations take a second
            workspace = await asyncio.to_thread(load_workspace, self._files, self._environ)
            inputs = workspace.inputs
        except WorkspaceError as error:
            inputs = error.inputs
            raise
        finally:
            # the digests from before the load win: the watcher reports what has changed since
            self._watch.replace(self._digests_of(inputs) | seen)
        return workspace

    def _apply(self, workspace: Workspace) -> None:
        todo = plan(self._workspace, workspace)
        self._snapshots.forget_all()
        self._workspace = workspace
        for spec in todo.removed:
            self._remove(spec)
        for spec in todo.added:
            self._add(spec)
        for _, spec in todo.changed:
            self.locations[spec.name].change_spec(spec)
        for spec in workspace.locations:  # some only moved within their file
            self.locations[spec.name].spec = spec
        self.locations = {spec.name: self.locations[spec.name] for spec in workspace.locations}
        self._context.environments.retain(workspace.locations)
        self._warn_of_shortage()

    def _warn_of_shortage(self) -> None:
        """Says where the descriptors that the daemon may open are too few for the workspace."""
        runs = self._context.settings.run_limit
        shortage = self._context.factory.descriptors.shortage(len(self.locations), runs)
        if shortage not in ("", self._last_shortage):
            self._journal.warning("few descriptors", reason=shortage)
        self._last_shortage = shortage

    def _add(self, spec: LocationSpec) -> None:
        log = LocationLog(self._log_directory, spec.name, self._context.settings, self._logs)
        location = Location(self._context, spec, log, self._on_change)
        self.locations[spec.name] = location
        if spec.name in self._stopped:
            self._journal.info("location stays stopped", location=spec.name)
        else:
            location.remembered = self._remembered.get(spec.name)
            location.start()

    def _remove(self, spec: LocationSpec) -> None:
        location = self.locations.pop(spec.name)
        location.stop()
        location.log.close()
        self._snapshots.forget(location)
        self._stopped.discard(spec.name)
        self._last_known.discard(spec.name)
        self._journal.info("location removed", location=spec.name)
        change = workspace_pb2.WorkspaceChange(
            reason="it is no longer in the workspace files",
            removed_location=f"locations/{spec.name}",
        )
        self.changes.publish(change)
        self.runs.start_due()
        self.schedules.location_changed(spec.name)

    def _on_change(self, location: Location, before: Status, reason: str) -> None:
        if self.locations.get(location.name) is not location:
            return  # the last change of a location that was removed
        self._snapshots.forget(location)
        self._last_known.note(location)
        self._journal.info(
            "location",
            name=location.name,
            was=before.value,
            now=location.status.value,
            generation=location.generation.number if location.generation else None,
            reason=reason,
        )
        self.changes.publish(
            workspace_pb2.WorkspaceChange(
                reason=utf8_safe(reason),
                old_state=workspace_pb2.Location.State.Value(before.value),
                location=self.location_message(location, with_private_memory=False),
            )
        )
        self.runs.start_due()
        self.schedules.location_changed(location.name)

    async def _publish_workspace(self, reason: str) -> None:
        self._snapshots.forget_all()
        workspace, _ = await self.workspace()
        self.changes.publish(workspace_pb2.WorkspaceChange(reason=reason), workspace)

    async def workspace(self, max_age: float = snapshots.MAX_AGE) -> tuple[bytes, int]:
        """Returns the workspace, serialized, without the daemon's own figures, and its revision.

        Args:
            max_age: seconds, for what comes and goes without a change being told.
        """
        locations = await self._snapshots.locations(max_age)
        head = workspace_pb2.Workspace(
            files=map(utf8_safe, self.files),
            problems=map(presentation.problem_message, self.problems),
            revision=self.changes.revision,
        )
        return head.SerializeToString() + locations, head.revision

    @staticmethod
    def _digests_of(paths: Sequence[str]) -> dict[str, str | None]:
        """Returns the digest of each file as it is now; None for one that cannot be read."""
        return {path: digest_of(path) for path in paths}
