"""A repository with a schedule by day, and with the partition set that it brings along."""

from complex_pipeline import complex_pipeline
from hello_cereal import hello_cereal_pipeline

from hostler.definitions import daily_schedule, repository


@daily_schedule("hello_cereal_pipeline", "2026-01-01", end_date="2026-01-04")
def breakfast():
    """Counts the cereals of each day."""
    return {}


@repository
def hello_cereal_repository():
    return [hello_cereal_pipeline, complex_pipeline, breakfast]
