"""What the services look up by name: a location, its last good generation, what that lists.

Each function refuses the call where there is no such thing.
"""

from hostler.daemon.facade import names, refusals
from hostler.daemon.generations.generation import Generation
from hostler.daemon.generations.kinds import PIPELINE, DefinitionKey
from hostler.daemon.locations.location import Location
from hostler.daemon.state.location import Status
from hostler.daemon.supervision.supervisor import Supervisor


def require_not_stopping(supervisor: Supervisor) -> None:
    """Raises UNAVAILABLE while the daemon stops, for calls that would start a process."""
    if supervisor.closing:
        raise refusals.shutting_down()


def find_location(supervisor: Supervisor, name: str) -> Location:
    """Returns the location of a resource name.

    Raises:
        RefusalError: NOT_FOUND, with the nearest names, or INVALID_ARGUMENT.
    """
    (wanted,) = names.parse(name, 1)
    location = supervisor.locations.get(wanted)
    if location is None:
        raise refusals.unknown("location", name, supervisor.locations)
    return location


def answering_of(location: Location) -> Generation:
    """Returns what reads of a location are answered from: it may be from before a restart.

    Raises:
        RefusalError: there is nothing; the refusal says why.
    """
    return location.answering or generation_of(location)


def generation_of(location: Location) -> Generation:
    """Returns the last good generation of a location, with its code.

    Raises:
        RefusalError: there is none; the refusal says why.
    """
    if location.generation is None:
        raise refusals.no_generation(location)
    return location.generation


def code_of(location: Location) -> Generation | None:
    """Returns what a run executes; None where that is on its way: a load after a restart.

    Raises:
        RefusalError: there is no code; the refusal says why.
    """
    if location.remembered is not None and location.status is Status.STARTING:
        return None
    return generation_of(location)


def require_pipeline(generation: Generation, name: str) -> None:
    """Raises NOT_FOUND unless the generation lists the pipeline of a resource name."""
    _, repository, pipeline = names.parse(name, 3)
    require_definition(generation, DefinitionKey(PIPELINE, repository, pipeline), name)


def require_definition(generation: Generation, key: DefinitionKey, name: str) -> None:
    """Raises NOT_FOUND, for a resource name, unless the generation lists what it names."""
    if key.repository not in generation.repositories:
        above = name.rpartition(f"/{key.kind.collection}/")[0]
        raise refusals.unknown("repository", above, generation.repositories)
    known = generation.names(key.kind, key.repository)
    if key.name not in known:
        raise refusals.unknown(key.kind.noun, name, known)
