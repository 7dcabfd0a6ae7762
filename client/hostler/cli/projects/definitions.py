"""Which definitions a Python file has at its top level: its text is parsed, never executed."""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_PACKAGE = "hostler.definitions"

#: What makes a repository, or a pipeline: a decorator or a call.
_KINDS = {
    "repository": "repository",
    "RepositoryDefinition": "repository",
    "pipeline": "pipeline",
    "PipelineDefinition": "pipeline",
}

#: Bytes; a larger file is data.
_MAX_SIZE = 2_000_000


@dataclass(frozen=True, slots=True)
class FoundDefinitions:
    """Holds what a file defines, and what it imports.

    Attributes:
        repositories: names of the variables and functions, in the order of the file.
        pipelines: likewise.
        imports: the dotted names of modules, as they are written.
        uses_dagster: whether it imports Dagster.
    """

    repositories: list[str] = field(default_factory=list)
    pipelines: list[str] = field(default_factory=list)
    imports: set[str] = field(default_factory=set)
    uses_dagster: bool = False


def definitions_in(file: Path) -> FoundDefinitions:
    """Returns what a file defines; nothing where it cannot be read or parsed."""
    found = FoundDefinitions()
    try:
        if file.stat().st_size > _MAX_SIZE:
            return found
        text = file.read_bytes()
        if b"hostler" not in text and b"dagster" not in text and b"import" not in text:
            return found
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the user's code, as for an invalid escape
            module = ast.parse(text)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return found
    names = _Names()
    for node in ast.walk(module):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names.add(node)
    for statement in module.body:
        name, kind = _definition(statement, names)
        if kind == "repository":
            found.repositories.append(name)
        elif kind == "pipeline":
            found.pipelines.append(name)
    uses_dagster = any(name.partition(".")[0] == "dagster" for name in names.modules)
    return FoundDefinitions(found.repositories, found.pipelines, names.modules, uses_dagster)


class _Names:
    """Knows what the names of a module mean that it has imported from the definitions."""

    def __init__(self) -> None:
        self.modules: set[str] = set()
        self._kinds: dict[str, str] = {}
        self._prefixes: set[str] = set()

    def add(self, node: ast.Import | ast.ImportFrom) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                self.modules.add(alias.name)
                if alias.name == _PACKAGE:
                    self._prefixes.add(alias.asname or _PACKAGE)
            return
        module = node.module or ""
        for alias in node.names:
            self.modules.add(module)
            self.modules.add(f"{module}.{alias.name}".strip("."))
            if module == _PACKAGE and alias.name in _KINDS:
                self._kinds[alias.asname or alias.name] = _KINDS[alias.name]
            elif f"{module}.{alias.name}" == _PACKAGE:
                self._prefixes.add(alias.asname or alias.name)

    def kind(self, node: ast.expr) -> str:
        """Returns what a decorator or a call makes: "repository", "pipeline", or ""."""
        if isinstance(node, ast.Call):
            return self.kind(node.func)
        if isinstance(node, ast.Name):
            return self._kinds.get(node.id, "")
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in self._prefixes:
            return _KINDS.get(node.attr, "")
        return ""


def _definition(statement: ast.stmt, names: _Names) -> tuple[str, str]:
    """Returns the name of a top-level definition and its kind; the kind is "" for no definition."""
    if isinstance(statement, ast.FunctionDef):
        kinds = [kind for one in statement.decorator_list if (kind := names.kind(one))]
        return statement.name, kinds[0] if kinds else ""
    if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
        target = statement.targets[0]
        if isinstance(target, ast.Name):
            return target.id, names.kind(statement.value)
    return "", ""
