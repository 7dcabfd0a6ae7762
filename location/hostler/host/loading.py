"""Loading a target and describing what it holds."""

from __future__ import annotations

from hostler.host import describe, finder, repositories, target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Mapping

    from hostler.definitions import RepositoryDefinition


def load(
    order: Mapping[str, Any],
    overlay: Mapping[str, bytes | None],
    report: Callable[[list[tuple[str, str | None]]], None],
) -> tuple[dict[str, RepositoryDefinition], dict[str, Any]]:
    """Imports the target of a LOAD order and describes its repositories.

    Args:
        order: {"location": name, "target": see hostler.host.target.load_target}.
        overlay: sources to load in place of what is on disk, by path; None hides a file.
        report: told of each source file that is read or looked for in vain.

    Returns:
        The repositories by name, and the body of the answer: {"repositories": [{"repository":
        Repository, "definitions": {field of Repository: {name: Pipeline or the like, of what is
        constructed already}}}]}, in the JSON of hostler.v1.
    """
    finder.install(report, overlay)

    module = target.load_target(order["target"])

    found = repositories.repositories_in(module, order["target"].get("attribute"))
    finder.flush()
    location = order["location"]
    described = [
        {
            "repository": describe.describe_repository(location, repository),
            "definitions": describe.describe_constructed(location, repository),
        }
        for repository in found
    ]
    return {repository.name: repository for repository in found}, {"repositories": described}
