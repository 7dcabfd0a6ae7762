"""Fixtures: the environment of a template."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from component.host.template_process import Place

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path, runtime_folder: Path) -> Place:
    return Place(tmp_path, runtime_folder)
