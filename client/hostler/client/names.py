"""Resource names: `locations/{location}/repositories/{repository}/pipelines/{pipeline}`.

Every function takes a resource name or the last part alone, so callers may pass either.
"""

from __future__ import annotations

import re
from typing import NamedTuple

#: A location may have a slash in its name; what follows it may not.
_PIPELINE = re.compile(r"locations/(.+)/repositories/([^/]+)/pipelines/([^/]+)")
_DEFINITION = re.compile(r"locations/(.+)/repositories/([^/]+)/([^/]+)/([^/]+)")
_RUN_ID = re.compile(r"[0-9a-f]{32}")
_REPOSITORY = re.compile(r"locations/(.+)/repositories/([^/]+)")

#: Stands for every location or repository in the parent of a list.
ALL = "-"


class PipelinePath(NamedTuple):
    """Holds the parts of a pipeline's resource name."""

    location: str
    repository: str
    pipeline: str


class DefinitionPath(NamedTuple):
    """Holds the parts of the resource name of anything that a repository holds."""

    location: str
    repository: str
    #: "pipelines", "schedules" or "partitionSets".
    collection: str
    name: str


class RepositoryPath(NamedTuple):
    """Holds the parts of a repository's resource name."""

    location: str
    repository: str


def location_name(location: str) -> str:
    """Returns the resource name of a location."""
    return location if location.startswith("locations/") else f"locations/{location}"


def location_id(name: str) -> str:
    """Returns the name of a location as people write it."""
    return name.removeprefix("locations/")


def repository_name(location: str, repository: str) -> str:
    """Returns the resource name of a repository."""
    if repository.startswith("locations/"):
        return repository
    return f"{location_name(location)}/repositories/{repository}"


def pipeline_name(location: str, repository: str, pipeline: str) -> str:
    """Returns the resource name of a pipeline."""
    if is_pipeline_name(pipeline):
        return pipeline
    return f"{repository_name(location, repository)}/pipelines/{pipeline}"


def definition_name(location: str, repository: str, collection: str, name: str) -> str:
    """Returns the resource name of something that a repository holds."""
    if _DEFINITION.fullmatch(name):
        return name
    return f"{repository_name(location, repository)}/{collection}/{name}"


def partition_name(parent: str, partition: str) -> str:
    """Returns the resource name of a partition, below that of its set."""
    return f"{parent}/partitions/{partition}"


def partition_id(name: str) -> str:
    """Returns the name of a partition as people write it."""
    return name.partition("/partitions/")[2]


def run_name(run: str) -> str:
    """Returns the resource name of a run."""
    return run if run.startswith("runs/") else f"runs/{run}"


def run_id(name: str) -> str:
    """Returns the id of a run as people write it."""
    return name.removeprefix("runs/")


def is_whole_run(run: str) -> bool:
    """Returns True for a resource name or a whole id of a run, False for a beginning of an id."""
    return run.startswith("runs/") or _RUN_ID.fullmatch(run) is not None


def is_pipeline_name(text: str) -> bool:
    """Returns True for a resource name of a pipeline, False for a pipeline's name alone."""
    return _PIPELINE.fullmatch(text) is not None


def parse_pipeline(name: str) -> PipelinePath:
    """Returns the parts of a pipeline's resource name.

    Raises:
        ValueError: the text is no such name.
    """
    match = _PIPELINE.fullmatch(name)
    if match is None:
        raise ValueError(f"cannot read {name!r} as a pipeline's resource name")
    return PipelinePath(*match.groups())


def parse_definition(name: str) -> DefinitionPath:
    """Returns the parts of the resource name of anything that a repository holds.

    Raises:
        ValueError: the text is no such name.
    """
    match = _DEFINITION.fullmatch(name)
    if match is None:
        raise ValueError(f"cannot read {name!r} as the resource name of a definition")
    return DefinitionPath(*match.groups())


def parse_repository(name: str) -> RepositoryPath:
    """Returns the parts of a repository's resource name.

    Raises:
        ValueError: the text is no such name.
    """
    match = _REPOSITORY.fullmatch(name)
    if match is None:
        raise ValueError(f"cannot read {name!r} as a repository's resource name")
    return RepositoryPath(*match.groups())
