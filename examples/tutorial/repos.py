"""A repository: the pipelines that belong together, under one name."""

from complex_pipeline import complex_pipeline
from hello_cereal import hello_cereal_pipeline

from hostler.definitions import repository


@repository
def hello_cereal_repository():
    return [hello_cereal_pipeline, complex_pipeline]
