"""Config schemas: which values a solid's config may hold.

A schema is a dict of fields. These declare a type, in a field and elsewhere:

    str int float bool list dict    a value of this type; an int is a good float
    Any                             any value
    [T]                             a list of values that fit T
    {"name": T, ...}                a dict with these fields and no other
    Field(T, default=..., ...)      T with a default or a description; in a dict, or as the schema
    Enum("Name", ["a", "b"])        one of these strings
    Selector({"name": T, ...})      a dict with exactly one of these keys

In place of a str, int, float, bool or Enum, a run config may say {env: NAME}: the run's process
then reads that variable of its environment.

A config travels as google.protobuf.Struct, whose numbers are doubles. So a number is what its type
says: an int or a float. Where the type does not say it (Any, and within list and dict), a number
is an int if it is whole and a double holds it exactly, up to 2**53; else a float. The keys of dicts
are strings. `execute_pipeline` reads a config by the same rules, although there nothing travels.
Defaults are as the code has them.
"""

from __future__ import annotations

from hostler.definitions._names import suggestion, type_phrase
from hostler.definitions._preview import preview
from hostler.definitions._typing import is_any
from hostler.definitions.errors import ConfigProblem, DefinitionError
from hostler.definitions.source import MISSING, calling_position

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Mapping

    from hostler.definitions.source import SourcePosition

    #: Where problems are collected; a check goes on after each.
    Problems = List[ConfigProblem]

#: Doubles hold every whole number up to here.
MAX_EXACT_INTEGER = 2**53

#: Deeper than anything that people write.
_MAX_DEPTH = 100

_SCALARS = (str, int, float, bool, list, dict)


class ConfigType:
    """A type of config values; this class itself takes any value."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The name of the type, as the user writes it."""
        return "Any"

    @property
    def fields(self) -> Mapping[str, Field]:
        """Returns the fields of a dict, or of the dicts in a list."""
        return {}

    @property
    def values(self) -> tuple[str, ...]:
        """Returns the strings that fit; none where others fit, too."""
        return ()

    @property
    def is_selector(self) -> bool:
        """Returns whether exactly one of `fields` is given."""
        return False

    @property
    def fits_empty(self) -> bool:
        """Returns whether an empty dict fits, because every field of it may be left out."""
        return False

    def check(self, value: object, path: str, problems: Problems) -> Any:
        """Returns the value with its fields' defaults; adds what does not fit to `problems`."""
        return restored(value, path, problems)


class ScalarType(ConfigType):
    """A value of one builtin type."""

    __slots__ = ("_type",)

    def __init__(self, python_type: type) -> None:
        self._type = python_type

    @property
    def name(self) -> str:
        return self._type.__name__

    @property
    def python_type(self) -> type:
        """The builtin type."""
        return self._type

    def check(self, value: object, path: str, problems: Problems) -> Any:
        if self._type not in (list, dict) and is_environment_value(value, problems):
            from hostler.definitions._environment import reference

            return reference(value, self, path, problems)
        if self._type is int and isinstance(value, float) and value.is_integer():
            return int(value)
        if self._type is float and isinstance(value, int) and not isinstance(value, bool):
            try:
                return float(value)
            except OverflowError:
                pass
        # For isinstance, True is an int.
        elif isinstance(value, self._type) and not (self._type is int and isinstance(value, bool)):
            return restored(value, path, problems) if self._type in (list, dict) else value
        problems.append(ConfigProblem(path, mismatch(value, self)))
        return value


class ListType(ConfigType):
    """A list whose items are of one type."""

    __slots__ = ("_item",)

    def __init__(self, item: ConfigType) -> None:
        self._item = item

    @property
    def name(self) -> str:
        return f"list[{self._item.name}]"

    @property
    def item(self) -> ConfigType:
        """Returns the type of each item."""
        return self._item

    @property
    def fields(self) -> Mapping[str, Field]:
        return self._item.fields

    @property
    def values(self) -> tuple[str, ...]:
        return self._item.values

    @property
    def is_selector(self) -> bool:
        return self._item.is_selector

    def check(self, value: object, path: str, problems: Problems) -> Any:
        if not isinstance(value, list):
            problems.append(ConfigProblem(path, mismatch(value, self)))
            return value
        return [
            self._item.check(item, f"{path}[{index}]", problems) for index, item in enumerate(value)
        ]


