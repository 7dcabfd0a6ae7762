"""Processes of locations for the tests of what runs in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from component.host import INTERPRETERS, Host, hosted

from hostler.daemon import runtime

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def runtime_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    prepared = runtime.prepare(tmp_path_factory.mktemp("cache"))
    yield prepared.path
    prepared.close()


@pytest.fixture(params=INTERPRETERS)
def start(
    request: pytest.FixtureRequest, runtime_folder: Path
) -> Callable[[], contextlib.AbstractContextManager[Host]]:
    """Starts a process of each interpreter."""
    return lambda: hosted(INTERPRETERS[request.param], runtime_folder)


@pytest.fixture
def host(start: Callable[[], contextlib.AbstractContextManager[Host]]) -> Iterator[Host]:
    """A process that has greeted."""
    with start() as made:
        made.hello()
        yield made
