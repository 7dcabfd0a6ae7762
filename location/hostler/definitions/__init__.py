"""What the code of a location imports to define repositories and what is in them.

    from hostler.definitions import pipeline, repository, solid

A module without an underscore has something of the user's in it; begin at solids, pipelines and
repositories. Modules with an underscore are hostler's own, and hostler.host uses them, too. The
package is flat, since folders would cost each start of a location time.

Standard library alone, on CPython 3.8 and later. See docs/definitions.md.
"""

from __future__ import annotations

from hostler.definitions.config import Field
from hostler.definitions.context import SolidContext
from hostler.definitions.errors import (
    ConfigError,
    ConfigProblem,
    DefinitionError,
    OutputError,
    ResourceError,
    SelectionError,
    TypeCheckError,
    UnknownNameError,
)
from hostler.definitions.graph import OutputReference, SolidNode
from hostler.definitions.partitions import Partition, PartitionSetDefinition, partition_set
from hostler.definitions.pipelines import PipelineDefinition, pipeline
from hostler.definitions.ports import InputDefinition, Nothing, Output, OutputDefinition
from hostler.definitions.repositories import RepositoryDefinition, repository
from hostler.definitions.repository_data import RepositoryData
from hostler.definitions.retries import RetryPolicy
from hostler.definitions.schedules import (
    ScheduleContext,
    ScheduleDefinition,
    SkipReason,
    schedule,
)
from hostler.definitions.solids import SolidDefinition, solid
from hostler.definitions.source import SourcePosition

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hostler.definitions.config_kinds import Enum, Selector
    from hostler.definitions.date_partitions import (
        daily_partitions,
        hourly_partitions,
        monthly_partitions,
        weekly_partitions,
    )
    from hostler.definitions.execution import PipelineResult, execute_pipeline
    from hostler.definitions.partition_schedules import (
        PartitionScheduleDefinition,
        daily_schedule,
        hourly_schedule,
        monthly_schedule,
        weekly_schedule,
    )
    from hostler.definitions.presets import PresetDefinition
    from hostler.definitions.resources import ResourceContext, ResourceDefinition, resource

# What executes, and what calculates with dates, is loaded when it is asked for: most locations
# define and do neither.
_LATER = {
    "Enum": "config_kinds",
    "Selector": "config_kinds",
    "PartitionScheduleDefinition": "partition_schedules",
    "PipelineResult": "execution",
    "PresetDefinition": "presets",
    "ResourceContext": "resources",
    "ResourceDefinition": "resources",
    "execute_pipeline": "execution",
    "daily_partitions": "date_partitions",
    "daily_schedule": "partition_schedules",
    "hourly_partitions": "date_partitions",
    "hourly_schedule": "partition_schedules",
    "monthly_partitions": "date_partitions",
    "monthly_schedule": "partition_schedules",
    "resource": "resources",
    "weekly_partitions": "date_partitions",
    "weekly_schedule": "partition_schedules",
}

__all__ = [
    "ConfigError",
    "ConfigProblem",
    "DefinitionError",
    "Enum",
    "Field",
    "InputDefinition",
    "Nothing",
    "Output",
    "OutputDefinition",
    "OutputError",
    "OutputReference",
    "Partition",
    "PartitionScheduleDefinition",
    "PartitionSetDefinition",
    "PipelineDefinition",
    "PipelineResult",
    "PresetDefinition",
    "RepositoryData",
    "RepositoryDefinition",
    "ResourceContext",
    "ResourceDefinition",
    "ResourceError",
    "RetryPolicy",
    "ScheduleContext",
    "ScheduleDefinition",
    "SelectionError",
    "Selector",
    "SkipReason",
    "SolidContext",
    "SolidDefinition",
    "SolidNode",
    "SourcePosition",
    "TypeCheckError",
    "UnknownNameError",
    "daily_partitions",
    "daily_schedule",
    "execute_pipeline",
    "hourly_partitions",
    "hourly_schedule",
    "monthly_partitions",
    "monthly_schedule",
    "partition_set",
    "pipeline",
    "repository",
    "resource",
    "schedule",
    "solid",
    "weekly_partitions",
    "weekly_schedule",
]


def __getattr__(name: str) -> object:
    if name in _LATER:
        from importlib import import_module

        value: object = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
