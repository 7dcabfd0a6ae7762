"""The graph of a pipeline: its nodes, and the outputs that feed the inputs of each."""

from __future__ import annotations

import heapq

from hostler.definitions._names import check_name, check_tags, suggestion
from hostler.definitions._preview import preview
from hostler.definitions._value_object import ValueObject
from hostler.definitions.errors import DefinitionError
from hostler.definitions.ports import DEFAULT_OUTPUT
from hostler.definitions.source import calling_position

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Container, Iterable, Mapping, Sequence, Union

    from hostler.definitions.ports import OutputDefinition
    from hostler.definitions.solids import SolidDefinition
    from hostler.definitions.source import SourcePosition

    Sources = Union["OutputReference", Sequence["OutputReference"]]


class OutputReference(ValueObject):
    """An output of a solid in a pipeline.

    Args:
        solid: the solid's name in the pipeline.
        output: the name of its output.
    """

    __slots__ = ("output", "solid")

    def __init__(self, solid: str, output: str = DEFAULT_OUTPUT) -> None:
        self.solid = solid
        self.output = output

    def __str__(self) -> str:
        return f"{self.solid}.{self.output}"


class SolidNode:
    """A node of a pipeline's graph: one use of a solid.

    Calls in the body of a pipeline make nodes; code that generates a graph makes them by itself.

    Args:
        definition: the solid.
        name: its name in the pipeline; the solid's own if left out.
        sources: what feeds each input, by its name: the output of a node, or a list of them for an
            input that takes a list (a fan-in).
        tags: in addition to the solid's own.

    Raises:
        DefinitionError: a bad name, an input that the solid does not have, or no reference.
    """

    __slots__ = ("definition", "fan_ins", "name", "source", "sources", "tags")

    def __init__(
        self,
        definition: SolidDefinition[Any],
        *,
        name: str | None = None,
        sources: Mapping[str, Sources] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        self.source: SourcePosition | None = calling_position()
        self.definition = definition
        self.name = check_name("a solid", definition.name if name is None else name, self.source)
        what = f'solid "{self.name}"'
        self.tags = {**definition.tags, **check_tags(what, tags, self.source)}
        #: By input, in the order of a fan-in.
        self.sources: dict[str, tuple[OutputReference, ...]] = {}
        #: The inputs that take a list.
        self.fan_ins: set[str] = set()
        if not sources:
            return
        known = [one.name for one in definition.inputs]
        for name_of_input, feeding in sources.items():
            if name_of_input not in known:
                raise DefinitionError(
                    f'cannot feed the input "{name_of_input}" of {what}: it has none of that name; '
                    f"{suggestion(name_of_input, known)}",
                    self.source,
                )
            self._feed(name_of_input, feeding)

    def _feed(self, name: str, feeding: object) -> None:
        references = [feeding] if isinstance(feeding, OutputReference) else feeding
        if isinstance(references, (list, tuple)) and references:
            good = [one for one in references if isinstance(one, OutputReference)]
            if len(good) == len(references):
                self.sources[name] = tuple(good)
                if not isinstance(feeding, OutputReference):
                    self.fan_ins.add(name)
                return
        raise DefinitionError(
            f'cannot feed the input "{name}" of solid "{self.name}" with {preview(feeding)}: '
            "expected an OutputReference, or a list of them that is not empty",
            self.source,
        )

    def fed_by(self, solids: Container[str]) -> SolidNode:
        """Returns a copy of the node that only these solids feed."""
        node: SolidNode = object.__new__(SolidNode)
        for name in SolidNode.__slots__:
            setattr(node, name, getattr(self, name))
        kept = {
            name: tuple(one for one in references if one.solid in solids)
            for name, references in self.sources.items()
        }
        node.sources = {name: references for name, references in kept.items() if references}
        return node

    def __repr__(self) -> str:
        return f'<solid "{self.name}">'


def check_graph(pipeline: str, nodes: Iterable[SolidNode]) -> dict[str, SolidNode]:
    """Checks the nodes; returns them by name, in an order in which they can execute.

    Raises:
        DefinitionError: a name twice, a reference to an unknown output, an input that nothing can
            feed, or a cycle.
    """
    by_name: dict[str, SolidNode] = {}
    for node in nodes:
        if node.name in by_name:
            raise DefinitionError(
                f'cannot make pipeline "{pipeline}": it has two solids named "{node.name}" (the '
                f'first at {by_name[node.name].source}); use .alias("...") for one of them',
                node.source,
            )
        by_name[node.name] = node
    for node in by_name.values():
        _check_sources(pipeline, node, by_name)
        _check_unbound(pipeline, node)
    return _ordered(pipeline, by_name)


def _check_sources(pipeline: str, node: SolidNode, nodes: Mapping[str, SolidNode]) -> None:
    for name, references in node.sources.items():
        for reference in references:
            feeding = nodes.get(reference.solid)
            if feeding is None:
                problem = f'pipeline "{pipeline}" has no solid "{reference.solid}"'
                known = list(nodes)
            else:
                problem = f'solid "{reference.solid}" has no output "{reference.output}"'
                outputs = {one.name: one for one in feeding.definition.outputs}
                known = list(outputs)
                if reference.output in outputs:
                    _check_value(name, node, reference, outputs[reference.output])
                    continue
            wanted = reference.solid if feeding is None else reference.output
            raise DefinitionError(
                f'cannot feed the input "{name}" of solid "{node.name}" from {reference}: '
                f"{problem}; {suggestion(wanted, known)}",
                node.source,
            )


def _check_value(
    name: str, node: SolidNode, reference: OutputReference, output: OutputDefinition
) -> None:
    if not output.is_nothing:
        return
    taking = next(one for one in node.definition.inputs if one.name == name)
    if not taking.is_nothing:
        raise DefinitionError(
            f'cannot feed the input "{name}" of solid "{node.name}" from {reference}: that output '
            "is of the type Nothing and has no value; declare the input as "
            f'InputDefinition("{name}", Nothing)',
            node.source,
        )


def _check_unbound(pipeline: str, node: SolidNode) -> None:
    for one in node.definition.inputs:
        if one.name in node.sources or one.has_default or one.config_type is not None:
            continue
        raise DefinitionError(
            f'cannot make pipeline "{pipeline}": nothing feeds the input "{one.name}" of solid '
            f'"{node.name}"; pass it the output of another solid, give it a default, or annotate '
            "it with str, int, float, bool, list, dict or Any to take it from the run config",
            node.source,
        )


def _ordered(pipeline: str, nodes: dict[str, SolidNode]) -> dict[str, SolidNode]:
    """Kahn's algorithm; of the nodes that could be next, the one that was declared first."""
    if _can_execute_as_declared(nodes):
        return nodes
    names = list(nodes)
    position = {name: index for index, name in enumerate(names)}
    waits = {name: {one.solid for one in _references(node)} for name, node in nodes.items()}
    feeds: dict[str, list[str]] = {name: [] for name in names}
    for name, needed in waits.items():
        for one in needed:
            feeds[one].append(name)
    ready = [position[name] for name in names if not waits[name]]
    ordered: dict[str, SolidNode] = {}
    while ready:
        name = names[heapq.heappop(ready)]
        ordered[name] = nodes[name]
        for fed in feeds[name]:
            waits[fed].discard(name)
            if not waits[fed]:
                heapq.heappush(ready, position[fed])
    if len(ordered) < len(nodes):
        cycle = _cycle({name: waits[name] for name in names if name not in ordered})
        raise DefinitionError(
            f'cannot make pipeline "{pipeline}": its solids wait for each other in a cycle, '
            f"{' -> '.join(cycle)}; cut one of these edges",
            nodes[cycle[0]].source,
        )
    return ordered


def _can_execute_as_declared(nodes: Mapping[str, SolidNode]) -> bool:
    """Returns whether each node comes after all that feed it, as in a composed pipeline."""
    before: set[str] = set()
    for name, node in nodes.items():
        for references in node.sources.values():
            for one in references:
                if one.solid not in before:
                    return False
        before.add(name)
    return True


def _references(node: SolidNode) -> list[OutputReference]:
    return [one for references in node.sources.values() for one in references]


def _cycle(waits: Mapping[str, set[str]]) -> list[str]:
    """Returns a cycle among nodes that each wait for another, in the direction of the data."""
    path = [next(iter(waits))]
    while True:
        following = min(waits[path[-1]])
        if following in path:
            return [following, *reversed(path[path.index(following) :])]
        path.append(following)
