"""Presets, resources, values of the environment and type checks, in runs of a real daemon."""

import pytest
from e2e.harness import Daemon, eventually
from google.protobuf import json_format

from hostler.client import Client, NotFoundError
from hostler.v1.run_pb2 import Run, RunEvent

CODE = """\
import time

from hostler.definitions import (
    PresetDefinition, daily_schedule, pipeline, repository, resource, solid
)


@resource(config_schema={"url": str})
def database(context):
    context.log.info("open")
    yield context.config["url"]
    context.log.info("close")


@solid(required_resources={"db"})
def read(context):
    print("reading", context.resources.db)
    context.log.info("with %s", context.resources.db)
    return context.resources.db


@solid(required_resources={"db"}, timeout=60)
def fails(context, url):
    print("failing", url)
    raise ValueError(url)


@solid(required_resources={"db"})
def waits(context):
    context.log.info("under way")
    time.sleep(600)


@solid(config_schema=int)
def number(context) -> int:
    return context.config or "none"


@pipeline(
    resources={"db": database},
    presets=[
        PresetDefinition.from_files("far", ["far.json"], solids=["read"], tags={"to": "far"})
    ],
)
def reading():
    fails(read())


@pipeline(resources={"db": database})
def waiting():
    waits()


@pipeline
def numbers():
    number()


@daily_schedule("numbers", "2026-01-01", "2026-01-04")
def days(day):
    return {"solids": {"number": {"config": day.day}}}


@repository
def repo():
    return [reading, waiting, numbers, days]
""".replace('"2026-01-01", "2026-01-04"', '"2026-01-01", end_date="2026-01-04"')

SECRET = "postgres://me:hunter2@far"
WORKSPACE = f"""\
load_from:
  - python_file:
      relative_path: repos.py
      env: {{DB_URL: "{SECRET}"}}
"""
URL = {"resources": {"db": {"config": {"url": {"env": "DB_URL"}}}}}
FAR = '{"resources": {"db": {"config": {"url": {"env": "DB_URL"}}}}}'


@pytest.fixture
def served(daemon: Daemon) -> Daemon:
    daemon.write("far.json", FAR)
    daemon.write("repos.py", CODE)
    daemon.workspace.write_text(WORKSPACE)
    daemon.start().ready("repos.py")
    return daemon


@pytest.fixture
def client(served: Daemon) -> Client:
    return served.client


def told(client: Client, run: Run) -> str:
    """Returns the run's record and its events, as text."""
    events = [str(event) for event in client.watch_run(run.name)]
    return "\n".join([str(client.run(run.name)), *events])


def logged(client: Client, run: Run) -> list[str]:
    return [event.log_message.message for event in client.watch_run(run.name) if is_log(event)]


def is_log(event: RunEvent) -> bool:
    return event.HasField("log_message")


def test_a_preset_whose_file_changes(served: Daemon, client: Client) -> None:
    run = client.launch("reading", preset="far", tags={"team": "a"})
    assert dict(run.tags) == {"to": "far", "team": "a"}
    assert list(run.solids) == ["read"]
    assert json_format.MessageToDict(run.run_config) == URL
    text = told(client, run)
    assert client.run(run.name).state == Run.SUCCEEDED
    assert "hunter2" not in text
    assert "reading {env: DB_URL}" in text
    assert logged(client, run) == ["open", "with {env: DB_URL}", "close"]
    served.write("far.json", FAR.replace('{"env": "DB_URL"}', '"near"'))

    def launched_near() -> bool:
        near = client.launch("reading", preset="far")
        return "reading near" in told(client, near)

    eventually(launched_near)
    with pytest.raises(NotFoundError, match="cannot find a preset 'fra'; did you mean far"):
        client.launch("reading", preset="fra")


@pytest.mark.parametrize("max_concurrency", [0, 2])
def test_no_exception_shows_a_value(client: Client, max_concurrency: int) -> None:
    run = client.launch("reading", URL, max_concurrency=max_concurrency)
    text = told(client, run)
    assert client.run(run.name).state == Run.FAILED
    assert "hunter2" not in text
    assert "failing {env: DB_URL}" in text
    assert logged(client, run).count("open") == logged(client, run).count("close") == 2


def test_a_variable_that_is_not_set(client: Client) -> None:
    config = {"resources": {"db": {"config": {"url": {"env": "ABSENT"}}}}}
    run = client.launch("waiting", config)
    assert "the environment variable ABSENT is not set" in told(client, run)
    assert client.run(run.name).state == Run.FAILED


def test_a_cancel_cleans_up(client: Client) -> None:
    run = client.launch("waiting", URL)
    messages = []
    for event in client.watch_run(run.name):
        if is_log(event):
            messages.append(event.log_message.message)
            if messages[-1] == "under way":
                client.cancel_run(run.name)
    assert messages == ["open", "under way", "close"]
    assert client.run(run.name).state == Run.CANCELED


def test_a_value_of_another_type_fails_the_run(client: Client) -> None:
    run = client.launch("numbers", {"solids": {"number": {"config": 0}}})
    told(client, run)
    failure = client.run(run.name).failure
    assert failure.step == "number"
    assert "found 'none' (str), expected int" in failure.message


def test_the_partitions_of_a_schedule(client: Client) -> None:
    run = client.launch("numbers", partition=("days_partitions", "2026-01-03"))
    assert 'preview: "3"' in told(client, run)
    preview = client.preview_schedule("repos.py", "repo", "days", count=2)
    assert all(tick.skipped for tick in preview), "its last partition has had its run"
