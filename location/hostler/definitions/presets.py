"""Presets: the run configs, selections and tags that a pipeline is often launched with, by name."""

from __future__ import annotations

import json
from importlib import import_module

from hostler.definitions._late import late, loaded
from hostler.definitions._names import check_tags, check_text, type_phrase
from hostler.definitions._preview import encodable, preview
from hostler.definitions._run_requests import check_run_config
from hostler.definitions.errors import DefinitionError
from hostler.definitions.source import calling_position

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, Mapping, Sequence

    from hostler.definitions.source import SourcePosition


class PresetDefinition:
    """What a run of a pipeline is launched with, under a name; see `pipeline(presets=...)`.

    Args:
        name: text without line breaks.
        run_config: as that of a run.
        solids: the solids to execute, as ["load", "*total"]; all if left out.
        tags: of the run.
        description: what it is for.
        source: where it is defined; the caller's place if left out.

    Raises:
        DefinitionError: an argument is invalid.
    """

    __slots__ = ("description", "name", "run_config", "solids", "source", "tags")

    def __init__(
        self,
        name: str,
        run_config: Mapping[str, Any] | None = None,
        *,
        solids: Sequence[str] | None = None,
        tags: Mapping[str, str] | None = None,
        description: str | None = None,
        source: SourcePosition | None = None,
    ) -> None:
        self.source = source = source or calling_position()
        self.name = _check_name(name, source)
        what = f'preset "{name}"'
        self.run_config = check_run_config(what, {} if run_config is None else run_config, source)
        self.solids = _check_solids(what, solids, source)
        self.tags = check_tags(what, tags, source)
        self.description = check_text(what, description, source)

    @classmethod
    def from_files(cls, name: str, files: Iterable[str], **arguments: Any) -> PresetDefinition:
        """Makes a preset whose run config is that of files, merged in order, the later one wins.

        The files are read when the preset is defined, and the location is loaded again when one of
        them changes.

        Args:
            name: of the preset.
            files: paths, relative to the folder of the calling file, or patterns as "*.yaml". JSON
                is read everywhere, YAML where the location's environment has PyYAML.
            arguments: the others of a preset.

        Raises:
            DefinitionError: a file cannot be read, holds no mapping, or a pattern fits none.
        """
        source = calling_position()
        _check_name(name, source)
        reading = _Reading(name, source)
        texts = [(path, reading.text(path)) for path in reading.paths(files)]
        return cls(name, reading.merged(texts), source=source, **arguments)

    @classmethod
    def from_packages(
        cls, name: str, files: Iterable[tuple[str, str]], **arguments: Any
    ) -> PresetDefinition:
        """Makes a preset whose run config is that of files in packages; else as `from_files`.

        Args:
            name: of the preset.
            files: the package and the path within it, as [("reports.presets", "local.yaml")].
            arguments: the others of a preset.

        Raises:
            DefinitionError: a file cannot be read, or holds no mapping.
        """
        source = calling_position()
        _check_name(name, source)
        reading = _Reading(name, source)
        texts = [
            reading.of_package(one) for one in reading.listed(files, 'pairs as ("pkg", "a.yaml")')
        ]
        return cls(name, reading.merged(texts), source=source, **arguments)

    def __repr__(self) -> str:
        return f'<preset "{self.name}">'


def check_presets(
    what: str, presets: object, source: SourcePosition | None
) -> dict[str, PresetDefinition]:
    """Returns the presets of a pipeline by name.

    Raises:
        DefinitionError: they are no list of presets, or two have one name.
    """
    if not isinstance(presets, (list, tuple)):
        raise DefinitionError(
            f"cannot use {preview(presets)} as the presets of {what}: found "
            f"{type_phrase(presets)}, expected a list of PresetDefinition",
            source,
        )
    found: dict[str, PresetDefinition] = {}
    for index, one in enumerate(presets):
        if not isinstance(one, PresetDefinition):
            raise DefinitionError(
                f"cannot use {preview(one)} as a preset of {what}, at index {index}: found "
                f"{type_phrase(one)}, expected a PresetDefinition",
                source,
            )
        if one.name in found:
            raise DefinitionError(
                f'cannot use two presets named "{one.name}" (the first at '
                f"{found[one.name].source}) for {what}; rename one of them",
                one.source,
            )
        found[one.name] = one
    return found


