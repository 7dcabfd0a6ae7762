"""The text of a workspace file for a project."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import yaml

from hostler.cli.projects.environments import environment_for, interpreter_of
from hostler.cli.projects.project import module_of

if TYPE_CHECKING:
    from pathlib import Path

    from hostler.cli.projects.project import Project


def workspace_text(project: Project) -> str:
    """Returns a workspace file with an entry for each location of a project.

    Paths in it are relative to the project's folder.
    """
    lines = ["# Written by hostler init. Every key: docs/workspace.md", "load_from:"]
    names = Counter(_name(file) for file in project.locations)
    for file in project.locations:
        name = _name(file)
        if names[name] > 1:  # the path tells them apart
            name = ".".join(file.relative_to(project.root).with_suffix("").parts)
        name = "-".join(name.split())  # which has no white space
        environment = environment_for(file, project.environments)
        if environment is None:
            lines.append("  # with the interpreter that hostler itself has")
        entry = _entry(project, file, name if name != _name(file) else None, environment)
        text = yaml.safe_dump([entry], sort_keys=False, allow_unicode=True, width=1000)
        lines += [f"  {line}" for line in text.splitlines()]
    for file in project.unclear:
        path = file.relative_to(project.root)
        lines.append(f"  # {path} has several pipelines and no repository: name one as attribute")
    return "\n".join(lines) + "\n"


def _name(file: Path) -> str:
    """Returns what a location is called without a location_name."""
    module = module_of(file)
    return module[0] if module else file.name


def _entry(
    project: Project, file: Path, name: str | None, environment: Path | None
) -> dict[str, Any]:
    def relative(path: Path) -> str:
        return str(path.relative_to(project.root)) or "."

    named = {"location_name": name} if name else {}
    module = module_of(file)
    target: dict[str, Any]
    if module is None:
        path = relative(file)
        target = {"python_file": {"relative_path": path, **named} if named else path}
    else:
        dotted, folder = module
        # where it is not below the project, the project is a part of the package
        is_inside = folder.is_relative_to(project.root)
        place = relative(folder) if is_inside else str(folder)
        extra = named if folder == project.root else {"working_directory": place, **named}
        target = {"python_module": {"module_name": dotted, **extra} if extra else dotted}
    interpreter = interpreter_of(environment) if environment else None
    if interpreter is None:
        return target
    return {"python_environment": {"executable_path": relative(interpreter), "target": target}}
