"""Looking up a definition by the name that people write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from hostler.client.errors import AmbiguousNameError, NotFoundError
from hostler.client.names import parse_definition, parse_pipeline, run_id
from hostler.v1.run_pb2 import Run

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


#: How many candidates a message lists.
MOST_LISTED = 10


class Named(Protocol):
    """Has a resource name."""

    name: str


Found = TypeVar("Found", bound=Named)


def find_definition(noun: str, name: str | None, among: Sequence[Found]) -> Found:
    """Returns the one definition of that name, or the only one where no name is given.

    Args:
        noun: what it is, for messages: "pipeline".
        name: the last part of its resource name; None for the only one.
        among: where to look.

    Raises:
        NotFoundError: there is none; the message names the nearest ones.
        AmbiguousNameError: there are several; the message lists them.
    """
    if name is None:
        return _only(noun, among)
    paths = [(one, parse_definition(one.name)) for one in among]
    found = [(one, path) for one, path in paths if path.name == name]
    if not found:
        raise NotFoundError(not_found_message(noun, name, {path.name for _, path in paths}))
    if len(found) > 1:
        lines = "".join(
            f"\n  {path.name} in repository {path.repository} of location {path.location}"
            for _, path in found
        )
        raise AmbiguousNameError(
            f"cannot tell which {noun} {name!r} is meant; "
            f"name its location or its repository:{lines}",
            tuple(one.name for one, _ in found),
        )
    return found[0][0]


def find_run(beginning: str, among: Iterable[Run]) -> Run:
    """Returns the one run whose id begins so; a run with exactly that id goes before others.

    Args:
        beginning: of the id.
        among: where to look.

    Raises:
        NotFoundError: there is none.
        AmbiguousNameError: there are several; the message lists them.
    """
    found = [run for run in among if run_id(run.name).startswith(beginning)] if beginning else []
    exact = [run for run in found if run_id(run.name) == beginning]
    found = exact or found
    if not found:
        raise NotFoundError(
            f"cannot find a run {beginning!r}: no id of a run begins so; "
            "list them with: hostler run list"
        )
    if len(found) > 1:
        lines = "".join(
            f"\n  {run_id(run.name)}  {parse_pipeline(run.pipeline).pipeline}  "
            f"{Run.State.Name(run.state)}"
            for run in found[:MOST_LISTED]
        )
        more = len(found) - MOST_LISTED
        lines += f"\n  and {more} more" if more > 0 else ""
        raise AmbiguousNameError(
            f"cannot tell which run {beginning!r} is meant; give more of its id:{lines}",
            tuple(run.name for run in found),
        )
    return found[0]


def _only(noun: str, among: Sequence[Found]) -> Found:
    if not among:
        raise NotFoundError(f"cannot find a {noun}: there is none")
    if len(among) > 1:
        names = sorted({parse_definition(one.name).name for one in among})
        listed = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
        raise AmbiguousNameError(
            f"cannot tell which {noun} is meant; name one of the {len(among)}: {listed}",
            tuple(one.name for one in among),
        )
    return among[0]


def not_found_message(noun: str, name: str, names: set[str]) -> str:
    """Returns a message that there is no such name, with the nearest ones or some that exist."""
    from difflib import get_close_matches  # 2 ms that most calls do without

    message = f"cannot find a {noun} {name!r}"
    nearest = get_close_matches(name, names, n=3)
    if nearest:
        return f"{message}; did you mean {' or '.join(nearest)}?"
    if names:
        return f"{message}; there are: {', '.join(sorted(names)[:10])}"
    return f"{message}; there are no {noun}s"
