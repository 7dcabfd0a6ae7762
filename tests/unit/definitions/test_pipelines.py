"""Pipelines: the graph that a body makes, and what it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hostler.definitions import (
    DefinitionError,
    InputDefinition,
    Output,
    OutputDefinition,
    OutputReference,
    PipelineDefinition,
    SolidNode,
    UnknownNameError,
    pipeline,
    solid,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Frame:
    """Stands for a class of the user's that no config can give."""


@solid
def source() -> int:
    return 1


@solid(outputs=[OutputDefinition("left"), OutputDefinition("right")], tags={"kind": "fork"})
def fork(number: Any) -> Iterator[Output]:
    yield Output(number, "left")
    yield Output(number, "right")


@solid
def join(a: Any, b: Any = 0) -> Any:
    return a, b


@solid
def untyped(value):  # type: ignore[no-untyped-def]  # what has no annotation is the point
    return value


def edges(made: PipelineDefinition) -> dict[str, dict[str, list[str]]]:
    return {
        node.name: {name: [str(one) for one in feeding] for name, feeding in node.sources.items()}
        for node in made.nodes
    }


def test_body_makes_the_graph() -> None:
    @pipeline(name="p", description="Joins.", tags={"team": "a"})
    def composed() -> None:
        number = source()
        left, right = fork(number)
        join(left, b=right)
        join.alias("again").tag({"x": "y"})(fork.tag({"kind": "two"})(number).right)

    assert edges(composed) == {
        "source": {},
        "fork": {"number": ["source.result"]},
        "join": {"a": ["fork.left"], "b": ["fork.right"]},
        "fork_2": {"number": ["source.result"]},
        "again": {"a": ["fork_2.right"]},
    }
    assert (composed.name, composed.description, composed.tags) == ("p", "Joins.", {"team": "a"})
    assert composed.source is not None
    assert composed.source.file == __file__
    assert composed.node("fork_2").tags == {"kind": "two"}
    assert composed.node("fork").tags == {"kind": "fork"}
    assert composed.node("again").tags == {"x": "y"}


def test_list_is_a_fan_in() -> None:
    @pipeline
    def fans() -> None:
        join([source(), source.alias("other")()], [source.alias("third")()])

    node = fans.node("join")
    assert [str(one) for one in node.sources["a"]] == ["source.result", "other.result"]
    assert node.fan_ins == {"a", "b"}


def test_empty_body_makes_an_empty_pipeline() -> None:
    @pipeline
    def empty() -> None:
        """Does nothing."""

    assert empty.nodes == ()
    assert empty.description == "Does nothing."


def test_failed_body_leaves_no_composition_behind() -> None:
    with pytest.raises(ZeroDivisionError):

        @pipeline
        def breaks() -> None:
            source()
            _ = 1 / 0

    assert source() == 1


def test_definition_by_hand_is_ordered() -> None:
    made = PipelineDefinition(
        "p",
        [
            SolidNode(join, name="last", sources={"a": OutputReference("first")}),
            SolidNode(source, name="first"),
        ],
    )
    assert [node.name for node in made.nodes] == ["first", "last"]


def test_unknown_solid_gives_the_nearest() -> None:
    @pipeline
    def p() -> None:
        source()

    with pytest.raises(UnknownNameError, match=r"cannot find solid 'sorce'.*mean \"source\""):
        p.node("sorce")


def bind_too_many() -> None:
    join(source(), source(), source())


def bind_unknown() -> None:
    join(source(), bb=source())


def bind_twice() -> None:
    join(source(), a=source())


def feed_constant() -> None:
    join(3)


def feed_constant_in_list() -> None:
    join([source(), "x"])


def feed_solid() -> None:
    join(source)


def feed_several_outputs() -> None:
    join(fork(source()))


def feed_empty_list() -> None:
    join([])


def feed_unknown_output() -> None:
    join(fork(source()).lefd)


def forget_input() -> None:
    untyped()


def take_alias_twice() -> None:
    source.alias("x")()
    source.alias("x")()


def decide() -> None:
    if source():
        source()


