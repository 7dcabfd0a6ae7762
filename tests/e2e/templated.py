"""A location whose processes are forked from a template."""

from __future__ import annotations

from e2e.harness import Daemon, eventually

from hostler.v1 import workspace_pb2

Location = workspace_pb2.Location

REPOSITORY = """\
{code}
from hostler.definitions import pipeline, repository, solid


@solid
def shown(context):
    context.log.info(str({value}))


@pipeline
def {name}():
    shown()


@repository
def repo():
    return [{name}]
"""


def repos(name: str, code: str = "", value: str = "'nothing'") -> str:
    return REPOSITORY.format(name=name, code=code, value=value)


def serve(daemon: Daemon, text: str, **files: str) -> Location:
    """Starts a daemon with one location and waits for the spare of its template."""
    for name, content in files.items():
        daemon.write(f"{name}.py", content)
    daemon.write("repos.py", text)
    daemon.workspace.write_text("load_from:\n  - python_file: repos.py\n")
    daemon.start().ready("repos.py")
    return with_spare(daemon)


def with_spare(daemon: Daemon) -> Location:
    """Waits for a template and its spare."""

    def check() -> Location | None:
        found = daemon.client.location("repos.py")
        return found if found.template.pid and found.template.spare_pid else None

    return eventually(check, "a template and a spare")


def save(daemon: Daemon, name: str, code: str = "", value: str = "'nothing'") -> Location:
    """Saves the file, and waits for the new answer."""
    daemon.write("repos.py", repos(name, code, value))
    eventually(lambda: daemon.pipelines("repos.py") == [name], name)
    return daemon.ready("repos.py")


def is_forked(location: Location) -> bool:
    return location.start_mode == Location.FORKED


def execute(daemon: Daemon, name: str) -> str:
    """Executes a pipeline; returns what it logged."""
    events = list(daemon.client.execute(name, location="repos.py"))
    assert events[-1].HasField("run_succeeded"), events[-1]
    return "\n".join(event.log_message.message for event in events if event.HasField("log_message"))
