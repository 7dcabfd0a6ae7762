"""docs/states.md, drawn from the tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hostler.daemon.state import diagram, fork_policy, location, process

if TYPE_CHECKING:
    from hostler.daemon.state.rules import Table

ROOT = Path(__file__).parents[4]


def test_the_page_is_current() -> None:
    assert (ROOT / "docs" / "states.md").read_text() == diagram.document(), "run ./dev gen"


def test_the_page_has_each_rule_and_each_arrow() -> None:
    text = diagram.document()
    tables: tuple[Table[Any, Any, Any], ...] = (
        process.TABLE,
        location.LOAD,
        location.SERVING,
        fork_policy.TRUST,
    )
    for table in tables:
        assert f"## {table.name}\n" in text
        assert f"[*] --> {table.initial.name}\n" in text
        for (state, event), rule in table.pairs().items():
            effects = ", ".join(effect.value for effect in rule.effects)
            row = f"| {state.name} | {event.value} | {rule.state.name} | {effects} |"
            assert row in text.splitlines()
            assert any(
                line.strip().startswith(f"{state.name} --> {rule.state.name}: ")
                and event.value in line.partition(": ")[2].split(", ")
                for line in text.splitlines()
            )
