"""The definitions of a target, from the daemon that runs for it or from a private one."""

from __future__ import annotations

import contextlib
import shlex
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import click

from hostler.cli.daemons.connection import accepts_connections, connect
from hostler.cli.daemons.loads import await_loaded
from hostler.cli.daemons.private_daemon import private_daemon
from hostler.cli.terminal import exits
from hostler.cli.terminal.command_line import typed_again
from hostler.cli.terminal.exits import CommandError
from hostler.cli.terminal.messages import say
from hostler.cli.text.locations import (
    failure_output,
    failure_reason,
    first_and_count,
    state_name,
    unknown_location_error,
)
from hostler.client.errors import AmbiguousNameError, NotFoundError
from hostler.client.names import (
    DefinitionPath,
    location_id,
    location_name,
    parse_definition,
)
from hostler.v1.workspace_pb2 import Location

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hostler.cli.options.target import Target
    from hostler.client.client import Client
    from hostler.client.lookup import Named
    from hostler.v1.definitions_pb2 import PipelineSummary


T = TypeVar("T", bound="Named")

#: As many commands are listed as fit on a screen.
_MOST_CHOICES = 20


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
        self, name: str | None, location: str | None, repository: str | None
    ) -> PipelineSummary:
        """Returns the pipeline of that name, or reports the locations that do not answer.

        Args:
            name: None for the only pipeline that there is.
            location: look in this location only.
            repository: look in repositories of this name only.

        Raises:
            CommandError: there is none, or there are several; the message has a command for each.
        """
        return self._found(self.client.find_pipeline, name, location, repository)

    def find_schedule(
        self, name: str | None, location: str | None, repository: str | None
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
        self, name: str | None, location: str | None, repository: str | None
    ) -> DefinitionPath:
        """Returns the partition set of that name, as `find_pipeline` does."""
        summary = self._found(self.client.find_partition_set, name, location, repository)
        return parse_definition(summary.name)

    def _found(
        self,
        find: Callable[[str | None, str | None, str | None], T],
        name: str | None,
        location: str | None,
        repository: str | None,
    ) -> T:
        try:
            found = find(name, location, repository)
        except AmbiguousNameError as error:
            raise CommandError(_choices(error, name, location), exits.USAGE) from error
        except NotFoundError as error:
            if not self.absent:
                raise
            self.report_absent()
            raise CommandError(str(error), exits.UNHEALTHY) from error
        if name is None and self.absent:
            self.report_absent()
            only = parse_definition(found.name).name
            raise CommandError(
                f"cannot tell whether {only} is the only one, while a location does not answer; "
                f"name it: {typed_again(only)}",
                exits.UNHEALTHY,
            )
        return found

    def report_absent(self) -> int:
        """Says on stderr which locations do not answer and why; returns the exit code for that."""
        for location in self.absent:
            if self.verbose and (output := failure_output(location)):
                click.echo(output, err=True)
            name = location_id(location.name)
            reason = failure_reason(location) or f"it is {state_name(location.state)}"
            if location.state == Location.STOPPED:
                reason += f"; start it with: hostler start {shlex.quote(name)}"
            say(f"{name} does not answer: {reason}")
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


def _choices(error: AmbiguousNameError, name: str | None, location: str | None) -> str:
    """Returns a message with the command to type for each definition that may be meant."""
    paths = [parse_definition(candidate) for candidate in error.candidates]
    places = Counter((path.location, path.name) for path in paths)
    locations = Counter(name for _, name in places)
    lines = []
    for path in paths:
        words = [path.name] if name is None else []
        if locations[path.name] > 1 and location is None:
            words += ["-l", path.location]
        if places[path.location, path.name] > 1:
            words += ["-r", path.repository]
        lines.append(f"  {typed_again(*words)}")
    start = str(error).partition("; name ")[0]
    return "\n".join([f"{start}; type one of:", *first_and_count(lines, _MOST_CHOICES)])
