"""Makes the paths of a workspace file absolute.

Symlinks are never resolved: the interpreter of a virtual environment is one, and works as that
alone. No path has to exist.
"""

from __future__ import annotations

import glob
import os
import pwd
import shutil
from typing import TYPE_CHECKING

from hostler.daemon.base.reachable import is_file
from hostler.daemon.workspace.text.problems import quote_short

if TYPE_CHECKING:
    from collections.abc import Mapping


class UnknownHomeError(Exception):
    """`~` or `~user` stands for no folder.

    Attributes:
        path: what cannot be expanded.
        user: the name after `~`; empty where there is none.
    """

    def __init__(self, path: str, user: str) -> None:
        super().__init__(path, user)
        self.path = path
        self.user = user

    def message(self, secret: str = "") -> str:
        """Returns the message; `secret` stands in it for a path that may not be shown."""
        shown = secret or quote_short(self.path)
        user = "such user" if secret else f"user {quote_short(self.user)}"
        reason = f"there is no {user}" if self.user else "HOME is not set"
        return f"cannot expand {shown}: {reason}; write the whole path"


class Paths:
    """Resolves paths against one folder."""

    def __init__(self, folder: str, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self._environ = environ

    def absolute(self, path: str) -> str:
        """Returns the absolute path.

        Raises:
            UnknownHomeError: for a `~` without a home.
        """
        home, rest = self._split_home(path)
        return os.path.normpath(os.path.join(self.folder, home + rest))  # noqa: PTH118 - a string

    def pattern(self, pattern: str) -> str:
        """Returns the absolute glob; special characters in the names of folders are escaped.

        Raises:
            UnknownHomeError: for a `~` without a home.
        """
        home, rest = self._split_home(pattern)
        if home:
            return os.path.normpath(_escape(home) + rest)
        return os.path.normpath(os.path.join(_escape(self.folder), rest))  # noqa: PTH118

    def executable(self, path: str) -> str:
        """Returns the absolute path of a program.

        A bare name is looked up in the folder, then on PATH; where neither has it, the folder's.

        Raises:
            UnknownHomeError: for a `~` without a home.
        """
        here = self.absolute(path)
        if "/" in path or path.startswith("~") or is_file(here):
            return here
        found = shutil.which(path, path=self._environ.get("PATH", os.defpath))
        return here if found is None else self.absolute(found)

    def _split_home(self, path: str) -> tuple[str, str]:
        """Returns the folder that a leading `~` stands for, empty for none, and the rest."""
        if not path.startswith("~"):
            return "", path
        user, slash, rest = path[1:].partition("/")
        try:
            if user:
                home = pwd.getpwnam(user).pw_dir
            else:
                home = self._environ.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            raise UnknownHomeError(path, user) from None
        return home, slash + rest


def _escape(folder: str) -> str:
    return glob.escape(folder).replace("{", "[{]")
