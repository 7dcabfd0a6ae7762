"""Text of the user's: what protobuf cannot carry as it is, and what is too long."""

import json
from collections.abc import Collection
from typing import Any


def utf8_safe(text: str) -> str:
    """`text` with what UTF-8 has no form for as an escape.

    Names of files may be any bytes; Python keeps those that are not UTF-8 as lone surrogates.
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def load_json(body: bytes) -> Any:
    """JSON of a location's process, with every string of it encodable."""
    value = json.loads(body)
    return utf8_safe_json(value) if b"\\ud" in body else value


def utf8_safe_json(value: Any) -> Any:
    """A value of JSON with every string of it encodable."""
    if isinstance(value, str):
        return utf8_safe(value)
    if isinstance(value, list):
        return [utf8_safe_json(each) for each in value]
    if isinstance(value, dict):
        return {utf8_safe(key): utf8_safe_json(each) for key, each in value.items()}
    return value


def join_names(names: Collection[str], most: int) -> str:
    """So many of the names, in order, and how many there are beside them."""
    more = len(names) - most
    return ", ".join(sorted(names)[:most]) + (f" and {more} more" if more > 0 else "")


def truncate(text: str, limit: int) -> str:
    """At most `limit` characters, with a mark where there were more."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
