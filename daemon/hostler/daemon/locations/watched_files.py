"""The files that a location was loaded from: tells its watch which they are."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from hostler.daemon.base.clock import Clock, Timer
from hostler.daemon.watching.content.digests import digest_of
from hostler.daemon.watching.watcher import OnChange, Watch, Watcher
from hostler.daemon.workspace.text.models import LocationSpec

#: While a load goes on, the files that it reads are added to the watch in batches, this far apart;
#: most loads end before the first.
BATCH_SECONDS = 0.02

Pairs = Iterable[tuple[str, str | None]]


class WatchedFiles:
    """Keeps the watch of one location; there is none if workspace.yaml says `reload: false`.

    Attributes:
        spec: the location's entry in workspace.yaml, as it is now.
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
        #: What loads have read or looked for; the watch has more, by patterns and trees.
        self._read: set[str] = set()

    def was_read(self, path: str) -> bool:
        """Returns whether loads have read a path, or looked for it in vain."""
        return path in self._read

    @property
    def mode(self) -> Literal["native", "polling", "off"]:
        """How the files are watched, as `ps` shows it."""
        if not self.spec.reload:
            return "off"
        return (self._watch or self._watcher).mode

    def begin(self) -> None:
        """Watches the patterns of workspace.yaml; the first load adds files."""
        if self.spec.reload:
            self._put({})

    def add_soon(self, pairs: Pairs) -> None:
        """Adds, in a moment, files that a load under way has read or looked for in vain."""
        if not self.spec.reload:
            return
        self._batch.update(pairs)
        if self._timer is None:
            self._timer = self._clock.call_later(BATCH_SECONDS, self._add_batch)

    def add(self, pairs: Pairs) -> None:
        """Adds files that the serving process has imported since, or a failed load has read."""
        if self.spec.reload and self._watch is not None:
            self._add(dict(pairs))

    def add_unread(self, paths: Iterable[str]) -> None:
        """Adds files that a load may have read: it ended before it could report them."""
        if self.spec.reload and self._watch is not None:
            paths = set(paths)
            self._read |= paths
            self._watch.add_unread(paths)

    def watch_target(self, *, is_on: bool) -> None:
        """Begins or ends to watch all that lies below the folders of the target.

        A load that has failed may have read there what no record tells of, or what another process
        read for it.
        """
        if self.spec.reload and self._watch is not None:
            self._watch.watch_below(_folders(self.spec) if is_on else ())

    @property
    def counts(self) -> Mapping[str, int] | None:
        """How many files each pattern matches; None before that is known."""
        return self._watch.counts() if self._watch is not None else None

    def reset_throttle(self) -> None:
        """Has the watch report the next change at once."""
        if self._watch is not None:
            self._watch.reset_throttle()

    def replace(self, files: Mapping[str, str | None]) -> None:
        """Replaces the watched files by those that a load has read, at its end."""
        self._drop_batch()
        if not self.spec.reload:
            return
        record = dict(files)
        if self.spec.target.kind == "python_file":
            path = self.spec.target.value
            record.setdefault(path, digest_of(path))  # the load may have failed before
        self._put(record)

    def replace_soon(self, files: Mapping[str, str | None]) -> None:
        """Does what `replace` does, after the load is answered; a change until then is not lost."""
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
        self._read = set(files)
        if self._watch is None:
            self._watch = self._watcher.watch(files, self._on_change, self.spec.watch)
        else:
            self._watch.replace(files, self.spec.watch)

    def _add_batch(self) -> None:
        self._timer = None
        batch, self._batch = self._batch, {}
        if self._watch is not None:
            self._add(batch)

    def _add(self, files: Mapping[str, str | None]) -> None:
        assert self._watch is not None
        self._read.update(files)
        self._watch.add(files)

    def _drop_batch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._batch.clear()


def _folders(spec: LocationSpec) -> list[str]:
    """Returns the folders of the target, none of them within another one."""
    target = spec.target
    given = {target.working_directory} if target.working_directory else set()
    if target.kind == "python_file":
        given.add(str(Path(target.value).parent))
    return [
        each for each in sorted(given) if not any(map(Path(each).is_relative_to, given - {each}))
    ]
