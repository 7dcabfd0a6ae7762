"""Schedules: when a pipeline is due, and with which run config."""

from __future__ import annotations

from hostler.definitions._names import check_name, check_tags, check_text, type_phrase
from hostler.definitions._preview import preview
from hostler.definitions._run_requests import (
    RunRequest,
    call_with,
    check_run_config,
    check_run_request_function,
)
from hostler.definitions._signatures import check_function
from hostler.definitions._tick_policy import check_environment, check_tick_policy
from hostler.definitions._value_object import ValueObject
from hostler.definitions.cron import CronError, parse_cron
from hostler.definitions.errors import DefinitionError
from hostler.definitions.source import calling_position, documentation_of, position_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any, Callable, Iterator, Mapping, Union

    from hostler.definitions.cron import CronSchedule
    from hostler.definitions.source import SourcePosition

    Config = Union[Mapping[str, Any], "SkipReason"]
    RunConfigFunction = Union[Callable[["ScheduleContext"], Config], Callable[[], Config]]
    TagsFunction = Union[
        Callable[["ScheduleContext"], Mapping[str, str]], Callable[[], Mapping[str, str]]
    ]
    Answer = Union[bool, "SkipReason"]
    Condition = Union[Callable[["ScheduleContext"], Answer], Callable[[], Answer]]

#: The time zone of a schedule that names none.
DEFAULT_TIMEZONE = "UTC"

#: Ticks of a schedule with `catch_up="all"` that are made up for at most.
MAX_CATCH_UP = 5

#: Seconds that a tick waits for its location to load: as long as a deployment takes.
TICK_PATIENCE = 600.0


class ScheduleContext(ValueObject):
    """The context that the functions of a schedule get.

    Attributes:
        schedule_name: the name of the schedule.
        scheduled_execution_time: when the run is due, in the schedule's time zone.
    """

    __slots__ = ("schedule_name", "scheduled_execution_time")

    def __init__(self, schedule_name: str, scheduled_execution_time: datetime) -> None:
        self.schedule_name = schedule_name
        self.scheduled_execution_time = scheduled_execution_time


class SkipReason(ValueObject):
    """What `should_execute`, or the function of a schedule, returns where no run is to be launched.

    Args:
        text: why; the record of the tick shows it.

    Raises:
        DefinitionError: the text is no string.
    """

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise DefinitionError(
                f"cannot make a SkipReason of {preview(text)}: found {type_phrase(text)}, "
                "expected a string",
                calling_position(),
            )
        self.text = text


