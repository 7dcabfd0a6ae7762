"""Converts a scalar's text into the value that its kind asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches

from hostler.daemon.workspace.grammar.kinds import (
    UNITS,
    Boolean,
    Choice,
    Number,
    Scalar,
    Size,
    Text,
    Verbatim,
)
from hostler.daemon.workspace.text.problems import quote_short

_TAG = "tag:yaml.org,2002:"
#: How YAML 1.1 reads a plain text, by the tag that it resolves to.
_READ_AS = {"bool": "a boolean", "int": "a number", "float": "a number", "null": "nothing"}

# No base 8, 16 or 60, no underscores, no infinity: every reader takes these for the same number.
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)(\.[0-9]*)?([eE][-+]?[0-9]{1,3})?")
_OCTAL = re.compile(r"[-+]?0[0-7_]+")

_TRUE = ("true", "yes", "on")
_FALSE = ("false", "no", "off")

_ANY_SIZE = re.compile(r"([0-9.]{1,40}) ?([A-Za-z]+)")


class InvalidScalarError(Exception):
    """The text does not fit the kind; the message says what was found, and what to do."""


@dataclass(frozen=True, slots=True)
class RawScalar:
    """A scalar as the file or a variable has it.

    Attributes:
        text: without quotes, escapes resolved.
        tag: how YAML reads it, such as "int"; empty for a variable's value, which has no type.
        secret: what messages call the text, which may be a secret; empty for a text to quote.
    """

    text: str
    tag: str
    secret: str = ""

    @classmethod
    def of(cls, text: str, tag: str, secret: str = "") -> RawScalar:
        return cls(text, tag.removeprefix(_TAG), secret)

    @property
    def found(self) -> str:
        """Describes the scalar for a message."""
        if self.secret:
            return f"found {self.secret}"
        if self.tag == "null":
            hint = ", which YAML reads as nothing" if self.text else ""
            return f"found {quote_short(self.text) if self.text else 'nothing'}{hint}"
        if self.tag == "bool":
            meaning = "true" if self.text.lower() in _TRUE else "false"
            same = self.text.lower() == meaning
            return f"found {quote_short(self.text)}" + (
                "" if same else f", which YAML reads as {meaning}"
            )
        if self.tag == "int" and _OCTAL.fullmatch(self.text):
            value = int(self.text.replace("_", ""), 8)
            return (
                f"found {quote_short(self.text)}, which YAML reads as the octal number for {value}"
            )
        if self.tag in ("int", "float") and ":" in self.text:
            return f"found {quote_short(self.text)}, which YAML reads as a number in base 60"
        return f"found {quote_short(self.text)}" if self.text else "found an empty text"


def convert(raw: RawScalar, kind: Scalar) -> object:
    """Returns the scalar's value.

    Raises:
        InvalidScalarError: the text does not fit the kind.
    """
    if isinstance(kind, Verbatim) and not raw.secret and raw.tag != "null":
        raw = RawScalar(raw.text, raw.tag, "a text")  # it is meant for an environment variable
    _require_text(raw)
    match kind:
        case Text():
            return _text(raw, kind)
        case Verbatim():
            if raw.tag == "null":
                raise InvalidScalarError(f'{raw.found}; write "" for an empty text')
            return raw.text
        case Number():
            return _number(raw, kind)
        case Size():
            return _size(raw, kind)
        case Boolean():
            return _boolean(raw)
        case Choice():
            return _choice(raw, kind)


def _require_text(raw: RawScalar) -> None:
    for character in raw.text:
        if character == "\0" or "\ud800" <= character <= "\udfff":
            which = "a character" if raw.secret else f"the character U+{ord(character):04X}"
            why = " that no text may hold" if raw.secret else ""
            raise InvalidScalarError(f"{raw.found} with {which}{why}; remove it")


def _text(raw: RawScalar, kind: Text) -> str:
    if raw.tag in _READ_AS:
        if raw.text and kind.accepts(raw.text):
            raise InvalidScalarError(f'{raw.found}; put a text in quotes: "{raw.text}"')
        raise InvalidScalarError(raw.found)
    if not kind.accepts(raw.text):
        raise InvalidScalarError(raw.found)
    return raw.text


def _number(raw: RawScalar, kind: Number) -> float:
    if not _DECIMAL.fullmatch(raw.text):
        raise InvalidScalarError(f"{raw.found}; write a plain decimal number")
    if raw.tag not in ("", "int", "float"):
        hint = "remove the quotes" if "e" not in raw.text.lower() else "write it in full"
        raise InvalidScalarError(f"{raw.found} as text; {hint}")
    # Bounds are compared before a conversion that a million digits would make slow.
    exact = Decimal(raw.text)
    whole = exact == exact.to_integral_value()
    if kind.integer and not whole:
        raise InvalidScalarError(raw.found)
    value = float(raw.text)
    if not kind.accepts(value):
        relation = "above" if kind.above else "at least"
        raise InvalidScalarError(
            f"{raw.found}; it must be {relation} {kind.minimum:g} and at most {kind.maximum:g}"
        )
    return int(value) if kind.integer else value


def _size(raw: RawScalar, kind: Size) -> int:
    text = raw.text
    if re.fullmatch(r"[1-9][0-9]{0,20}", text) and raw.tag in ("", "int"):
        value = int(text)
    elif (match := re.search(kind.pattern, text)) and raw.tag in ("", "str"):
        value = int(Decimal(match[1]) * UNITS[match[2]])
    else:
        raise InvalidScalarError(raw.found + ("" if raw.secret else _unit_hint(text)))
    if not kind.minimum <= value <= kind.maximum:
        hint = f"; did you mean `{text}MiB`?" if value < kind.minimum and text.isdigit() else ""
        if raw.secret:
            hint = ""
        raise InvalidScalarError(
            f"{raw.found}; it must be at least {kind.minimum} and at most {kind.maximum} "
            f"bytes{hint}"
        )
    return value


def _unit_hint(text: str) -> str:
    match = _ANY_SIZE.fullmatch(text)
    if match is None:
        return ""
    number, unit = match.groups()
    letter = unit[0].upper()
    if letter in "KMGT" and unit.upper() in (letter, letter + "I", letter + "IB", letter + "B"):
        return f"; did you mean `{number}{letter}iB`?"
    return f"; the units are {', '.join(UNITS)}"


def _boolean(raw: RawScalar) -> bool:
    text = raw.text.lower()
    if raw.tag in ("", "bool"):
        if text in _TRUE:
            return True
        if text in _FALSE:
            return False
    quoted = raw.tag == "str" and text in (*_TRUE, *_FALSE)
    raise InvalidScalarError(f"{raw.found} as text; remove the quotes" if quoted else raw.found)


def _choice(raw: RawScalar, kind: Choice) -> str:
    if raw.text in kind.options:
        return raw.text
    if raw.secret:
        raise InvalidScalarError(raw.found)
    nearest = get_close_matches(raw.text[:60].lower(), kind.options, n=1)
    raise InvalidScalarError(raw.found + (f"; did you mean `{nearest[0]}`?" if nearest else ""))
