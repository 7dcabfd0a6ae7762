"""Values of a run config that stand in the environment: {env: NAME} in place of a scalar.

A check takes them as they are, whichever process makes it. The run's process reads the variables
once the whole config has been checked; until then nobody knows the values, and no message has one.
"""

from __future__ import annotations

from hostler.definitions._value_object import ValueObject
from hostler.definitions.errors import ConfigError, ConfigProblem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping, Protocol

    class ConfigType(Protocol):
        """The part of `hostler.definitions.config.ConfigType` that a conversion needs."""

        @property
        def name(self) -> str: ...
        @property
        def values(self) -> tuple[str, ...]: ...


_BOOLS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class EnvironmentValue(ValueObject):
    """A value that is read from the environment when the run begins."""

    __slots__ = ("name", "type")

    def __init__(self, name: str, type_: ConfigType) -> None:
        #: Of the variable.
        self.name = name
        self.type = type_

    def __repr__(self) -> str:
        return f"{{env: {self.name}}}"


class Environment:
    """Reads the variables that a run config names.

    Attributes:
        read: what was read, by name.
        problems: what is not set, or does not fit; without any value.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.read: dict[str, str] = {}
        self.problems: list[ConfigProblem] = []

    def resolved(self, value: Any, path: str) -> Any:
        """Returns a checked value with what the environment has in place of its references."""
        if isinstance(value, EnvironmentValue):
            return self._resolve(value, path)
        if type(value) is dict:
            return {key: self.resolved(item, f"{path}.{key}") for key, item in value.items()}
        if type(value) is list:
            return [self.resolved(item, f"{path}[{index}]") for index, item in enumerate(value)]
        return value

    def require(self, pipeline: str) -> None:
        """Raises ConfigError if there was a problem."""
        if self.problems:
            raise ConfigError(pipeline, self.problems)

    def _resolve(self, one: EnvironmentValue, path: str) -> Any:
        text = self._variables.get(one.name)
        if text is None:
            self.problems.append(
                ConfigProblem(
                    path,
                    f"the environment variable {one.name} is not set in the run's process; set it "
                    "with env or env_file in workspace.yaml",
                )
            )
            return None
        self.read[one.name] = text
        try:
            return _converted(text, one.type)
        except ValueError:
            expected = one.type.name
            if one.type.values:
                expected = "one of " + ", ".join(f'"{each}"' for each in one.type.values)
            self.problems.append(
                ConfigProblem(
                    path, f"what the environment variable {one.name} holds is not {expected}"
                )
            )
            return None


def reference(value: Any, type_: ConfigType, path: str, problems: list[ConfigProblem]) -> Any:
    """Returns what stands for {env: NAME}; adds to `problems` what is written wrongly."""
    name = value["env"]
    if len(value) == 1 and isinstance(name, str) and name and not set(name) & {"=", "\0"}:
        return EnvironmentValue(name, type_)
    problems.append(
        ConfigProblem(
            path, f"expected {type_.name}, or {{env: NAME}} alone with the name of a variable"
        )
    )
    return value


def _converted(text: str, type_: ConfigType) -> Any:
    """Returns the value that a text stands for.

    Raises:
        ValueError: it stands for none of this type.
    """
    kind = getattr(type_, "python_type", str)  # an enumeration is of strings
    if kind is bool:
        if text.strip().lower() not in _BOOLS:
            raise ValueError
        return _BOOLS[text.strip().lower()]
    if kind is not str:
        return kind(text)
    if type_.values and text not in type_.values:
        raise ValueError
    return text
