"""The definitions of one kind by name; some of them are constructed on first need."""

from __future__ import annotations

from hostler.definitions._names import check_name, suggestion, type_phrase
from hostler.definitions._preview import preview
from hostler.definitions._signatures import check_no_arguments, is_function
from hostler.definitions._value_object import ValueObject
from hostler.definitions.errors import DefinitionError, UnknownNameError
from hostler.definitions.source import position_of

TYPE_CHECKING = False
if not TYPE_CHECKING:
    from hostler.definitions._typing import Generic, TypeVar
else:
    from typing import Any, Callable, Generic, Mapping, TypeVar, Union

    from hostler.definitions.partitions import PartitionSetDefinition
    from hostler.definitions.pipelines import PipelineDefinition
    from hostler.definitions.schedules import ScheduleDefinition
    from hostler.definitions.source import SourcePosition

    Definition = Union[PipelineDefinition, ScheduleDefinition, PartitionSetDefinition]

D = TypeVar("D", bound="Definition")


class DefinitionKind(ValueObject):
    """A kind of definition: its class, its key in a repository's dict, its name in messages."""

    __slots__ = ("definition", "key", "noun")

    def __init__(self, key: str, definition: type) -> None:
        self.key = key
        self.definition = definition
        self.noun = key[:-1].replace("_", " ")


class DefinitionCollection(Generic[D]):
    """The definitions of one kind in a repository.

    Args:
        kind: which.
        repository: the name of the repository.
        entries: definitions by name, or functions without arguments, each of which is called when
            its definition is first asked for.
        source: where the repository is defined.
        check: looks at each definition when it is there; raises a DefinitionError.

    Raises:
        DefinitionError: a bad name, a name that differs from its key, or neither a definition nor a
            function.
    """

    __slots__ = ("_check", "_constructed", "_entries", "_kind", "_source", "_where")

    def __init__(
        self,
        kind: DefinitionKind,
        repository: str,
        entries: Mapping[str, D | Callable[[], D]],
        source: SourcePosition | None,
        check: Callable[[D], None] | None = None,
    ) -> None:
        self._kind = kind
        self._where = f'repository "{repository}"'
        self._source = source
        self._check = check
        if not hasattr(entries, "keys"):
            raise DefinitionError(
                f"cannot make {self._where}: its {kind.noun}s are {preview(entries)} "
                f"({type(entries).__name__}), expected a dict of names and {kind.noun}s or "
                "functions",
                source,
            )
        self._entries = dict(entries)
        self._constructed: dict[str, D] = {}
        for key, value in self._entries.items():
            check_name(f"a {kind.noun} of {self._where}", key, source)
            if isinstance(value, kind.definition):
                self._constructed[key] = self._named(key, value, source)
            elif not is_function(value):
                raise DefinitionError(
                    f'cannot use {preview(value)} as {kind.noun} "{key}" of {self._where}: found '
                    f"{type_phrase(value)}, expected a {kind.noun} or a function without arguments "
                    "that returns one",
                    source,
                )

    @property
    def names(self) -> tuple[str, ...]:
        """Returns all names, in the order of their declaration; constructs nothing."""
        return tuple(self._entries)

    def is_lazy(self, name: str) -> bool:
        """Returns whether a function constructs the definition on first need."""
        return not isinstance(self._entries.get(name), self._kind.definition)

    def constructed(self) -> dict[str, D]:
        """Returns the definitions that are there already, by name; constructs nothing."""
        return {
            name: self._constructed[name] for name in self._entries if name in self._constructed
        }

    def get(self, name: str) -> D:
        """Returns the definition of this name; a lazy one is constructed once.

        Raises:
            UnknownNameError: there is none; the message gives the nearest.
            DefinitionError: its function returns something else than a definition of this name.
            Exception: whatever its function raises.
        """
        if name not in self._entries:
            raise UnknownNameError(
                f"cannot find {self._kind.noun} {preview(name)} in {self._where}; "
                f"{suggestion(name, self._entries)}",
                self._source,
            )
        if name not in self._constructed:
            self._constructed[name] = self._construct(name, self._entries[name])
        return self._constructed[name]

    def _construct(self, name: str, function: Any) -> D:
        source = position_of(function)
        noun = self._kind.noun
        check_no_arguments(f'construct {noun} "{name}" of {self._where}', function, source)
        made: Any = function()
        if not isinstance(made, self._kind.definition):
            raise DefinitionError(
                f'cannot construct {noun} "{name}" of {self._where}: its function returned '
                f"{preview(made)} ({type(made).__name__}), expected a {noun}{return_hint(made)}",
                source,
            )
        return self._named(name, made, source)

    def _named(self, key: str, definition: Any, source: SourcePosition | None) -> D:
        if definition.name != key:
            noun = self._kind.noun
            raise DefinitionError(
                f'cannot use {noun} "{definition.name}" (defined at {definition.source}) under the '
                f'key "{key}" of {self._where}: the key must be the name of the {noun}; change the '
                f'key to "{definition.name}", or the name with name="{key}"',
                source,
            )
        if self._check is not None:
            self._check(definition)
        named: D = definition
        return named


def return_hint(value: object) -> str:
    """Returns a clause for the message about what a function returned."""
    return "; is a return missing?" if value is None else ""
