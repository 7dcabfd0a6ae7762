"""Resource names."""

from __future__ import annotations

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.daemon.facade import names
from hostler.daemon.facade.refusals import RefusalError

IDS = st.text(min_size=1, max_size=12).filter(lambda text: "/" not in text and text != "-")


@given(IDS, IDS, IDS)
def test_ids_come_back_from_a_name(location: str, repository: str, pipeline: str) -> None:
    ids = (location, repository, pipeline)
    name = f"locations/{location}/repositories/{repository}/pipelines/{pipeline}"
    assert names.parse(name, 3) == ids
    assert names.parse(name.rpartition("/pipelines/")[0], 2) == ids[:2]
    assert names.parse(f"locations/{location}", 1) == ids[:1]


@pytest.mark.parametrize(
    ("name", "depth", "form"),
    [
        ("", 1, "locations/{location}"),
        ("a", 1, "locations/{location}"),
        ("locations/", 1, "locations/{location}"),
        ("location/a", 1, "locations/{location}"),
        ("locations/a/", 1, "locations/{location}"),
        ("locations/a/repositories/b", 1, "locations/{location}"),
        ("locations/a", 2, "locations/{location}/repositories/{repository}"),
        ("locations//repositories/b", 2, "locations/{location}/repositories/{repository}"),
        (
            "locations/a/repositories/b/solids/c",
            3,
            "locations/{location}/repositories/{repository}/pipelines/{pipeline}",
        ),
    ],
)
def test_another_form_is_refused_with_the_expected_one(name: str, depth: int, form: str) -> None:
    with pytest.raises(RefusalError) as caught:
        names.parse(name, depth)
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.message == f"cannot use the name {name!r}; expected {form}"


def test_a_wildcard_stands_for_all_only_where_it_may() -> None:
    assert names.parse("locations/-/repositories/-", 2, wildcards=True) == ("-", "-")
    assert names.parse("locations/a/repositories/-", 2, wildcards=True) == ("a", "-")
    with pytest.raises(RefusalError, match="cannot use the name 'locations/-'"):
        names.parse("locations/-", 1)


def test_a_run_s_name() -> None:
    assert names.run_id("runs/0a1b") == "0a1b"
    for name in ("", "runs", "runs/", "run/a", "runs/a/b"):
        with pytest.raises(RefusalError, match=r"expected runs/\{run\}"):
            names.run_id(name)
