"""What the command shows of a daemon that runs: ps, logs, events, repositories, pipelines."""

import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple

import psutil
import pytest
from e2e.command import Outcome, Shell, Terminal, interrupt, line_with, shell_in
from e2e.harness import Daemon, daemon_in, eventually

from hostler.v1.definitions_pb2 import Pipeline
from hostler.v1.repository_pb2 import ListPipelinesResponse, ListRepositoriesResponse
from hostler.v1.run_pb2 import Run
from hostler.v1.workspace_pb2 import Location, LogLine, Workspace, WorkspaceChange

ETL = '''\
import sys
from hostler.definitions import Field, pipeline, repository, solid

print("etl is imported")


@solid(config_schema={"limit": Field(int, default=3, description="Rows at most.")})
def load(context):
    """Loads the rows."""
    print("printed by load")
    return list(range(context.config["limit"]))


@solid
def total(rows: list) -> int:
    return sum(rows)


@pipeline(tags={"team": "data"})
def daily_totals():
    """Sums what the day brought."""
    total(load())


@repository
def nightly():
    """What runs at night."""
    return [daily_totals]
'''

REPORTS = """\
from hostler.definitions import pipeline, repository, solid


@solid
def one():
    return 1


@pipeline
def weekly():
    one()


def make_daily_totals():
    @pipeline
    def daily_totals():
        one()
    return daily_totals


@repository
def monthly():
    return {"pipelines": {"daily_totals": make_daily_totals, "weekly": lambda: weekly}}
"""

BROKEN = "\ndef wrong(:\n    pass\n"

WORKSPACE = """\
load_from:
  - python_file: {relative_path: etl.py, location_name: etl}
  - python_file: {relative_path: reports.py, location_name: reports}
  - python_file: {relative_path: broken.py, location_name: broken}
"""


