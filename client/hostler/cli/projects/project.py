"""A project: the files with definitions and the environments below a folder."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from hostler.cli.projects.definitions import FoundDefinitions, definitions_in
from hostler.cli.projects.environments import interpreter_of

#: Folders that hold no code of the project's own; hidden ones are left out as well.
_SKIPPED = {"node_modules", "__pycache__", "site-packages", "build", "dist", "tests", "test"}

#: Levels of folders, and files, that are looked at: more than people lay out by hand.
_LEVELS = 8
MOST_FILES = 20_000


@dataclass(slots=True)
class Project:
    """Holds what was found.

    Attributes:
        root: the folder.
        locations: the files that are to be locations, in the order of their paths.
        unclear: files with several pipelines and no repository.
        dagster: files that import Dagster.
        environments: their folders.
        is_cut: whether there were more files than are looked at.
    """

    root: Path
    locations: list[Path] = field(default_factory=list)
    unclear: list[Path] = field(default_factory=list)
    dagster: list[Path] = field(default_factory=list)
    environments: list[Path] = field(default_factory=list)
    is_cut: bool = False


def find_project(root: Path) -> Project:
    """Looks through a folder.

    A file with a repository is a location. One without, but with a pipeline, is one unless another
    file imports it.
    """
    project = Project(root)
    found: dict[Path, FoundDefinitions] = {}
    for file in _python_files(root, project):
        definitions = definitions_in(file)
        found[file] = definitions
        if definitions.uses_dagster:
            project.dagster.append(file)
    imported = {name.rpartition(".")[2] for each in found.values() for name in each.imports}
    for file, definitions in found.items():
        is_imported = file.stem in imported
        if definitions.repositories or (len(definitions.pipelines) == 1 and not is_imported):
            project.locations.append(file)
        elif definitions.pipelines and not is_imported:
            project.unclear.append(file)
    return project


def module_of(file: Path) -> tuple[str, Path] | None:
    """Returns the dotted name of a file in a package and the folder that it is imported from.

    None for a file that lies in no package.
    """
    names = [] if file.stem == "__init__" else [file.stem]
    folder = file.parent
    while (folder / "__init__.py").is_file():
        names.append(folder.name)
        folder = folder.parent
    if folder == file.parent or not all(name.isidentifier() for name in names):
        return None
    return ".".join(reversed(names)), folder


def _is_code(name: str) -> bool:
    is_test = name == "conftest.py" or name.startswith("test_")
    return name.endswith(".py") and not is_test


def _python_files(root: Path, project: Project) -> list[Path]:
    """Returns the Python files below a folder; adds the environments to the project."""
    files: list[Path] = []
    for name, folders, names in os.walk(root):
        folder = Path(name)
        kept = []
        for each in sorted(folders):
            if interpreter_of(folder / each):
                project.environments.append(folder / each)
            elif each not in _SKIPPED and not each.startswith("."):
                kept.append(each)
        is_deep = len(folder.relative_to(root).parts) >= _LEVELS
        folders[:] = [] if is_deep else kept
        files += [folder / each for each in sorted(names) if _is_code(each)]
        if len(files) > MOST_FILES:
            project.is_cut = True
            return files[:MOST_FILES]
    return files
