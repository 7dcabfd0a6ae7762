"""The imports of a location as rows: the slowest first, or as a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostler.cli.terminal.table import Column
from hostler.cli.text.formats import to_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hostler.v1.workspace_pb2 import ModuleImport

COLUMNS = (
    Column("SELF", align_right=True),
    Column("TOTAL", align_right=True),
    Column("MODULE"),
)


def import_rows(modules: Sequence[ModuleImport]) -> list[tuple[str, str, str]]:
    """Returns a row for each module, that with the longest time of its own first."""
    ordered = sorted(modules, key=lambda one: to_seconds(one.self_duration), reverse=True)
    return [_row(module, module.name) for module in ordered]


def tree_rows(modules: Sequence[ModuleImport]) -> list[tuple[str, str, str]]:
    """Returns a row for each module, below it those that it imports; the slowest first.

    Args:
        modules: each after those that it imports, as they are measured.
    """
    #: By depth, the modules whose importer has not come yet, each with the rows below it.
    waiting: dict[int, list[tuple[ModuleImport, list[tuple[str, str, str]]]]] = {}
    for module in modules:
        below = _sorted_rows(waiting.pop(module.depth + 1, []))
        waiting.setdefault(module.depth, []).append((module, below))
    return [row for depth in sorted(waiting) for row in _sorted_rows(waiting[depth])]


def _sorted_rows(
    branches: list[tuple[ModuleImport, list[tuple[str, str, str]]]],
) -> list[tuple[str, str, str]]:
    branches.sort(key=lambda branch: to_seconds(branch[0].total_duration), reverse=True)
    rows = []
    for module, below in branches:
        rows += [_row(module, "  " * module.depth + module.name), *below]
    return rows


def _row(module: ModuleImport, name: str) -> tuple[str, str, str]:
    own, total = (to_seconds(one) * 1e3 for one in (module.self_duration, module.total_duration))
    return f"{own:.1f} ms", f"{total:.1f} ms", name
