"""The body of a pipeline: calls of solids that make a graph in place of executing."""

from __future__ import annotations

from hostler.definitions._names import suggestion, type_phrase
from hostler.definitions._preview import preview
from hostler.definitions.errors import DefinitionError
from hostler.definitions.graph import OutputReference, SolidNode
from hostler.definitions.solids import ComposedValue, current_composition
from hostler.definitions.source import calling_position

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator, Mapping

    from hostler.definitions.graph import Sources
    from hostler.definitions.solids import SolidDefinition


def compose(pipeline: str, function: Callable[[], object]) -> list[SolidNode]:
    """Executes the body of a pipeline and returns the nodes that it makes, in their order.

    Raises:
        DefinitionError: a solid is called with what it does not take.
    """
    composition = Composition(pipeline)
    token = current_composition.set(composition)
    try:
        function()
    finally:
        current_composition.reset(token)
    return list(composition.nodes.values())


class OutputHandle(ComposedValue):
    """An output of a solid that the body of a pipeline has called."""

    __slots__ = ("_composition", "_reference")

    def __init__(self, composition: Composition, reference: OutputReference) -> None:
        self._composition = composition
        self._reference = reference

    def __bool__(self) -> bool:
        raise _condition_error(self)

    def __repr__(self) -> str:
        return f"<output {self._reference}>"


class Invocation(ComposedValue):
    """What a call of a solid gives in the body of a pipeline: its outputs.

    Each is an attribute, by its name; iteration gives them in their order; where there is one
    alone, the invocation itself stands for it.
    """

    __slots__ = ("_composition", "_node")

    def __init__(self, composition: Composition, node: SolidNode) -> None:
        self._composition = composition
        self._node = node

    def __getattr__(self, name: str) -> OutputHandle:
        if name.startswith("__"):  # copy, pickle and their like look for what is not there
            raise AttributeError(name)
        known = [one.name for one in self._node.definition.outputs]
        if name not in known:
            raise DefinitionError(
                f'cannot use the output "{name}" of solid "{self._node.name}": it has none of that '
                f"name; {suggestion(name, known)}",
                calling_position(),
            )
        return OutputHandle(self._composition, OutputReference(self._node.name, name))

    def __iter__(self) -> Iterator[OutputHandle]:
        return iter([getattr(self, one.name) for one in self._node.definition.outputs])

    def __bool__(self) -> bool:
        raise _condition_error(self)

    def __repr__(self) -> str:
        return f'<call of solid "{self._node.name}">'


class Composition:
    """A pipeline whose body is being executed: collects the solids that the body calls."""

    def __init__(self, pipeline: str) -> None:
        self.pipeline = pipeline
        self.nodes: dict[str, SolidNode] = {}

    def add(
        self,
        definition: SolidDefinition[Any],
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
        alias: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Invocation:
        """Adds one use of a solid.

        Without an alias, the second use of "a" is "a_2".

        Raises:
            DefinitionError: the arguments do not fit, or the alias is taken.
        """
        arguments = self._bind(definition, args, kwargs)
        if alias in self.nodes:
            raise DefinitionError(
                f'cannot use solid "{definition.name}" as "{alias}" in pipeline '
                f'"{self.pipeline}": the name is taken by a solid at {self.nodes[alias].source}; '
                "choose another alias",
                calling_position(),
            )
        node = SolidNode(
            definition,
            name=alias or self._free_name(definition.name),
            sources={
                name: self._sources(definition, name, value) for name, value in arguments.items()
            },
            tags=tags,
        )
        self.nodes[node.name] = node
        return Invocation(self, node)

    def _free_name(self, name: str) -> str:
        free, number = name, 1
        while free in self.nodes:
            number += 1
            free = f"{name}_{number}"
        return free

    def _bind(
        self,
        definition: SolidDefinition[Any],
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
    ) -> dict[str, object]:
        """Returns the arguments by the names of the inputs."""
        names = [one.name for one in definition.inputs]
        problem = ""
        if len(args) > len(names):
            problem = f"found {len(args)} arguments, expected at most {len(names)}"
            problem += f" ({', '.join(names)})" if names else ""
            problem += "; the context is not given here" if definition.takes_context else ""
        bound = dict(zip(names, args))
        for name, value in kwargs.items():
            if name not in names:
                problem = f'it has no input "{name}"; {suggestion(name, names)}'
            elif name in bound:
                problem = f'its input "{name}" is given twice'
            bound[name] = value
        if problem:
            raise DefinitionError(
                f'cannot call solid "{definition.name}" in pipeline "{self.pipeline}": {problem}',
                calling_position(),
            )
        return bound

    def _sources(self, definition: SolidDefinition[Any], name: str, value: object) -> Sources:
        if isinstance(value, (list, tuple)):
            what = f'item {{}} of the input "{name}"'
            return [
                self._reference(definition, what.format(index), item)
                for index, item in enumerate(value)
            ]
        return self._reference(definition, f'the input "{name}"', value)

    def _reference(
        self, definition: SolidDefinition[Any], what: str, value: object
    ) -> OutputReference:
        problem = ""
        if isinstance(value, Invocation):
            outputs = value._node.definition.outputs
            if len(outputs) == 1:
                value = getattr(value, outputs[0].name)
            else:
                names = ", ".join(one.name for one in outputs)
                problem = f"expected one output of it by its name ({names or 'it has none'})"
        elif not isinstance(value, OutputHandle):
            problem = "expected the output of a solid"
            problem += (
                "; call it first: put () behind it"
                if callable(value)
                else "; give constants in the run config, or as a default of the parameter"
            )
            problem = f"{type_phrase(value)}, {problem}"
        if isinstance(value, OutputHandle):
            if value._composition is self:
                return value._reference
            problem = f'expected an output of this pipeline, not of "{value._composition.pipeline}"'
        raise DefinitionError(
            f'cannot feed {what} of solid "{definition.name}" in pipeline "{self.pipeline}" with '
            f"{preview(value)}: {problem}",
            calling_position(),
        )


def _condition_error(value: object) -> DefinitionError:
    return DefinitionError(
        f"cannot use {value!r} as a condition: it has no value while the pipeline is composed; "
        "decide inside a solid, with an output that is not required",
        calling_position(),
    )
