"""Values at the borders of a step, against the declared types; and inputs without a value."""

from __future__ import annotations

import collections.abc
import enum
import typing
from typing import Any, NamedTuple, NewType, Optional, Protocol, TypedDict, TypeVar, Union

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hostler.definitions import (
    ConfigError,
    DefinitionError,
    InputDefinition,
    Nothing,
    Output,
    OutputDefinition,
    OutputReference,
    PipelineDefinition,
    SolidDefinition,
    SolidNode,
    TypeCheckError,
    execute_pipeline,
    pipeline,
    solid,
)
from hostler.definitions._value_types import problem_of

T = TypeVar("T")
Celsius = NewType("Celsius", float)


class Frame:
    def __repr__(self) -> str:
        return "Frame()"


class Narrow(Frame):
    pass


class Shape(Protocol):
    def area(self) -> float: ...


class Row(TypedDict):
    a: int


class Point(NamedTuple):
    x: int


class Color(enum.Enum):
    RED = 1


class Strange(type):
    def __instancecheck__(cls, _instance: object) -> bool:
        raise RuntimeError("no")


class Odd(metaclass=Strange):
    pass


FITTING: list[tuple[Any, Any]] = [
    (int, 1),
    (int, True),
    (float, 1),
    (complex, 1.5),
    (str, "x"),
    (None, None),
    (object, Frame()),
    (Frame, Narrow()),
    (Any, "x"),
    (T, "x"),
    (Shape, 3),
    (Odd, 3),
    (Row, {"a": 1}),
    (Point, Point(1)),
    (Color, Color.RED),
    (Celsius, 1.0),
    (list, [1, "x"]),
    (list[int], []),
    (list[Any], [1, "x"]),
    (list[list[str]], [["x"], []]),
    (typing.List[int], [1]),  # noqa: UP006 (as older code has it)
    (typing.List, ["x"]),  # noqa: UP006
    (dict[str, int], {"a": 1}),
    (collections.abc.Mapping[str, int], {"a": 1}),
    (collections.abc.Sequence[int], (1, 2)),
    (typing.Iterable[int], iter([])),
    (typing.Callable[[], int], len),
    (set[int], {1}),
    (tuple[int, str], (1, "x")),
    (tuple[int, ...], (1, 2, 3)),
    (type[Frame], Narrow),
    (Optional[int], None),  # noqa: UP045
    (Union[int, str], "x"),  # noqa: UP007
    (int | None, 3),
    (typing.Literal["a", 3], 3),
    (typing.Annotated[int, "meters"], 3),
    ("int", 3),
    ("'int'", 3),
    ("list[int]", [3]),
    ("List[int]", [3]),
    ("typing.Dict[str, 'Frame']", {"a": Frame()}),
    ("Dict[str, int] | None", None),
    ("Optional[Frame]", None),
    ("Union[int, str]", "x"),
    ("tuple[int, ...]", (1,)),
    ("Literal['a']", "a"),
    ("collections.abc.Sequence[int]", [1]),
    ("pandas.DataFrame", 3),
    ("list[pandas.DataFrame]", [3]),
    ("Any", 3),
    ("not an annotation", 3),
    ("", 3),
    ("]", 3),
]

