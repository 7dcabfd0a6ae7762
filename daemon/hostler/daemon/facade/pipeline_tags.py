"""Tags that a pipeline has in the code: its runs have them, too, under those of the launch."""

from hostler.daemon.facade.admission import Context
from hostler.daemon.facade.queries import DefinitionQueries
from hostler.daemon.generations.kinds import PIPELINE
from hostler.daemon.runs.store.record import Run
from hostler.v1 import definitions_pb2

#: Tags that begin so are the daemon's own.
_RESERVED = "hostler/"


async def with_tags_of_pipeline(queries: DefinitionQueries, context: Context, asked: Run) -> Run:
    """Returns the run with the tags of its pipeline, where it has no others of the same keys.

    A lazy pipeline that nobody has read yet is constructed for it, once for all. What was asked for
    is not changed, so that a retry with the same request id is compared with that.

    Raises:
        RefusalError: the pipeline cannot be read.
    """
    described = await queries.definition(context, PIPELINE, asked.pipeline)
    tags = definitions_pb2.Pipeline.FromString(described).tags
    missing = {
        key: value
        for key, value in tags.items()
        if key not in asked.tags and not key.startswith(_RESERVED)
    }
    if not missing:
        return asked
    run = Run()
    run.CopyFrom(asked)
    run.tags.update(missing)
    return run
