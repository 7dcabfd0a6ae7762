"""Annotations of the user's functions: how they read, and which values of a config fit them.

They are taken as they are written, evaluated or not: a name that exists for the type checker
alone, or a syntax newer than the interpreter, is no reason for a definition to fail.
"""

from __future__ import annotations

from hostler.definitions._preview import preview
from hostler.definitions.config import ConfigType, ScalarType, restored
from hostler.definitions.source import MISSING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

    from hostler.definitions.config import Problems


class _Container(ScalarType):
    """A list or a dict; its numbers are of the types that the annotation of its items says."""

    __slots__ = ("_item",)

    def __init__(self, python_type: type, arguments: list[ConfigType]) -> None:
        super().__init__(python_type)
        #: Of a dict, the type of its values: the last argument.
        self._item = arguments[-1] if arguments else ConfigType()

    def check(self, value: object, path: str, problems: Problems) -> Any:
        checked = super().check(value, path, problems)
        if type(value) is list:
            return [_fitted(self._item, item) for item in value]
        if type(value) is dict:
            return {key: _fitted(self._item, item) for key, item in value.items()}
        return checked


class _Alternatives(ConfigType):
    """Takes any value; a number is of the type that an alternative says."""

    __slots__ = ("_types",)

    def __init__(self, types: list[ConfigType]) -> None:
        self._types = types

    def check(self, value: object, path: str, problems: Problems) -> Any:
        # the whole number of Union[int, float] is an int, whatever their order
        for one in sorted(self._types, key=lambda each: each.name == "float"):
            found: Problems = []
            fitted = one.check(value, path, found)
            if not found and type(one) is not ConfigType:
                return fitted
        return restored(value, path, problems)


def _fitted(kind: ConfigType, value: object) -> Any:
    """Returns an item as its type has it; as it is where it does not fit, which nobody checks."""
    problems: Problems = []
    fitted = kind.check(value, "", problems)
    return restored(value, "", []) if problems else fitted


_SCALARS = {kind.__name__: kind for kind in (str, int, float, bool)}
_CONTAINERS = {
    "list": list,
    "List": list,
    "Sequence": list,
    "dict": dict,
    "Dict": dict,
    "Mapping": dict,
}
_UNIONS = ("Optional", "Union")


def type_name(annotation: object) -> str:
    """Returns the text of an annotation; "Any" where there is none."""
    if annotation is MISSING:
        return "Any"
    if isinstance(annotation, str):
        return annotation.strip("'\"")
    if isinstance(annotation, type) and not hasattr(annotation, "__origin__"):
        return "None" if annotation is type(None) else annotation.__qualname__
    return preview(annotation).replace("typing.", "")


def config_type_of(annotation: object) -> ConfigType | None:
    """Returns what a config may give for an input of this annotation.

    None where only another solid can give the value: for a class of the user's, and where there is
    no annotation, so that a forgotten argument shows when the pipeline is made, not when it runs.
    """
    return None if annotation is MISSING else _config_type(type_name(annotation))


def _config_type(text: str) -> ConfigType | None:
    alternatives = list(split_text(text, "|"))
    if len(alternatives) > 1:
        return _any_of(alternatives)
    base, bracket, rest = text.strip().partition("[")
    base = base.rpartition(".")[2].strip()
    arguments = [one for one in split_text(rest.rstrip("] "), ",") if one]
    if not bracket and base in _SCALARS:
        return ScalarType(_SCALARS[base])
    if base in _CONTAINERS:
        items = [_config_type(one) for one in arguments]
        known = [one for one in items if one is not None]
        return _Container(_CONTAINERS[base], known) if len(known) == len(items) else None
    if base in _UNIONS:
        return _any_of(arguments)
    return ConfigType() if base in ("Any", "None", "NoneType") else None


def _any_of(texts: list[str]) -> ConfigType | None:
    types = [_config_type(one) for one in texts]
    known = [one for one in types if one is not None]
    return _Alternatives(known) if len(known) == len(types) else None


def split_text(text: str, separator: str) -> Iterator[str]:
    """Yields the parts of `text` between separators that stand in no bracket."""
    depth = start = 0
    for at, character in enumerate(text):
        depth += (character in "[(") - (character in "])")
        if character == separator and depth == 0:
            yield text[start:at].strip()
            start = at + 1
    yield text[start:].strip()
