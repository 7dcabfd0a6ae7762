"""Solids: what a function implies, what a declaration adds, what is refused, direct calls."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any, assert_type

import pytest

from hostler.definitions import (
    DefinitionError,
    Field,
    InputDefinition,
    Output,
    OutputDefinition,
    SolidContext,
    SolidDefinition,
    pipeline,
    solid,
)
from hostler.definitions.solids import PendingInvocation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Frame:
    """Stands for a class of the user's."""


@solid(description="Doubles.", tags={"team": "a"}, config_schema={"times": Field(int, default=2)})
def double(context: SolidContext, number: int, label: str = "n") -> str:
    context.log.info("%s is %d", label, number)
    return label * number * int(context.config["times"])


@solid
def make_frame() -> Frame:
    """Makes a frame.

    At length.
        And deep.
    """
    return Frame()


def test_inputs_and_output_come_from_the_function() -> None:
    assert [(one.name, one.type_name, one.has_default) for one in double.inputs] == [
        ("number", "int", False),
        ("label", "str", True),
    ]
    assert [(one.name, one.type_name, one.is_required) for one in double.outputs] == [
        ("result", "str", True)
    ]
    assert (double.name, double.description, double.tags) == ("double", "Doubles.", {"team": "a"})
    assert double.takes_context
    assert double.source is not None
    assert double.source.file == __file__


def test_description_is_the_docstring_without_its_indentation() -> None:
    assert make_frame.description == "Makes a frame.\n\nAt length.\n    And deep."
    assert not make_frame.takes_context


@pytest.mark.parametrize("name", ["context", "_context", "_"])
def test_context_is_recognized_by_name(name: str) -> None:
    namespace: dict[str, Any] = {}
    exec(f"def f({name}, x): return x", namespace)
    made: SolidDefinition[Any] = solid(namespace["f"])
    assert made.takes_context
    assert [one.name for one in made.inputs] == ["x"]


def test_declared_inputs_add_to_the_parameters() -> None:
    @solid(
        inputs=[
            InputDefinition("b", float, description="the second", default=0.5),
            InputDefinition("a"),
        ]
    )
    def add(a: int, b: float) -> float:
        return a + b

    assert [(one.name, one.type_name, one.description) for one in add.inputs] == [
        ("a", "int", ""),
        ("b", "float", "the second"),
    ]
    assert add.inputs[1].default == 0.5