class _Reading:
    """Reads the files of one preset."""

    def __init__(self, name: str, source: SourcePosition | None) -> None:
        self._what = f'preset "{name}"'
        self._source = source

    def error(self, problem: str) -> DefinitionError:
        return DefinitionError(f"cannot make {self._what}: {problem}", self._source)

    def listed(self, files: Any, expected: str) -> list[Any]:
        if isinstance(files, (str, bytes, dict)) or not hasattr(files, "__iter__"):
            raise self.error(f"its files are {preview(files)}, expected a list of {expected}")
        found = list(files)
        if not found:
            raise self.error("its list of files is empty; name one, or give the run config itself")
        return found

    def paths(self, files: object) -> list[str]:
        """Returns the files that are named, those of a pattern in the order of their names."""
        from glob import glob, has_magic
        from os import path

        folder = "" if self._source is None else path.dirname(self._source.file)
        found = []
        for one in self.listed(files, 'paths as "local.yaml"'):
            if not isinstance(one, str) and not hasattr(one, "__fspath__"):
                raise self.error(f"its file {preview(one)} is {type_phrase(one)}, expected a path")
            place = path.join(folder, path.expanduser(str(one)))
            matching = (
                sorted(glob(place)) if has_magic(place) and not path.exists(place) else [place]
            )
            if not matching:
                raise self.error(f"no file fits the pattern {preview(str(one))} in {folder or '.'}")
            found += matching
        return found

    def text(self, file: str) -> str:
        sources = loaded("hostler.host.sources")
        if sources is not None:  # a location loads, and is loaded again when the file changes
            sources.record_file(file)
        try:
            with open(file, encoding="utf-8") as opened:
                return opened.read()
        except (OSError, ValueError) as error:  # also what is no UTF-8
            reason = getattr(error, "strerror", None) or str(error)
            raise self.error(f"cannot read {file}: {reason}") from None

    def of_package(self, pair: object) -> tuple[str, str]:
        if not isinstance(pair, (list, tuple)) or [type(one) for one in pair] != [str, str]:
            raise self.error(
                f'its file is {preview(pair)}, expected a package and a path, as ("pkg", "a.yaml")'
            )
        package: str = pair[0]
        file: str = pair[1]
        resources = late("importlib.resources")
        try:
            if hasattr(resources, "files"):
                text = resources.files(package).joinpath(file).read_text(encoding="utf-8")
            else:  # CPython 3.8
                text = resources.read_text(package, file)
        except (ImportError, OSError, ValueError, TypeError) as error:
            raise self.error(f"cannot read {file} of package {package}: {error}") from None
        return f"{file} of package {package}", text

    def merged(self, texts: Iterable[tuple[str, str]]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for place, text in texts:
            document = self._document(place, text)
            if document is None:  # an empty file
                continue
            if not isinstance(document, dict):
                raise self.error(f"{place} holds {type_phrase(document)}, expected a mapping")
            try:
                result = _merged(result, document)
            except RecursionError:  # a YAML anchor may be used within its own value
                raise self.error(f"{place} contains itself") from None
        return result

    def _document(self, place: str, text: str) -> object:
        try:
            return json.loads(text) if text.strip() else None
        except ValueError as error:
            if place.split(" of package ", maxsplit=1)[0].endswith(".json"):
                raise self.error(f"{place} is no JSON: {error}") from None
        except RecursionError:
            raise self.error(f"{place} goes too deep") from None
        try:
            yaml = import_module("yaml")  # the environment's own
        except ImportError:
            raise self.error(
                f"cannot read {place} as YAML, since this environment has no PyYAML; install it "
                "there (pip install pyyaml), or write the file as JSON"
            ) from None
        try:
            return yaml.load(text, _loader(yaml))
        except Exception as error:  # noqa: BLE001 (of another package)
            raise self.error(f"{place} is no YAML: {error}") from None


def _loader(yaml: Any) -> Any:
    """Returns a loader without dates: a run config travels as JSON, where a date is a string."""

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # the environment's, whichever it is
        pass

    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in pairs if tag != "tag:yaml.org,2002:timestamp"]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    return Loader


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Returns both in one: mappings are merged deeply, otherwise what is above wins."""
    result = dict(below)
    for key, value in above.items():
        if isinstance(value, dict):
            under = result.get(key)
            result[key] = _merged(under if isinstance(under, dict) else {}, value)
        else:
            result[key] = value
    return result


def _check_name(name: object, source: SourcePosition | None) -> str:
    if isinstance(name, str) and name and name.isprintable() and encodable(name) == name:
        return name
    raise DefinitionError(
        f"cannot name a preset {preview(name)}: expected text without line breaks; choose another "
        "name",
        source,
    )


def _check_solids(what: str, solids: object, source: SourcePosition | None) -> tuple[str, ...]:
    if solids is None:
        return ()
    is_list = isinstance(solids, (list, tuple)) and all(isinstance(one, str) for one in solids)
    if not is_list or not solids:
        raise DefinitionError(
            f"cannot use {preview(solids)} as the solids of {what}: expected a list of names as "
            '["load", "*total"]; leave it out for all',
            source,
        )
    return tuple(solids)  # type: ignore[arg-type]  # a list of strings
