"""Pages of lists."""

from __future__ import annotations

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.daemon.facade.paging import list_page, page_position, position_token
from hostler.daemon.facade.refusals import RefusalError
from hostler.v1.definitions_pb2 import PipelineSummary

ROOM = 3_000_000


def items(count: int) -> list[PipelineSummary]:
    return [PipelineSummary(name=f"p{number}") for number in range(count)]


@given(st.integers(0, 200), st.integers(1, 50))
def test_pages_together_are_the_whole(count: int, size: int) -> None:
    whole = items(count)
    seen: list[PipelineSummary] = []
    token = ""
    for _ in range(count + 1):
        part, token = list_page(whole, size, token, "parent", ROOM)
        assert len(whole[part]) <= size
        seen += whole[part]
        if not token:
            break
    assert seen == whole


@given(st.lists(st.booleans(), min_size=20, max_size=20), st.integers(0, 5), st.integers(1, 7))
def test_what_stays_is_seen_once_while_the_set_changes(
    stays: list[bool], added: int, size: int
) -> None:
    before = items(20)
    part, token = list_page(before, size, "", "parent", ROOM)
    stays[part.stop - 1] = True  # the last item of the page
    after = [PipelineSummary(name=f"new{number}") for number in range(added)]
    after += [item for item, keeps in zip(before, stays, strict=True) if keeps]
    seen = before[part]
    while token:
        part, token = list_page(after, size, token, "parent", ROOM)
        seen += after[part]
    assert [item for item in seen if item in after] == [item for item in after if item in before]


def test_a_page_goes_on_where_its_last_item_is_gone() -> None:
    _, token = list_page(items(9), 3, "", "parent", ROOM)
    left = [item for item in items(9) if item.name != "p2"]
    part, _ = list_page(left, 3, token, "parent", ROOM)
    assert [item.name for item in left[part]] == ["p3", "p4", "p5"]


def test_no_size_means_all_that_fit() -> None:
    assert list_page(items(7), 0, "", "parent", ROOM) == (slice(0, 7), "")
    assert list_page([], 0, "", "parent", ROOM) == (slice(0, 0), "")
    part, token = list_page(items(7), 0, "", "parent", 30)
    assert 0 < part.stop < 7
    assert token


@pytest.mark.parametrize("token", ["x", "-1", "²", "1", "AAAA", "9" * 5000, "bnVsbA", "[" * 4000])
def test_a_token_that_nobody_handed_out_is_refused(token: str) -> None:
    with pytest.raises(RefusalError, match=r"pass a next_page_token|another parent") as caught:
        list_page(items(10), 5, token, "parent", ROOM)
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT


def test_a_token_of_another_list_is_refused() -> None:
    _, token = list_page(items(10), 5, "", "parent", ROOM)
    with pytest.raises(RefusalError, match="with another parent or filter") as caught:
        list_page(items(10), 5, token, "other", ROOM)
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    with pytest.raises(RefusalError, match="with another parent or filter"):
        page_position(position_token(7, b"filter"), b"")
    assert page_position(position_token(7, b"filter"), b"filter") == 7


def test_a_token_beyond_the_end_is_an_empty_page() -> None:
    _, token = list_page(items(10), 9, "", "parent", ROOM)
    assert list_page(items(3), 2, token, "parent", ROOM) == (slice(3, 3), "")
