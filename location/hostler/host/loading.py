"""Loading a target and describing what it holds."""

from __future__ import annotations

import time

from hostler.host import describe, finder, imports, repositories, target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Mapping

    from hostler.definitions import RepositoryDefinition


def load(
    order: Mapping[str, Any],
    overlay: Mapping[str, bytes | None],
    report: Callable[[list[tuple[str, str | None]]], None],
    preloaded: imports.Preloaded | None,
    announce: Callable[[str], object] | None = None,
) -> tuple[dict[str, RepositoryDefinition], dict[str, Any]]:
    """Imports the target of a LOAD order and describes its repositories.

    Args:
        order: {"location": name, "target": see hostler.host.target.load_target}.
        overlay: sources to load in place of what is on disk, by path; None hides a file.
        report: told of each source file that is read or looked for in vain.
        preloaded: what a template has imported ahead; None in a process of its own.
        announce: see `hostler.host.finder.install`.

    Returns:
        The repositories by name, and the body of the answer: {"repositories": [{"repository":
        Repository, "definitions": {field of Repository: {name: Pipeline or the like, of what is
        constructed already}}}]}, in the JSON of hostler.v1; "imports": see `Baseline.imported`;
        "fresh": why it should have been loaded by a process of its own; "variables": see
        `Baseline.variables`; "packages": see `imports.packages`; "seconds": {"import", "describe"}.
    """
    finder.install(report, overlay, is_fork=preloaded is not None, announce=announce)
    baseline = imports.Baseline()
    began = time.perf_counter()

    finder.list_folders(on=True)
    try:
        module = target.load_target(order["target"])
    finally:
        finder.list_folders(on=False)
        finder.end_announcements()
    try:  # a function of the user's, too, may import
        found = repositories.repositories_in(module, order["target"].get("attribute"))
    finally:
        finder.flush()
    imported = time.perf_counter()
    location = order["location"]
    described = [
        {
            "repository": describe.describe_repository(location, repository),
            "definitions": describe.describe_constructed(location, repository),
        }
        for repository in found
    ]
    seconds = {"import": imported - began, "describe": time.perf_counter() - imported}
    shadowed = preloaded.shadowed() if preloaded is not None else []
    body = {
        "repositories": described,
        "imports": baseline.imported(),
        "variables": baseline.variables(),
        "packages": imports.packages(),
        "fresh": [
            *imports.fresh_reasons(),
            *(f"{name}.py of the project hides a module" for name in shadowed),
        ],
        "seconds": seconds,
    }
    return {repository.name: repository for repository in found}, body
