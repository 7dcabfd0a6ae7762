"""The files that a location was loaded from, as its watch is told of them."""

from collections.abc import Iterable, Mapping
from typing import Literal

from hostler.daemon.base.clock import Clock, Timer
from hostler.daemon.watching.content.digests import digest_of
from hostler.daemon.watching.watcher import OnChange, Watch, Watcher
from hostler.daemon.workspace.text.models import LocationSpec

#: While a load goes on, what it has read is watched in parts; most loads end before the first.
BATCH_SECONDS = 0.02

Pairs = Iterable[tuple[str, str | None]]


class WatchedFiles:
    """Keeps the watch of one location; there is none where workspace.yaml says `reload: false`.

    Attributes:
        spec: of the location, as workspace.yaml has it now.
    """

    def __init__(
        self, spec: LocationSpec, watcher: Watcher, clock: Clock, on_change: OnChange
    ) -> None:
        self.spec = spec
        self._watcher = watcher
        self._clock = clock
        self._on_change = on_change
        self._watch: Watch | None = None
        self._batch: dict[str, str | None] = {}
        self._timer: Timer | None = None

    @property
    def mode(self) -> Literal["native", "polling", "off"]:
        """How changes are noticed, as `ps` shows it."""
        if not self.spec.reload:
            return "off"
        return (self._watch or self._watcher).mode

    def begin(self) -> None:
        """Watches the patterns of workspace.yaml; the first load brings the rest."""
        if self.spec.reload:
            self._put({})

    def add_soon(self, pairs: Pairs) -> None:
        """Adds what a load has read or looked for in vain, while it goes on."""
        if not self.spec.reload:
            return
        self._batch.update(pairs)
        if self._timer is None:
            self._timer = self._clock.call_later(BATCH_SECONDS, self._add_batch)

    def add(self, pairs: Pairs) -> None:
        """Adds what a process that serves has imported since, or what a failed load had read."""
        if self.spec.reload and self._watch is not None:
            self._watch.add(dict(pairs))

    def add_unread(self, paths: Iterable[str]) -> None:
        """Adds files that a load may have read: it ended before it could tell."""
        if self.spec.reload and self._watch is not None:
            self._watch.add_unread(paths)

    def reset_throttle(self) -> None:
        """Has the next change told at once."""
        if self._watch is not None:
            self._watch.reset_throttle()

    def replace(self, files: Mapping[str, str | None]) -> None:
        """Replaces what is watched by what a load has read, at its end."""
        self._drop_batch()
        if not self.spec.reload:
            return
        record = dict(files)
        if self.spec.target.kind == "python_file":
            path = self.spec.target.value
            record.setdefault(path, digest_of(path))  # a load may fail before it reads it
        self._put(record)

    def replace_soon(self, files: Mapping[str, str | None]) -> None:
        """Does what `replace` does once the load is answered; a change until then is not lost."""
        self._drop_batch()
        self._timer = self._clock.call_later(0, self._replace, files)

    def _replace(self, files: Mapping[str, str | None]) -> None:
        self._timer = None
        self.replace(files)

    def forget(self) -> None:
        """Ends the watch."""
        self._drop_batch()
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def _put(self, files: Mapping[str, str | None]) -> None:
        if self._watch is None:
            self._watch = self._watcher.watch(files, self._on_change, self.spec.watch)
        else:
            self._watch.replace(files, self.spec.watch)

    def _add_batch(self) -> None:
        self._timer = None
        batch, self._batch = self._batch, {}
        if self._watch is not None:
            self._watch.add(batch)

    def _drop_batch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._batch.clear()
