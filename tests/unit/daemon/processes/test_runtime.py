"""The runtime folder: it is whole, shared, and removed when no daemon uses it."""

import fcntl
from pathlib import Path

from hostler.daemon.processes import runtime


def test_it_is_made_once_and_holds_what_a_location_needs(tmp_path: Path) -> None:
    first = runtime.prepare(tmp_path)
    second = runtime.prepare(tmp_path)
    assert first.path == second.path
    assert runtime.bootstrap(first.path).is_file()
    assert (first.path / "hostler" / "definitions" / "__init__.py").is_file()
    assert not (first.path / "hostler" / "__init__.py").exists(), "hostler stays a namespace"
    for each in (first, second):
        each.close()


def test_a_damaged_one_is_made_anew(tmp_path: Path) -> None:
    made = runtime.prepare(tmp_path)
    made.close()
    runtime.bootstrap(made.path).unlink()
    again = runtime.prepare(tmp_path)
    assert runtime.bootstrap(again.path).is_file()
    again.close()


def test_those_that_nobody_uses_are_removed(tmp_path: Path) -> None:
    used, unused = tmp_path / "runtime-used", tmp_path / "runtime-unused"
    for folder in (used, unused):
        (folder / "hostler").mkdir(parents=True)
    holder = runtime.Runtime(used, runtime._open_lock(used))
    fcntl.flock(holder.lock, fcntl.LOCK_SH)
    runtime.prepare(tmp_path).close()
    assert used.is_dir()
    assert not unused.exists()
    holder.close()
    runtime.prepare(tmp_path).close()
    assert not used.exists()