UNFIT: list[tuple[Any, Any, str]] = [
    (int, "x", "found 'x' (str)"),
    (int, 1.0, "found 1.0 (float)"),
    (str, None, "found None"),
    (float, "1", "found '1' (str)"),
    (None, 3, "found 3 (int)"),
    (Narrow, Frame(), "found Frame() (Frame)"),
    (Row, [1], "found [1] (list)"),
    (Celsius, "warm", "found 'warm' (str)"),
    (list[int], (1,), "found (1,) (tuple)"),
    (list[int], [1, "x"], "found 'x' (str) as item 1"),
    (list[list[int]], [[], ["x"]], "found 'x' (str) as item 0 of item 1"),
    (dict[str, int], {"a": "x"}, "found 'x' (str) as the value of 'a'"),
    (dict[str, int], {1: 2}, "found 1 (int) as a key"),
    (typing.Mapping[str, int], {"a": None}, "found None as the value of 'a'"),
    (tuple[int, str], (1,), "found 1 items in (1,) (tuple)"),
    (tuple[int, str], (1, 2), "found 2 (int) as item 1"),
    (set[int], {"x"}, "found 'x' (str) as item 0"),
    (int | None, "x", "found 'x' (str)"),
    (typing.Literal["a"], "b", "found 'b' (str)"),
    (typing.Callable, 3, "found 3 (int)"),
    (type[Frame], 3, "found 3 (int)"),
    ("int", "x", "found 'x' (str)"),
    ("list[int]", ["x"], "found 'x' (str) as item 0"),
    ("List['Frame']", [3], "found 3 (int) as item 0"),
    ("int | None", "x", "found 'x' (str)"),
    ("Optional[int]", "x", "found 'x' (str)"),
    ("list[pandas.DataFrame]", 3, "found 3 (int)"),
    ("Literal['a']", "b", "found 'b' (str)"),
    ("Frame", 3, "found 3 (int)"),
]


@pytest.mark.parametrize(("annotation", "value"), FITTING)
def test_values_that_fit(annotation: Any, value: Any) -> None:
    assert problem_of(value, annotation, test_values_that_fit) is None


@pytest.mark.parametrize(("annotation", "value", "problem"), UNFIT)
def test_values_that_do_not(annotation: Any, value: Any, problem: str) -> None:
    assert problem_of(value, annotation, test_values_that_do_not) == problem


_KINDS = st.recursive(
    st.sampled_from(["int", "str", "float", "bool", "None", "Any"]),
    lambda inner: (
        st.builds("list[{}]".format, inner)
        | st.builds("dict[str, {}]".format, inner)
        | st.builds("{} | {}".format, inner, inner)
        | st.builds("tuple[{}, ...]".format, inner)
        | st.builds("Optional[{}]".format, inner)
    ),
    max_leaves=4,
)
_VALUES = st.recursive(
    st.integers() | st.text() | st.floats() | st.booleans() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(), inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
    ),
    max_leaves=5,
)


@settings(deadline=None)
@given(_KINDS, _VALUES)
def test_an_annotation_and_its_text_say_the_same(text: str, value: Any) -> None:
    try:
        evaluated = eval(text)
    except TypeError:  # None | None
        assume(False)
    by_text = problem_of(value, text, test_an_annotation_and_its_text_say_the_same)
    assert by_text == problem_of(value, evaluated, None)


@settings(deadline=None, max_examples=50)
@given(st.text(alphabet="list[]dict, |int.'()", max_size=20), _VALUES)
def test_no_text_is_too_odd(text: str, value: Any) -> None:
    problem = problem_of(value, text, test_no_text_is_too_odd)
    assert problem is None or problem.startswith("found ")


def failure_of(definition: SolidDefinition[Any], config: dict[str, Any] | None = None) -> str:
    made = PipelineDefinition("p", [SolidNode(definition)])
    result = execute_pipeline(made, config, raise_on_error=False)
    (error,) = result.failed.values()
    assert isinstance(error, TypeCheckError)
    return str(error)


def test_an_output_of_another_type_fails_its_step() -> None:
    @solid
    def number() -> int:
        return "x"  # type: ignore[return-value]

    assert failure_of(number) == (
        'cannot take the output "result" from solid "number": found \'x\' (str), expected int; '
        "return such a value, correct the annotation, or leave the check out with "
        "type_check=False"
    )


def test_an_input_of_another_type_fails_the_step_that_takes_it() -> None:
    @solid
    def text():  # type: ignore[no-untyped-def]  # what is not declared is not checked
        return "x"

    @solid
    def double(n: int) -> int:
        return 2 * n

    @pipeline
    def p() -> None:
        double(text())

    result = execute_pipeline(p, raise_on_error=False)
    assert result.succeeded == ["text"]
    assert "the input \"n\": found 'x' (str), expected int" in str(result.failed["double"])


