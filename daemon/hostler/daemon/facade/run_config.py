"""Checks launches before anything is recorded, and describes what a run config may hold."""

import asyncio
import json
from collections.abc import Sequence

from hostler.daemon.base.settings import Settings
from hostler.daemon.facade import partition, refusals
from hostler.daemon.facade.admission import Context
from hostler.daemon.facade.queries import DefinitionQueries
from hostler.daemon.facade.validation import require_config
from hostler.daemon.generations.config_schema import config_schema
from hostler.daemon.generations.described_pipeline import (
    MOST_PROBLEMS,
    check_launch,
    described_pipeline,
    problems_of,
    selected,
)
from hostler.daemon.generations.kinds import PIPELINE
from hostler.daemon.runs.store.record import Run
from hostler.definitions.errors import ConfigError, SelectionError
from hostler.v1 import repository_pb2 as pb

#: Characters of a path; a key may be as long as the config is large.
_MAX_PATH = 500


async def require_fit(queries: DefinitionQueries, context: Context, run: Run) -> int:
    """Refuses a launch whose run config or selection does not fit its pipeline.

    Returns how many steps it has.

    A lazy pipeline that nobody has read yet is constructed for it, once for all.

    Raises:
        RefusalError: INVALID_ARGUMENT, with all that is wrong; or the pipeline cannot be read.
    """
    serialized = await queries.definition(context, PIPELINE, run.pipeline)
    try:
        return await asyncio.to_thread(check_launch, serialized, run.run_config, run.solids)
    except (ConfigError, SelectionError) as error:
        violations = [
            (".".join(filter(None, [each.field, each.path])), each.message)
            for each in _messages(error)
        ]
        raise refusals.wrong_launch(run.pipeline, str(error), violations) from error


async def validate(
    queries: DefinitionQueries,
    context: Context,
    request: pb.ValidateRunConfigRequest,
    settings: Settings,
) -> pb.ValidateRunConfigResponse:
    """Returns what `require_fit` would refuse.

    Raises:
        RefusalError: the config has no form in JSON, or the pipeline or the partition cannot be
            read.
    """
    await require_config(request.run_config, settings)
    run = Run(
        pipeline=request.pipeline,
        run_config=request.run_config,
        solids=request.solids,
        partition=request.partition,
    )
    if request.partition:
        _, run = await partition.with_partition(queries, context, run)
    serialized = await queries.definition(context, PIPELINE, request.pipeline)
    problems: list[pb.RunConfigProblem] = []
    try:
        await asyncio.to_thread(check_launch, serialized, run.run_config, run.solids)
    except (ConfigError, SelectionError) as error:
        problems = _messages(error)
    return pb.ValidateRunConfigResponse(problems=problems, truncated=len(problems) == MOST_PROBLEMS)


async def schema(
    queries: DefinitionQueries, context: Context, request: pb.GetConfigSchemaRequest
) -> pb.GetConfigSchemaResponse:
    """Returns the JSON Schema of a pipeline's run config.

    Raises:
        RefusalError: the selection does not fit the pipeline, or the pipeline cannot be read.
    """
    serialized = await queries.definition(context, PIPELINE, request.pipeline)

    def make(solids: Sequence[str]) -> str:
        made = config_schema(selected(described_pipeline(serialized), solids))
        return json.dumps(made, ensure_ascii=False)

    try:
        text = await asyncio.to_thread(make, request.solids)
    except SelectionError as error:
        violations = [("solids", each.message) for each in problems_of(error)]
        raise refusals.wrong_launch(request.pipeline, str(error), violations) from error
    return pb.GetConfigSchemaResponse(json_schema=text)


def _messages(error: ConfigError | SelectionError) -> list[pb.RunConfigProblem]:
    field = "run_config" if isinstance(error, ConfigError) else "solids"
    return [
        pb.RunConfigProblem(field=field, path=each.path[:_MAX_PATH], message=each.message)
        for each in problems_of(error)
    ]
