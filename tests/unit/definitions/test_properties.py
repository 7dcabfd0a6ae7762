"""Properties: any graph executes each solid once after its inputs, also in parts and several at
once, any failures skip exactly the dependents, any run config is taken or refused."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator

from hostler.definitions import (
    ConfigError,
    DefinitionError,
    Field,
    InputDefinition,
    Output,
    OutputDefinition,
    OutputReference,
    PipelineDefinition,
    SolidContext,
    SolidDefinition,
    SolidNode,
    execute_pipeline,
    pipeline,
    solid,
)
from hostler.definitions._preview import PREVIEW_LENGTH, preview
from hostler.host.execution import execute

#: For each node, the nodes that feed it; the second item says which of them come as one list.
Graph = list[tuple[list[int], list[int]]]


@st.composite
def graphs(draw: st.DrawFn, most: int = 8) -> Graph:
    """Generates acyclic graphs: each node is fed by some of those before it."""
    size = draw(st.integers(0, most))
    graph = []
    for node in range(size):
        earlier = st.lists(st.integers(0, node - 1), unique=True) if node else st.just([])
        feeding = draw(earlier)
        fans = draw(st.integers(0, len(feeding)))
        graph.append((feeding[fans:], feeding[:fans]))
    return graph


def pipeline_of(
    graph: Graph, order: list[int], calls: list[int], failing: set[int], leaving_out: set[int]
) -> PipelineDefinition:
    """Makes a pipeline of the graph, declared in the given order; its solids note their calls."""

    def definition(node: int) -> SolidDefinition[Any]:
        singles, fan = graph[node]

        def function(**inputs: Any) -> Iterator[Output]:
            calls.append(node)
            assert [inputs[f"i{one}"] for one in singles] == singles
            if fan:
                assert inputs["fan"] == [one for one in fan if one not in leaving_out | skipped]
            if node in failing:
                raise ArithmeticError(node)
            if node not in leaving_out:
                yield Output(node)

        names = [f"i{one}" for one in singles] + ["fan"] * bool(fan)
        outputs = [OutputDefinition(is_required=node not in leaving_out)]
        inputs = [InputDefinition(name) for name in names]
        return SolidDefinition(function, name=f"n{node}", inputs=inputs, outputs=outputs)

    skipped, _ = expected_fates(graph, failing, leaving_out)
    nodes = []
    for node in order:
        singles, fan = graph[node]
        sources: dict[str, Any] = {f"i{one}": OutputReference(f"n{one}") for one in singles}
        if fan:
            sources["fan"] = [OutputReference(f"n{one}") for one in fan]
        nodes.append(SolidNode(definition(node), sources=sources))
    return PipelineDefinition("p", nodes)


def expected_fates(
    graph: Graph, failing: set[int], leaving_out: set[int]
) -> tuple[set[int], set[int]]:
    """Returns the nodes that are skipped, and those of them that are because of a failure.

    Follows the definition of both, node by node."""
    skipped: set[int] = set()
    failed: set[int] = set()
    after_failure: set[int] = set()
    for node, (singles, fan) in enumerate(graph):
        bad = failed | after_failure
        absent = skipped | leaving_out
        if bad.intersection(singles + fan):
            skipped.add(node)
            after_failure.add(node)
        elif absent.intersection(singles) or (fan and absent.issuperset(fan)):
            skipped.add(node)
        elif node in failing:
            failed.add(node)
    return skipped, after_failure


@settings(deadline=None)
@given(st.data())
def test_each_solid_executes_once_after_its_inputs(data: st.DataObject) -> None:
    graph = data.draw(graphs())
    order = data.draw(st.permutations(range(len(graph))))
    calls: list[int] = []
    result = execute_pipeline(pipeline_of(graph, order, calls, set(), set()))
    assert result.success
    assert sorted(calls) == list(range(len(graph)))
    for node, (singles, fan) in enumerate(graph):
        assert all(calls.index(one) < calls.index(node) for one in singles + fan)


@settings(deadline=None)
@given(st.data())
def test_failures_and_absent_outputs_skip_exactly_the_dependents(data: st.DataObject) -> None:
    graph = data.draw(graphs())
    order = data.draw(st.permutations(range(len(graph))))
    numbers = st.sets(st.sampled_from(range(len(graph)))) if graph else st.just(set())
    failing = data.draw(numbers)
    leaving_out = data.draw(numbers) - failing
    calls: list[int] = []
    made = pipeline_of(graph, order, calls, failing, leaving_out)
    result = execute_pipeline(made, raise_on_error=False)
    skipped, _ = expected_fates(graph, failing, leaving_out)
    everything = set(range(len(graph)))
    assert set(result.skipped) == {f"n{node}" for node in skipped}
    assert set(result.failed) == {f"n{node}" for node in failing - skipped}
    assert all(isinstance(error, ArithmeticError) for error in result.failed.values())
    assert set(result.succeeded) == {f"n{node}" for node in everything - skipped - failing}
    assert sorted(calls) == sorted(everything - skipped)


def executed(
    made: PipelineDefinition, limit: int, solids: list[str]
) -> tuple[list[tuple[str, str | None]], dict[str | None, str]]:
    """Executes steps in processes of their own; returns the events, and why steps failed."""
    events: list[tuple[str, str | None]] = []
    failures: dict[str | None, str] = {}

    def emit(event: str, step: str | None, data: dict[str, Any]) -> None:
        events.append((event, step))
        if event == "step_failed":
            failures[step] = data["exception"]["type"]

    execute(made, {}, "r", emit, max_concurrency=limit, solids=solids)
    return events, failures


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_the_same_holds_for_steps_in_processes_of_their_own(data: st.DataObject) -> None:
    graph = data.draw(graphs(5))
    order = data.draw(st.permutations(range(len(graph))))
    numbers = st.sets(st.sampled_from(range(len(graph)))) if graph else st.just(set())
    failing = data.draw(numbers)
    leaving_out = data.draw(numbers) - failing
    made = pipeline_of(graph, order, [], failing, leaving_out)
    events, failures = executed(made, data.draw(st.integers(1, 4)), [])
    skipped, _ = expected_fates(graph, failing, leaving_out)
    assert failures == {f"n{node}": "ArithmeticError" for node in failing - skipped}
    for node, (singles, fan) in enumerate(graph):
        ours = [event for event, step in events if step == f"n{node}"]
        if node in skipped:
            assert ours == ["step_skipped"]
            continue
        end = "step_failed" if node in failing else "step_succeeded"
        assert [event for event in ours if event != "step_output"] == ["step_started", end]
        begun = events.index(("step_started", f"n{node}"))
        ended = {step for event, step in events[:begun] if event != "step_started"}
        assert {f"n{one}" for one in singles + fan} <= ended


@settings(deadline=None)
@given(st.data())
def test_a_selection_executes_each_of_its_solids_once(data: st.DataObject) -> None:
    graph = data.draw(graphs())
    hypothesis.assume(graph)
    order = data.draw(st.permutations(range(len(graph))))
    chosen = data.draw(st.sets(st.sampled_from(range(len(graph))), min_size=1))
    wanted: set[int] = set()
    for node in sorted(chosen, reverse=True):  # and the nodes that they depend on
        wanted |= {node} | upstream(graph, node)
    calls: list[int] = []
    made = pipeline_of(graph, order, calls, set(), set())
    result = execute_pipeline(made, solids=[f"*n{node}" for node in chosen])
    assert set(result.succeeded) == {f"n{node}" for node in wanted}
    assert sorted(calls) == sorted(wanted)
    for node in wanted:
        singles, fan = graph[node]
        assert all(calls.index(one) < calls.index(node) for one in singles + fan)


def upstream(graph: Graph, node: int) -> set[int]:
    """Returns all nodes that a node depends on."""
    singles, fan = graph[node]
    found = {*singles, *fan}
    return found.union(*(upstream(graph, one) for one in found))


@settings(deadline=None)
@given(st.data())
def test_a_cycle_is_always_found(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 6))
    edges = data.draw(st.lists(st.tuples(*[st.integers(0, size - 1)] * 2), max_size=12))

    def function(fan: Any = ()) -> None: ...

    definition = SolidDefinition(function)
    nodes = []
    for node in range(size):
        feeding = [OutputReference(f"n{start}") for start, end in edges if end == node]
        nodes.append(
            SolidNode(definition, name=f"n{node}", sources={"fan": feeding} if feeding else {})
        )
    reachable = set(edges)
    for middle in range(size):
        reachable |= {
            (start, end)
            for start in range(size)
            for end in range(size)
            if (start, middle) in reachable and (middle, end) in reachable
        }
    if any((node, node) in reachable for node in range(size)):
        with pytest.raises(DefinitionError, match="in a cycle") as raised:
            PipelineDefinition("p", nodes)
        named = raised.value.message.split("cycle, ")[1].split(";")[0].split(" -> ")
        steps = [(int(a[1:]), int(b[1:])) for a, b in itertools.pairwise(named)]
        assert set(steps) <= set(edges)
        assert named[0] == named[-1]
    else:
        assert len(PipelineDefinition("p", nodes).nodes) == size


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=3)
    | st.builds(object),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.dictionaries(
            st.sampled_from(["solids", "load", "config", "inputs", "a", "b", "names"])
            | st.integers()
            | st.none()
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@solid(
    config_schema={
        "a": Field(int, default=1),
        "b": {"names": Field([{"a": float}], is_required=False)},
        "names": list,
    }
)
def load(context: SolidContext, a: list[int], b: bool = False) -> None: ...


@pipeline
def loads() -> None:
    load()


@given(
    ANYTHING
    | st.fixed_dictionaries({"solids": st.fixed_dictionaries({"load": ANYTHING})})
    | st.fixed_dictionaries(
        {
            "solids": st.fixed_dictionaries(
                {"load": st.fixed_dictionaries({"config": ANYTHING, "inputs": ANYTHING})}
            )
        }
    )
)
def test_any_run_config_is_taken_or_refused_with_a_config_error(run_config: Any) -> None:
    try:
        result = execute_pipeline(loads, run_config)
    except ConfigError as error:
        refused = error
    else:
        assert result.success
        return
    assert refused.problems
    assert str(refused).startswith('cannot execute pipeline "loads"')


@given(ANYTHING)
def test_any_value_has_a_short_preview(value: object) -> None:
    text = preview(value)
    assert len(text) <= PREVIEW_LENGTH
    text.encode("utf-8")
    whole = repr(value)
    if len(whole) <= PREVIEW_LENGTH:
        assert text == whole
    else:
        assert text == whole[: PREVIEW_LENGTH - 3] + "..."
