"""The definitions of a target, from the daemon that runs for it or from a private one."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import click

from hostler.cli.daemons.connection import accepts_connections, connect
from hostler.cli.daemons.loads import await_loaded
from hostler.cli.daemons.private_daemon import private_daemon
from hostler.cli.terminal import exits
from hostler.cli.terminal.exits import CommandError
from hostler.cli.terminal.messages import say
from hostler.cli.text.locations import (
    failure_output,
    failure_reason,
    state_name,
    unknown_location_error,
)
from hostler.client.errors import NotFoundError
from hostler.client.names import (
    DefinitionPath,
    location_id,
    location_name,
    parse_definition,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hostler.cli.options.target import Target
    from hostler.client.client import Client
    from hostler.v1.definitions_pb2 import PipelineSummary
    from hostler.v1.workspace_pb2 import Location


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DefinitionSource:
    """Holds a client of a daemon with definitions, and the locations that do not answer there."""

    client: Client
    #: The locations that are asked for and have no generation that answers.
    absent: list[Location]
    #: Whether their tracebacks are shown: where the daemon ends with the command, or one location
    #: is asked for.
    verbose: bool
    #: Whether the daemon is this command's own, and ends with it.
    is_private: bool = False

    def find_pipeline(
        self, name: str, location: str | None, repository: str | None
    ) -> PipelineSummary:
        """Returns the pipeline of that name, or reports the locations that do not answer."""
        return self._found(self.client.find_pipeline, name, location, repository)

    def find_schedule(
        self, name: str, location: str | None, repository: str | None
    ) -> DefinitionPath:
        """Returns the schedule of that name, as `find_pipeline` does."""
        summary = self._found(self.client.find_schedule, name, location, repository)
        return parse_definition(summary.name)

    def locate_schedule(
        self, name: str, location: str | None, repository: str | None
    ) -> DefinitionPath:
        """Returns the schedule of that name; of a place that is named, without looking for it.

        The daemon has its record also while the location does not answer.
        """
        if location and repository:
            return DefinitionPath(location_id(location), repository, "schedules", name)
        return self.find_schedule(name, location, repository)

    def find_partition_set(
        self, name: str, location: str | None, repository: str | None
    ) -> DefinitionPath:
        """Returns the partition set of that name, as `find_pipeline` does."""
        summary = self._found(self.client.find_partition_set, name, location, repository)
        return parse_definition(summary.name)

    def _found(
        self,
        find: Callable[[str, str | None, str | None], T],
        name: str,
        location: str | None,
        repository: str | None,
    ) -> T:
        try:
            return find(name, location, repository)
        except NotFoundError as error:
            if not self.absent:
                raise
            self.report_absent()
            raise CommandError(str(error), exits.UNHEALTHY) from error

    def report_absent(self) -> int:
        """Says on stderr which locations do not answer and why; returns the exit code for that."""
        for location in self.absent:
            if self.verbose and (output := failure_output(location)):
                click.echo(output, err=True)
            reason = failure_reason(location) or f"it is {state_name(location.state)}"
            say(f"{location_id(location.name)} does not answer: {reason}")
        return exits.UNHEALTHY if self.absent else exits.OK


@contextlib.contextmanager
def open_definitions(target: Target, location: str | None) -> Iterator[DefinitionSource]:
    """Gives the definitions of a target: from its daemon, or from a private one where none runs.

    Args:
        target: the daemon or the code that has them.
        location: the only location that is asked for; None for all.
    """
    if target.named_by_socket or accepts_connections(target.socket_path):
        with open_served_definitions(target, location) as found:
            yield found
    else:
        names = [location_name(location)] if location else []
        with private_daemon(target) as client:
            found = _definitions(client, await_loaded(client, names), names, verbose=True)
            yield replace(found, is_private=True)


@contextlib.contextmanager
def open_served_definitions(target: Target, location: str | None) -> Iterator[DefinitionSource]:
    """Gives the definitions of a target from its daemon; ends the command where none runs."""
    names = [location_name(location)] if location else []
    with connect(target) as client:
        yield _definitions(client, client.locations(), names, verbose=bool(names))


def _definitions(
    client: Client, locations: list[Location], names: list[str], *, verbose: bool
) -> DefinitionSource:
    there = [location.name for location in locations]
    for name in names:
        if name not in there:
            raise unknown_location_error(name, there)
    return DefinitionSource(
        client,
        [
            location
            for location in locations
            if not location.serving and (not names or location.name in names)
        ],
        verbose,
    )
