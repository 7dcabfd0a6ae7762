"""Names: the check of a new one, and suggestions in place of an unknown one."""

from __future__ import annotations

from keyword import iskeyword

from hostler.definitions._late import late
from hostler.definitions._preview import preview
from hostler.definitions.errors import DefinitionError
from hostler.definitions.source import calling_position

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterable, Mapping, Union

    from hostler.definitions.source import SourcePosition

    #: A place in the user's code, or what finds it when there is something to say of it.
    LazyPosition = Union[SourcePosition, Callable[[], Union[SourcePosition, None]], None]

#: Characters of a name that anybody mistypes rather than makes up.
_LONGEST_MISTYPED = 200


def check_name(what: str, name: object, source: LazyPosition) -> str:
    """Returns the name if it is valid: ASCII letters, digits and underscores, and no keyword.

    Args:
        what: what bears the name, with its article: "a solid".
        name: what was given.
        source: where.

    Raises:
        DefinitionError: it is not.
    """
    if isinstance(name, str) and name.isidentifier() and name.isascii() and not iskeyword(name):
        return name  # nearly all of them
    if not isinstance(name, str):
        problem = f"it is {type_phrase(name)}, expected a string"
    elif not name:
        problem = "it is empty"
    elif not (name.isascii() and name.replace("_", "a").isalnum()):
        problem = "expected letters, digits and underscores (A-Z a-z 0-9 _) alone"
    elif iskeyword(name):
        problem = "it is a keyword of Python"
    else:
        return name
    raise DefinitionError(
        f"cannot name {what} {preview(name)}: {problem}; choose another name",
        source() if callable(source) else source,
    )


def check_tags(what: str, tags: object, source: SourcePosition | None) -> dict[str, str]:
    """Returns a copy of the tags, if they are a dict of strings.

    Raises:
        DefinitionError: they are not.
    """
    if tags is None:
        return {}
    if not isinstance(tags, dict):
        raise DefinitionError(
            f"cannot tag {what} with {preview(tags)}: expected a dict of strings", source
        )
    for key, value in tags.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise DefinitionError(
                f"cannot tag {what} with {preview(key)}: {preview(value)}: "
                "keys and values of tags are strings; write the value as one",
                source,
            )
    return dict(tags)


def check_text(what: str, text: object, source: LazyPosition) -> str:
    """Returns a description, if it is a string; None counts as empty.

    Raises:
        DefinitionError: it is not.
    """
    if text is None:
        return ""
    if not isinstance(text, str):
        raise DefinitionError(
            f"cannot describe {what} by {preview(text)} ({type(text).__name__}): expected a string",
            source() if callable(source) else source,
        )
    return text


def check_flag(what: str, key: str, value: object, source: SourcePosition | None) -> bool:
    """Returns True or False as it was given.

    Raises:
        DefinitionError: it is something else.
    """
    if isinstance(value, bool):
        return value
    raise DefinitionError(
        f"cannot set {key} of {what} to {preview(value)}: found {type_phrase(value)}, expected "
        "True or False",
        source,
    )


def check_names(what: str, names: object, source: SourcePosition | None) -> tuple[str, ...]:
    """Returns names, sorted, each of them once.

    Raises:
        DefinitionError: they are no set or list of valid names.
    """
    if not names and isinstance(names, (set, frozenset, list, tuple)):
        return ()
    if not isinstance(names, (set, frozenset, list, tuple)):
        raise DefinitionError(
            f"cannot use {preview(names)} as {what}: found {type_phrase(names)}, expected a set of "
            'names, as {"db"}',
            source,
        )
    return tuple(sorted({check_name(f"one of {what}", one, source) for one in names}))


def check_arguments(
    what: str, given: Iterable[str], known: Iterable[str], other_names: Mapping[str, str]
) -> None:
    """Checks the names of arguments.

    Args:
        what: what is made of them, with its article: "a solid".
        given: the names.
        known: all that there are.
        other_names: what known ones are called elsewhere.

    Raises:
        DefinitionError: one is not known; the message names the one that is probably meant.
    """
    for name in given:
        if name not in known:
            meant = other_names.get(name)
            advice = f'did you mean "{meant}"?' if meant else suggestion(name, known)
            raise DefinitionError(
                f'cannot make {what} with the argument "{name}"; {advice}', calling_position()
            )


def nearest(name: object, known: Iterable[str]) -> list[str]:
    """Returns the known names that are similar to `name`, the most similar first, three at most."""
    if not isinstance(name, str) or len(name) > _LONGEST_MISTYPED:
        return []
    get_close_matches = late("difflib").get_close_matches
    folded = {one.lower(): one for one in known}
    return [folded[one] for one in get_close_matches(name.lower(), folded)]


def suggestion(name: object, known: Iterable[str]) -> str:
    """Returns a clause that suggests known names in place of `name`: similar ones, else all."""
    known = list(known)
    near = nearest(name, known)
    if near:
        return "did you mean " + " or ".join(f'"{one}"' for one in near) + "?"
    if not known:
        return "there are none"
    more = f" and {len(known) - 10} more" if len(known) > 10 else ""
    return "there are " + ", ".join(f'"{one}"' for one in known[:10]) + more


def type_phrase(value: object) -> str:
    """Returns the type of a value with its article: "None", "a list", "an int"."""
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
