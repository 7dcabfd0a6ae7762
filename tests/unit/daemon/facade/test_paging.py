"""Pages of lists."""

from __future__ import annotations

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.daemon.facade.paging import page_slice
from hostler.daemon.facade.refusals import RefusalError


@given(st.integers(0, 200), st.integers(1, 50))
def test_pages_together_are_the_whole(count: int, size: int) -> None:
    items = list(range(count))
    seen: list[int] = []
    token = ""
    for _ in range(count + 1):
        part, token = page_slice(count, size, token)
        assert len(items[part]) <= size
        seen += items[part]
        if not token:
            break
    assert seen == items


def test_no_size_means_all() -> None:
    assert page_slice(7, 0, "") == (slice(0, 7), "")
    assert page_slice(0, 0, "") == (slice(0, 0), "")


@pytest.mark.parametrize(("size", "token"), [(-1, ""), (5, "x"), (5, "-1"), (5, "²"), (5, "1.0")])
def test_a_size_or_token_that_nobody_handed_out_is_refused(size: int, token: str) -> None:
    with pytest.raises(RefusalError) as caught:
        page_slice(10, size, token)
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT


def test_a_token_beyond_the_end_is_an_empty_page() -> None:
    part, token = page_slice(3, 2, "9")
    assert list(range(3))[part] == []
    assert token == ""
