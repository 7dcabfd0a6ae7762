"""Launches for a partition: its set's config and tags, where the caller gives no others."""

from google.protobuf import json_format

from hostler.daemon.facade import names, refusals
from hostler.daemon.facade.admission import Context
from hostler.daemon.facade.queries import DefinitionQueries
from hostler.daemon.generations.generation import Generation
from hostler.daemon.generations.kinds import PARTITION_SET
from hostler.daemon.runs.store.record import Run, set_partition
from hostler.rpc.run_config import merged


async def with_partition(
    queries: DefinitionQueries, context: Context, asked: Run
) -> tuple[Generation, Run]:
    """Returns the run with its partition's config and tags, and the generation that gave them.

    Raises:
        RefusalError: there is no such partition, its set is another pipeline's, or the code failed.
    """
    parent, partition = names.parse_partition(asked.partition, PARTITION_SET)
    location, repository, partition_set = names.parse(parent, 3, kind=PARTITION_SET)
    of_location, of_repository, pipeline = names.parse(asked.pipeline, 3)
    if (location, repository) != (of_location, of_repository):
        raise refusals.invalid(
            f"cannot launch {asked.pipeline} for {asked.partition}: "
            "the partition set is not of the pipeline's repository"
        )
    generation, said = await queries.call_with_generation(
        context, PARTITION_SET, parent, "describe_partition", partition=partition
    )
    if said["pipeline"] != pipeline:
        raise refusals.invalid(
            f"cannot launch pipeline {pipeline!r} for a partition of set {partition_set!r}, "
            f"which is for pipeline {said['pipeline']!r}"
        )
    if said["partition"] is None:
        raise refusals.unknown("partition", asked.partition, said["nearest"], partition)
    run = Run()
    run.CopyFrom(asked)
    config = merged(said["partition"]["runConfig"], json_format.MessageToDict(asked.run_config))
    json_format.ParseDict(config, run.run_config)
    of_set = {k: v for k, v in said["partition"]["tags"].items() if not k.startswith("hostler/")}
    run.tags.update({**of_set, **asked.tags})
    set_partition(run, f"locations/{location}/repositories/{repository}", partition_set, partition)
    return generation, run
