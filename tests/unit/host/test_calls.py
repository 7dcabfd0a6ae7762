"""What a worker answers for a tick of a schedule by partition."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hostler.definitions import PipelineDefinition, RepositoryDefinition, daily_schedule
from hostler.host.calls import call


def evaluated(day: int) -> dict[str, Any]:
    @daily_schedule("p", "2026-01-01", tags_fn_for_date=lambda moment: {"day": str(moment.day)})
    def days(moment: datetime) -> dict[str, Any]:
        return {"solids": {}}

    pipeline = PipelineDefinition("p", [], tags={"team": "a", "day": "none"})
    repository = RepositoryDefinition("repo", {"p": pipeline}, schedules={"days": days})
    moment = datetime(2026, 1, day, tzinfo=UTC).timestamp()
    order = {"function": "evaluate_tick", "repository": "repo", "name": "days", "time": moment}
    return call("etl", {"repo": repository}, order)


def test_a_run_is_for_the_partition_that_has_ended_last() -> None:
    said = evaluated(3)
    assert said["partition"] == ("days_partitions", "2026-01-02")
    assert said["tags"] == {"team": "a", "day": "2"}, "those of the pipeline come under the others"
    assert (said["runConfig"], said["problem"]) == ({"solids": {}}, None)


def test_nothing_is_due_before_the_first_has_ended() -> None:
    assert evaluated(1)["skipReason"] == "no partition has ended since the last tick"
