"""The run config and the tags of a run, as the command line gives them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml

from hostler.rpc.run_config import merged

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class _Loader(yaml.SafeLoader):
    """Reads YAML without dates: a run config travels as JSON, where 2026-11-22 is a string."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_run_config(values: Sequence[str]) -> dict[str, Any]:
    """Returns the run config made of each --config: merged deeply in order, the later one wins.

    Args:
        values: each a file, "-" for stdin, or the YAML or JSON text itself.

    Raises:
        click.UsageError: one is no file and no mapping, or contains itself.
    """
    if values.count("-") > 1:
        raise click.UsageError("cannot read stdin twice; give -c - once")
    several = len(values) > 1
    parts = []
    for number, value in enumerate(values, 1):
        name = f"--config {number} of {len(values)}" if several else "--config"
        parts.append(_read_part(value, name))
    try:
        return merged(*parts)
    except RecursionError:  # a YAML anchor may be used within its own value
        raise click.UsageError("cannot take the run config: it contains itself") from None


def _read_part(value: str, option: str) -> dict[str, Any]:
    """Returns the part that one --config gives; messages call the text itself `option`."""
    if value == "-":
        place, text = "stdin", sys.stdin.read()
    elif _is_file(value):
        place = value
        try:
            text = Path(value).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise click.UsageError(f"cannot read the run config {value}: {error}") from error
    elif not value.strip():  # for one, a shell variable that is not set
        raise click.UsageError(f"cannot take an empty {option}; give a file, or {{}} for none")
    else:
        place, text = option, value
    try:
        document = yaml.load(text, _Loader)  # noqa: S506 - derived from SafeLoader
    except yaml.YAMLError as error:
        raise click.UsageError(
            f"cannot read the run config in {place}: {_yaml_problem(error)}"
        ) from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        if place == option and isinstance(document, str):
            raise click.UsageError(
                f"cannot find the run config {value!r}: it is neither a file nor a mapping"
            )
        raise click.UsageError(
            f"cannot take the run config in {place}: a mapping is expected, "
            f"found a {type(document).__name__}"
        )
    return document


def read_tags(values: Iterable[str]) -> dict[str, str]:
    """Returns the tags that --tag names, each as KEY=VALUE.

    Raises:
        click.UsageError: one has no "=", or no key.
    """
    tags = {}
    for value in values:
        key, separator, text = value.partition("=")
        if not separator or not key:
            raise click.UsageError(f"cannot take the tag {value!r}; give it as KEY=VALUE")
        tags[key] = text
    return tags


def _yaml_problem(error: yaml.YAMLError) -> str:
    """Returns where the text is wrong and why, in one line."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return str(error)
    mark = error.problem_mark
    return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"


def _is_file(value: str) -> bool:
    try:
        return Path(value).is_file()
    except (OSError, ValueError):  # too long for a path, or with a zero byte
        return False
