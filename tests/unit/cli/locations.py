"""Locations that tests show."""

from __future__ import annotations

import time

import click

from hostler.v1.workspace_pb2 import LoadError, Location


def ready(name: str = "etl") -> Location:
    location = Location(
        name=f"locations/{name}",
        state=Location.READY,
        generation=3,
        serving=True,
        executable="/opt/envs/a-long-name-of-an-environment/bin/python3.11",
        python_version="3.11.7",
        pid=1234567,
        restarts=2,
        memory_bytes=123_456_789,
    )
    location.start_time.FromSeconds(int(time.time()) - 320)
    return location


def broken() -> Location:
    location = ready("broken")
    location.state = Location.FAILED
    location.error.CopyFrom(
        LoadError(kind=LoadError.IMPORT, message="SyntaxError: invalid syntax", output=["bye"])
    )
    location.error.source.file, location.error.source.line = "/src/broken.py", 12
    location.error.exception.traceback = '  File "/src/broken.py", line 12\nSyntaxError\n'
    return location


def plain(lines: list[str]) -> str:
    return click.unstyle("\n".join(lines))