class ScheduleDefinition:
    """A schedule. The decorator `schedule` makes one, too.

    The functions take a `ScheduleContext`, or nothing; they are called when a tick is looked at,
    never when the schedule is defined.

    Args:
        name: the name.
        cron_schedule: as "0 6 * * mon-fri" or "@daily"; see `hostler.definitions.cron`.
        pipeline_name: the pipeline, by its name in the same repository.
        run_config: the run config of every run.
        run_config_fn: in place of it, a function that gives the run config of one run.
        tags: the tags of every run.
        tags_fn: in place of them, a function that gives the tags of one run.
        should_execute: a function that says whether a run is launched, by a bool or by a
            `SkipReason`; always if left out.
        execution_timezone: whose clock `cron_schedule` is about: "UTC", an offset as "+02:00", or a
            place as "Europe/Berlin".
        environment_vars: variables for the environment of the runs.
        description: what it is for.
        default_status: "running" or "stopped": whether runs are launched as long as nobody has
            started or stopped the schedule with a command.
        catch_up: which ticks are made up for that passed while the daemon did not run: "latest",
            "all" (the latest `max_catch_up` ones) or "none".
        max_catch_up: at least 1.
        max_retries: so many times the functions are called again for a tick where they raise,
            after growing delays.
        tick_patience: seconds that a tick waits for its location to load; it is missed then.
        overlap: what becomes of a run that is due while the last one goes on: "queue" (it waits)
            or "skip".
        source: where it is defined; the caller's place if left out.

    Raises:
        DefinitionError: an argument is invalid.
    """

    __slots__ = (
        "catch_up",
        "cron",
        "cron_schedule",
        "default_status",
        "description",
        "environment_vars",
        "execution_timezone",
        "max_catch_up",
        "max_retries",
        "name",
        "overlap",
        "pipeline_name",
        "run_config",
        "run_config_fn",
        "should_execute",
        "source",
        "tags",
        "tags_fn",
        "tick_patience",
    )

    def __init__(  # noqa: PLR0913 (as many as a schedule has sides)
        self,
        name: str,
        cron_schedule: str,
        pipeline_name: str,
        *,
        run_config: Mapping[str, Any] | None = None,
        run_config_fn: RunConfigFunction | None = None,
        tags: Mapping[str, str] | None = None,
        tags_fn: TagsFunction | None = None,
        should_execute: Condition | None = None,
        execution_timezone: str | None = None,
        environment_vars: Mapping[str, str] | None = None,
        description: str | None = None,
        default_status: str = "stopped",
        catch_up: str = "latest",
        max_catch_up: int = MAX_CATCH_UP,
        max_retries: int = 0,
        tick_patience: float = TICK_PATIENCE,
        overlap: str = "queue",
        source: SourcePosition | None = None,
    ) -> None:
        self.source = source = source or calling_position()
        self.name = check_name("a schedule", name, source)
        what = f'schedule "{name}"'
        self.cron: CronSchedule = _cron(what, cron_schedule, source)
        self.cron_schedule = cron_schedule
        self.pipeline_name = check_name(f"the pipeline of {what}", pipeline_name, source)
        _check_alternatives(what, "run_config", run_config, run_config_fn, source)
        _check_alternatives(what, "tags", tags, tags_fn, source)
        self.run_config = check_run_config(what, run_config, source)
        self.tags = check_tags(what, tags, source)
        self.run_config_fn = run_config_fn
        self.tags_fn = tags_fn
        self.should_execute = should_execute
        for key in ("run_config_fn", "tags_fn", "should_execute"):
            check_run_request_function(what, key, getattr(self, key), "schedule's context", source)
        self.execution_timezone = _timezone(what, execution_timezone, source)
        self.environment_vars = check_tags(f"{what} (environment_vars)", environment_vars, source)
        check_environment(what, self.environment_vars, source)
        self.description = check_text(what, description, source)
        self.default_status = default_status
        self.catch_up = catch_up
        self.max_catch_up = max_catch_up
        self.max_retries = max_retries
        self.tick_patience = tick_patience
        self.overlap = overlap
        check_tick_policy(what, self, source)

    def ticks(self, after: datetime) -> Iterator[datetime]:
        """Yields the moments after `after` at which it is due, in its time zone; without end.

        Args:
            after: an aware datetime.
        """
        from hostler.definitions import _ticks as ticks
        from hostler.definitions import _zones as zones

        return ticks.ticks(self.cron, zones.zone_of(self.execution_timezone), after)

    def run_request(self, tick: datetime) -> RunRequest | SkipReason | None:
        """Returns the run config and tags of a run at a tick.

        Returns a `SkipReason`, or None, where the functions say that no run is to be launched.

        Raises:
            DefinitionError: a function returned a value of the wrong type.
            Exception: whatever the functions raise.
        """
        context = ScheduleContext(self.name, tick)
        what = f'schedule "{self.name}"'
        if self.should_execute is not None:
            answer: object = call_with(self.should_execute, context)
            if isinstance(answer, SkipReason):
                return answer
            if not isinstance(answer, bool):
                raise DefinitionError(
                    f"cannot use what should_execute of {what} returned: found {preview(answer)} "
                    f"({type(answer).__name__}), expected True or False",
                    position_of(self.should_execute, self.source),
                )
            if not answer:
                return None
        run_config, tags = self.run_config, self.tags
        if self.run_config_fn is not None:
            made: object = call_with(self.run_config_fn, context)
            if isinstance(made, SkipReason):
                return made
            run_config = check_run_config(what, made, position_of(self.run_config_fn, self.source))
        if self.tags_fn is not None:
            made = call_with(self.tags_fn, context)
            tags = check_tags(what, made, position_of(self.tags_fn, self.source))
        return RunRequest(run_config, tags)

    def __repr__(self) -> str:
        return f'<schedule "{self.name}">'


