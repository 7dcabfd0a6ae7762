"""Clauses of a selection: which solids of a graph "*total" and the like stand for."""

from __future__ import annotations

from hostler.definitions._names import suggestion
from hostler.definitions._preview import preview
from hostler.definitions.errors import SelectionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Mapping, Sequence

    from hostler.definitions.graph import SolidNode


def selected_names(pipeline: str, nodes: Iterable[SolidNode], solids: Sequence[str]) -> set[str]:
    """Returns the names of the solids that clauses select.

    Args:
        pipeline: its name, for messages.
        nodes: the whole of it.
        solids: each the name of a solid; with a `*` in front all that it depends on is selected as
            well, with a `*` behind all that depends on it, with a `+` for each `+` one step further
            in that direction.

    Raises:
        SelectionError: a name is unknown or cannot be read, or there is none; lists all problems.
    """
    feeding: dict[str, set[str]] = {
        node.name: {one.solid for references in node.sources.values() for one in references}
        for node in nodes
    }
    fed: dict[str, set[str]] = {name: set() for name in feeding}
    for name, sources in feeding.items():
        for one in sources:
            fed[one].add(name)
    chosen: set[str] = set()
    problems: list[str] = []
    for clause in solids:
        try:
            before, name, after = _parse(clause)
        except ValueError as error:
            problems.append(str(error))
            continue
        if name not in feeding:
            problems.append(f"{preview(name, 60)}: unknown; {suggestion(name, feeding)}")
            continue
        chosen |= _reachable(name, feeding, before) | _reachable(name, fed, after)
    if not solids:
        problems.append(f"no solid is named; {suggestion(None, feeding)}")
    if problems:
        raise SelectionError(pipeline, problems)
    return chosen


def _parse(clause: object) -> tuple[int | None, str, int | None]:
    """Returns the steps upstream, the name, and the steps downstream; None for all steps.

    Raises:
        ValueError: it cannot be read; the message says why.
    """
    if isinstance(clause, str):
        name = clause.strip("*+")
        before, _, after = clause.partition(name) if name else (clause, "", "")
        steps = [_steps(before), _steps(after)]
        if name and -1 not in steps:
            return steps[0], name, steps[1]
    raise ValueError(
        f"{preview(clause, 60)}: expected the name of a solid, with one * or some + in front of it "
        "or behind"
    )


def _steps(marks: str) -> int | None:
    """Returns how many steps the marks select; None for all, -1 for marks without a meaning."""
    if marks == "*":
        return None
    return len(marks) if not marks.strip("+") else -1


def _reachable(start: str, edges: Mapping[str, set[str]], steps: int | None) -> set[str]:
    """Returns the names within so many steps of the start, and the start itself."""
    found = {start}
    frontier = found
    while frontier and steps != 0:
        frontier = {one for name in frontier for one in edges[name]} - found
        found = found | frontier
        steps = None if steps is None else steps - 1
    return found
