"""Pipelines: graphs of solids."""

from __future__ import annotations

from hostler.definitions._composition import compose
from hostler.definitions._names import check_name, check_tags, check_text, suggestion
from hostler.definitions._preview import preview
from hostler.definitions._signatures import check_function, check_no_arguments
from hostler.definitions.errors import DefinitionError, UnknownNameError
from hostler.definitions.graph import SolidNode, check_graph
from hostler.definitions.source import (
    calling_position,
    documentation_of,
    position_of,
)

TYPE_CHECKING = False
if not TYPE_CHECKING:
    from hostler.definitions._typing import overload
else:
    from typing import Any, Callable, Mapping, Sequence, overload

    from hostler.definitions.presets import PresetDefinition
    from hostler.definitions.resources import ResourceDefinition
    from hostler.definitions.source import SourcePosition


class PipelineDefinition:
    """A pipeline: a graph of solids.

    The decorator `pipeline` makes one of a function; code that generates graphs calls this class.

    Args:
        name: the name.
        nodes: the uses of solids, in any order.
        description: what it is for.
        tags: remarks for people and tools; a run takes them over.
        presets: what it is often launched with.
        resources: what its solids require, by name.
        source: where it is defined; the caller's place if left out.

    Attributes:
        presets: by name.
        nodes: in an order in which they can execute.

    Raises:
        DefinitionError: a bad name, or a graph that cannot execute.
    """

    __slots__ = ("_nodes", "description", "name", "presets", "resources", "source", "tags")

    def __init__(
        self,
        name: str,
        nodes: Sequence[SolidNode],
        *,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        presets: Sequence[PresetDefinition] = (),
        resources: Mapping[str, ResourceDefinition] | None = None,
        source: SourcePosition | None = None,
    ) -> None:
        self.source = source = source or calling_position()
        self.name = check_name("a pipeline", name, source)
        what = f'pipeline "{name}"'
        self.description = check_text(what, description, source)
        self.tags = check_tags(what, tags, source)
        if not hasattr(nodes, "__iter__"):
            raise DefinitionError(
                f"cannot make {what}: its nodes are {preview(nodes)} ({type(nodes).__name__}), "
                "expected a list of SolidNode",
                source,
            )
        nodes = tuple(nodes)  # an iterator gives them once
        for index, node in enumerate(nodes):
            if not isinstance(node, SolidNode):
                raise DefinitionError(
                    f"cannot make {what}: its node at index {index} is {preview(node)} "
                    f"({type(node).__name__}), expected a SolidNode",
                    source,
                )
        self._nodes = check_graph(name, nodes)
        self.resources: dict[str, ResourceDefinition] = {}
        if resources or any(node.definition.required_resources for node in nodes):
            from hostler.definitions.resources import check_resources

            self.resources = check_resources(what, resources, nodes, source)
        self.presets: dict[str, PresetDefinition] = {}
        if presets:
            self._set_presets(presets)

    @property
    def nodes(self) -> tuple[SolidNode, ...]:
        return tuple(self._nodes.values())

    def node(self, name: str) -> SolidNode:
        """Returns the solid of this name.

        Raises:
            UnknownNameError: there is none; the message gives the nearest.
        """
        if name not in self._nodes:
            raise UnknownNameError(
                f"cannot find solid {preview(name)} in pipeline "
                f'"{self.name}"; {suggestion(name, self._nodes)}',
                self.source,
            )
        return self._nodes[name]

    def __repr__(self) -> str:
        return f'<pipeline "{self.name}">'

    def _set_presets(self, presets: object) -> None:
        from hostler.definitions._clauses import selected_names
        from hostler.definitions.errors import SelectionError
        from hostler.definitions.presets import check_presets

        self.presets = check_presets(f'pipeline "{self.name}"', presets, self.source)
        for one in self.presets.values():
            try:
                if one.solids:
                    selected_names(self.name, self.nodes, one.solids)
            except SelectionError as error:
                problems = "; ".join(error.problems)
                raise DefinitionError(
                    f'cannot use {one!r} for pipeline "{self.name}": {problems}', one.source
                ) from None


class PipelineDecorator:
    """What `pipeline(...)` with arguments returns: it makes a pipeline of the function below it."""

    __slots__ = ("_arguments", "_description", "_name")

    def __init__(
        self, name: str | None, description: str | None, arguments: dict[str, Any]
    ) -> None:
        self._name = name
        self._description = description
        #: The others of a `PipelineDefinition`.
        self._arguments = arguments

    def __call__(self, function: Callable[[], object]) -> PipelineDefinition:
        check_function("a pipeline", function)
        source = position_of(function)
        name = self._name
        if name is None:
            name = getattr(function, "__name__", None)
        name = check_name("a pipeline", name, source)
        check_no_arguments(f'make pipeline "{name}"', function, source)
        return PipelineDefinition(
            name,
            compose(name, function),
            description=self._description or documentation_of(function),
            source=source,
            **self._arguments,
        )


@overload
def pipeline(function: Callable[[], object], /) -> PipelineDefinition: ...
@overload
def pipeline(
    *,
    name: str | None = None,
    description: str | None = None,
    tags: Mapping[str, str] | None = None,
    presets: Sequence[PresetDefinition] = (),
    resources: Mapping[str, ResourceDefinition] | None = None,
) -> PipelineDecorator: ...


def pipeline(
    function: Callable[[], object] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    tags: Mapping[str, str] | None = None,
    presets: Sequence[PresetDefinition] = (),
    resources: Mapping[str, ResourceDefinition] | None = None,
) -> PipelineDefinition | PipelineDecorator:
    """Makes a pipeline of a function that calls solids.

    The function is called once, at once. Nothing executes: each call adds a solid to the pipeline
    and gives its outputs, to pass to other solids. A list of outputs feeds an input that takes a
    list. `solid.alias("name")` names a use of a solid; the second without an alias gets "_2".

    Args:
        name: the function's name if left out.
        description: the function's docstring if left out.
        tags: remarks for people and tools; a run takes them over.
        presets: what it is often launched with, each under a name, as
            [PresetDefinition("local", {"solids": ...})].
        resources: what its solids require, as {"db": db}; `resource` makes them.

    Raises:
        DefinitionError: the function takes arguments, or the graph that it makes cannot execute.
    """
    decorator = PipelineDecorator(
        name, description, {"tags": tags, "presets": presets, "resources": resources}
    )
    return decorator if function is None else decorator(function)
