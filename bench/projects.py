"""The code that locations are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.environments import PANDAS, SCIKIT_LEARN

#: hostler.definitions, for an interpreter that no daemon has started.
RUNTIME = Path(__file__).parent.parent / "location"

#: With three solids each: 100 definitions.
PIPELINES = 25

MODULES = 300


def source(pipelines: int, prefix: str = "pipeline", imports: str = "") -> str:
    """Returns the source of a repository of small pipelines.

    Each has three solids of its own, as small real pipelines do: an input, a config field, texts.

    Args:
        prefix: the start of the pipelines' names.
        imports: the import statements that the code begins with.
    """
    names = [f"{prefix}_{number}" for number in range(pipelines)]
    parts = [imports + _IMPORTS, *map(_pipeline, names)]
    parts.append(_REPOSITORY.format(names=", ".join(names)))
    return "\n\n".join(parts)


def dagster_source(pipelines: int, prefix: str, imports: str) -> str:
    """Returns the same source for Dagster, with jobs and ops."""
    names = [f"{prefix}_{number}" for number in range(pipelines)]
    parts = [imports + _DAGSTER_IMPORTS, *map(_job, names)]
    parts.append(_REPOSITORY.format(names=", ".join(names)))
    return "\n\n".join(parts)


def _pipeline(name: str) -> str:
    return _SOLIDS.format(name=name) + "\n\n" + _PIPELINE.format(name=name)


def _job(name: str) -> str:
    return _OPS.format(name=name) + "\n\n" + _JOB.format(name=name)


_IMPORTS = "from hostler.definitions import pipeline, repository, solid\n"

_SOLIDS = '''\
@solid(config_schema={{"path": str}})
def {name}_rows(context) -> list:
    """Reads the rows of one file."""
    return []


@solid
def {name}_count(context, rows: list) -> int:
    """Counts them."""
    return len(rows)


@solid
def {name}_report(context, count: int) -> None:
    """Writes the count into the log."""
    context.log.info(str(count))
'''

_PIPELINE = '''\
@pipeline
def {name}():
    """Counts the rows of one file and reports the count."""
    {name}_report({name}_count({name}_rows()))
'''

_REPOSITORY = """\
@repository
def bench():
    return [{names}]
"""

_DAGSTER_IMPORTS = "from dagster import job, op, repository\n"

_OPS = '''\
@op(config_schema={{"path": str}})
def {name}_rows(context) -> list:
    """Reads the rows of one file."""
    return []


@op
def {name}_count(context, rows: list) -> int:
    """Counts them."""
    return len(rows)


@op
def {name}_report(context, count: int) -> None:
    """Writes the count into the log."""
    context.log.info(str(count))
'''

_JOB = '''\
@job
def {name}():
    """Counts the rows of one file and reports the count."""
    {name}_report({name}_count({name}_rows()))
'''


@dataclass(frozen=True, slots=True)
class Project:
    """Describes a location of 100 definitions, and which of its files is saved.

    Attributes:
        requirements: the packages of its environment; empty for the daemon's own environment.
        imports: the import statements that its code begins with.
        saved: the file that is saved, below the project's folder.
        aim: how many milliseconds a save may take until the new answer.
    """

    name: str
    requirements: tuple[str, ...]
    imports: str
    saved: str
    aim: float

    def files(self) -> Mapping[str, str]:
        """Returns the contents of all files by path."""
        return {self.saved: self.text("pipeline")}

    def text(self, prefix: str) -> str:
        """Returns the text of the saved file, with this prefix of its pipelines' names."""
        return source(PIPELINES, prefix, self.imports)


@dataclass(frozen=True, slots=True)
class Modules(Project):
    """Describes a project of many modules; one of them is saved."""

    def files(self) -> Mapping[str, str]:
        found = {"shop/__init__.py": ""}
        for number in range(MODULES):
            pipeline = f"part_{number}" if number < PIPELINES else ""
            found[f"shop/{module(number)}.py"] = _module(number, pipeline)
        found["location.py"] = _entry()
        return found

    def text(self, prefix: str) -> str:
        return _module(0, prefix)


def module(number: int) -> str:
    """Returns the name of one of the many modules."""
    return f"part_{number:03}"


def _entry() -> str:
    """Returns the text of the target, which imports all modules and collects the pipelines."""
    imports = "".join(f"import shop.{module(number)}\n" for number in range(MODULES))
    names = ", ".join(f"shop.{module(number)}.PIPELINE" for number in range(PIPELINES))
    repository = _REPOSITORY.format(names=names)
    return f"{imports}from hostler.definitions import repository\n\n\n{repository}"


def _module(number: int, pipeline: str) -> str:
    """Returns some 40 lines of usual code; the first modules have a pipeline as well."""
    text = _MODULE.format(number=number)
    if not pipeline:
        return text
    return f"{_IMPORTS}\n\n{text}\n\n{_pipeline(pipeline)}\n\nPIPELINE = {pipeline}\n"


_MODULE = '''\
"""Part {number} of the shop."""

RATES = {{"standard": {number}, "reduced": 7, "none": 0}}


class Item:
    """One of them."""

    def __init__(self, name, price, rate):
        self.name = name
        self.price = price
        self.rate = rate


class Basket:
    """What somebody buys."""

    def __init__(self, owner):
        self.owner = owner
        self.items = []

    def add(self, name, price, rate="standard"):
        if rate not in RATES:
            raise ValueError(f"no rate {{rate!r}}; there are {{sorted(RATES)}}")
        self.items.append(Item(name, price, rate))
        return self

    def total(self):
        return sum(item.price * (100 + RATES[item.rate]) // 100 for item in self.items)


def cheapest(baskets):
    """The basket that costs least; None of none."""
    return min(baskets, key=Basket.total, default=None)


def receipt(basket):
    lines = [f"{{item.name:<20}}{{item.price:>10}}" for item in basket.items]
    return "\\n".join([basket.owner, *lines, str(basket.total())])
'''

PLAIN = Project("stdlib", (), "", "location.py", 8)
WITH_PANDAS = Project("pandas", PANDAS, "import pandas\n", "location.py", 10)
WITH_SCIKIT_LEARN = Project(
    "scikit-learn",
    SCIKIT_LEARN,
    "from sklearn.linear_model import LinearRegression\n",
    "location.py",
    12,
)
MANY_MODULES = Modules(f"{MODULES} modules", (), "", "shop/part_000.py", 25)
