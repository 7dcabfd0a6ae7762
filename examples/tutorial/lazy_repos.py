"""The same repository, whose pipelines are constructed on demand."""

from hostler.definitions import repository


def make_hello_cereal_pipeline():
    from hello_cereal import hello_cereal_pipeline

    return hello_cereal_pipeline


def make_complex_pipeline():
    print("constructing complex_pipeline")
    from complex_pipeline import complex_pipeline

    return complex_pipeline


@repository
def hello_cereal_repository():
    # A dict of functions in place of a list of pipelines: each is called
    # when its pipeline is first asked for, and not before.
    return {
        "pipelines": {
            "hello_cereal_pipeline": make_hello_cereal_pipeline,
            "complex_pipeline": make_complex_pipeline,
        }
    }
