"""The file systems on which another machine, or the host, writes without an inotify event."""

from __future__ import annotations

import re
from pathlib import Path

#: The kinds that are kept on another machine or by the host; FUSE's disks (fuseblk) are local.
REMOTE = frozenset(
    {
        "9p", "afs", "beegfs", "ceph", "cifs", "coda", "drvfs", "fuse", "glusterfs", "gpfs",
        "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "prl_fs", "smb3", "smbfs",
        "vboxsf", "virtiofs", "vmhgfs",
    }
)  # fmt: skip

# Blanks and backslashes of a mount point are written in octal.
_OCTAL = re.compile(r"\\([0-7]{3})")


class Mounts:
    """Knows the mounted file systems, as they were at the last `refresh`."""

    def __init__(self, table: str | None = None) -> None:
        self._remote: dict[str, bool] = {}
        if table is None:
            self.refresh()
        else:
            self._parse(table)

    def refresh(self) -> None:
        """Reads /proc/mounts again; where there is none, every file system counts as local."""
        try:
            table = Path("/proc/mounts").read_text("utf-8", "surrogateescape")
        except OSError:
            table = ""
        self._parse(table)

    def is_remote(self, folder: str) -> bool:
        """Returns whether changes in this folder may come without an event.

        Args:
            folder: absolute, without links.
        """
        while folder not in self._remote:
            if folder in {"/", ""}:
                return False
            folder = folder.rpartition("/")[0] or "/"
        return self._remote[folder]

    def _parse(self, table: str) -> None:
        remote = {}
        for line in table.splitlines():
            _, point, kind, *_ = line.split(" ")
            point = _OCTAL.sub(lambda code: chr(int(code[1], 8)), point)
            # A later line covers an earlier one of the same mount point.
            remote[point] = kind in REMOTE or kind.startswith("fuse.")
        self._remote = remote
