"""A copy of the example to play with: its files, its daemon, the command that people type."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import yaml
from expectations import CheckError, DemoError, await_true

from hostler.client import Client, HostlerError, UnreachableError
from hostler.rpc.address import default_socket

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from environments import Environment
    from narration import Narrator

#: The files that are copied.
SOURCE = Path(__file__).parent

#: The daemon gives a location 10 s to end before it kills it.
STOP_TIMEOUT = 20.0

#: Of the daemon's log, where the demo fails.
LOG_LINES = 20


class Playground:
    """The example's files in a folder of their own, and a daemon that serves them.

    Attributes:
        folder: where the files are.
        names: the locations, in the order of workspace.yaml.
        client: to the daemon.
    """

    def __init__(
        self, folder: Path, environments: Sequence[Environment], narrator: Narrator, *, keep: bool
    ) -> None:
        self.folder = folder
        self.names: list[str] = []
        self._narrator = narrator
        self._keep = keep
        # A setting of the person's own, a socket above all, would lead the demo astray.
        self._environ = {
            name: value for name, value in os.environ.items() if not name.startswith("HOSTLER_")
        }
        self._copy(environments)
        self.socket = default_socket([folder / "workspace.yaml"], self._environ)
        self.client = Client(self.socket)
        self._lifeline: socket.socket | None = None
        self._daemon: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The daemon's."""
        assert self._daemon is not None
        return self._daemon.pid

    @property
    def log(self) -> Path:
        """What the daemon says."""
        return self.folder / "hostlerd.log"

    def read(self, name: str) -> str:
        """The text of a file."""
        return (self.folder / name).read_text()

    def edit(self, name: str, old: str, new: str) -> None:
        """Replaces a text in a file, in place, and shows that.

        Raises:
            DemoError: the text is not in the file.
        """
        before = self.read(name)
        if old not in before:
            raise DemoError(f"cannot edit {self.folder / name}: there is no {old!r} in it")
        after = before.replace(old, new)
        self._narrator.edit(name, before, after)
        (self.folder / name).write_text(after)

    def hostler(self, *arguments: str) -> int:
        """Executes the command as a person would, on our own terminal; its exit code."""
        self._narrator.command(["hostler", *arguments])
        command = [_script("hostler"), *arguments]
        return subprocess.run(command, cwd=self.folder, env=self._environ, check=False).returncode

    def start(self) -> None:
        """Starts the daemon and returns once it serves.

        Raises:
            DemoError: it does not.
        """
        command = [_script("hostlerd"), "--state", str(self.folder / "state")]
        self._narrator.command(["hostlerd"])
        self._lifeline, theirs = socket.socketpair()
        with theirs, self.log.open("ab") as log:
            self._daemon = subprocess.Popen(
                # Where this process ends in any way, the kernel closes our end, and so the daemon
                # ends; the one that is kept must not.
                command if self._keep else [*command, "--lifeline", str(theirs.fileno())],
                cwd=self.folder,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[theirs.fileno()],
                # Ctrl-C in the terminal is for this process, which then stops the daemon.
                start_new_session=True,
            )
        await_true("the daemon serves", self._serves, bool)

    def stop(self) -> int:
        """SIGTERM, and SIGKILL where that does not do; the exit code."""
        daemon = self._daemon
        if daemon is None:
            return 0
        if daemon.poll() is None:
            daemon.send_signal(signal.SIGTERM)
            try:
                daemon.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                daemon.kill()
        if self._lifeline is not None:
            self._lifeline.close()
        return daemon.wait()

    def processes(self) -> list[psutil.Process]:
        """The daemon and everything below it."""
        daemon = psutil.Process(self.pid)
        return [daemon, *daemon.children(recursive=True)]

    def _copy(self, environments: Sequence[Environment]) -> None:
        """The files, without the locations whose environment is not there."""
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(SOURCE / "locations", self.folder / "locations", ignore=ignore)
        (self.folder / "environments").mkdir()
        for environment in environments:
            (self.folder / "environments" / environment.name).symlink_to(environment.folder)
        text = (SOURCE / "workspace.yaml").read_text()
        document = yaml.safe_load(text)
        entries = document["load_from"]
        document["load_from"] = [entry for entry in entries if self._has_interpreter(entry)]
        if len(document["load_from"]) < len(entries):
            text = yaml.safe_dump(document, sort_keys=False)
        (self.folder / "workspace.yaml").write_text(text)
        targets = [entry.get("python_environment", {}).get("target", entry) for entry in entries]
        for entry, target in zip(entries, targets, strict=True):
            if entry in document["load_from"]:
                self.names.append(target["python_file"]["location_name"])

    def _has_interpreter(self, entry: dict[str, dict[str, str]]) -> bool:
        environment = entry.get("python_environment")
        return environment is None or (self.folder / environment["executable_path"]).exists()

    def _serves(self) -> bool:
        """Whether the daemon answers.

        Raises:
            DemoError: it has ended.
        """
        assert self._daemon is not None
        if (code := self._daemon.poll()) is not None:
            raise DemoError(f"cannot start the daemon: it ended with {code}")
        try:
            self.client.workspace()
        except UnreachableError:
            return False
        return True

    def end_of_log(self) -> str:
        """The last lines of what the daemon said."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return "\n".join(f"  | {line}" for line in lines[-LOG_LINES:])


@contextlib.contextmanager
def playground(
    environments: Sequence[Environment], narrator: Narrator, *, keep: bool
) -> Iterator[Playground]:
    """A playground in a temporary folder; stopped and removed at the end, in any case.

    With `keep`, a block that ends without an error leaves it as it is.
    """
    folder = Path(tempfile.mkdtemp(prefix="hostler-demo-"))
    made: Playground | None = None
    kept = False
    try:
        made = Playground(folder, environments, narrator, keep=keep)
        yield made
        kept = keep
    except (DemoError, HostlerError):
        if made is not None:
            narrator.failure(f"the daemon's log ends so:\n{made.end_of_log()}")
        raise
    finally:
        if not kept:
            with _uninterrupted():
                if made is not None:
                    made.client.close()
                    made.stop()
                    made.socket.unlink(missing_ok=True)  # a daemon that was killed leaves both
                    Path(f"{made.socket}.lock").unlink(missing_ok=True)
                shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """A second Ctrl-C does not stop the cleaning up; it takes STOP_TIMEOUT at most."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def end_of(processes: Sequence[psutil.Process]) -> None:
    """Checks that none of the processes is left.

    Raises:
        CheckError: one is.
    """
    _, alive = psutil.wait_procs(processes, timeout=2)
    if alive:
        raise CheckError("no process is left", expected="none", found=alive)


def _script(name: str) -> str:
    """A console script of the environment that this runs in."""
    path = Path(sys.executable).with_name(name)
    found = str(path) if path.exists() else shutil.which(name)
    if found is None:
        raise DemoError(f"cannot find the command {name}; install hostler, or start ./dev demo")
    return found
