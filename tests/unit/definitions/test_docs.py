"""The code in docs/definitions.md works as it stands there."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hostler.definitions import ConfigError, SolidContext, execute_pipeline
from hostler.definitions._run_config import check_run_config

PAGE = Path(__file__).parents[3] / "docs" / "definitions.md"


@pytest.fixture(name="page")
def run_page() -> dict[str, Any]:
    """Returns what the code of the page defines."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    namespace: dict[str, Any] = {"__name__": "page"}
    exec(compile("\n".join(blocks), str(PAGE), "exec"), namespace)
    return namespace


def test_tests_of_the_page_pass(page: dict[str, Any], tmp_path: Path) -> None:
    page["test_count"]()
    page["test_read"](tmp_path)


def test_repositories_of_the_page(page: dict[str, Any]) -> None:
    assert page["reports"].pipeline_names == ("report", "joined")
    assert page["lazy_reports"].get_pipeline("generated").name == "generated"


def test_problems_are_told_as_on_the_page(page: dict[str, Any]) -> None:
    wrong = {"solids": {"read": {"config": {"limit": "x"}}, "raed": {}}}
    with pytest.raises(ConfigError) as raised:
        execute_pipeline(page["report"], wrong)
    shown = re.search(r"```text\n(.*?)\n```", PAGE.read_text(), re.DOTALL)
    assert shown is not None
    assert str(raised.value) == shown[1]


def test_fan_in_of_the_page(page: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "rows.txt"
    path.write_text("one\ntwo\n")
    config = {"solids": {"read": {"config": {"path": str(path)}}}}
    assert execute_pipeline(page["joined"], config).output("join") == "2 rows, 2 rows"


def test_schedules_and_partition_sets_of_the_page(page: dict[str, Any]) -> None:
    repository = page["scheduled_reports"]
    assert repository.schedules.names == ("workdays", "hourly", "daily_report")
    assert repository.partition_sets.names == ("daily_report_partitions", "days", "regions")
    tick = next(page["workdays"].ticks(datetime(2026, 3, 28, tzinfo=UTC)))
    assert tick.isoformat() == "2026-03-30T06:00:00+02:00"
    for request in (
        page["workdays"].run_request(tick),
        page["hourly"].run_request(tick),
        page["daily_report"].run_request(next(page["daily_report"].ticks(tick))),
        page["days"].run_request(page["days"].partition("2026-01-02")),
    ):
        check_run_config(page["report"], request.run_config)
    assert list(page["regions"].partitions()) == ["eu", "us", "rest of it"]


def test_retries_of_the_page(page: dict[str, Any]) -> None:
    policy = page["fetch"].retry_policy
    assert [policy.delay_before(retry) for retry in (1, 2, 3)] == [2, 4, 8]
    assert page["fetch"](SolidContext(retry_number=2)) == "rows"
