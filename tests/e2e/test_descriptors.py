"""Locations keep the limit of descriptors that the daemon was started with."""

import resource

import pytest
from e2e.harness import Daemon

CODE = """\
import resource
from hostler.definitions import pipeline, solid

{more}

@solid
def one(context):
    return resource.getrlimit(resource.RLIMIT_NOFILE)

@pipeline(description=str(resource.getrlimit(resource.RLIMIT_NOFILE)))
def p():
    one()
"""


@pytest.mark.parametrize("fork", ["auto", "never"])
def test_the_daemon_alone_takes_the_hard_limit(daemon: Daemon, fork: str) -> None:
    daemon.write("a.py", CODE.format(more=""))
    daemon.workspace.write_text(
        f"load_from:\n  - python_file: {{relative_path: a.py, fork: {fork}}}\n"
    )
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    try:
        daemon.start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    daemon.ready("a.py")
    assert resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE) == (before[1], before[1])
    for generation in (1, 2):
        if generation == 2:
            daemon.client.reload()
        (pipeline,) = daemon.client.pipelines("a.py")
        assert pipeline.description == f"(256, {before[1]})"
    launched = daemon.client.launch("p")
    events = list(daemon.client.watch_run(launched.name))
    previews = [each.step_output.preview for each in events if each.HasField("step_output")]
    assert previews == [f"(256, {before[1]})"]
    assert "few descriptors" not in daemon.log.read_text()


def test_too_few_are_told(daemon: Daemon) -> None:
    daemon.write("a.py", CODE.format(more=""))
    daemon.workspace.write_text("load_from:\n  - python_file: a.py\n")
    before = resource.prlimit(0, resource.RLIMIT_NOFILE)
    daemon.environ["HOSTLER_RUN_LIMIT"] = str(before[1])
    daemon.start()
    daemon.ready("a.py")
    assert "warning few descriptors" in daemon.log.read_text()
    assert "raise the hard limit to" in daemon.log.read_text()