class ScheduleDecorator:
    """What `schedule(...)` returns: it makes a schedule of the function below it."""

    __slots__ = ("_arguments", "_name")

    def __init__(self, name: str | None, arguments: dict[str, Any]) -> None:
        self._name = name
        self._arguments = arguments

    def __call__(self, function: RunConfigFunction) -> ScheduleDefinition:
        check_function("a schedule", function)
        name: Any = self._name
        if name is None:
            name = getattr(function, "__name__", None)
        arguments = dict(self._arguments)
        arguments["description"] = arguments["description"] or documentation_of(function)
        return ScheduleDefinition(
            name, run_config_fn=function, source=position_of(function), **arguments
        )


def schedule(  # noqa: PLR0913 (as many as a schedule has sides)
    cron_schedule: str,
    pipeline_name: str,
    *,
    name: str | None = None,
    tags: Mapping[str, str] | None = None,
    tags_fn: TagsFunction | None = None,
    should_execute: Condition | None = None,
    execution_timezone: str | None = None,
    environment_vars: Mapping[str, str] | None = None,
    description: str | None = None,
    default_status: str = "stopped",
    catch_up: str = "latest",
    max_catch_up: int = MAX_CATCH_UP,
    max_retries: int = 0,
    tick_patience: float = TICK_PATIENCE,
    overlap: str = "queue",
) -> ScheduleDecorator:
    """Makes a schedule of a function that gives the run config of one run.

    The function takes a `ScheduleContext`, or nothing.

    Args:
        name: the function's name if left out.
        description: the function's docstring if left out.

    The other arguments are those of `ScheduleDefinition`.

    Raises:
        DefinitionError: an argument is invalid.
    """
    return ScheduleDecorator(
        name,
        {
            "cron_schedule": cron_schedule,
            "pipeline_name": pipeline_name,
            "tags": tags,
            "tags_fn": tags_fn,
            "should_execute": should_execute,
            "execution_timezone": execution_timezone,
            "environment_vars": environment_vars,
            "description": description,
            "default_status": default_status,
            "catch_up": catch_up,
            "max_catch_up": max_catch_up,
            "max_retries": max_retries,
            "tick_patience": tick_patience,
            "overlap": overlap,
        },
    )


def _cron(what: str, text: object, source: SourcePosition | None) -> CronSchedule:
    if not isinstance(text, str):
        raise DefinitionError(
            f"cannot use {preview(text)} as the cron schedule of {what}: found "
            f"{type_phrase(text)}, "
            'expected a string as "0 6 * * *"',
            source,
        )
    try:
        return parse_cron(text)
    except CronError as error:
        raise DefinitionError(
            f"cannot use {preview(text)} as the cron schedule of {what}: {error}", source
        ) from None


def _timezone(what: str, name: object, source: SourcePosition | None) -> str:
    if name is None or name == DEFAULT_TIMEZONE:
        return DEFAULT_TIMEZONE
    from hostler.definitions import _zones as zones

    if not isinstance(name, str):
        raise DefinitionError(
            f"cannot use {preview(name)} as the time zone of {what}: found {type_phrase(name)}, "
            'expected a name as "Europe/Berlin"',
            source,
        )
    try:
        zones.zone_of(name)
    except zones.UnknownZoneError as error:
        raise DefinitionError(f"cannot set the time zone of {what}: {error}", source) from None
    return name


def _check_alternatives(
    what: str, name: str, given: object, function: object, source: SourcePosition | None
) -> None:
    if given is not None and function is not None:
        raise DefinitionError(
            f"cannot make {what} with {name} and {name}_fn; leave out one of them", source
        )
    if given is not None and callable(given):
        raise DefinitionError(
            f"cannot use {preview(given)} as {name} of {what}: found {type_phrase(given)}; "
            f"give a function as {name}_fn",
            source,
        )
