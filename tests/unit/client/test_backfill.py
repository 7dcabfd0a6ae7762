"""Which partitions a backfill has, and how its runs are told from other runs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.client import InvalidArgumentError, NotFoundError
from hostler.client.backfill import _request_id, partition_range, select_partitions

NAMES = ["jan", "feb", "mar", "apr"]
several = st.lists(st.text(max_size=3), unique=True, min_size=1)


@given(several, st.data())
def test_those_that_are_wanted_come_in_the_set_s_order(
    names: list[str], data: st.DataObject
) -> None:
    wanted = data.draw(st.lists(st.sampled_from(names)))
    chosen = select_partitions(names, wanted)
    assert set(chosen) == set(wanted)
    assert chosen == sorted(chosen, key=names.index)
    assert len(chosen) == len(set(chosen))


@given(several, st.data())
def test_a_part_has_both_its_ends(names: list[str], data: st.DataObject) -> None:
    first, last = (data.draw(st.sampled_from(names)) for _ in range(2))
    if names.index(first) > names.index(last):
        with pytest.raises(InvalidArgumentError, match="comes first; exchange them"):
            partition_range(names, first, last)
        return
    part = partition_range(names, first, last)
    assert (part[0], part[-1]) == (first, last)
    assert partition_range(names, first, None) == part[:-1] + names[names.index(last) :]


def test_all_that_are_unknown_are_told_at_once() -> None:
    with pytest.raises(NotFoundError) as raised:
        select_partitions(NAMES, ["jam", "feb", "x"])
    assert str(raised.value).splitlines() == [
        "cannot find a partition 'jam'; did you mean jan?",
        "cannot find a partition 'x'; there are: apr, feb, jan, mar",
    ]
    with pytest.raises(NotFoundError, match="'aprl'; did you mean apr"):
        partition_range(NAMES, "jan", "aprl")


@given(st.text(max_size=300), st.text(max_size=300))
def test_a_request_id_fits_and_is_the_partition_s_own(one: str, other: str) -> None:
    backfill = "b" * 64
    assert len(_request_id(backfill, one)) <= 128
    assert (_request_id(backfill, one) == _request_id(backfill, other)) == (one == other)


def test_a_short_request_id_is_plain() -> None:
    assert _request_id("x", "eu/2026-01-01") == "backfill/x/eu/2026-01-01"
