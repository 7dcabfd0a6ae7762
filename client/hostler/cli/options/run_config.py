"""The run config and the tags of a run, as the command line gives them."""

from __future__ import annotations

import json
import sys
from glob import glob
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
        values: each a file, a glob, whose files are merged in the order of their paths, "-" for
            stdin, or the YAML or JSON text itself.

    Raises:
        click.UsageError: one is no file and no mapping, or contains itself, or a glob matches no
            file.
    """
    values = [file for value in values for file in _expanded(value)]
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


def _expanded(value: str) -> list[str]:
    """Returns the files that a glob matches, by path; anything else as it is."""
    if not _is_glob(value):
        return [value]
    found = glob(str(Path(value).expanduser()), recursive=True)  # noqa: PTH207 - may be absolute
    files = sorted(path for path in found if _is_file(path))
    if not files:
        raise click.UsageError(f"cannot find the run config {value!r}: no file matches")
    return files


def _is_glob(value: str) -> bool:
    """Returns whether a text is a glob: neither a file nor YAML, and with one of the characters."""
    text = value.strip()
    is_collection = text.startswith("{") or (text.startswith("[") and text.endswith("]"))
    is_yaml = is_collection or ": " in value or "\n" in value
    return not is_yaml and any(char in value for char in "*?[") and not _is_file(value)


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


def read_tag_mappings(
    _ctx: click.Context, _parameter: click.Parameter, values: Sequence[str]
) -> dict[str, str]:
    """Returns the tags that --tags names, each time as a JSON mapping; the later one wins.

    A value that is no string is kept as its JSON.
    """
    tags = {}
    for value in values:
        try:
            document = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise click.BadParameter(
                f'cannot read {value!r} as JSON ({error}); give it as \'{{"team": "data"}}\''
            ) from None
        if not isinstance(document, dict) or "" in document:
            raise click.BadParameter(
                f'cannot take {value!r} as tags; give a mapping, as \'{{"team": "data"}}\''
            )
        for key, tag in document.items():
            tags[key] = tag if isinstance(tag, str) else json.dumps(tag, ensure_ascii=False)
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
