"""A pipeline in the form of a diamond: one solid feeds two, which feed a third."""

import csv
from pathlib import Path

from hostler.definitions import Field, pipeline, solid


@solid(config_schema={"path": Field(str, default="cereal.csv", description="The cereals.")})
def load_cereals(context) -> list:
    """Reads the cereals."""
    with Path(context.config["path"]).open(newline="") as file:
        return list(csv.DictReader(file))


@solid
def most_calories(cereals: list) -> str:
    """The name of the cereal with the most calories."""
    return max(cereals, key=lambda cereal: int(cereal["calories"]))["name"]


@solid
def most_fiber(cereals: list) -> str:
    """The name of the cereal with the most fiber."""
    return max(cereals, key=lambda cereal: float(cereal["fiber"]))["name"]


@solid
def display_results(context, calories: str, fiber: str) -> None:
    """Logs both."""
    context.log.info("most calories: %s", calories)
    context.log.info("most fiber: %s", fiber)


@pipeline
def complex_pipeline():
    """Finds the cereals with the most calories and the most fiber."""
    cereals = load_cereals()
    display_results(most_calories(cereals), most_fiber(cereals))