class Served(NamedTuple):
    daemon: Daemon
    shell: Shell

    def run(self, *arguments: str) -> Outcome:
        return self.shell.run(*arguments)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Starts a daemon with two good locations and a broken one, which HOSTLER_SOCKET names."""
    folder = tmp_path_factory.mktemp("cli")
    with daemon_in(folder) as daemon, shell_in(folder) as shell:
        for name, text in (("etl", ETL), ("reports", REPORTS), ("broken", BROKEN)):
            daemon.write(f"{name}.py", text)
        daemon.workspace.write_text(WORKSPACE)
        daemon.start()
        daemon.ready("etl")
        daemon.ready("reports")
        daemon.in_state("broken", "FAILED")
        shell.environ["HOSTLER_SOCKET"] = str(daemon.socket)
        yield Served(daemon, shell)


def test_ps(served: Served) -> None:
    done = served.run("ps")
    assert (done.code, done.err) == (0, "")
    head, *rows = done.out.splitlines()
    assert head.split() == [
        *("LOCATION", "STATE", "GEN", "SERVING", "PYTHON", "PID", "UPTIME", "RESTARTS"),
        *("MEMORY", "PRIVATE", "LOADED", "INTERPRETER"),
    ]
    etl = served.daemon.client.location("etl")
    version = ".".join(map(str, sys.version_info[:3]))
    assert rows[0].split()[:6] == ["etl", "READY", "1", "yes", version, str(etl.pid)]
    *_, restarts, memory, unit, private, its_unit, took, ms, mode, interpreter = rows[0].split()
    assert (its_unit, ms, mode) == ("MB", "ms,", "spawned")
    assert 0 < float(private) < float(memory)
    assert float(took) > 0
    assert (restarts, unit) == ("0", "MB")
    assert float(memory) == pytest.approx(psutil.Process(etl.pid).memory_info().rss / 1e6, rel=0.5)
    assert interpreter.endswith(etl.executable.rpartition("/")[2])
    assert rows[2].split()[:4] == ["broken", "FAILED", "-", "no"]
    assert rows[3].strip().startswith("SyntaxError: ")
    assert rows[3].endswith(f"({served.daemon.folder}/broken.py:2)")
    assert len(rows) == 4


def test_ps_verbose_shows_the_traceback_and_the_last_output(served: Served) -> None:
    out = served.run("ps", "-v").out
    assert f'File "{served.daemon.folder}/broken.py", line 2' in out
    assert "def wrong(:" in out
    assert "changes noticed by: native" in out
    assert f"declared at: {served.daemon.workspace}:2" in out
    assert "/hostler/host/" not in out


def test_ps_json_is_the_workspace(served: Served) -> None:
    done = served.run("ps", "--json")
    workspace = done.message(Workspace)
    assert [each.name for each in workspace.locations] == [
        "locations/etl",
        "locations/reports",
        "locations/broken",
    ]
    assert workspace.daemon.pid == served.daemon.pid

    def is_as_asked() -> bool:
        (shown, *_) = served.run("ps", "--json").message(Workspace).locations
        asked = served.daemon.client.location("etl")
        asked.memory_bytes = shown.memory_bytes
        return shown == asked

    eventually(is_as_asked, "two looks between which no page of its memory has moved")
    assert workspace.locations[2].error.exception.traceback


def test_ps_exit_code(served: Served) -> None:
    assert served.run("ps", "--exit-code").code == 4


def test_ps_on_a_terminal_has_colours_unless_they_are_not_wanted(served: Served) -> None:
    with (
        Terminal(served.shell, "ps") as coloured,
        Terminal(served.shell, "ps", NO_COLOR="1") as plain,
    ):
        assert coloured.end() == 0
        assert "\x1b[32mREADY" in coloured.screen
        assert plain.end() == 0
        assert "READY" in plain.screen
        assert "\x1b" not in plain.screen


def test_logs(served: Served) -> None:
    out = served.run("logs", "etl").out
    assert out.splitlines()[0].endswith(" etl is imported")
    assert served.run("logs", "-n", "0", "etl").out == ""
    (line,) = served.run("logs", "-n", "1", "etl", "--json").messages(LogLine)
    assert line.text in {"etl is imported", "printed by load"}


def test_logs_follow(served: Served) -> None:
    follow = served.shell.start("logs", "-f", "-n", "1", "etl")
    assert follow.stdout is not None
    assert follow.stdout.readline()
    served.daemon.client.launch("daily_totals", location="etl")
    assert "printed by load" in line_with(follow, "[run ")
    ended = interrupt(follow)
    assert (ended.code, ended.err.strip()) == (130, "")


def test_events_history(served: Served) -> None:
    lines = served.run("events", "--no-follow").out.splitlines()
    assert any("etl STARTING -> READY; generation 1; + nightly/daily_totals" in x for x in lines)
    assert any("broken STARTING -> FAILED; SyntaxError" in line for line in lines)
    changes = served.run("events", "--no-follow", "--json").messages(WorkspaceChange)
    assert [change.revision for change in changes] == sorted({c.revision for c in changes})
    assert {"locations/etl", "locations/broken"} <= {change.location.name for change in changes}


def test_events_live(served: Served) -> None:
    events = served.shell.start("events", "--json")
    line_with(events, '"FAILED"')
    served.daemon.write("reports.py", REPORTS.replace("weekly", "yearly"))
    try:
        line_with(events, "monthly/yearly")
        ended = interrupt(events)
        assert (ended.code, ended.err.strip()) == (130, "")
    finally:
        served.daemon.write("reports.py", REPORTS)
        eventually(lambda: "weekly" in served.daemon.pipelines("reports"), "weekly is back")


@pytest.mark.parametrize("command", ["ps", "events", "logs -f etl", "repository list -l etl"])
def test_a_reader_that_leaves_is_no_error(served: Served, command: str) -> None:
    done = served.shell.piped(f"hostler {command} | head -1")
    assert len(done.out.splitlines()) == 1
    assert "Traceback" not in done.err
    assert "BrokenPipe" not in done.err


def test_repository_list(served: Served) -> None:
    done = served.run("repository", "list")
    assert done.code == 4, "a location does not answer"
    assert [line.split()[:3] for line in done.out.splitlines()] == [
        ["REPOSITORY", "LOCATION", "PIPELINES"],
        ["nightly", "etl", "1"],
        ["monthly", "reports", "2"],
    ]
    (said,) = done.err.splitlines()
    assert said.startswith("hostler: broken does not answer: SyntaxError: ")
    found = served.run("repository", "list", "-l", "etl", "--json")
    assert found.code == 0
    (repository,) = found.message(ListRepositoriesResponse).repositories
    assert repository.name == "locations/etl/repositories/nightly"


def test_pipeline_list(served: Served) -> None:
    done = served.run("pipeline", "list", "-l", "etl")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[1].split(None, 4) == [
        *("daily_totals", "nightly", "etl", "2"),
        "Sums what the day brought.",
    ]
    found = served.run("pipeline", "list", "-r", "monthly", "--json").message(ListPipelinesResponse)
    assert {each.name.rpartition("/")[2]: each.lazy for each in found.pipelines} == {
        "daily_totals": True,
        "weekly": True,
    }


def test_pipeline_show(served: Served) -> None:
    done = served.run("pipeline", "show", "-l", "etl", "daily_totals")
    assert (done.code, done.err) == (0, "")
    for part in (
        "location etl, repository nightly",
        f"{served.daemon.folder}/etl.py:",
        "tags: team=data",
        "in   rows: list <- load.result",
        "limit: int = 3  - Rows at most.",
    ):
        assert part in done.out
    lazy = served.run("pipeline", "show", "-r", "monthly", "daily_totals", "--json")
    (only,) = lazy.message(Pipeline).solids
    assert only.name == "one"


def test_an_ambiguous_name(served: Served) -> None:
    done = served.run("pipeline", "show", "daily_totals")
    assert (done.code, done.out) == (2, "")
    assert "hostler pipeline show daily_totals -l etl\n" in done.err
    assert "hostler pipeline show daily_totals -l reports\n" in done.err
    full = "locations/etl/repositories/nightly/pipelines/daily_totals"
    assert served.run("pipeline", "show", full).code == 0


def test_an_unknown_name_gets_the_nearest(served: Served) -> None:
    done = served.run("pipeline", "show", "-l", "etl", "daily_total")
    assert (done.code, done.out) == (1, "")
    assert done.err == "hostler: cannot find a pipeline 'daily_total'; did you mean daily_totals?\n"
    done = served.run("pipeline", "list", "-l", "reprts")
    assert (done.code, done.out) == (1, "")
    assert done.err == "hostler: cannot find the location reprts; did you mean reports?\n"
    done = served.run("logs", "reprts")
    assert (done.code, done.out) == (1, "")
    assert "did you mean 'reports'?" in done.err


def test_a_name_that_may_be_in_a_location_that_does_not_answer(served: Served) -> None:
    done = served.run("pipeline", "show", "hourly")
    assert (done.code, done.out) == (4, "")
    first, second = done.err.splitlines()
    assert first.startswith("hostler: broken does not answer: SyntaxError: ")
    assert second.startswith("hostler: cannot find a pipeline 'hourly'; there are: ")


def test_a_location_that_never_loaded_answers_with_its_traceback(served: Served) -> None:
    done = served.run("pipeline", "show", "-l", "broken", "any")
    assert (done.code, done.out) == (4, "")
    assert "def wrong(:" in done.err
    assert "/hostler/host/" not in done.err


def test_runs(served: Served) -> None:
    run = served.daemon.client.launch("weekly", location="reports", tags={"team": "data"})
    name = run.name.removeprefix("runs/")
    watched = served.run("run", "watch", name)
    assert watched.code == 0
    assert watched.out.splitlines()[-1].endswith("succeeded")
    shown = served.run("run", "show", name, "--json").message(Run)
    assert (shown.state, dict(shown.tags)) == (Run.SUCCEEDED, {"team": "data"})
    assert name in served.run("run", "list", "-n", "1").out
    missing = served.run("run", "show", "nothing")
    assert (missing.code, missing.out) == (1, "")
    assert missing.err.startswith("hostler: cannot find a run 'nothing'")


def test_completion_offers_what_the_daemon_has(served: Served) -> None:
    script = served.run("completion", "bash")
    assert script.code == 0
    file = served.shell.write("completion.bash", script.out)
    line = (
        f". {file}; COMP_WORDS=(hostler logs re); COMP_CWORD=2;"
        ' _hostler_completion hostler; echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", line],
        env={**served.shell.environ, "PATH": f"{sys.prefix}/bin:/usr/bin:/bin"},
        cwd=served.shell.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("reports\n", "")


def test_a_location_that_serves_an_old_generation_says_so(served: Served) -> None:
    daemon = served.daemon
    before = daemon.client.location("reports").generation
    daemon.write("reports.py", BROKEN)
    try:
        daemon.in_state("reports", "FAILED")
        row = served.run("ps").out.splitlines()[2]
        assert row.split()[:4] == ["reports", "FAILED", str(before), "old"]
        assert served.run("pipeline", "show", "-l", "reports", "weekly").code == 0
    finally:
        daemon.write("reports.py", REPORTS)
        daemon.in_state("reports", "READY")
    assert daemon.client.location("reports").state == Location.READY