class MappingType(ConfigType):
    """A dict with named fields."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, Field]) -> None:
        self._fields = dict(fields)

    @property
    def name(self) -> str:
        return "dict"

    @property
    def fields(self) -> Mapping[str, Field]:
        return self._fields

    @property
    def fits_empty(self) -> bool:
        return not any(field.is_required for field in self._fields.values())

    def check(self, value: object, path: str, problems: Problems) -> Any:
        if not isinstance(value, dict):
            problems.append(ConfigProblem(path, mismatch(value, self)))
            return value
        for key in value:
            if key not in self._fields:
                advice = suggestion(key, self._fields)
                problems.append(
                    ConfigProblem(f"{path}.{key_text(key)}", f"unknown field; {advice}")
                )
        checked = {}
        for name, field in self._fields.items():
            place = f"{path}.{name}"
            if name in value:
                checked[name] = field.check(value[name], place, problems)
            elif field.default is not MISSING:
                checked[name] = copied(field.default)
            elif field.is_required:
                problems.append(ConfigProblem(place, f"missing; expected {field.type.name}"))
            elif field.type.fits_empty:
                checked[name] = field.type.check({}, place, problems)
        return checked


class _DefaultProblems(list):  # type: ignore[type-arg]  # 3.8 subscribes no list
    """The problems of a default, which is in the code as it is meant and never travels."""


class Field:
    """A field of a config schema.

    Args:
        config_type: what fits the field; see the module's docstring.
        default: the value where the config has none. None is a good default of any type, and the
            config may then say null too.
        description: shown to whoever writes a config.
        is_required: False for a field that may be left out and then is not in the config at all.
            A field is required unless it has a default, or is a dict whose fields are all optional.

    Raises:
        DefinitionError: no such type, or the default does not fit it.
    """

    __slots__ = ("default", "description", "is_required", "type")

    def __init__(
        self,
        config_type: Any,
        *,
        default: Any = MISSING,
        description: str = "",
        is_required: bool | None = None,
    ) -> None:
        source = calling_position()
        self.type = config_type_for(config_type, "a config field", source)
        self.default = default
        self.description = description
        if is_required and default is not MISSING:
            raise DefinitionError(
                f"cannot make a required config field with a default ({preview(default)}): "
                "nobody would see the default; leave out one of the two",
                source,
            )
        if is_required is None:
            is_required = default is MISSING and not self.type.fits_empty
        self.is_required = is_required and default is MISSING
        if default is not MISSING:
            problems: Problems = _DefaultProblems()
            self.default = self.check(default, "default", problems)
            if problems:
                listed = "; ".join(map(str, problems))
                raise DefinitionError(
                    f"cannot make a config field of type {self.type.name}: {listed}", source
                )

    @property
    def has_default(self) -> bool:
        """Returns whether there is a value where the config has none."""
        return self.default is not MISSING

    def check(self, value: object, path: str, problems: Problems) -> Any:
        """Returns the value with its fields' defaults; adds what does not fit to `problems`."""
        if value is None and self.default is None:
            return None
        return self.type.check(value, path, problems)


def is_environment_value(value: object, problems: Problems) -> bool:
    """Returns whether a value is meant as {env: NAME}; a default in the code never is."""
    return type(value) is dict and "env" in value and not isinstance(problems, _DefaultProblems)


def config_type_for(declared: object, what: str, source: SourcePosition | None) -> ConfigType:
    """Returns the config type that the user's declaration means; see the module's docstring.

    Raises:
        DefinitionError: it is none.
    """
    if isinstance(declared, ConfigType):
        return declared
    if is_any(declared):
        return ConfigType()
    for scalar in _SCALARS:
        if declared is scalar:
            return ScalarType(scalar)
    if isinstance(declared, list) and len(declared) == 1:
        return ListType(config_type_for(declared[0], f"an item of {what}", source))
    if isinstance(declared, dict):
        return mapping_type(declared, what, source)
    raise DefinitionError(
        f"cannot use {preview(declared)} as the type of {what}: expected str, int, float, bool, "
        "list, dict, Any, Enum, Selector, a list of one type, or a dict of fields, as "
        '{"limit": int}',
        source,
    )


def restored(value: Any, path: str, problems: Problems, depth: int = 0) -> Any:
    """Returns a value of no declared type as it was before it travelled as doubles.

    Copies lists and dicts. A key that is no string is added to `problems`.
    """
    if isinstance(problems, _DefaultProblems):
        return value
    if type(value) is float:
        is_exact = value.is_integer() and abs(value) <= MAX_EXACT_INTEGER
        return int(value) if is_exact else value
    if depth > _MAX_DEPTH:  # it contains itself
        return value
    if type(value) is list:
        return [
            restored(item, f"{path}[{index}]", problems, depth + 1)
            for index, item in enumerate(value)
        ]
    if type(value) is dict:
        check_keys(value, path, problems)
        return {
            key: restored(item, f"{path}.{key}", problems, depth + 1) for key, item in value.items()
        }
    return value


def check_keys(value: dict[Any, Any], path: str, problems: Problems) -> None:
    """Adds the keys of a dict that are no strings to `problems`."""
    for key in value:
        if not isinstance(key, str):
            problems.append(
                ConfigProblem(
                    f"{path}.{preview(key, 60)}",
                    f"the key is {type_phrase(key)}, expected a string; write it in quotes",
                )
            )


def mismatch(value: object, expected: ConfigType) -> str:
    """Returns the message about a value that does not fit."""
    found = "None" if value is None else f"{preview(value, 60)} ({type(value).__name__})"
    return f"found {found}, expected {expected.name}"


def mapping_type(
    declared: dict[object, object], what: str, source: SourcePosition | None
) -> MappingType:
    """Returns the type of a dict with fields.

    Raises:
        DefinitionError: a key is no string, or a value no type.
    """
    fields = {}
    for key, value in declared.items():
        if not isinstance(key, str):
            raise DefinitionError(
                f"cannot use {preview(key)} as a field of {what}: found {type_phrase(key)}, "
                "expected a string",
                source,
            )
        if isinstance(value, Field):
            fields[key] = value
        else:
            fields[key] = Field(config_type_for(value, f'the field "{key}" of {what}', source))
    return MappingType(fields)


def key_text(key: object) -> str:
    """Returns a key as it stands in a path."""
    return key if isinstance(key, str) and key.isprintable() else preview(key, 60)


def copied(value: Any) -> Any:
    """Returns a copy of a default, so that no solid changes it for the next one."""
    if type(value) is dict:
        return {key: copied(item) for key, item in value.items()}
    if type(value) is list:
        return [copied(item) for item in value]
    return value
