"""Another team's code, in another environment."""

import platform

from hostler.definitions import pipeline, repository, solid


@solid
def tell_version(context) -> str:
    """The version of the Python that executes this."""
    context.log.info("this is Python %s", platform.python_version())
    return platform.python_version()


@pipeline
def version_pipeline():
    """Says where it is executed."""
    tell_version()


@repository
def other_team_repository():
    return [version_pipeline]
