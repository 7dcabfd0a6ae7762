"""The config of a run.

{"solids": {name: {"config": {...}, "inputs": {name: value}}}, "resources": {name: {"config": ...}}}
"""

from __future__ import annotations

from hostler.definitions._names import suggestion
from hostler.definitions._preview import preview
from hostler.definitions._selection import PipelineSubset
from hostler.definitions._value_object import ValueObject
from hostler.definitions.config import ConfigType, MappingType
from hostler.definitions.errors import ConfigError, ConfigProblem
from hostler.definitions.source import MISSING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Container, Dict, Iterable, Mapping

    from hostler.definitions.graph import OutputReference, SolidNode
    from hostler.definitions.pipelines import PipelineDefinition
    from hostler.definitions.ports import InputDefinition

    _StepConfigDict = Dict[str, "StepConfig"]
else:
    _StepConfigDict = dict


class StepConfig(ValueObject):
    """The part of a run config that is about one solid, checked."""

    __slots__ = ("config", "inputs")

    def __init__(self, config: Any, inputs: dict[str, Any]) -> None:
        #: By the schema, with the defaults.
        self.config = config
        #: Values of inputs that no other solid feeds.
        self.inputs = inputs


class StepConfigs(_StepConfigDict):
    """The parts of a run config about each solid, by name.

    Attributes:
        resources: the config of each resource that the solids require, by name.
    """

    def __init__(self, steps: Mapping[str, StepConfig], resources: dict[str, Any]) -> None:
        super().__init__(steps)
        self.resources = resources


class _EnoughProblemsError(Exception):
    """There are as many problems as anybody wants to read."""


