"""The runtime folder, which brings hostler.definitions and hostler.host to every environment."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import hostler.host
from hostler.daemon.base.own_definitions import COPY


def source_root() -> Path:
    """Returns the folder whose `hostler/` holds hostler.host: location/, or site-packages."""
    return Path(next(iter(hostler.host.__path__))).parent.parent


def _roots() -> dict[str, Path]:
    """Returns for each part of the runtime the folder whose `hostler/` holds it."""
    root = source_root()
    return {"definitions": COPY if COPY.is_dir() else root, "host": root}


@dataclass(frozen=True, slots=True)
class Runtime:
    """Holds a runtime folder in use; no other daemon removes it until `close`."""

    path: Path
    lock: int

    @property
    def is_whole(self) -> bool:
        """Whether the folder is whole; a cleaner of caches may have removed parts of it."""
        return bootstrap(self.path).is_file()

    def restore(self) -> None:
        """Makes the folder again.

        Raises:
            OSError: the cache cannot be written.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        _copy(_sources(_roots())[0], self.path)

    def close(self) -> None:
        """Lets other daemons remove the folder."""
        os.close(self.lock)


def prepare(cache: Path) -> Runtime:
    """Makes `<cache>/runtime-<digest>` if it is not there yet, and removes unused ones.

    The folder holds copies, not links: an upgrade of hostler must not change what running processes
    import. The digest names the content, so that daemons of several versions can share one cache;
    each holds a lock on the folder that it uses.

    Raises:
        OSError: the cache cannot be written.
    """
    cache.mkdir(parents=True, exist_ok=True)
    files, digest = _sources(_roots())
    path = cache / f"runtime-{digest}"
    lock = _open_lock(path)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH)
        if not bootstrap(path).is_file():
            _copy(files, path)
    except BaseException:
        os.close(lock)
        raise
    _prune(cache, path)
    return Runtime(path, lock)


def _sources(roots: dict[str, Path]) -> tuple[dict[str, Path], str]:
    """Returns the files of the runtime by their path in it, and the digest of all that."""
    files = {
        str(path.relative_to(root)): path
        for part, root in roots.items()
        for path in (root / "hostler" / part).rglob("*")
        if path.is_file() and path.suffix in {".py", ".typed"}
    }
    digest = hashlib.blake2b(digest_size=8)
    for name, path in sorted(files.items()):
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return files, digest.hexdigest()


def _copy(files: dict[str, Path], runtime: Path) -> None:
    """Copies the files to the folder; leaves no folder that is not whole."""
    made = Path(tempfile.mkdtemp(prefix=".runtime-", dir=runtime.parent))
    try:
        for name, path in files.items():
            target = made / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        made.chmod(0o755)
        if runtime.is_dir():  # a cleaner of old files has removed parts of it
            runtime.rename(made / ".damaged")
        made.rename(runtime)
    except OSError:
        shutil.rmtree(made, ignore_errors=True)
        if not bootstrap(runtime).is_file():  # else another daemon was faster
            raise


def _open_lock(runtime: Path) -> int:
    path = runtime.with_name(f".{runtime.name}.lock")
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _prune(cache: Path, used: Path) -> None:
    """Removes the runtime folders that no daemon holds; their empty lock files stay."""
    for other in cache.glob("runtime-*"):
        if other == used or not other.is_dir():
            continue
        lock = _open_lock(other)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(other, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(lock)


def bootstrap(runtime: Path) -> Path:
    """Returns the script that the interpreters run."""
    return runtime / "hostler" / "host" / "bootstrap.py"
