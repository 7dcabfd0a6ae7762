"""Subsets of a pipeline: solids are selected by name, or by what depends on what."""

from __future__ import annotations

from hostler.definitions._clauses import selected_names
from hostler.definitions.pipelines import PipelineDefinition

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Sequence

    from hostler.definitions.graph import OutputReference


class PipelineSubset(PipelineDefinition):
    """A pipeline with some of its solids; no solid that was left out feeds them.

    Attributes:
        excluded: the names of the other solids of the pipeline.
        cut: by solid and input, what feeds the input in the whole pipeline and was left out, where
            nothing is left that feeds it.
    """

    __slots__ = ("cut_sources", "excluded")

    def __init__(self, pipeline: PipelineDefinition, names: Iterable[str]) -> None:
        self.source = pipeline.source
        self.name = pipeline.name
        self.description = pipeline.description
        self.tags = pipeline.tags
        self.presets = pipeline.presets
        self.resources = pipeline.resources
        chosen = set(names)
        self._nodes = {one.name: one.fed_by(chosen) for one in pipeline.nodes if one.name in chosen}
        self.excluded = {one.name for one in pipeline.nodes} - chosen
        self.cut_sources: dict[tuple[str, str], tuple[OutputReference, ...]] = {
            (node.name, name): references
            for node in pipeline.nodes
            if node.name in chosen
            for name, references in node.sources.items()
            if name not in self._nodes[node.name].sources
        }


def select(pipeline: PipelineDefinition, solids: Sequence[str]) -> PipelineSubset:
    """Returns the part of a pipeline that clauses select; see `selected_names`.

    Raises:
        SelectionError: a name is unknown or cannot be read, or there is none; lists all problems.
    """
    return PipelineSubset(pipeline, selected_names(pipeline.name, pipeline.nodes, solids))
