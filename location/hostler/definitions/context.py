"""The context that a solid's function gets: its config, its log and the run."""

from __future__ import annotations

from hostler.definitions._late import late
from hostler.definitions._preview import encodable, preview

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Mapping, Union

    from hostler.definitions.partitions import Partition

    #: A partition, or what finds it when it is first asked for.
    PartitionSource = Union[Partition, Callable[[], Partition], None]

    #: Receives a line of a solid's log: the level, as "INFO", and the text.
    LogSink = Callable[[str, str], None]


class Log:
    """The log of one step; its lines are events of the run.

    Arguments are put into the message with `%`, as in Python's logging.
    """

    __slots__ = ("_sink",)

    def __init__(self, sink: LogSink) -> None:
        self._sink = sink

    def debug(self, message: object, *args: object) -> None:
        """Writes a line for whoever looks for a fault."""
        self._sink("DEBUG", _formatted(message, args))

    def info(self, message: object, *args: object) -> None:
        """Writes a line about what goes on."""
        self._sink("INFO", _formatted(message, args))

    def warning(self, message: object, *args: object) -> None:
        """Writes a line about what may be wrong."""
        self._sink("WARNING", _formatted(message, args))

    def error(self, message: object, *args: object) -> None:
        """Writes a line about what is wrong."""
        self._sink("ERROR", _formatted(message, args))

    def critical(self, message: object, *args: object) -> None:
        """Writes a line about what keeps the step from its work."""
        self._sink("CRITICAL", _formatted(message, args))


class Resources:
    """The resources that a solid requires, each an attribute."""

    def __init__(self, resources: Mapping[str, Any]) -> None:
        self.__dict__.update(resources)

    def __getattr__(self, name: str) -> Any:
        known = ", ".join(f'"{one}"' for one in self.__dict__) or "none"
        raise AttributeError(
            f'the solid requires no resource "{name}" (it requires {known}); declare it as '
            f'@solid(required_resources={{"{name}"}})'
        )


class SolidContext:
    """The context of a solid: its function gets it if the first parameter is named `context`.

    One made by hand serves to call a solid in a test; its log goes to Python's logging, under
    "hostler" and the solid's name.

    Attributes:
        log: writes lines of the run's log.
        config: the solid's config, checked against its schema, with the defaults: a dict, or one
            value where the schema is no dict of fields.
        run_id: the id of the run.
        solid_name: the name of the solid in the pipeline: its alias where it has one.
        pipeline_name: the name of the pipeline.
        tags: the tags of the run.
        retry_number: how often the solid has been executed in this run before, and has failed.
        partition: the partition that the run is about.
        resources: the resources that the solid requires, each an attribute.
    """

    __slots__ = (
        "_partition",
        "config",
        "log",
        "pipeline_name",
        "resources",
        "retry_number",
        "run_id",
        "solid_name",
        "tags",
    )

    def __init__(  # noqa: PLR0913 (what a step can ask for)
        self,
        *,
        config: Any = None,
        run_id: str = "",
        solid_name: str = "",
        pipeline_name: str = "",
        tags: Mapping[str, str] | None = None,
        retry_number: int = 0,
        partition: PartitionSource = None,
        resources: Mapping[str, Any] | None = None,
        log: LogSink | None = None,
    ) -> None:
        self.log = Log(log or logging_sink(solid_name))
        if config is None:
            config = {}
        self.config: Any = dict(config) if hasattr(config, "keys") else config
        self.run_id = run_id
        self.solid_name = solid_name
        self.pipeline_name = pipeline_name
        self.tags: dict[str, str] = dict(tags or {})
        self.retry_number = retry_number
        self._partition = partition
        self.resources = Resources(resources or {})

    @property
    def partition(self) -> Partition | None:
        """Returns the partition that the run is about; None where there is none.

        It is looked up when it is first asked for, by the function that gives the partitions.

        Raises:
            UnknownNameError: the partition no longer exists.
            Exception: whatever that function raises.
        """
        found = self._partition
        if callable(found):
            found = self._partition = found()
        return found


def logging_sink(solid_name: str) -> LogSink:
    """Hands lines to Python's logging, as "hostler.SOLID"."""

    def log(level: str, message: str) -> None:
        logging = late("logging")
        logger = logging.getLogger(f"hostler.{solid_name}" if solid_name else "hostler")
        logger.log(getattr(logging, level), "%s", message)

    return log


def _formatted(message: object, args: tuple[object, ...]) -> str:
    """Returns the text of a line; a bad message does not raise, since it would fail the step."""
    try:
        text = str(message)
        if args:
            # As in logging: a lone dict feeds "%(name)s".
            text = text % (args[0] if len(args) == 1 and isinstance(args[0], dict) else args)
    except Exception as error:  # noqa: BLE001 (a __str__ or __repr__ of the user's may raise anything)
        text = f"{preview(message)} {preview(args)} (cannot be formatted: {type(error).__name__})"
    return encodable(text)
