"""The systemd unit of a daemon: its template, its places, and its text for this machine."""

from __future__ import annotations

import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hostler.cli.terminal.exits import CommandError
from hostler.rpc.address import default_socket

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What the templates in config/ name, which is replaced by what this machine has.
_PROGRAM = {False: "/opt/hostler/bin/hostlerd", True: "%h/.local/bin/hostlerd"}
_WORKSPACE = {False: "/etc/hostler/workspace.yaml", True: "%h/hostler/workspace.yaml"}
_TEMPLATE = {False: "hostlerd.service", True: "hostlerd-user.service"}

#: The first line of each unit that `install` has written: no other one is overwritten or removed.
MARK = "# Written by `hostler service install`; `hostler service uninstall` removes it."

#: The first systemd that knows Type=notify-reload.
_NOTIFY_RELOAD = 253

#: Names that systemd takes without escapes, and that are a folder's name as well.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")

#: Words that need no quotes in a unit.
_PLAIN = re.compile(r"[A-Za-z0-9_./:@=+,-]+")


@dataclass(frozen=True, slots=True)
class ServiceUnit:
    """Names the unit of a daemon.

    Attributes:
        name: of the unit, without `.service`.
        is_user: whether it is a unit of this user's manager, not of the machine's.
        folder: where the unit lies.
    """

    name: str
    is_user: bool
    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / f"{self.name}.service"

    @property
    def exists(self) -> bool:
        """Returns whether `install` has written it."""
        return MARK in self.text()

    def text(self) -> str:
        """Returns the text of the unit; "" where there is none."""
        try:
            return self.path.read_text(errors="replace")
        except (FileNotFoundError, NotADirectoryError):
            return ""

    @property
    def command(self) -> str:
        """Returns the command line that its text has; "" for none."""
        found = re.search(r"^ExecStart=(.*)$", self.text(), re.MULTILINE)
        return found[1] if found else ""

    @property
    def workspace(self) -> str:
        """Returns the workspace file that its text has; "" for none."""
        found = re.search(r'--workspace ("(?:[^"\\]|\\.)*"|\S+)', self.command)
        return _unquoted(found[1]) if found else ""

    @property
    def socket(self) -> str:
        """Returns where the daemon serves; "" where the unit does not say."""
        if not self.is_user:
            return f"/run/{self.name}/hostlerd.sock"
        return str(default_socket([Path(self.workspace)], os.environ)) if self.workspace else ""


def unit_folder(environ: Mapping[str, str], *, is_user: bool) -> Path:
    """Returns where the units of the machine, or of this user, are put by hand."""
    if not is_user:
        return Path("/etc/systemd/system")
    base = environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "systemd" / "user"


def find_program() -> Path:
    """Returns the hostlerd that belongs to this command."""
    beside = Path(sys.executable).with_name("hostlerd")
    if beside.exists():
        return beside
    found = shutil.which("hostlerd")
    if found is None:
        raise CommandError(
            f"cannot find hostlerd: neither {beside} nor the PATH has it; install hostler anew"
        )
    return Path(found).absolute()


def config_folder() -> Path:
    """Returns the folder of the templates: in the package, or in the sources it is run from."""
    packaged = Path(__file__).parents[1] / "config"
    return packaged if packaged.is_dir() else Path(__file__).parents[4] / "config"


def unit_text(unit: ServiceUnit, program: Path, workspace: Path, user: str, version: int) -> str:
    """Returns the text of a unit.

    Args:
        user: whom a unit of the machine runs as; its primary group may use the socket.
        version: of systemd; 0 where it is not known, which counts as new.
    """
    lines = (config_folder() / _TEMPLATE[unit.is_user]).read_text().splitlines()
    while lines and lines[0].startswith("#"):
        del lines[0]  # what it says is for readers of the template
    text = "\n".join(lines) + "\n"
    if unit.name != "hostlerd" and not unit.is_user:
        text = re.sub(r"(%[tSLC]/)hostlerd\b", rf"\g<1>{unit.name}", text)
        text = re.sub(r"^(\w+Directory=)hostlerd$", rf"\g<1>{unit.name}", text, flags=re.MULTILINE)
    text = text.replace(_PROGRAM[unit.is_user], _quoted(program))
    shown = str(workspace).replace("%", "%%")
    text = text.replace(f"locations of {_WORKSPACE[unit.is_user]}", f"locations of {shown}")
    text = text.replace(_WORKSPACE[unit.is_user], _quoted(workspace))
    if not unit.is_user:
        text = text.replace("User=hostler\nGroup=hostler\n", f"User={user}\n")
        text = text.replace("SOCKET_GROUP=hostler", f"SOCKET_GROUP={_group(user)}")
        text = text.replace("the group hostler", f"the group {_group(user)}")
    if 0 < version < _NOTIFY_RELOAD:
        reload = "Type=notify\nExecReload=/bin/kill -HUP $MAINPID"
        text = text.replace("Type=notify-reload", reload)
    return f"{MARK}\n{text}"


def require_name(name: str) -> str:
    """Returns the name of a unit without `.service`.

    Raises:
        CommandError: it cannot be the name of a unit and of its folders.
    """
    bare = name.removesuffix(".service")
    if not _NAME.fullmatch(bare):
        raise CommandError(
            f"cannot use {name!r} as the name of a service; use letters, digits, '.', '_' and '-', "
            "such as hostlerd-team-a",
            2,
        )
    return bare


def _group(user: str) -> str:
    """Returns the name of a user's primary group; the user's own name where it is not known."""
    import grp
    import pwd

    try:
        return grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name
    except KeyError:
        return user


def _quoted(path: Path) -> str:
    """Returns a path as a word of ExecStart."""
    text = str(path).replace("%", "%%").replace("$", "$$")
    if _PLAIN.fullmatch(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _unquoted(word: str) -> str:
    if word.startswith('"'):
        word = re.sub(r"\\(.)", r"\1", word[1:-1])
    return word.replace("%%", "%").replace("$$", "$")
