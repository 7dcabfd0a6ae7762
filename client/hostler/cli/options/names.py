"""Arguments that name one definition; left out, the only one that there is."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import click

from hostler.cli.options.completion import complete_partition_set, complete_pipeline

if TYPE_CHECKING:
    from collections.abc import Callable

#: No name of a pipeline has a dot; a shell that expands the pattern of -c leaves such arguments.
_CONFIG_FILES = (".yaml", ".yml", ".json")

partition_set_argument = click.argument(
    "partition_set", metavar="[SET]", required=False, shell_complete=complete_partition_set
)


def pipeline_name(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command a pipeline's name, as its argument or by -p, and passes on `name`.

    `name` is None where neither is given.
    """

    @functools.wraps(function)
    def command(*args: Any, name: str | None, named: str | None, **kwargs: Any) -> Any:
        if None not in (name, named) and name != named:
            raise click.UsageError(f"cannot take two pipelines, {name} and {named}; give one")
        name = name or named
        if name is not None and name.endswith(_CONFIG_FILES):
            raise click.UsageError(
                f"cannot take {name} as the name of a pipeline: a run config follows -c, and a "
                "pattern of several has to be quoted"
            )
        return function(*args, name=name, **kwargs)

    argument = click.argument(
        "name", metavar="[NAME]", required=False, shell_complete=complete_pipeline
    )
    option = click.option(
        "-p",
        "--pipeline",
        "named",
        metavar="NAME",
        shell_complete=complete_pipeline,
        help="The pipeline, as the argument NAME; neither is needed where there is only one.",
    )
    return argument(option(command))
