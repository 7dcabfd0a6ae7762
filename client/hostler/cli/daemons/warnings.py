"""Warnings that a command prints beside its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostler.cli.terminal.messages import say
from hostler.cli.text.locations import failure_reason
from hostler.cli.text.problems import problem_text
from hostler.client.names import location_id

if TYPE_CHECKING:
    from hostler.client.client import Client
    from hostler.v1.workspace_pb2 import Location


def warn_of_problems(client: Client) -> bool:
    """Says what is wrong with the workspace files; returns whether anything is."""
    problems = client.workspace().problems
    for problem in problems:
        say("the workspace file is not valid, the last valid one goes on: " + problem_text(problem))
    return bool(problems)


def warn_if_outdated(location: Location) -> None:
    """Says so where the code on disk does not load and an older generation answers."""
    if location.HasField("error") and location.serving:
        say(
            f"{location_id(location.name)}: the newest code does not load, generation "
            f"{location.generation} answers: {failure_reason(location)}"
        )
