"""The daemon serves a save, in every way that editors save."""

import os
import shutil

import psutil
import pytest
from e2e.harness import Daemon, eventually
from e2e.save_storm import rage
from e2e.saving import STYLES, Save


@pytest.fixture
def served(daemon: Daemon, source: str) -> Daemon:
    """Starts a daemon with one location, whose pipeline is called `first`."""
    daemon.write("repos.py", source.format(name="first"))
    daemon.workspace.write_text("load_from:\n  - python_file: repos.py\n")
    daemon.start().ready("repos.py")
    return daemon


def serves(daemon: Daemon, name: str) -> None:
    eventually(lambda: daemon.pipelines("repos.py") == [name], f"pipeline {name} is served")


@pytest.mark.parametrize("save", STYLES)
def test_a_save_is_served(served: Daemon, source: str, save: Save) -> None:
    save(served.folder / "repos.py", source.format(name="other"))
    serves(served, "other")
    assert served.client.location("repos.py").generation == 2


def test_two_saves_of_one_size_within_a_second(served: Daemon, source: str) -> None:
    path = served.folder / "repos.py"
    for name in ("aaaaa", "bbbbb", "ccccc", "ddddd"):
        path.write_text(source.format(name=name))
        serves(served, name)


def test_a_deleted_file_that_comes_back_later(served: Daemon, source: str) -> None:
    path = served.folder / "repos.py"
    path.unlink()
    served.in_state("repos.py", "FAILED")
    assert served.pipelines("repos.py") == ["first"], "the last good generation answers"
    path.write_text(source.format(name="back"))
    serves(served, "back")


def test_a_missing_helper_that_is_created(served: Daemon, source: str) -> None:
    path = served.folder / "repos.py"
    path.write_text("import helper\n" + source.format(name="helped"))
    eventually(lambda: served.client.location("repos.py").HasField("error"))
    served.write("helper.py", "x = 1\n")
    serves(served, "helped")


def test_a_helper_whose_error_is_repaired(served: Daemon, source: str) -> None:
    served.write("helper.py", "name = undefined\n")
    path = served.folder / "repos.py"
    path.write_text("import helper\n" + source.format(name="helped"))
    failed = eventually(
        lambda: (found := served.client.location("repos.py")).HasField("error") and found
    )
    assert failed.error.exception.type == "NameError"
    assert failed.error.source.file.endswith("helper.py")
    served.write("helper.py", "name = 1\n")
    serves(served, "helped")


def test_what_changes_nothing_reloads_nothing(served: Daemon, source: str) -> None:
    before = served.client.location("repos.py")
    path = served.folder / "repos.py"
    os.utime(path)
    path.chmod(0o600)
    path.write_text(path.read_text())
    served.write(".repos.py.swp", "swap")
    served.write("4913", "")
    served.write("__pycache__/repos.cpython-311.pyc", "no bytecode")
    served.write("unrelated.py", "x = 1\n")
    # a real change, after all of these, is the next generation
    path.write_text(source.format(name="other"))
    serves(served, "other")
    after = served.client.location("repos.py")
    assert after.generation == before.generation + 1
    assert list(after.last_changes.files) == [str(path)]
    assert list(after.last_changes.added) == ["repo/other"]
    assert list(after.last_changes.removed) == ["repo/first"]


def test_only_the_locations_that_are_concerned(daemon: Daemon, source: str) -> None:
    daemon.write("shared.py", "x = 1\n")
    for name, first in (("a.py", "import shared\n"), ("b.py", "import shared\n"), ("c.py", "")):
        daemon.write(name, first + source.format(name="p"))
    entries = "".join(f"  - python_file: {name}\n" for name in ("a.py", "b.py", "c.py"))
    daemon.workspace.write_text("load_from:\n" + entries)
    daemon.start()
    pids = {name: daemon.ready(name).pid for name in ("a.py", "b.py", "c.py")}
    daemon.write("shared.py", "x = 2\n")
    for name in ("a.py", "b.py"):
        assert daemon.ready(name, generation=2).pid != pids[name]
    third = daemon.ready("c.py")
    assert (third.generation, third.pid) == (1, pids["c.py"])


def test_a_folder_that_is_swapped_by_symlink(daemon: Daemon, source: str) -> None:
    """Kubernetes updates a mounted ConfigMap in this way."""
    for version, name in (("v1", "first"), ("v2", "second")):
        daemon.write(f"{version}/repos.py", source.format(name=name))
    (daemon.folder / "..data").symlink_to("v1")
    (daemon.folder / "repos.py").symlink_to("..data/repos.py")
    daemon.workspace.write_text("load_from:\n  - python_file: repos.py\n")
    daemon.start().ready("repos.py")
    (daemon.folder / "..data_tmp").symlink_to("v2")
    (daemon.folder / "..data_tmp").rename(daemon.folder / "..data")
    serves(daemon, "second")


def test_a_whole_package_that_is_replaced(daemon: Daemon, source: str) -> None:
    daemon.write("shop/__init__.py", "from shop.repos import repo\n")
    daemon.write("shop/repos.py", source.format(name="first"))
    daemon.workspace.write_text("load_from:\n  - python_module: shop\n")
    daemon.start().ready("shop")
    daemon.write("new/__init__.py", "from shop.repos import repo\n")
    daemon.write("new/repos.py", source.format(name="second"))
    shutil.rmtree(daemon.folder / "shop")
    (daemon.folder / "new").rename(daemon.folder / "shop")
    eventually(lambda: daemon.pipelines("shop") == ["second"])


def test_many_saves_leak_no_process(served: Daemon, source: str) -> None:
    path = served.folder / "repos.py"
    for number in range(10):
        path.write_text(source.format(name=f"p{number}"))
        serves(served, f"p{number}")
    # the daemon, the keeper, the location process; replaced processes are gone
    eventually(lambda: len(served.at_work()) == 3, f"{served.at_work()}")
    assert psutil.Process(served.pid).num_fds() < 60


def test_runs_end_on_the_code_that_they_started_with(daemon: Daemon) -> None:
    rage(daemon, runs=6, seconds=1)
