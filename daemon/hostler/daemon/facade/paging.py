"""Pages of lists: which items a page holds, and the token of the next one."""

import hashlib
from collections.abc import Sequence

from google.protobuf.message import Message

from hostler.daemon.facade import refusals

#: Bytes of a field's number and length at most.
_ITEM_OVERHEAD = 6


def page_slice(count: int, page_size: int, page_token: str) -> tuple[slice, str]:
    """Returns which of `count` items a page holds, and the next page's token, "" for none.

    Raises:
        RefusalError: INVALID_ARGUMENT, for a token that no list has returned, or a negative size.
    """
    if page_size < 0:
        raise refusals.invalid(f"cannot use page_size {page_size}; expected 0 (all) or more")
    if page_token and not (page_token.isascii() and page_token.isdigit() and len(page_token) < 19):
        raise refusals.invalid(f"cannot use page_token {page_token!r}; pass a next_page_token")
    start = int(page_token or 0)
    end = start + page_size if page_size else count
    return slice(start, end), str(end) if end < count else ""


def page_of(items: Sequence[Message], page_bytes: int) -> int:
    """Returns how many of the items, at least one, fit into a page of so many bytes."""
    size = 0
    for count, item in enumerate(items):
        size += item.ByteSize() + _ITEM_OVERHEAD
        if size > page_bytes and count:
            return count
    return max(1, len(items))


def page_token_of(position: int, wanted: Message) -> str:
    """Returns the token of the page that begins after a position, of what fits a filter."""
    return f"{position}-{_digest(wanted)}"


def page_start(token: str, wanted: Message) -> int | None:
    """Returns the position after which a page begins; None for the first page.

    Raises:
        RefusalError: INVALID_ARGUMENT, for a token that no list has returned for this filter.
    """
    if not token:
        return None
    position, _, digest = token.partition("-")
    if not (position.isascii() and position.isdigit() and len(position) < 19):
        raise refusals.invalid(f"cannot use page_token {token!r}; pass a next_page_token")
    if digest != _digest(wanted):
        raise refusals.invalid(f"cannot use page_token {token!r} with another filter")
    return int(position)


def _digest(wanted: Message) -> str:
    data = wanted.SerializeToString(deterministic=True)
    return hashlib.blake2b(data, digest_size=6).hexdigest()
