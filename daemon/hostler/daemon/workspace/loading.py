"""Loads workspace files into a workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hostler.daemon.workspace.grammar.declaration import DOCUMENT, Document
from hostler.daemon.workspace.grammar.decoding import Decoder, TooManyValuesError
from hostler.daemon.workspace.resolution import Resolver
from hostler.daemon.workspace.text.models import LocationSpec, Workspace
from hostler.daemon.workspace.text.problems import Problem, WorkspaceError, quote_short
from hostler.daemon.workspace.text.reading import SourceFile, UnreadableError, compose, read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path


class _LoadedFile(NamedTuple):
    """What was loaded from one file."""

    source: SourceFile
    locations: list[LocationSpec]
    env_files: list[str]
    problems: list[Problem]


def load_workspace(paths: Sequence[Path], environ: Mapping[str, str]) -> Workspace:
    """Returns the workspace that the files describe.

    Blocks while it reads the files; keep it off an event loop.

    Args:
        paths: the workspace files; one that is named twice is read once.
        environ: where `{env: NAME}`, `~` and bare names of interpreters are looked up.

    Raises:
        WorkspaceError: with all problems of all files.
    """
    sources = {source.path: source for source in map(SourceFile.of, paths)}
    loaded = [_load_file(source, environ) for source in sources.values()]
    problems = [problem for file in loaded for problem in file.problems]
    problems += _repeated_names(loaded)
    env_files = [path for file in loaded for path in file.env_files]
    inputs = tuple(dict.fromkeys([*sources, *env_files]))
    if problems:
        # An aliased value is decoded, and refused, once for each use.
        raise WorkspaceError(tuple(sorted(set(problems), key=_order(sources))), inputs)
    locations = tuple(spec for file in loaded for spec in file.locations)
    return Workspace(tuple(sources), locations, inputs)


def _order(
    sources: Mapping[str, SourceFile],
) -> Callable[[Problem], tuple[int, str, int, int, str]]:
    """Returns a sort key: workspace files in order, then env files; top to bottom in each."""
    rank = {source.display_name: index for index, source in enumerate(sources.values())}

    def key(problem: Problem) -> tuple[int, str, int, int, str]:
        index = rank.get(problem.file, len(rank))
        return index, problem.file, problem.line, problem.column, problem.message

    return key


def _load_file(source: SourceFile, environ: Mapping[str, str]) -> _LoadedFile:
    document, problems = _read_document(source, environ)
    if document is None:
        return _LoadedFile(source, [], [], problems)
    resolver = Resolver(source, environ)
    specs = [resolver.location(entry) for entry in document.load_from]
    locations = [spec for spec in specs if spec is not None]
    return _LoadedFile(source, locations, resolver.env_files, [*problems, *resolver.problems])


def _read_document(
    source: SourceFile, environ: Mapping[str, str]
) -> tuple[Document | None, list[Problem]]:
    try:
        text = read_text(source.path)
    except UnreadableError as error:
        return None, [Problem(source.display_name, error.line, error.column, error.message)]
    root, problems = compose(text, source)
    if problems:
        return None, problems
    if root is None:
        message = "cannot find any location: the file is empty; begin with `load_from:` and a list"
        return None, [Problem(source.display_name, 1, 1, message)]
    decoder = Decoder(source, environ)
    try:
        document: Document | None = decoder.decode(root, DOCUMENT, "the file")
    except TooManyValuesError:
        decoder.refuse(root, "cannot read the file: its aliases stand for too many values")
        return None, decoder.problems
    return document, decoder.problems


def _repeated_names(loaded: list[_LoadedFile]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for file in loaded:
        for spec in file.locations:
            if spec.name in first:
                yield file.source.problem(
                    spec.source,
                    f"cannot use the location name {quote_short(spec.name)} twice: the location at "
                    f"{first[spec.name]} has it; give one of them another `location_name`",
                )
            else:
                first[spec.name] = file.source.place(spec.source)
