"""hostler service: the unit, the real systemd-analyze, and a systemctl that notes its orders."""

from __future__ import annotations

import getpass
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.shell_completion import ShellComplete

from hostler.cli.daemons import systemd
from hostler.cli.daemons.service_unit import ServiceUnit, config_folder, unit_text
from hostler.cli.main import hostler as root

if TYPE_CHECKING:
    from collections.abc import Callable

    from component.cli.commands import Outcome

#: The most that `systemd-analyze security` may say of a unit of the machine.
MAX_EXPOSURE = 5.0

ANALYZE = shutil.which("systemd-analyze")

needs_analyze = pytest.mark.skipif(
    ANALYZE is None, reason="systemd-analyze is missing: apt-get install systemd"
)

SYSTEMCTL = """#!/bin/sh
[ "$1" = --version ] && { echo 'systemd 255 (255.4)'; exit 0; }
echo "$*" >>"$SYSTEMCTL_LOG"
case "$*" in
    *show*) printf 'ActiveState=active\\nSubState=running\\nUnitFileState=enabled\\nMainPID=77\\n'
        printf 'StatusText=2 READY, 1 FAILED\\nNRestarts=3\\n' ;;
    *$SYSTEMCTL_FAILS*) echo "Job for hostlerd.service failed." >&2; exit 1 ;;
esac
"""


