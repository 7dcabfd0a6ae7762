"""Fixtures: processes of locations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from component.host.host_process import GOOD, INTERPRETERS, Host, hosted, load

from hostler.daemon.processes import runtime
from hostler.host.wire import Status

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
    """Returns what starts a process, once for each interpreter."""
    return lambda: hosted(INTERPRETERS[request.param], runtime_folder)


@pytest.fixture
def host(start: Callable[[], contextlib.AbstractContextManager[Host]]) -> Iterator[Host]:
    """Starts a process, which has said hello."""
    with start() as made:
        made.hello()
        yield made


@pytest.fixture
def loaded(host: Host, tmp_path: Path) -> Host:
    """Starts a process, which has loaded GOOD."""
    assert load(host, tmp_path, GOOD).code == Status.OK
    return host
