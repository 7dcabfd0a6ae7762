"""Interpreters beside hostler, and the memory of processes."""

from __future__ import annotations

import contextlib
import select
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from bench.daemon import PATIENCE, plain_environ
from bench.projects import RUNTIME

PEERS = Path(__file__).parent / "peers"


class Peer:
    """Speaks to a process that answers in lines."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.pid = process.pid
        self._process = process
        self._log = log

    def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode() + b"\n")
        except BrokenPipeError:
            raise self._failure("has ended") from None
        self._process.stdin.flush()

    def hear(self) -> str:
        """Returns the next line of the process."""
        out = self._process.stdout
        assert out is not None
        if not select.select([out], [], [], PATIENCE)[0]:
            raise self._failure("says nothing")
        line = out.readline()
        if not line:
            raise self._failure("has ended")
        return line.decode().strip()

    def ask(self, line: str) -> str:
        self.tell(line)
        return self.hear()

    def _failure(self, what: str) -> RuntimeError:
        said = self._log.read_text(errors="replace")[-2000:]
        return RuntimeError(f"cannot measure: {self._process.args!r} {what}; its log:\n{said}")


@contextlib.contextmanager
def peer(command: Sequence[str | Path], folder: Path) -> Iterator[Peer]:
    """Starts a command in a folder, with hostler.definitions at hand; ended at last."""
    path = folder / "peer.log"
    with path.open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=folder,
            env=_environ(),
            bufsize=0,
        )
    try:
        yield Peer(process, path)
    finally:
        process.terminate()
        with contextlib.suppress(BrokenPipeError):
            process.communicate(timeout=PATIENCE)


def imports(folder: Path, executable: Path | None = None) -> None:
    """Runs a fresh interpreter that imports location.py of the folder and ends."""
    command = [executable or sys.executable, "-c", "import location"]
    subprocess.run(command, cwd=folder, env=_environ(), check=True)


def _environ() -> dict[str, str]:
    return plain_environ() | {"PYTHONPATH": str(RUNTIME)}


def pss(pids: Iterable[int]) -> float:
    """Returns the PSS of processes in MiB: of memory that several share, each counts its part."""
    total = 0
    for pid in pids:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
        total += next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return total / 1024
