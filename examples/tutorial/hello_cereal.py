"""The smallest pipeline: one solid that reads a file."""

import csv
from pathlib import Path

from hostler.definitions import pipeline, solid


@solid
def hello_cereal(context) -> int:
    """Reads the cereals and counts them."""
    with Path("cereal.csv").open(newline="") as file:
        cereals = list(csv.DictReader(file))
    context.log.info("found %d cereals", len(cereals))
    return len(cereals)


@pipeline
def hello_cereal_pipeline():
    """Says how many cereals there are."""
    hello_cereal()