class _Problems(list):  # type: ignore[type-arg]  # 3.8 subscribes no list
    """Problems, up to a number of them: a config of a megabyte may have a million."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def append(self, problem: ConfigProblem) -> None:
        super().append(problem)
        if len(self) == self._most:
            raise _EnoughProblemsError


def check_run_config(
    pipeline: PipelineDefinition, run_config: object, most: int = 0
) -> StepConfigs:
    """Checks a run config; returns its part for each solid of the pipeline, by name.

    Args:
        pipeline: the pipeline to execute, or a `PipelineSubset`, whose own solids count alone.
        run_config: see the module's docstring; None for an empty one. What is None in it on the way
            to a value counts as empty, as a key without a value does in YAML.
        most: problems after which the check ends; 0 to find all.

    Raises:
        ConfigError: it does not fit; holds all problems at once.
    """
    check = _Check(pipeline, most)
    steps: dict[str, StepConfig] = {}
    resources: dict[str, Any] = {}
    try:
        top = check.section(run_config, "")
        check.keys(top, "", ["solids", "resources"])
        solids = check.section(top.get("solids"), "solids")
        check.solids(solids)
        for node in pipeline.nodes:
            steps[node.name] = check.step(node, solids.get(node.name), f"solids.{node.name}")
        section = check.section(top.get("resources"), "resources")
        resources = check.resources(pipeline, section)
    except _EnoughProblemsError:
        pass
    if check.problems:
        raise ConfigError(pipeline.name, check.problems)
    return StepConfigs(steps, resources)


def read_environment(
    pipeline: PipelineDefinition, steps: StepConfigs, variables: Mapping[str, str]
) -> tuple[StepConfigs, dict[str, str]]:
    """Reads the variables that a checked run config names as {env: NAME}.

    Returns the configs with their values, and the variables that were read, by name.

    Raises:
        ConfigError: one is not set, or does not fit.
    """
    from hostler.definitions._environment import Environment

    environment = Environment(variables)
    resolved = {
        name: StepConfig(
            environment.resolved(step.config, f"solids.{name}.config"),
            environment.resolved(step.inputs, f"solids.{name}.inputs"),
        )
        for name, step in steps.items()
    }
    resources = {
        name: environment.resolved(config, f"resources.{name}.config")
        for name, config in steps.resources.items()
    }
    environment.require(pipeline.name)
    return StepConfigs(resolved, resources), environment.read


def _needs_no_source(one: InputDefinition) -> bool:
    """Returns whether a pipeline may be defined without a solid that feeds this input."""
    return one.has_default or one.config_type is not None


class _Check:
    """One walk through a run config."""

    def __init__(self, pipeline: PipelineDefinition, most: int) -> None:
        self.problems: list[ConfigProblem] = _Problems(most)
        self._names = [node.name for node in pipeline.nodes]
        self._excluded: Container[object] = ()
        self._cut_sources: Mapping[tuple[str, str], Iterable[OutputReference]] = {}
        if isinstance(pipeline, PipelineSubset):
            self._excluded, self._cut_sources = pipeline.excluded, pipeline.cut_sources

    def section(self, value: object, path: str) -> dict[object, object]:
        """Returns a section of the config as a dict; reports anything that is none."""
        if value is None:
            return {}
        if isinstance(value, dict):
            return value
        self.report(path, f"found {preview(value, 60)} ({type(value).__name__}), expected dict")
        return {}

    def solids(self, section: dict[object, object]) -> None:
        """Reports what is said of solids that are not executed."""
        for name in section:
            if name in self._excluded:
                self.report(f"solids.{name}", "this solid is not selected; remove it, or select it")
        others = {name: value for name, value in section.items() if name not in self._excluded}
        self.keys(others, "solids", self._names)

    def keys(self, section: dict[object, object], path: str, known: Iterable[str]) -> None:
        """Reports the keys that are not known."""
        known = dict.fromkeys(known)
        for key in section:
            if key not in known:
                name = key if isinstance(key, str) and key.isprintable() else preview(key, 60)
                place = f"{path}.{name}" if path else name
                self.report(place, f"unknown; {suggestion(key, known)}")

    def resources(
        self, pipeline: PipelineDefinition, section: dict[object, object]
    ) -> dict[str, Any]:
        """Returns the config of each resource that a solid requires; checks the others given."""
        self.keys(section, "resources", pipeline.resources)
        required = {name for node in pipeline.nodes for name in node.definition.required_resources}
        found = {}
        for name, definition in pipeline.resources.items():
            if name in required or name in section:
                path = f"resources.{name}"
                given = self.section(section.get(name), path)
                self.keys(given, path, ["config"])
                found[name] = self.config(definition.config, given, f"{path}.config")
        return found

    def step(self, node: SolidNode, value: object, path: str) -> StepConfig:
        """Returns the checked part of one solid."""
        section = self.section(value, path)
        self.keys(section, path, ["config", "inputs"])
        config = self.config(node.definition.config, section, f"{path}.config")
        inputs = self.section(section.get("inputs"), f"{path}.inputs")
        return StepConfig(config, self.inputs(node, inputs, f"{path}.inputs"))

    def config(self, schema: ConfigType, section: dict[object, object], path: str) -> Any:
        """Returns the checked config in a section."""
        if isinstance(schema, MappingType):
            return schema.check(self.section(section.get("config"), path), path, self.problems)
        return schema.check(section.get("config", MISSING), path, self.problems)

    def inputs(
        self, node: SolidNode, section: dict[object, object], path: str
    ) -> dict[str, object]:
        """Returns the inputs of one solid that the config gives."""
        declared = node.definition.inputs
        self.keys(section, path, [one.name for one in declared])
        found: dict[str, object] = {}
        for one in declared:
            place = f"{path}.{one.name}"
            if one.is_nothing:
                if one.name in section:
                    self.report(place, "this input stands for an order and has no value; remove it")
                continue
            config_type = one.config_type
            if one.name in node.sources:
                if one.name in section:
                    feeding = ", ".join(map(str, node.sources[one.name]))
                    self.report(place, f"the pipeline feeds this input from {feeding}; remove it")
            elif (node.name, one.name) in self._cut_sources and not _needs_no_source(one):
                self.report(place, self._not_configurable(node, one))
            elif one.name in section:
                given = section[one.name]
                if given is None and one.default is None:
                    found[one.name] = None
                else:
                    kind = config_type or ConfigType()
                    found[one.name] = kind.check(given, place, self.problems)
            elif not one.has_default:
                why = self._missing_sources(node, one)
                self.report(place, f"missing; {why}expected {one.type_name}")
        return found

    def _missing_sources(self, node: SolidNode, one: InputDefinition) -> str:
        """Returns a clause that names the solids that feed an input and are not selected, or ""."""
        names = [reference.solid for reference in self._cut_sources.get((node.name, one.name), ())]
        listed = ", ".join(f'"{name}"' for name in dict.fromkeys(names))
        return f"nothing feeds it without {listed}, not selected; " if listed else ""

    def _not_configurable(self, node: SolidNode, one: InputDefinition) -> str:
        return (
            f"{self._missing_sources(node, one)}a run config cannot hold {one.type_name}; "
            "select what feeds the input, or give it a default"
        )

    def report(self, path: str, message: str) -> None:
        self.problems.append(ConfigProblem(path, message))
