"""A template that dies just after it was made."""

import os
import signal

from e2e.harness import Daemon, eventually

from hostler.v1.workspace_pb2 import Location

NAME = "repos.py"


def spare_of_another(daemon: Daemon, template: int) -> int:
    """Returns the spare of any template but this one; 0 if there is none."""
    found = daemon.client.location(NAME).template
    return found.spare_pid if found.pid not in (0, template) else 0


def test_a_template_that_was_killed_young_comes_back_with_the_next_load(
    daemon: Daemon, source: str
) -> None:
    daemon.write(NAME, source.format(name="first"))
    daemon.workspace.write_text(f"load_from:\n  - python_file: {NAME}\n")
    daemon.start().ready(NAME)
    eventually(lambda: spare_of_another(daemon, 0), "a template")
    template = daemon.client.location(NAME).template.pid
    os.kill(template, signal.SIGKILL)
    eventually(lambda: daemon.client.location(NAME).template.pid != template, "its death")
    daemon.write(NAME, source.format(name="second"))
    daemon.ready(NAME, 2)
    eventually(lambda: spare_of_another(daemon, template), "another template")
    daemon.write(NAME, source.format(name="third"))
    assert daemon.ready(NAME, 3).start_mode == Location.FORKED