def test_wrapped_and_partial_functions_are_read_through() -> None:
    def logged(function: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(function)
        def wrapper(*args: object, **kwargs: object) -> int:
            return function(*args, **kwargs)

        return wrapper

    @solid
    @logged
    def add(a: int, b: int = 2) -> int:
        return a + b

    def add_more(a: int, b: int) -> int:
        return a + b

    partial: SolidDefinition[int] = solid(name="add_three")(functools.partial(add_more, b=3))
    assert [one.name for one in add.inputs] == ["a", "b"]
    assert [one.has_default for one in partial.inputs] == [False, True]
    assert add.source is not None
    assert add.source.file == __file__
    assert partial(1) == 4


def test_types_reach_the_caller() -> None:
    @solid(outputs=[OutputDefinition("left"), OutputDefinition("right")])
    def fork() -> Iterator[Output]:
        yield Output(1, "left")

    @solid
    def nothing() -> None: ...

    assert_type(double, SolidDefinition[str])
    assert_type(make_frame(), Frame)
    assert_type(double.alias("again"), PendingInvocation[str])
    assert_type(fork, SolidDefinition[Any])
    assert_type(nothing, SolidDefinition[Any])
    assert isinstance(make_frame(), Frame)


def test_direct_call_calls_the_function(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="hostler"):
        assert double(2) == "nnnn"
    assert caplog.record_tuples == [("hostler.double", logging.INFO, "n is 2")]
    assert double(SolidContext(config={"times": 1}), 1, label="x") == "x"


def test_direct_call_takes_a_context_of_the_users_own() -> None:
    class Fake:
        config = {"times": 3}  # noqa: RUF012 (stands for a context in a test of the user's)
        log = logging.getLogger("fake")

    assert double(Fake(), 1, "y") == "yyy"


def test_direct_call_without_context_needs_a_config_that_may_be_empty() -> None:
    @solid(config_schema={"path": str})
    def load(context: SolidContext) -> None: ...

    with pytest.raises(DefinitionError, match=r'cannot call solid "load" .*config.path: missing'):
        load()


def test_direct_call_refuses_outputs_of_a_pipeline() -> None:
    kept: list[Any] = []

    @pipeline
    def keeps() -> None:
        kept.append(make_frame())

    with pytest.raises(DefinitionError, match="the body of its pipeline has ended"):
        double(kept[0])
    with pytest.raises(DefinitionError, match=r"cannot call .*outside of a pipeline's body"):
        double.alias("x")(1)


def takes_args(*args: int) -> None: ...
def takes_positional(a: int, /) -> None: ...
def takes_two(a: int, b: int) -> None: ...
async def is_async() -> None: ...
async def is_async_generator() -> Any:
    yield 1


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (takes_args, {}, r'cannot make solid "takes_args": its function takes \*args'),
        (takes_positional, {}, "positional-only .* drop the /"),
        (is_async, {}, "its function is async; make it a plain function"),
        (is_async_generator, {}, "its function is async"),
        (lambda: 1, {}, "cannot name a solid '<lambda>': expected letters, digits"),
        (takes_two, {"name": ""}, "cannot name a solid '': it is empty"),
        (takes_two, {"name": "for"}, "it is a keyword of Python"),
        (takes_two, {"name": 3}, "cannot name a solid 3: it is an int, expected a string"),
        (takes_two, {"name": "ünï"}, "expected letters"),
        (takes_two, {"inputs": InputDefinition("a")}, "its inputs are an InputDefinition, expec"),
        (takes_two, {"inputs": [InputDefinition("a"), "b"]}, r"input at index 1 is 'b' \(str\)"),
        (
            takes_two,
            {"inputs": [InputDefinition("a"), InputDefinition("bb")]},
            'declares the input "bb".*did you mean "b"',
        ),
        (takes_two, {"inputs": [InputDefinition("a")] * 2}, 'declares the input "a" twice'),
        (takes_two, {"outputs": ["x"]}, r"output at index 0 is 'x' \(str\)"),
        (takes_two, {"outputs": [OutputDefinition("x")] * 2}, 'declares the output "x" twice'),
        (takes_two, {"description": 3}, r"cannot describe solid .* by 3 \(int\)"),
        (takes_two, {"tags": {"a": 1}}, "keys and values of tags are strings"),
        (takes_two, {"tags": ["a"]}, "expected a dict of strings"),
        (takes_two, {"config_schema": 3}, "cannot use 3 as the type of the config of solid"),
        (3, {}, "cannot make a solid of 3: found an int, expected a function"),
        ("x", {}, r'write @solid\(name="x"\)'),
        (Frame, {}, "found a type, expected a function"),
        (double, {}, "found a SolidDefinition, expected a function"),
    ],
)
def test_refused(function: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=message) as raised:
        solid(**arguments)(function)
    assert raised.value.source is not None
    assert raised.value.source.file == __file__
    assert str(raised.value).endswith(f"({__file__}:{raised.value.source.line})")


@pytest.mark.parametrize("name", ["a b", "", "class", None])
def test_bad_names_of_inputs_and_outputs_are_refused(name: Any) -> None:
    with pytest.raises(DefinitionError, match="cannot name an input"):
        InputDefinition(name)
    with pytest.raises(DefinitionError, match="cannot name an output"):
        OutputDefinition(name)


def test_output_shows_what_it_is_for() -> None:
    assert repr(Output([1], "x")) == "Output([1], 'x')"


@pytest.mark.parametrize("wrong", [0, False, [], 3])
def test_a_description_of_a_port_is_text(wrong: object) -> None:
    for make in (InputDefinition, OutputDefinition):
        with pytest.raises(DefinitionError, match=r"cannot describe (in|out)put \"a\" by"):
            make("a", description=wrong)  # type: ignore[arg-type]
