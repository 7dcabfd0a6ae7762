"""The files that a location was loaded from, as the watcher is told of them."""

from collections.abc import Iterable, Mapping

from hostler.daemon.base.clock import Clock, Timer
from hostler.daemon.watching.content.digests import digest_of
from hostler.daemon.watching.file_watcher import FileWatcher
from hostler.daemon.workspace.text.models import LocationSpec

#: What a load reads is watched while it goes on, in parts: most loads end before the first.
TOUCHED_SECONDS = 0.02

Pairs = Iterable[tuple[str, str | None]]


class WatchedFiles:
    """What is watched for one location; nothing where workspace.yaml says `reload: false`.

    Attributes:
        spec: of the location, as workspace.yaml has it now.
    """

    def __init__(self, spec: LocationSpec, watcher: FileWatcher, clock: Clock) -> None:
        self.spec = spec
        self._watcher = watcher
        self._clock = clock
        self._touched: dict[str, str | None] = {}
        self._timer: Timer | None = None

    def begin(self) -> None:
        """Watches the patterns of workspace.yaml; the first load brings the rest."""
        if self.spec.reload:
            self._watcher.watch(self.spec.name, {}, self.spec.watch)

    def touch(self, pairs: Pairs) -> None:
        """A load that goes on has read files, or looked for them in vain."""
        if not self.spec.reload:
            return
        self._touched.update(pairs)
        if self._timer is None:
            self._timer = self._clock.call_later(TOUCHED_SECONDS, self._pass_on)

    def join(self, pairs: Pairs) -> None:
        """A process that serves has imported more, or a load has failed."""
        if self.spec.reload:
            self._watcher.add(self.spec.name, dict(pairs))

    def join_unread(self, paths: Iterable[str]) -> None:
        """A load has ended before it could tell whether it had read these."""
        if self.spec.reload:
            self._watcher.add_unread(self.spec.name, paths)

    def reset_throttle(self) -> None:
        """The next change is told at once."""
        self._watcher.reset_throttle(self.spec.name)

    def replace(self, files: Mapping[str, str | None]) -> None:
        """A load has ended; this is what counts from now on."""
        self._drop_touched()
        if not self.spec.reload:
            return
        record = dict(files)
        if self.spec.target.kind == "python_file":
            path = self.spec.target.value
            record.setdefault(path, digest_of(path))  # what failed before it was read
        self._watcher.watch(self.spec.name, record, self.spec.watch)

    def replace_soon(self, files: Mapping[str, str | None]) -> None:
        """As `replace`, once the answer of the load is given; what changes until then is seen."""
        self._drop_touched()
        self._timer = self._clock.call_later(0, self._replace, files)

    def _replace(self, files: Mapping[str, str | None]) -> None:
        self._timer = None
        self.replace(files)

    def forget(self) -> None:
        """Watches nothing more."""
        self._drop_touched()
        self._watcher.forget(self.spec.name)

    def _pass_on(self) -> None:
        self._timer = None
        touched, self._touched = self._touched, {}
        self._watcher.add(self.spec.name, touched)

    def _drop_touched(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._touched.clear()
