"""A rehearsal in this process."""

from __future__ import annotations

import itertools
import sys

from hostler.host import finder, imports, rehearsal


def test_it_ends_as_soon_as_somebody_waits() -> None:
    asked = itertools.count()
    rehearsal.rehearse(rehearsal.MAX_BYTES, (), lambda: next(asked) == 1, imports.Preloaded())
    assert next(asked) == 2


def test_it_asks_between_its_parts_and_leaves_nothing() -> None:
    asked = itertools.count()

    def is_wanted() -> bool:
        next(asked)
        return False

    rehearsal.rehearse(0, (), bool, imports.Preloaded())  # imports what it needs
    before = list(sys.modules), list(sys.meta_path), list(sys.path_hooks), list(sys.path)
    rehearsal.rehearse(rehearsal.MAX_BYTES, (), is_wanted, imports.Preloaded())
    assert next(asked) > 10
    assert before == (
        list(sys.modules),
        list(sys.meta_path),
        list(sys.path_hooks),
        list(sys.path),
    )
    assert not finder.is_installed()
