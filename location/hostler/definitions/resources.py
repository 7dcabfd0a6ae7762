"""Resources: what several solids of a run share, made by a function and cleaned up at its end."""

from __future__ import annotations

from hostler.definitions._names import check_name, check_text, suggestion, type_phrase
from hostler.definitions._preview import preview
from hostler.definitions._run_requests import check_run_request_function
from hostler.definitions._schemas import schema_type
from hostler.definitions._signatures import check_function, signature_of
from hostler.definitions.context import Log, logging_sink
from hostler.definitions.errors import DefinitionError
from hostler.definitions.source import documentation_of, position_of

TYPE_CHECKING = False
if not TYPE_CHECKING:
    from hostler.definitions._typing import overload
else:
    from typing import Any, Callable, Iterable, Mapping, overload

    from hostler.definitions.context import LogSink
    from hostler.definitions.graph import SolidNode
    from hostler.definitions.source import SourcePosition


class ResourceContext:
    """The context that the function of a resource gets.

    Attributes:
        log: writes lines of the run's log.
        config: the resource's config, checked against its schema, with the defaults.
        resource_name: the name under which the pipeline has it.
        run_id, pipeline_name, tags: of the run.
    """

    __slots__ = ("config", "log", "pipeline_name", "resource_name", "run_id", "tags")

    def __init__(
        self,
        *,
        config: Any = None,
        resource_name: str = "",
        run_id: str = "",
        pipeline_name: str = "",
        tags: Mapping[str, str] | None = None,
        log: LogSink | None = None,
    ) -> None:
        self.log = Log(log or logging_sink(resource_name))
        self.config: Any = {} if config is None else config
        self.resource_name = resource_name
        self.run_id = run_id
        self.pipeline_name = pipeline_name
        self.tags: dict[str, str] = dict(tags or {})


class ResourceDefinition:
    """A resource. The decorator `resource` makes one, and says what the arguments are.

    Attributes:
        function: makes it.
        description: what it is.
        config: the schema of the config.
        takes_context: whether the function takes a `ResourceContext`.
        is_generator: whether the function yields the resource and then cleans up.
        source: where the function is defined.
    """

    __slots__ = ("config", "description", "function", "is_generator", "source", "takes_context")

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        config_schema: Any = None,
        description: str | None = None,
    ) -> None:
        self.source = source = position_of(function)
        what = f'resource "{getattr(function, "__name__", "")}"'
        check_run_request_function(what, "the function", function, "resource's context", source)
        signature = signature_of(function)
        self.function = function
        self.takes_context = bool(signature.parameters)
        self.is_generator = signature.is_generator
        self.config = schema_type(config_schema, what, source)
        self.description = check_text(what, description, source) or documentation_of(function)

    def __call__(self, *arguments: Any) -> Any:
        """Calls the function, which serves to test it."""
        return self.function(*arguments)

    def __repr__(self) -> str:
        return f"<resource at {self.source}>"


class ResourceDecorator:
    """What `resource(...)` with arguments returns: it makes a resource of the function below it."""

    __slots__ = ("_arguments",)

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self._arguments = arguments

    def __call__(self, function: Callable[..., Any]) -> ResourceDefinition:
        check_function("a resource", function)
        return ResourceDefinition(function, **self._arguments)


@overload
def resource(function: Callable[..., Any], /) -> ResourceDefinition: ...
@overload
def resource(*, config_schema: Any = None, description: str | None = None) -> ResourceDecorator: ...


def resource(
    function: Callable[..., Any] | None = None, /, **arguments: Any
) -> ResourceDefinition | ResourceDecorator:
    """Makes a resource of a function that returns it, or that yields it once and then cleans up.

    The function takes a `ResourceContext`, or nothing. It is called before the first solid of a run
    that requires the resource, in each process that executes such solids: once in the run's
    process, and once in each process of a step. What it does after the yield is done when that
    process has executed its solids, also where one failed and where the run is cancelled.

    Args:
        config_schema: as that of a solid; the run config has it under `resources`.
        description: the function's docstring if left out.

    Raises:
        DefinitionError: the function takes more, or the schema is none.
    """
    decorator = ResourceDecorator(arguments)
    return decorator if function is None else decorator(function)


def check_resources(
    what: str, resources: object, nodes: Iterable[SolidNode], source: SourcePosition | None
) -> dict[str, ResourceDefinition]:
    """Returns the resources of a pipeline, by name.

    Raises:
        DefinitionError: they are no dict of resources, or a solid requires one that is not there.
    """
    given = {} if resources is None else resources
    if not isinstance(given, dict):
        raise DefinitionError(
            f"cannot use {preview(given)} as the resources of {what}: found {type_phrase(given)}, "
            'expected a dict, as {"db": db}',
            source,
        )
    found: dict[str, ResourceDefinition] = {}
    for name, one in given.items():
        check_name(f"a resource of {what}", name, source)
        if not isinstance(one, ResourceDefinition):
            raise DefinitionError(
                f'cannot use {preview(one)} as resource "{name}" of {what}: found '
                f"{type_phrase(one)}, expected what @resource makes of a function",
                source,
            )
        found[name] = one
    for node in nodes:
        for name in node.definition.required_resources:
            if name not in found:
                raise DefinitionError(
                    f'cannot make {what}: solid "{node.name}" requires the resource "{name}"; '
                    f"{suggestion(name, found)}; give it as @pipeline("
                    f'resources={{"{name}": ...}})',
                    source,
                )
    return found
