"""Two repositories in one file, for two teams."""

from complex_pipeline import complex_pipeline
from hello_cereal import hello_cereal_pipeline

from hostler.definitions import repository


@repository
def kitchen():
    return [hello_cereal_pipeline]


@repository
def research():
    return [hello_cereal_pipeline, complex_pipeline]
