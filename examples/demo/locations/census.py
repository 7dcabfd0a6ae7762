"""What packages of the standard library are made of; each pipeline is constructed on demand."""

import ast
import importlib.util
import platform
from collections import Counter
from pathlib import Path

from hostler.definitions import pipeline, repository, solid

PACKAGES = ("asyncio", "email", "json")


@solid
def parse(context, package: str):
    """The syntax trees of a package's modules."""
    folder = Path(importlib.util.find_spec(package).origin).parent
    trees = [ast.parse(file.read_bytes()) for file in sorted(folder.rglob("*.py"))]
    context.log.info("%d modules of Python %s", len(trees), platform.python_version())
    return trees


@solid
def count(trees: list) -> dict:
    """How many functions and classes there are."""
    kinds = Counter(type(node) for tree in trees for node in ast.walk(tree))
    return {
        "modules": len(trees),
        "classes": kinds[ast.ClassDef],
        "functions": kinds[ast.FunctionDef] + kinds[ast.AsyncFunctionDef],
    }


def census_of(package):
    """The function that constructs the pipeline of a package, when somebody asks for it."""

    def construct():
        print(f"constructing the census of {package}")

        @solid(name="package")
        def name_package():
            return package

        @pipeline(name=package, description=f"Counts what {package} is made of.")
        def census():
            count(parse(name_package()))

        return census

    return construct


@repository
def standard_library():
    return {"pipelines": {package: census_of(package) for package in PACKAGES}}
