"""Resources where steps have processes of their own: once in each."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from hostler.definitions import (
    PipelineDefinition,
    ResourceContext,
    SolidContext,
    SolidNode,
    resource,
    solid,
)
from hostler.host.execution import execute

if TYPE_CHECKING:
    from collections.abc import Iterator


@resource
def connection(context: ResourceContext) -> Iterator[int]:
    context.log.info("open %d", os.getpid())
    yield os.getpid()
    context.log.info("close %d", os.getpid())


@solid(required_resources={"connection"})
def plain(context: SolidContext) -> int:
    assert context.resources.connection == os.getpid()
    return os.getpid()


@solid(required_resources={"connection"}, timeout=60)
def timed(context: SolidContext) -> int:
    assert context.resources.connection == os.getpid()
    return os.getpid()


@solid(required_resources={"connection"}, timeout=60)
def fails(context: SolidContext) -> int:
    raise ValueError(f"in {context.resources.connection}")


@pytest.mark.parametrize("max_concurrency", [0, 2])
def test_each_process_has_its_own(max_concurrency: int) -> None:
    nodes = [
        SolidNode(plain),
        SolidNode(timed),
        SolidNode(plain, name="again"),
        SolidNode(fails),
        SolidNode(timed, name="last"),
    ]
    made = PipelineDefinition("p", nodes, resources={"connection": connection})
    events: list[tuple[str, str | None, dict[str, Any]]] = []
    result = execute(
        made, {}, "run", lambda *event: events.append(event), max_concurrency=max_concurrency
    )
    assert result.failed_step == "fails"
    assert [step for event, step, _ in events if event == "step_failed"] == ["fails"]
    logged = [data["message"] for event, _, data in events if event == "log_message"]
    opened = [one.removeprefix("open ") for one in logged if one.startswith("open ")]
    closed = [one.removeprefix("close ") for one in logged if one.startswith("close ")]
    assert sorted(opened) == sorted(closed)
    assert len(set(opened)) == len(opened) == (5 if max_concurrency else 4)
    assert (str(os.getpid()) in opened) is (max_concurrency == 0)