def misname() -> None:
    source.alias("a-b")()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (bind_too_many, r'call solid "join" .*found 3 arguments, expected at most 2 \(a, b\)'),
        (bind_unknown, 'it has no input "bb"; did you mean "b"'),
        (bind_twice, 'its input "a" is given twice'),
        (feed_constant, 'cannot feed the input "a" of solid "join" .*with 3: an int.*run config'),
        (feed_constant_in_list, "cannot feed item 1 of the input \"a\" .* with 'x'"),
        (feed_solid, r"call it first: put \(\) behind it"),
        (feed_several_outputs, r"expected one output of it by its name \(left, right\)"),
        (feed_empty_list, "expected an OutputReference, or a list of them that is not empty"),
        (feed_unknown_output, 'cannot use the output "lefd" .*did you mean "left"'),
        (forget_input, 'nothing feeds the input "value" of solid "untyped".*annotate it'),
        (take_alias_twice, 'cannot use solid "source" as "x" .*the name is taken'),
        (decide, 'cannot use <call of solid "source"> as a condition'),
        (misname, "cannot name a solid 'a-b'"),
    ],
)
def test_refused_body(body: Callable[[], None], message: str) -> None:
    with pytest.raises(DefinitionError, match=message) as raised:
        pipeline(body)
    assert raised.value.source is not None
    # The line in the body, not that of the pipeline.
    assert raised.value.source.file == __file__
    assert raised.value.source.line > body.__code__.co_firstlineno


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x, "cannot name a pipeline '<lambda>'"),
        (test_refused_body, 'cannot make pipeline "test_refused_body": its function takes body, m'),
        (source, 'cannot make a pipeline of <solid "source">: found a SolidDefinition'),
        (None, None),
        ("x", r'write @pipeline\(name="x"\)'),
    ],
)
def test_refused_function(function: Any, message: str | None) -> None:
    if message is None:
        assert not isinstance(pipeline(function), PipelineDefinition)
        return
    with pytest.raises(DefinitionError, match=message):
        pipeline(function)


def test_input_of_a_users_class_needs_a_solid() -> None:
    @solid
    def show(frame: Frame | None) -> None: ...

    with pytest.raises(DefinitionError, match='nothing feeds the input "frame"'):

        @pipeline
        def p() -> None:
            show()


@pytest.mark.parametrize(
    "annotation",
    ["int", "list[str]", "dict[str, typing.Any] | None", "Optional[Union[int, str]]", Any, list],
)
def test_input_that_a_config_can_give_may_be_left_open(annotation: Any) -> None:
    @solid(inputs=[InputDefinition("value", annotation)])
    def show(value: object) -> None: ...

    @pipeline
    def p() -> None:
        show()

    assert edges(p) == {"show": {}}


def test_output_of_another_pipeline_is_refused() -> None:
    kept: list[Any] = []

    @pipeline
    def first() -> None:
        kept.append(source())

    with pytest.raises(DefinitionError, match='an output of this pipeline, not of "first"'):

        @pipeline
        def second() -> None:
            join(kept[0])


@pytest.mark.parametrize("nodes", [None, 3])
def test_nodes_are_a_list(nodes: Any) -> None:
    with pytest.raises(DefinitionError, match=r"its nodes are .*, expected a list of SolidNode"):
        PipelineDefinition("p", nodes)


def test_nodes_may_come_once() -> None:
    made = PipelineDefinition("p", iter([SolidNode(source)]))  # type: ignore[arg-type]  # a user may
    assert [node.name for node in made.nodes] == ["source"]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "it is empty"),
        ("a b", "expected letters, digits and underscores"),
        ("pé", "expected letters, digits and underscores"),
        ("a\n", "expected letters, digits and underscores"),
        ("for", "it is a keyword of Python"),
        (3, "it is an int, expected a string"),
    ],
)
def test_refused_name(name: Any, problem: str) -> None:
    with pytest.raises(DefinitionError, match=f"cannot name a pipeline .*: {problem}.*; choose"):
        PipelineDefinition(name, [])


def reference(name: str, output: str = "result") -> OutputReference:
    return OutputReference(name, output)


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        (lambda: [SolidNode(source), SolidNode(source)], 'it has two solids named "source"'),
        (
            lambda: [SolidNode(join, sources={"a": reference("sorce")}), SolidNode(source)],
            'pipeline "p" has no solid "sorce"; did you mean "source"',
        ),
        (
            lambda: [SolidNode(join, sources={"a": reference("source", "x")}), SolidNode(source)],
            'solid "source" has no output "x"; there are "result"',
        ),
        (
            lambda: [
                SolidNode(join, name=name, sources={"a": reference(feeding)})
                for name, feeding in [("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")]
            ],
            "wait for each other in a cycle, (a -> c -> b -> a|b -> a -> c -> b|c -> b -> a -> c)",
        ),
        (
            lambda: [SolidNode(join, sources={"a": reference("join")})],
            "in a cycle, join -> join",
        ),
        (lambda: [SolidNode(join, sources={"c": reference("join")})], 'the input "c" of solid'),
        (lambda: [SolidNode(join, sources={"a": "source"})], "with 'source': expected an Outp"),  # type: ignore[dict-item]  # the mistake is the point
        (lambda: [source], r"its node at index 0 is <solid \"source\"> \(SolidDefinition\)"),
    ],
)
def test_refused_graph(nodes: Callable[[], Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=message) as raised:
        PipelineDefinition("p", nodes())
    assert raised.value.source is not None
    assert raised.value.source.file == __file__
