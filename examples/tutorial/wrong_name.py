"""A mistake to look at: the key is not the name of its pipeline."""

from complex_pipeline import complex_pipeline

from hostler.definitions import repository


@repository
def hello_cereal_repository():
    return {"pipelines": {"complicated_pipeline": lambda: complex_pipeline}}
