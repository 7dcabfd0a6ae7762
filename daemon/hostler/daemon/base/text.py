"""Text from the user's code: makes it encodable, lists it, cuts it."""

import json
from collections.abc import Collection
from typing import Any


def utf8_safe(text: str) -> str:
    """Returns the text with an escape for each character that UTF-8 cannot encode.

    Names of files may be any bytes; Python keeps those that are not UTF-8 as lone surrogates.
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def load_json(body: bytes) -> Any:
    """Decodes JSON from a location process and makes every string in it encodable."""
    value = json.loads(body)
    return utf8_safe_json(value) if b"\\ud" in body else value


def utf8_safe_json(value: Any) -> Any:
    """Returns the JSON value with every string in it made encodable."""
    if isinstance(value, str):
        return utf8_safe(value)
    if isinstance(value, list):
        return [utf8_safe_json(each) for each in value]
    if isinstance(value, dict):
        return {utf8_safe(key): utf8_safe_json(each) for key, each in value.items()}
    return value


def join_names(names: Collection[str], most: int) -> str:
    """Returns the first `most` of the sorted names, and how many more there are."""
    more = len(names) - most
    return ", ".join(sorted(names)[:most]) + (f" and {more} more" if more > 0 else "")


def truncate(text: str, limit: int) -> str:
    """Returns at most `limit` characters of the text, with a mark where there were more."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
