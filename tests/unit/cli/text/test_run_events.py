"""The events of a run in lines."""

import click

from hostler.cli.text.run_events import run_event_lines
from hostler.v1.run_pb2 import LogMessage, RunEvent


def lines_of(message: str) -> list[str]:
    said = LogMessage(level=LogMessage.INFO, message=message)
    return [
        click.unstyle(line) for line in run_event_lines(RunEvent(step="load", log_message=said))
    ]


def test_the_further_lines_of_a_message_do_not_look_like_events() -> None:
    first, *more = lines_of("3 rows:\n  one\ntwo")
    assert first.endswith("INFO 3 rows:")
    assert more == ["      one", "    two"]


def test_an_empty_message_is_a_line() -> None:
    (line,) = lines_of("")
    assert "INFO" in line
