"""The kinds of values that a workspace file holds.

The grammar is declared with them; the decoder checks by them and the JSON Schema is made of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """A string.

    Attributes:
        expected: what the text is, for messages, with its article.
        example: one that is valid.
        pattern: in the syntax that JSON Schema and Python share; empty for any text.
        max_length: in characters.
    """

    expected: str
    example: str
    pattern: str = ""
    max_length: int | None = None

    def accepts(self, text: str) -> bool:
        """Returns whether the text is of this kind."""
        if not text or (self.max_length is not None and len(text) > self.max_length):
            return False
        return re.search(self.pattern, text) is not None


@dataclass(frozen=True, slots=True)
class Verbatim:
    """A string, number or boolean, taken as it is written."""

    expected: str


@dataclass(frozen=True, slots=True)
class Number:
    """A number within bounds, in plain decimal notation.

    Attributes:
        expected: what the number is, for messages, with its article.
        minimum: the smallest value.
        maximum: the largest value.
        above: whether the value must be above the minimum.
        integer: whether it must be whole.
    """

    expected: str
    minimum: float
    maximum: float
    above: bool = False
    integer: bool = False

    def accepts(self, value: float) -> bool:
        """Returns whether the value lies within the bounds."""
        return self.minimum <= value <= self.maximum and not (self.above and value == self.minimum)


#: Bytes in each unit that a size may have.
UNITS = {"B": 1} | {
    prefix + infix + "B": base**power
    for infix, base in (("", 1000), ("i", 1024))
    for power, prefix in enumerate("KMGT", start=1)
}


@dataclass(frozen=True, slots=True)
class Size:
    """A number of bytes: an integer, or a text such as 512MiB.

    Attributes:
        minimum: in bytes.
        maximum: in bytes.
    """

    minimum: int
    maximum: int

    @property
    def expected(self) -> str:
        return "a size such as 512MiB or 2GiB, or a number of bytes"

    @property
    def pattern(self) -> str:
        """Returns the pattern that a text must match: its groups are the number and the unit."""
        return rf"^([0-9]{{1,20}}(?:\.[0-9]{{1,20}})?) ?({'|'.join(UNITS)})$(?!\n)"


@dataclass(frozen=True, slots=True)
class Boolean:
    """true or false."""

    @property
    def expected(self) -> str:
        return "true or false"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    options: tuple[str, ...]

    @property
    def expected(self) -> str:
        return " or ".join(self.options)


Scalar = Text | Verbatim | Number | Size | Boolean | Choice


@dataclass(frozen=True, slots=True)
class TextList:
    """A list of scalars; one scalar stands for a list of one."""

    item: Text


@dataclass(frozen=True, slots=True)
class Dictionary:
    """A mapping with keys of the user's choice."""

    name: Text
    value: Scalar


@dataclass(frozen=True, slots=True)
class Record:
    """A mapping with known keys.

    Attributes:
        model: the class whose `Key` annotations declare the keys.
        short: the key that a scalar in place of the mapping stands for; empty for none.
        single: whether the mapping has exactly one key.
    """

    model: type
    short: str = ""
    single: bool = False


@dataclass(frozen=True, slots=True)
class RecordList:
    """A list of mappings with known keys."""

    item: Record


Kind = Scalar | TextList | Dictionary | Record | RecordList


@dataclass(frozen=True, slots=True)
class Key:
    """One known key of a mapping; stands in an `Annotated` field of a model.

    Attributes:
        kind: of its value.
        description: for editors and messages.
        default: what holds where the key is missing, where a schema can say it.
    """

    kind: Kind
    description: str
    default: float | str | None = None
