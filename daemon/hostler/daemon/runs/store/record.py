"""The parts of the record: runs, their events, and what each event changes in its run."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from hostler.v1 import run_pb2

Run = run_pb2.Run
State = Run.State
RunEvent = run_pb2.RunEvent

ENDED = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELED, State.INTERRUPTED})

#: The events after which no other comes.
ENDS = frozenset({"run_succeeded", "run_failed", "run_canceled", "run_interrupted"})


#: Tags of a run for a partition, to filter runs by: the names of the set and of the partition.
PARTITION_SET_TAG = "hostler/partition_set"
PARTITION_TAG = "hostler/partition"

#: The events of what a run says, of which a record may have only so much.
OUTPUTS = frozenset({"log_message", "printed_line"})


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Selects the runs that fit every field that is set.

    Attributes:
        pipeline: its name alone.
        states: the run has one of them; empty for any state.
        tags: the run has all of them.
        created_from: in nanoseconds since the epoch, inclusive; 0 for no bound.
        created_before: the same, exclusive.
    """

    location: str = ""
    repository: str = ""
    pipeline: str = ""
    states: frozenset[int] = frozenset()
    tags: tuple[tuple[str, str], ...] = ()
    created_from: int = 0
    created_before: int = 0


def fits(run: Run, wanted: RunFilter) -> bool:
    """Returns whether a run fits a filter, its state left out: nothing else of it changes."""
    location, repository, pipeline = pipeline_parts(run)
    created = run.create_time.ToNanoseconds()
    return (
        wanted.location in ("", location)
        and wanted.repository in ("", repository)
        and wanted.pipeline in ("", pipeline)
        and all(run.tags.get(key) == value for key, value in wanted.tags)
        and (not wanted.created_from or created >= wanted.created_from)
        and (not wanted.created_before or created < wanted.created_before)
    )


def without_config(run: Run) -> Run:
    """Returns a copy of a run without its config, which may be megabytes."""
    copied = Run()
    for field, value in run.ListFields():
        if field.name == "run_config":
            continue
        if field.is_repeated or field.message_type is not None:
            getattr(copied, field.name).MergeFrom(value)
        else:
            setattr(copied, field.name, value)
    return copied


def make_event(kind: str, value: Any = None) -> RunEvent:
    """Returns an event that happens now; `kind` is a field of RunEvent."""
    made = RunEvent()
    made.time.FromNanoseconds(time.time_ns())
    field = getattr(made, kind)
    field.SetInParent()
    if value is not None:
        field.CopyFrom(value)
    return made


def event_count(of: RunEvent) -> int:
    """Returns how many sequence numbers an event takes: one for each of its printed lines."""
    return 1 + len(of.printed_line.more) if of.HasField("printed_line") else 1


def printed_lines(of: RunEvent) -> list[str]:
    """Returns the texts of an event that is a printed line, with those that came with it."""
    return [of.printed_line.text, *of.printed_line.more]


def is_last_event(of: RunEvent) -> bool:
    """Returns whether a run ends with the event."""
    return of.WhichOneof("event") in ENDS


def run_id(run: Run) -> str:
    """Returns the last part of a run's resource name."""
    return run.name.rpartition("/")[2]


def pipeline_parts(run: Run) -> tuple[str, str, str]:
    """Returns the location, the repository and the name of a run's pipeline.

    A location may have a slash in its name; what follows it may not.
    """
    rest, _, pipeline = run.pipeline.rpartition("/pipelines/")
    location, _, repository = rest.rpartition("/repositories/")
    return location.removeprefix("locations/"), repository, pipeline


def set_partition(run: Run, repository: str, partition_set: str, partition: str) -> None:
    """Makes a run one for a partition, and tags it so.

    Args:
        repository: its resource name.
        partition_set, partition: their names.
    """
    run.partition = f"{repository}/partitionSets/{partition_set}/partitions/{partition}"
    run.tags.update({PARTITION_SET_TAG: partition_set, PARTITION_TAG: partition})


def partition_of(run: Run) -> tuple[str, str] | None:
    """Returns the names of a run's partition set and partition; None where it has none."""
    partition_set, _, name = run.partition.partition("/partitions/")
    return (partition_set.rpartition("/")[2], name) if name else None


def is_same_launch(one: Run, other: Run) -> bool:
    """Returns whether two runs were asked for with the same content."""
    return (
        one.pipeline == other.pipeline
        and one.run_config == other.run_config
        and one.tags == other.tags
        and one.solids == other.solids
        and one.max_concurrency == other.max_concurrency
        and one.HasField("timeout") == other.HasField("timeout")
        and one.timeout == other.timeout
        and one.partition == other.partition
        and one.debugging == other.debugging
    )


def apply_event(run: Run, of: RunEvent) -> bool:
    """Applies an event to its run; returns whether more than the last sequence has changed."""
    run.last_sequence = of.sequence + event_count(of) - 1
    kind = of.WhichOneof("event")
    if kind == "run_queued":
        run.state = State.QUEUED
        run.create_time.CopyFrom(of.time)
    elif kind == "run_started":
        if run.state == State.QUEUED:  # else a cancel was recorded before
            run.state = State.RUNNING
        run.start_time.CopyFrom(of.time)
        run.pid = of.run_started.pid
        run.generation = of.run_started.generation
    elif kind == "run_succeeded":
        run.state = State.SUCCEEDED
    elif kind == "run_failed":
        run.state = State.FAILED
        run.failure.CopyFrom(of.run_failed.failure)
    elif kind == "run_canceled":
        run.state = State.CANCELED
    elif kind == "run_interrupted":
        run.state = State.INTERRUPTED
    else:
        return False
    if run.state in ENDED:
        run.end_time.CopyFrom(of.time)
    return True