def test_a_default_is_checked_and_none_as_a_default_fits() -> None:
    @solid
    def wrong(x: int = "foo") -> None:  # type: ignore[assignment]
        pass

    @solid
    def right(x: int = None) -> None:  # type: ignore[assignment]  # noqa: RUF013
        pass

    assert "the default of the input \"x\": found 'foo' (str), expected int" in failure_of(wrong)
    assert execute_pipeline(PipelineDefinition("p", [SolidNode(right)])).success


def test_the_check_can_be_left_out() -> None:
    @solid(type_check=False)
    def number(x: int = "foo") -> int:  # type: ignore[assignment]
        return x

    assert execute_pipeline(PipelineDefinition("p", [SolidNode(number)])).output("number") == "foo"
    with pytest.raises(DefinitionError, match=r"cannot set type_check of solid .* to 3"):
        solid(type_check=3)(done.clear)  # type: ignore[call-overload]


def test_named_outputs_are_checked_and_output_objects_are_not_values() -> None:
    @solid(outputs=[OutputDefinition("a", int), OutputDefinition("b", str)])
    def both():  # type: ignore[no-untyped-def]
        yield Output(1, "a")
        yield Output(2, "b")

    @solid
    def wrapped() -> Output:
        return Output("x")

    assert 'the output "b" from solid "both": found 2 (int), expected str' in failure_of(both)
    assert execute_pipeline(PipelineDefinition("p", [SolidNode(wrapped)])).success


done: list[str] = []


@solid
def create() -> Nothing:  # type: ignore[return]
    done.append("create")


@solid(inputs=[InputDefinition("after", Nothing)])
def fill() -> int:
    done.append("fill")
    return 3


@solid(inputs=[InputDefinition("after", Nothing)])
def report(n: int) -> None:
    done.append(f"report {n}")


def test_nothing_is_an_order_without_a_value() -> None:
    @pipeline
    def p() -> None:
        filled = fill(create())
        report(filled, after=[create.alias("again")(), filled])

    done.clear()
    assert execute_pipeline(p).success
    assert done in (
        ["create", "fill", "create", "report 3"],
        ["create", "create", "fill", "report 3"],
    )
    assert [one.type_name for one in fill.inputs] == ["Nothing"]


def test_a_solid_whose_order_fails_is_skipped() -> None:
    @solid(outputs=[OutputDefinition("done", Nothing)])
    def fails() -> None:
        raise ValueError("no")

    @pipeline
    def p() -> None:
        fill(fails())

    result = execute_pipeline(p, raise_on_error=False)
    assert result.skipped == {"fill": 'solid "fails" failed'}


def test_a_selection_may_cut_an_order() -> None:
    @pipeline
    def p() -> None:
        fill(create())

    done.clear()
    assert execute_pipeline(p, solids=["fill"]).output("fill") == 3
    assert done == ["fill"]


def test_a_generator_produces_nothing_by_itself() -> None:
    @solid(outputs=[OutputDefinition("n", int), OutputDefinition("done", Nothing)])
    def counts():  # type: ignore[no-untyped-def]
        yield Output(1, "n")

    @pipeline
    def p() -> None:
        report(counts().n, after=counts.alias("more")().done)

    assert execute_pipeline(p).success


def test_what_nothing_cannot_do() -> None:
    @solid
    def double(n: int) -> int:
        return 2 * n

    with pytest.raises(DefinitionError, match=r'type Nothing and has no value.*"n", Nothing'):

        @pipeline
        def valued() -> None:
            double(create())

    with pytest.raises(DefinitionError, match='nothing feeds the input "after"'):

        @pipeline
        def unfed() -> None:
            fill()

    @pipeline
    def fed() -> None:
        fill(create())

    with pytest.raises(ConfigError, match=r"solids\.fill\.inputs\.after: this input stands for"):
        execute_pipeline(fed, {"solids": {"fill": {"inputs": {"after": 1}}}})

    @solid
    def gives() -> Nothing:
        return 3  # type: ignore[return-value]

    assert "found int, expected Nothing" in failure_of(gives)
    nodes = [SolidNode(create), SolidNode(double, sources={"n": OutputReference("create")})]
    with pytest.raises(DefinitionError, match="has no value"):
        PipelineDefinition("p", nodes)
