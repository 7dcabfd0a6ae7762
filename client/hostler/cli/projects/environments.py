"""The Python environments in a folder, and which of them belongs to a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

#: What tools call the one environment of a project.
_USUAL = (".venv", "venv", "env", ".env")


def interpreter_of(folder: Path) -> Path | None:
    """Returns the interpreter of the environment that a folder is; None where it is none."""
    is_environment = (folder / "pyvenv.cfg").is_file() or (folder / "conda-meta").is_dir()
    interpreter = folder / "bin" / "python"
    return interpreter if is_environment and interpreter.exists() else None


def environment_for(file: Path, environments: Iterable[Path]) -> Path | None:
    """Returns the environment beside a file, or in the nearest folder above; None for none.

    Args:
        file: a Python file.
        environments: the folders of the environments that there are.
    """
    above = [each for each in environments if each.parent in file.parents]
    return min(above, key=_rank, default=None)


def _rank(environment: Path) -> tuple[int, int, str]:
    """Returns a sort key: the deepest folder first, then the usual names, then the others."""
    name = environment.name
    usual = _USUAL.index(name) if name in _USUAL else len(_USUAL)
    return -len(environment.parts), usual, name
