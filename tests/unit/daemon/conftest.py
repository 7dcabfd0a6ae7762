"""For all tests of the daemon's parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hostler.daemon.locations import standby
from hostler.daemon.templates import spare

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", autouse=True)
def _memory() -> Iterator[None]:
    """The memory that the machine has left is not for a test to depend on."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (spare, standby):
            patch.setattr(module, "memory_is_scarce", lambda: False)
        yield
