"""Resource names: locations/{location}/repositories/{repository}/pipelines/{pipeline}."""

from hostler.daemon.facade import refusals
from hostler.daemon.generations.kinds import PIPELINE, DefinitionKind

_ABOVE = ("locations", "repositories")
_PARTITIONS = "/partitions/"


def parse(
    name: str, depth: int, *, kind: DefinitionKind = PIPELINE, wildcards: bool = False
) -> tuple[str, ...]:
    """Returns the ids in a resource name of `depth` collections.

    Args:
        kind: of the definition that a name of depth 3 names.
        wildcards: whether an id may be "-", which stands for all.

    Raises:
        RefusalError: INVALID_ARGUMENT, with the form that was expected.
    """
    parts = name.split("/")
    ids = tuple(parts[1::2])
    collections = (*_ABOVE, kind.collection)[:depth]
    fits = len(parts) == 2 * depth and tuple(parts[::2]) == collections and all(ids)
    if not fits or (not wildcards and "-" in ids):
        raise refusals.invalid(f"cannot use the name {name!r}; expected {_form(depth, kind)}")
    return ids


def parse_partition(name: str, kind: DefinitionKind) -> tuple[str, str]:
    """Splits the resource name of a partition into its set's name and its id, slashes kept.

    Raises:
        RefusalError: INVALID_ARGUMENT, with the form that was expected.
    """
    partition_set, separator, partition = name.partition(_PARTITIONS)
    if not separator or not partition:
        form = _form(3, kind) + _PARTITIONS + "{partition}"
        raise refusals.invalid(f"cannot use the name {name!r}; expected {form}")
    return partition_set, partition


def _form(depth: int, kind: DefinitionKind) -> str:
    singular = ("location", "repository", kind.noun.replace(" ", "_"))
    pairs = zip((*_ABOVE, kind.collection), singular, strict=True)
    return "/".join(f"{collection}/{{{one}}}" for collection, one in list(pairs)[:depth])


def run_id(name: str) -> str:
    """Returns the id in runs/{run}.

    Raises:
        RefusalError: INVALID_ARGUMENT.
    """
    collection, _, run = name.partition("/")
    if collection != "runs" or not run or "/" in run:
        raise refusals.invalid(f"cannot use the name {name!r}; expected runs/{{run}}")
    return run
