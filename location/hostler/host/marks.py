"""The mark in a process's environment that names its owner, as /proc shows it.

The keeper reads the mark from the environment that a process was started with. A fork has its
parent's mark, whatever `os.environ` says, and processes that it forks and leaves behind would count
as the template's. So a template is started with free room behind its mark, and each fork writes its
own mark there.
"""

from __future__ import annotations

import os

_MARK = "HOSTLER_OWNER"
_ROOM = "HOSTLER_ROOM"


class OwnerMark:
    """The mark of this process, and where in memory it stands.

    Made at the start of the process: removes the room from `os.environ`, for the user's code.
    """

    def __init__(self) -> None:
        self._address = self._length = 0
        if os.environ.pop(_ROOM, None) is not None:
            try:
                self._find()
            except OSError:
                pass  # the system hides the environment from its own process; see `write`

    def _find(self) -> None:
        with open("/proc/self/environ", "rb") as file:
            block = file.read()
        begin = _position(block, _MARK)
        room = _position(block, _ROOM)
        if begin < 0 or room < begin:
            return
        self._length = block.index(b"\0", room) - begin
        with open("/proc/self/stat", "rb") as file:
            fields = file.read().rpartition(b") ")[2].split()
        self._address = int(fields[47]) + begin  # env_start; see proc_pid_stat(5)

    def write(self, owner: str) -> None:
        """Puts the mark of another owner there; in a fork."""
        os.environ[_MARK] = owner
        mark = f"{_MARK}={owner}".encode("utf-8", "surrogateescape")
        if not self._address or len(mark) > self._length:
            return  # what it leaves behind is found by its session
        try:
            with open("/proc/self/mem", "r+b", buffering=0) as memory:
                memory.seek(self._address)
                memory.write(mark.ljust(self._length, b"\0"))
        except OSError:
            pass  # the system does not let a process write its own memory; as above


def _position(block: bytes, name: str) -> int:
    needle = name.encode() + b"="
    return 0 if block.startswith(needle) else block.find(b"\0" + needle) + 1 or -1
