"""Kinds of config that few solids have: one of some strings, one of some keys, one whole value."""

from __future__ import annotations

from hostler.definitions._names import check_name, suggestion, type_phrase
from hostler.definitions._preview import preview
from hostler.definitions.config import (
    ConfigType,
    Field,
    config_type_for,
    copied,
    is_environment_value,
    key_text,
    mismatch,
)
from hostler.definitions.errors import ConfigProblem, DefinitionError
from hostler.definitions.source import MISSING, calling_position

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, Mapping

    from hostler.definitions.config import Problems


class Enum(ConfigType):
    """One of some strings, as `Field(Enum("Mode", ["fast", "safe"]), default="safe")`.

    Args:
        name: shown to whoever writes a config.
        values: the strings that fit.

    Raises:
        DefinitionError: no values, one twice, or one that is no string.
    """

    __slots__ = ("_name", "_values")

    def __init__(self, name: str, values: Iterable[str]) -> None:
        source = calling_position()
        self._name = check_name("an enumeration", name, source)
        is_list = hasattr(values, "__iter__") and not isinstance(values, (str, bytes))
        self._values = tuple(values) if is_list else ()
        is_good = all(isinstance(one, str) for one in self._values)
        if not self._values or not is_good or len(set(self._values)) < len(self._values):
            raise DefinitionError(
                f'cannot make the enumeration "{name}" of {preview(values)}: expected a list of '
                'strings that differ, as ["fast", "safe"]',
                source,
            )

    @property
    def name(self) -> str:
        return self._name

    @property
    def values(self) -> tuple[str, ...]:
        return self._values

    def check(self, value: object, path: str, problems: Problems) -> Any:
        if is_environment_value(value, problems):
            from hostler.definitions._environment import reference

            return reference(value, self, path, problems)
        if value not in self._values or not isinstance(value, str):
            problems.append(ConfigProblem(path, f"{mismatch(value, self)}; {self.advice(value)}"))
        return value

    def advice(self, value: object) -> str:
        """Returns a clause that names the strings that fit, or the nearest."""
        return suggestion(value, self._values)


class Selector(ConfigType):
    """A dict with exactly one of some keys, as `Selector({"local": {"path": str}, "s3": str})`.

    Args:
        choices: the type of the value by its key; see `hostler.definitions.config`.

    Raises:
        DefinitionError: it is no dict of types, or an empty one.
    """

    __slots__ = ("_fields",)

    def __init__(self, choices: Mapping[str, Any]) -> None:
        source = calling_position()
        if not isinstance(choices, dict) or not choices:
            raise DefinitionError(
                f"cannot make a selector of {preview(choices)}: found {type_phrase(choices)}, "
                'expected a dict with a type for each key, as {"local": {"path": str}, "s3": str}',
                source,
            )
        self._fields: dict[str, Field] = {}
        for key, declared in choices.items():
            if not isinstance(key, str):
                raise DefinitionError(
                    f"cannot use {preview(key)} as a key of a selector: found {type_phrase(key)}, "
                    "expected a string",
                    source,
                )
            field = declared
            if not isinstance(declared, Field):
                field = Field(
                    config_type_for(declared, f'the choice "{key}" of a selector', source)
                )
            elif declared.has_default:
                raise DefinitionError(
                    f'cannot give the choice "{key}" of a selector a default: a config names '
                    "exactly one choice; give the field of the selector a default",
                    source,
                )
            self._fields[key] = field

    @property
    def name(self) -> str:
        return "selector"

    @property
    def fields(self) -> Mapping[str, Field]:
        return self._fields

    @property
    def is_selector(self) -> bool:
        return True

    def check(self, value: object, path: str, problems: Problems) -> Any:
        listed = ", ".join(f'"{key}"' for key in self._fields)
        if not isinstance(value, dict) or len(value) != 1:
            found = "None" if value is None else preview(value, 60)
            problems.append(
                ConfigProblem(path, f"found {found}, expected a dict with one of the keys {listed}")
            )
            return value
        ((key, given),) = value.items()
        place = f"{path}.{key_text(key)}"
        field = self._fields.get(key)
        if field is None:
            problems.append(
                ConfigProblem(place, f"unknown choice; {suggestion(key, self._fields)}")
            )
            return value
        if given is None and field.type.fits_empty:  # a key without a value, in YAML
            given = {}
        return {key: field.check(given, place, problems)}


class WholeType(ConfigType):
    """The schema of a config that is one value: `config_schema=int`."""

    __slots__ = ("field",)

    def __init__(self, field: Field) -> None:
        self.field = field

    @property
    def name(self) -> str:
        return self.field.type.name

    @property
    def fits_empty(self) -> bool:
        return not self.field.is_required

    def check(self, value: object, path: str, problems: Problems) -> Any:
        """Checks the value; MISSING stands for a config that is left out."""
        field = self.field
        if value is not MISSING:
            return field.check(value, path, problems)
        if field.has_default:
            return copied(field.default)
        if field.is_required:
            problems.append(ConfigProblem(path, f"missing; expected {self.name}"))
        return None
