"""Asks the user's code about a definition, by its resource name."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from hostler.daemon.facade import names, refusals
from hostler.daemon.facade.admission import Admission, Context, Wait
from hostler.daemon.facade.lookup import (
    answering_of,
    find_location,
    generation_of,
    require_definition,
)
from hostler.daemon.generations.generation import Generation
from hostler.daemon.generations.kinds import DefinitionKey, DefinitionKind
from hostler.daemon.generations.shared_calls import SharedCalls
from hostler.daemon.generations.workers import RetiredError, WorkerDiedError
from hostler.daemon.locations.location import Location
from hostler.daemon.locations.replicas import NoProcessError
from hostler.daemon.processes.channel import RemoteError
from hostler.daemon.supervision.supervisor import Supervisor

T = TypeVar("T")


class DefinitionQueries:
    """Asks the workers of the locations, and raises a refusal where they cannot answer.

    Every method raises:
        RefusalError: there is no such definition, the code failed, or it took too long.
    """

    def __init__(self, supervisor: Supervisor, admission: Admission) -> None:
        self._supervisor = supervisor
        self._admission = admission

    async def definition(self, context: Context, kind: DefinitionKind, name: str) -> bytes:
        """Returns a serialized definition; a lazy one is constructed."""
        location, key = self._parse(kind, name)
        cached = answering_of(location).definitions.get(key)
        if cached is not None:
            return cached
        return await self._ask(context, location, key, name, lambda of: of.definition(key))

    async def call(
        self, context: Context, kind: DefinitionKind, name: str, function: str, **arguments: object
    ) -> dict[str, Any]:
        """Calls a function of hostler.host.calls for a definition; returns its answer."""
        _, said = await self.call_with_generation(context, kind, name, function, **arguments)
        return said

    async def call_with_generation(
        self, context: Context, kind: DefinitionKind, name: str, function: str, **arguments: object
    ) -> tuple[Generation, dict[str, Any]]:
        """Calls likewise; returns the generation whose code has answered, and the answer."""
        location, key = self._parse(kind, name)

        async def call(calls: SharedCalls) -> tuple[Generation, dict[str, Any]]:
            return calls.generation, await calls.call(function, key, **arguments)

        return await self._ask(context, location, key, name, call)

    def _parse(self, kind: DefinitionKind, name: str) -> tuple[Location, DefinitionKey]:
        location, repository, definition = names.parse(name, 3, kind=kind)
        found = find_location(self._supervisor, f"locations/{location}")
        return found, DefinitionKey(kind, repository, definition)

    async def _ask(
        self,
        context: Context,
        location: Location,
        key: DefinitionKey,
        name: str,
        ask: Callable[[SharedCalls], Awaitable[T]],
    ) -> T:
        async def answer() -> T:
            if location.generation is None and location.remembered is not None:
                # it is known that there is something to ask, and its code is on its way
                require_definition(location.remembered, key, name)
                await location.load.settled()
            generation = generation_of(location)
            require_definition(generation, key, name)
            return await ask(location.replicas.calls(generation))

        async def work() -> T:
            try:
                return await answer()
            except RetiredError:  # the location has a newer generation: ask that one
                return await answer()

        try:
            return await self._admission.wait(context, location.name, work(), Wait.ANSWER)
        except RemoteError as error:
            raise refusals.user_code(location.name, error, key.kind.noun, name) from error
        except WorkerDiedError as error:
            raise refusals.process_died(location.name, error) from error
        except (RetiredError, NoProcessError) as error:
            raise refusals.no_process(location.name, str(error)) from error
