"""Filters of runs, as requests have them."""

from google.protobuf import timestamp_pb2

from hostler.daemon.facade import refusals
from hostler.daemon.runs.store.record import RunFilter, pipeline_parts
from hostler.v1 import run_pb2 as pb

#: Tags of a filter: SQLite joins no more than 64 tables.
MAX_FILTER_TAGS = 50

#: The range of the record's times, which are nanoseconds in 64 bits.
_FIRST_TIME, _LAST_TIME = -(2**63), 2**63 - 1


def run_filter(wanted: pb.RunFilter) -> RunFilter:
    """Returns the filter as the record takes it.

    Raises:
        RefusalError: INVALID_ARGUMENT, naming the field.
    """
    if len(wanted.tags) > MAX_FILTER_TAGS:
        raise refusals.invalid(
            f"cannot filter by {len(wanted.tags)} tags; at most {MAX_FILTER_TAGS}"
        )
    location, repository, pipeline = "", "", wanted.pipeline
    if "/" in pipeline:
        location, repository, pipeline = pipeline_parts(pb.Run(pipeline=pipeline))
        if not (location and repository and pipeline):
            raise refusals.invalid(
                f"cannot filter by the pipeline {wanted.pipeline!r}; expected its name alone or "
                "locations/{location}/repositories/{repository}/pipelines/{pipeline}"
            )
    if wanted.location:
        named = wanted.location.removeprefix("locations/")
        if named == wanted.location or location not in ("", named):
            expected = f"locations/{location}" if location else "locations/{location}"
            message = f"cannot filter by the location {wanted.location!r}; expected {expected}"
            raise refusals.invalid(message)
        location = named
    return RunFilter(
        location=location,
        repository=repository,
        pipeline=pipeline,
        states=frozenset(wanted.states),
        tags=tuple(sorted(wanted.tags.items())),
        created_from=_nanoseconds("create_time_from", wanted.create_time_from),
        created_before=(
            # at 1970 itself it is no bound to the record
            _nanoseconds("create_time_before", wanted.create_time_before) or 1
            if wanted.HasField("create_time_before")
            else 0
        ),
    )


def _nanoseconds(name: str, time: timestamp_pb2.Timestamp) -> int:
    found = time.seconds * 1_000_000_000 + time.nanos
    if not _FIRST_TIME <= found <= _LAST_TIME:
        raise refusals.invalid(
            f"cannot filter by {name} {time.seconds} s; expected a time from 1678 to 2262"
        )
    return found
