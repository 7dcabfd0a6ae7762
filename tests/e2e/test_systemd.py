"""The unit under a real systemd: a user's manager in a mount namespace and a cgroup of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from e2e.harness import PATIENCE, eventually

from hostler.cli.daemons.service_unit import ServiceUnit, find_program, unit_text
from hostler.cli.daemons.systemd import Systemd

if TYPE_CHECKING:
    from collections.abc import Iterator

SYSTEMD = Path("/lib/systemd/systemd")
CGROUPS = [Path("/sys/fs/cgroup/systemd"), Path("/sys/fs/cgroup/unified")]
if not CGROUPS[0].is_dir():
    CGROUPS = [Path("/sys/fs/cgroup")]

LOCATION = """
from hostler.definitions import pipeline, solid
@solid
def one(context): return 1
@pipeline
def ones(): one()
"""

#: Goes into the cgroup, hides the machine's /run, and becomes the manager.
START = """
set -e
for cgroup in {cgroups}; do echo $$ >$cgroup/cgroup.procs; done
mount -t tmpfs none /run
mkdir -p /run/systemd/system
exec {systemd} --user --show-status=no
"""


def why_not() -> str:
    """Returns why no manager can be started here; "" where one can."""
    if not SYSTEMD.exists():
        return "systemd is missing: apt-get install systemd"
    if os.getuid() != 0:
        return "a mount namespace needs root"
    if not all(os.access(each / "cgroup.procs", os.W_OK) for each in CGROUPS if each.exists()):
        return "no cgroup can be made here"
    unshare = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)
    return "" if unshare.returncode == 0 else "no mount namespace can be made here"


WHY_NOT = why_not()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "none")


class Manager:
    """A systemd --user with a home of its own; commands are run where it is."""

    def __init__(self, folder: Path) -> None:
        self.home = folder
        self.runtime = folder / "run"
        self.runtime.mkdir(mode=0o700)
        self.environ = {
            "HOME": str(folder),
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "XDG_RUNTIME_DIR": str(self.runtime),
            "SYSTEMD_LOG_TARGET": "console",
        }
        self._cgroups = [each / f"hostler-{folder.name}" for each in CGROUPS if each.exists()]
        for each in self._cgroups:
            each.mkdir()
        script = START.format(cgroups=" ".join(map(str, self._cgroups)), systemd=SYSTEMD)
        self._log = (folder / "systemd.log").open("wb")
        self._process = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", script],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        eventually((self.runtime / "systemd" / "private").exists, "systemd listens")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Runs a command in the manager's mount namespace."""
        namespace = f"--mount=/proc/{self._process.pid}/ns/mnt"
        return subprocess.run(
            ["nsenter", namespace, *command],
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=4 * PATIENCE,
        )

    def hostler(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-P", "-m", "hostler.cli.main", *arguments)

    def status(self) -> dict[str, object]:
        said: dict[str, object] = json.loads(
            self.hostler("service", "status", "--user", "--json").stdout
        )
        return said

    def close(self) -> None:
        self.run("systemctl", "--user", "exit")
        try:
            self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            self._process.wait()
            self._log.close()
        for each in self._cgroups:
            for folder in sorted(each.rglob("*/"), reverse=True):
                if folder.is_dir():
                    folder.rmdir()
            each.rmdir()


@pytest.fixture
def manager() -> Iterator[Manager]:
    folder = Path(tempfile.mkdtemp(prefix="hsd-"))
    made = Manager(folder)
    yield made
    made.close()
    shutil.rmtree(folder)


def test_installed_it_serves_reloads_comes_back_after_a_kill_and_leaves_nothing(
    manager: Manager,
) -> None:
    (manager.home / "a.py").write_text(LOCATION)
    workspace = manager.home / "workspace.yaml"
    workspace.write_text("load_from: [python_file: a.py]\n")
    installed = manager.hostler("service", "install", "--user", "-w", str(workspace))
    assert installed.returncode == 0, installed.stderr
    first = manager.status()
    assert (first["state"], first["enabled"], first["status"]) == ("active", True, "1 READY")
    pipelines = manager.hostler("pipeline", "list", "--socket", str(first["socket"]))
    assert "ones" in pipelines.stdout

    workspace.write_text("load_from: [python_file: a.py, python_module: json.tool]\n")
    reloaded = manager.run("systemctl", "--user", "reload", "hostlerd")
    assert reloaded.returncode == 0, reloaded.stderr
    eventually(lambda: "1 READY" in str(manager.status()["status"]), "both locations are counted")
    assert manager.status()["pid"] == first["pid"]

    manager.run("systemctl", "--user", "kill", "--signal=KILL", "--kill-who=main", "hostlerd")
    again = eventually(
        lambda: (
            (now := manager.status())["state"] == "active"
            and now["pid"] not in (0, first["pid"])
            and now
        ),
        "systemd starts it again",
    )
    assert again["restarts"] == 1

    gone = manager.hostler("service", "uninstall", "--user")
    assert gone.returncode == 0, gone.stderr
    units = manager.home / ".config" / "systemd" / "user"
    assert [path for path in units.rglob("*") if not path.is_dir()] == []
    assert manager.hostler("service", "status", "--user").returncode == 3
    assert not Path(str(first["socket"])).exists()


def test_under_the_hardening_of_the_machines_unit_locations_fork_and_runs_succeed(
    manager: Manager,
) -> None:
    """The unit of the machine in the manager that can be had here.

    Without its user, and without what remounts folders: a user's manager in a namespace of its
    own cannot do that.
    """
    (manager.home / "a.py").write_text(LOCATION)
    workspace = manager.home / "workspace.yaml"
    workspace.write_text("load_from: [python_file: a.py]\n")
    units = manager.home / ".config" / "systemd" / "user"
    units.mkdir(parents=True)
    unit = ServiceUnit("hostlerd", is_user=False, folder=units)
    version = Systemd(is_user=True).version
    text = unit_text(unit, find_program(), workspace, "root", version)
    unit.path.write_text(
        re.sub(r"^(User|PrivateTmp|Protect\w+)=.*\n", "", text, flags=re.MULTILINE)
    )
    manager.run("systemctl", "--user", "daemon-reload")
    started = manager.run("systemctl", "--user", "start", "hostlerd")
    assert started.returncode == 0, manager.run("systemctl", "--user", "status", "hostlerd").stdout
    socket = manager.runtime / "hostlerd" / "hostlerd.sock"
    assert socket.stat().st_mode & 0o777 == 0o660
    command = ("pipeline", "execute", "ones", "--socket", str(socket))
    for _ in range(3):
        done = manager.hostler(*command)
        assert done.returncode == 0, done.stderr
    shown = manager.hostler("ps", "--json", "--socket", str(socket))
    (location,) = json.loads(shown.stdout)["locations"]
    assert location["state"] == "READY"
    assert location["forkMode"] == "FORK"
    assert location["watchMode"] == "NATIVE"
    main = Path(f"/proc/{json.loads(shown.stdout)['daemon']['pid']}/status").read_text()
    assert "NoNewPrivs:\t1" in main
    assert "Seccomp:\t2" in main
    stopped = manager.run("systemctl", "--user", "stop", "hostlerd")
    assert stopped.returncode == 0, stopped.stderr
