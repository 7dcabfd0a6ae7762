"""Executing some of a pipeline's solids: how they are named, and where their inputs come from."""

from __future__ import annotations

from typing import Any

import pytest

from hostler.definitions import (
    ConfigError,
    SelectionError,
    execute_pipeline,
    pipeline,
    solid,
)
from hostler.definitions._selection import select


class Rows(list[int]):
    """Stands for a value that no run config can hold."""


@solid
def load() -> Rows:
    return Rows([1, 2, 3])


@solid
def clean(rows: Rows) -> Rows:
    return rows


@solid
def total(rows: Rows) -> int:
    return sum(rows)


@solid(config_schema={"unit": str})
def show(context: Any, number: int, digits: int = 2) -> str:
    return f"{number:.{digits}f} {context.config['unit']}"


@solid
def gather(numbers: list[int]) -> list[int]:
    return numbers


@solid
def alone() -> int:
    return 7


@pipeline(tags={"team": "data"})
def rows() -> None:
    """load -> clean -> total, again -> show; gather takes total, again and alone."""
    cleaned = clean(load())
    number = total(cleaned)
    show(number)
    gather([number, total.alias("again")(cleaned), alone()])


@pytest.mark.parametrize(
    ("solids", "names"),
    [
        (["total"], "total"),
        (["load", "alone"], "load alone"),
        (["*total"], "load clean total"),
        (["+total"], "clean total"),
        (["++total"], "load clean total"),
        (["+++++total"], "load clean total"),
        (["clean*"], "clean total show again gather"),
        (["clean+"], "clean total again"),
        (["+clean+"], "load clean total again"),
        (["*clean*"], "load clean total show again gather"),
        (["+total", "alone*"], "clean total alone gather"),
        (["total", "total"], "total"),
    ],
)
def test_clauses(solids: list[str], names: str) -> None:
    order = [node.name for node in rows.nodes]
    selected = select(rows, solids)
    assert [node.name for node in selected.nodes] == sorted(names.split(), key=order.index)
    assert selected.excluded == set(order) - set(names.split())
    assert (selected.name, selected.tags) == ("rows", {"team": "data"})


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(SelectionError) as raised:
        select(rows, ["totl", "a+*", "", "nothing", "*+load", "load**", "load"])
    assert str(raised.value).splitlines() == [
        'cannot select these solids of pipeline "rows":',
        "  'totl': unknown; did you mean \"total\"?",
        *(
            f"  {clause!r}: expected the name of a solid, with one * or some + in front of it or "
            "behind"
            for clause in ("a+*", "")
        ),
        "  'nothing': unknown; there are " + ", ".join(f'"{node.name}"' for node in rows.nodes),
        *(
            f"  {clause!r}: expected the name of a solid, with one * or some + in front of it or "
            "behind"
            for clause in ("*+load", "load**")
        ),
    ]
    with pytest.raises(SelectionError, match="no solid is named; there are "):
        execute_pipeline(rows, solids=[])


def test_only_what_is_selected_is_executed() -> None:
    result = execute_pipeline(rows, solids=["*total"])
    assert result.succeeded == ["load", "clean", "total"]
    assert result.output("total") == 6
    assert rows.node("show").sources, "the pipeline itself is as it was"


def test_an_input_that_lost_its_solid_comes_from_the_run_config() -> None:
    config = {"solids": {"show": {"inputs": {"number": 5}, "config": {"unit": "m"}}}}
    assert execute_pipeline(rows, config, solids=["show"]).output("show") == "5.00 m"


def test_a_list_takes_what_is_selected_of_it() -> None:
    result = execute_pipeline(rows, solids=["alone", "gather"])
    assert result.output("gather") == [7]
    config = {"solids": {"gather": {"inputs": {"numbers": [4]}}}}
    assert execute_pipeline(rows, config, solids=["gather"]).output("gather") == [4]


def test_a_default_stands_in_for_a_solid_that_is_not_selected() -> None:
    @solid
    def take(value: object = 3) -> object:
        return value

    @pipeline
    def p() -> None:
        take(alone())

    assert execute_pipeline(p, solids=["take"]).output("take") == 3


def test_problems_of_the_run_config_are_told_at_once() -> None:
    config = {
        "solids": {
            "load": {},
            "alon": {},
            "clean": {"inputs": {"rows": [1]}},
            "show": {"inputs": {"digits": "x"}},
        }
    }
    with pytest.raises(ConfigError) as raised:
        execute_pipeline(rows, config, solids=["clean", "show", "gather"])
    assert {problem.path: problem.message for problem in raised.value.problems} == {
        "solids.load": "this solid is not selected; remove it, or select it",
        "solids.alon": 'unknown; there are "clean", "show", "gather"',
        "solids.clean.inputs.rows": 'nothing feeds it without "load", not selected; a run config '
        "cannot hold Rows; select what feeds the input, or give it a default",
        "solids.show.inputs.number": 'missing; nothing feeds it without "total", not selected; '
        "expected int",
        "solids.show.inputs.digits": "found 'x' (str), expected int",
        "solids.show.config.unit": "missing; expected str",
        "solids.gather.inputs.numbers": 'missing; nothing feeds it without "total", "again", '
        '"alone", not selected; expected list[int]',
    }
