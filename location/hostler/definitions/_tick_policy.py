"""What becomes of the ticks of a schedule: the check of its settings."""

from __future__ import annotations

from hostler.definitions._preview import preview
from hostler.definitions.errors import DefinitionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hostler.definitions.source import SourcePosition

_CHOICES = {
    "default_status": ("running", "stopped"),
    "catch_up": ("latest", "all", "none"),
    "overlap": ("queue", "skip"),
}

#: The greatest count that the contract has.
_MAX_COUNT = 1000

#: Seconds of ten years.
_MAX_PATIENCE = 315_576_000


def check_tick_policy(what: str, schedule: object, source: SourcePosition | None) -> None:
    """Checks the settings of a schedule that say what becomes of its ticks.

    Args:
        what: the schedule, for messages: 'schedule "nightly"'.
        schedule: a `ScheduleDefinition`.

    Raises:
        DefinitionError: one of them cannot be used.
    """
    for name, choices in _CHOICES.items():
        given = getattr(schedule, name)
        if not isinstance(given, str) or given not in choices:
            listed = ", ".join(f'"{one}"' for one in choices)
            raise _problem(what, name, given, f"one of {listed}", source)
    for name, least in (("max_catch_up", 1), ("max_retries", 0)):
        count: Any = getattr(schedule, name)
        if (
            not isinstance(count, int)
            or isinstance(count, bool)
            or not least <= count <= _MAX_COUNT
        ):
            expected = f"a whole number from {least} to {_MAX_COUNT}"
            raise _problem(what, name, count, expected, source)
    seconds: Any = getattr(schedule, "tick_patience")  # noqa: B009 (any schedule has it)
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not is_number or not 0 <= seconds <= _MAX_PATIENCE:
        raise _problem(what, "tick_patience", seconds, f"seconds, at most {_MAX_PATIENCE}", source)


def check_environment(what: str, variables: dict[str, str], source: SourcePosition | None) -> None:
    """Checks the variables that a schedule sets in the environment of its runs.

    Raises:
        DefinitionError: the system has no such variable: a name is empty or has a "=", or there is
            a null character.
    """
    for name, value in variables.items():
        if not name or "=" in name or "\0" in name + value:
            raise DefinitionError(
                f"cannot set the variable {preview(name)} to {preview(value)} for {what}: a name "
                'is not empty and has no "=", and neither has a null character',
                source,
            )


def _problem(
    what: str, name: str, given: object, expected: str, source: SourcePosition | None
) -> DefinitionError:
    return DefinitionError(
        f"cannot use {preview(given)} as {name} of {what}; expected {expected}", source
    )
