"""Pages of lists: which items a page holds, and the token of the next one.

A token is opaque, and good for the list that gave it alone: for the same parent and filter. It
holds where the next page begins: after which item, so that items that come or go shift nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import TYPE_CHECKING, NamedTuple, Protocol

from hostler.daemon.facade import refusals

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Bytes of a field's number and length at most.
_ITEM_OVERHEAD = 6

#: Bytes of the digest that binds a token to its list.
_DIGEST = 6


#: Items of any page.
MAX_PAGE_SIZE = 10_000


class Sized(Protocol):
    """A message."""

    def ByteSize(self) -> int: ...  # noqa: N802 (protobuf's)


class NamedMessage(Sized, Protocol):
    """An item of a list: a message with a resource name."""

    name: str


class PagePlace(NamedTuple):
    """Where a page begins.

    Attributes:
        position: how many items are before it, or the position of the last of them.
        last: the name of the last item before it; "" for the first page, or where positions never
            change.
    """

    position: int = 0
    last: str = ""


def page_token(place: PagePlace, bound: str | bytes) -> str:
    """Returns the token of the page that begins at a place of a list.

    Args:
        bound: what the list was asked for, beside the page: its parent, or its filter.
    """
    data = json.dumps(place, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_digest(data, bound) + data).decode().rstrip("=")


def page_place(token: str, bound: str | bytes) -> PagePlace:
    """Returns where a page begins; the first one for no token.

    Raises:
        RefusalError: INVALID_ARGUMENT, for a token that no list has returned for this parent and
            filter.
    """
    if not token:
        return PagePlace()
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)
        digest, data = raw[:_DIGEST], raw[_DIGEST:]
        position, last = json.loads(data)
        place = PagePlace(int(position), str(last))
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise refusals.invalid(
            f"cannot use page_token {token[:100]!r}; pass a next_page_token"
        ) from None
    if digest != _digest(data, bound) or place.position < 0:
        raise refusals.invalid(
            f"cannot use page_token {token[:100]!r} with another parent or filter; "
            "pass that of the page before"
        )
    return place


def position_token(position: int, bound: str | bytes) -> str:
    """Returns the token of the page after the item of a position that never changes."""
    return page_token(PagePlace(position), bound)


def page_position(token: str, bound: str | bytes) -> int:
    """Returns the position of the last item before the page; 0 for the first page.

    Raises:
        RefusalError: as `page_place`.
    """
    return page_place(token, bound).position


def page_start(names: Sequence[str], place: PagePlace) -> int:
    """Returns the index of a page's first item: after the last one of the page before.

    Where that item is gone, the page begins at its old index.
    """
    if not place.last:
        return min(place.position, len(names))
    if 0 < place.position <= len(names) and names[place.position - 1] == place.last:
        return place.position
    try:
        return names.index(place.last) + 1
    except ValueError:
        return min(max(0, place.position - 1), len(names))


class ListPage(NamedTuple):
    """A page of a list that is in memory.

    Attributes:
        part: which of the items it holds.
        token: of the next page; "" where this is the last one.
    """

    part: slice
    token: str


def list_page(
    items: Sequence[NamedMessage], size: int, token: str, bound: str | bytes, page_bytes: int
) -> ListPage:
    """Returns a page of at most so many items and bytes; of as many as fit for the size 0.

    Raises:
        RefusalError: as `page_place`.
    """
    start = page_start([item.name for item in items], page_place(token, bound))
    found = items[start : start + min(size or MAX_PAGE_SIZE, MAX_PAGE_SIZE)]
    end = start + (page_of(found, page_bytes) if found else 0)
    more = page_token(PagePlace(end, items[end - 1].name), bound) if end < len(items) else ""
    return ListPage(slice(start, end), more)


def page_of(items: Sequence[Sized], page_bytes: int) -> int:
    """Returns how many of the items, at least one, fit into a page of so many bytes."""
    size = 0
    for count, item in enumerate(items):
        size += item.ByteSize() + _ITEM_OVERHEAD
        if size > page_bytes and count:
            return count
    return max(1, len(items))


def _digest(data: bytes, bound: str | bytes) -> bytes:
    """Returns what a token of this content has where it is of this list."""
    key = bound.encode() if isinstance(bound, str) else bound
    return hashlib.blake2b(data + b"\0" + key, digest_size=_DIGEST).digest()