class Machine:
    """Stands for a machine with systemd: its folder of units, and the orders that it was given."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.units = folder / "units"
        self.units.mkdir()
        self.workspace = folder / "workspace.yaml"
        self.workspace.write_text("load_from: []\n")
        self._log = folder / "orders"
        (folder / "bin").mkdir()
        fake = folder / "bin" / "systemctl"
        fake.write_text(SYSTEMCTL)
        fake.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder / 'bin'}:{os.environ['PATH']}")
        monkeypatch.setenv("SYSTEMCTL_LOG", str(self._log))
        monkeypatch.setenv("SYSTEMCTL_FAILS", "nothing")
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
        monkeypatch.setattr(systemd, "BOOTED", folder)
        self.options = ("--unit-dir", str(self.units))

    def install(self, *more: str) -> tuple[str, ...]:
        workspace = ("-w", str(self.workspace), "--run-as", getpass.getuser())
        return ("service", "install", *self.options, *workspace, *more)

    @property
    def orders(self) -> list[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_install_writes_enables_and_tells_and_uninstall_leaves_nothing(
    machine: Machine, hostler: Callable[..., Outcome]
) -> None:
    done = hostler(*machine.install())
    assert done.code == 0, done.err
    unit = machine.units / "hostlerd.service"
    text = unit.read_text()
    assert f"--workspace {machine.workspace} " in text
    assert f"User={getpass.getuser()}\n" in text
    assert machine.orders == [
        "daemon-reload",
        "enable hostlerd.service",
        "restart hostlerd.service",
    ]
    assert f"write {unit}" in done.out
    assert "on /run/hostlerd/hostlerd.sock" in done.out
    assert "journalctl -u hostlerd" in done.out

    again = hostler(*machine.install())
    assert again.code == 0
    assert unit.read_text() == text

    gone = hostler("service", "uninstall", *machine.options)
    assert gone.code == 0
    assert machine.orders[-2:] == ["disable --now hostlerd.service", "daemon-reload"]
    assert list(machine.units.iterdir()) == []
    assert "/var/lib/hostlerd" in gone.out


def test_a_name_of_its_own_has_folders_of_its_own(
    machine: Machine, hostler: Callable[..., Outcome]
) -> None:
    assert hostler(*machine.install("--name", "team-b")).code == 0
    text = (machine.units / "team-b.service").read_text()
    for line in ("RuntimeDirectory", "StateDirectory", "LogsDirectory", "CacheDirectory"):
        assert f"\n{line}=team-b\n" in text
    assert "--socket %t/team-b/hostlerd.sock --state %S/team-b --logs %L/team-b" in text
    assert (
        hostler("service", "uninstall", *machine.options, "--name", "team-b", "--purge").code == 0
    )
    assert "clean --what=state,logs,cache,runtime team-b.service" in machine.orders


def test_of_a_user(machine: Machine, hostler: Callable[..., Outcome]) -> None:
    done = hostler(*machine.install("--user"))
    assert done.code == 0, done.err
    text = (machine.units / "hostlerd.service").read_text()
    assert "User=" not in text
    assert "WantedBy=default.target" in text
    assert machine.orders[0] == "--user daemon-reload"
    socket = re.search(r"--socket (\S+)", done.out)
    assert socket
    assert Path(socket[1]).parent.name == "hostler"
    assert hostler("service", "uninstall", *machine.options, "--user").code == 0
    refused = hostler("service", "uninstall", *machine.options, "--user", "--purge")
    assert refused.code == 2


def test_a_dry_run_and_a_machine_without_systemd_change_nothing(
    machine: Machine, hostler: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    dry = hostler(*machine.install("--dry-run"))
    assert dry.code == 0
    assert "would write" in dry.out
    assert "would run systemctl enable hostlerd.service" in dry.out
    assert "Type=notify-reload" in dry.out
    monkeypatch.setattr(systemd, "BOOTED", machine.units / "nothing")
    without = hostler(*machine.install())
    assert without.code == 1
    assert without.out == dry.out
    assert "was not booted with systemd" in without.err
    assert list(machine.units.iterdir()) == []
    assert machine.orders == []


def test_a_start_that_fails_is_told_with_what_systemd_says(
    machine: Machine, hostler: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYSTEMCTL_FAILS", "restart")
    done = hostler(*machine.install())
    assert done.code == 1
    assert "cannot run `systemctl restart hostlerd.service`: Job for hostlerd" in done.err
    assert "serves" not in done.out


def test_a_unit_of_somebody_else_is_left_alone(
    machine: Machine, hostler: Callable[..., Outcome]
) -> None:
    theirs = machine.units / "hostlerd.service"
    theirs.write_text("[Service]\nExecStart=/bin/true\n")
    for arguments in (machine.install(), ("service", "uninstall", *machine.options)):
        done = hostler(*arguments)
        assert done.code == 1
        assert "has not written it" in done.err
    assert theirs.read_text() == "[Service]\nExecStart=/bin/true\n"
    assert machine.orders == []


def test_what_is_missing_is_named(machine: Machine, hostler: Callable[..., Outcome]) -> None:
    nobody = hostler(*machine.install("--run-as", "no-such-user"))
    assert nobody.code == 1
    assert "useradd --system" in nobody.err
    machine.workspace.unlink()
    assert hostler(*machine.install()).code == 2
    assert hostler(*machine.install("--name", "a b")).code == 2
    assert hostler("service", "uninstall", *machine.options).code == 1
    assert machine.orders == []


def test_status(machine: Machine, hostler: Callable[..., Outcome]) -> None:
    hostler(*machine.install())
    shown = hostler("service", "status", *machine.options)
    assert shown.code == 0
    assert "hostlerd: active, enabled" in shown.out
    assert "2 READY, 1 FAILED" in shown.out
    found = json.loads(hostler("service", "status", *machine.options, "--json").out)
    assert found["installed"]
    assert (found["pid"], found["restarts"]) == (77, 3)
    assert found["workspace"] == str(machine.workspace)
    assert found["socket"] == "/run/hostlerd/hostlerd.sock"


def test_names_of_services_are_completed(machine: Machine, hostler: Callable[..., Outcome]) -> None:
    for name in ("team-a", "team-b", "other"):
        assert hostler(*machine.install("--name", name)).code == 0
    (machine.units / "team-c.service").write_text("[Service]\n")
    shell = ShellComplete(root, {}, "hostler", "_HOSTLER_COMPLETE")
    words = ["service", "status", *machine.options, "--name"]
    assert [each.value for each in shell.get_completions(words, "te")] == ["team-a", "team-b"]


def test_status_without_systemd(
    machine: Machine, hostler: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd, "BOOTED", machine.units / "nothing")
    shown = hostler("service", "status", *machine.options)
    assert shown.code == 3
    assert "not installed by hostler" in shown.out
    assert "cannot ask systemd" in shown.err


AWKWARD = '/srv/team $a/50% "x"/workspace.yaml'


@pytest.mark.parametrize("file", ["/srv/a/workspace.yaml", AWKWARD])
def test_any_path_comes_back_from_the_unit(tmp_path: Path, file: str) -> None:
    unit = ServiceUnit("hostlerd", is_user=False, folder=tmp_path)
    unit.path.write_text(unit_text(unit, Path("/bin/true"), Path(file), "root", 255))
    assert unit.exists
    assert unit.workspace == file


def systemd_version() -> int:
    return systemd.Systemd(is_user=False).version


@needs_analyze
@pytest.mark.parametrize("file", ["/srv/a/workspace.yaml", AWKWARD])
@pytest.mark.parametrize("is_user", [False, True])
def test_the_units_are_clean_for_systemd_itself(tmp_path: Path, is_user: bool, file: str) -> None:
    unit = ServiceUnit("hostlerd", is_user, tmp_path)
    text = unit_text(unit, Path("/bin/true"), Path(file), "root", systemd_version())
    unit.path.write_text(text)
    assert analyze("verify", "--user" if is_user else "--system", str(unit.path)) == ""


@needs_analyze
def test_the_unit_for_several_workspaces_is_clean_too(tmp_path: Path) -> None:
    text = (config_folder() / "hostlerd@.service").read_text()
    text = text.replace("/opt/hostler/bin/hostlerd", "/bin/true")
    if systemd_version() < 253:
        text = text.replace("Type=notify-reload", "Type=notify")
    (tmp_path / "hostlerd@a.service").write_text(text)
    assert analyze("verify", str(tmp_path / "hostlerd@a.service")) == ""


@needs_analyze
@pytest.mark.parametrize("name", ["hostlerd.service", "hostlerd@.service"])
def test_the_exposure_is_small(name: str) -> None:
    said = analyze("security", "--offline=true", str(config_folder() / name))
    found = re.search(r"Overall exposure level for \S+: (\d+\.\d+)", said)
    assert found, said
    assert float(found[1]) <= MAX_EXPOSURE


def analyze(*arguments: str) -> str:
    """Returns what systemd-analyze says."""
    assert ANALYZE is not None
    done = subprocess.run(
        [ANALYZE, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env={**os.environ, "XDG_RUNTIME_DIR": "/tmp", "SYSTEMD_COLORS": "0"},
    )
    return done.stdout


def test_the_two_units_of_the_machine_agree() -> None:
    one, several = (
        {
            line
            for line in (config_folder() / name).read_text().splitlines()
            if line and not line.startswith(("#", "Description"))
        }
        for name in ("hostlerd.service", "hostlerd@.service")
    )
    named = {
        line.replace("hostlerd/%i", "hostlerd").replace("/etc/hostler/%i/", "/etc/hostler/")
        for line in several
    }
    assert named == one
