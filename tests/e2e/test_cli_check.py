"""hostler check, and commands whose target or daemon is not there: messages and exit codes."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.command import Shell, shell_in
from e2e.harness import eventually

from hostler.v1.workspace_pb2 import Location, Workspace

GOOD = """\
from hostler.definitions import pipeline, repository, solid


@solid
def one():
    return 1


@pipeline
def p():
    one()


@repository
def repo():
    return [p]
"""

BAD = """\
def connect():
    raise ConnectionError("no database at import")


connect()
"""

WRONG_DEFINITION = """\
from hostler.definitions import pipeline, solid


@solid
def one(rows):
    return 1


@pipeline
def p():
    one()
"""

#: The shells of this machine; bash is everywhere.
SHELLS = [name for name in ("bash", "zsh", "fish") if shutil.which(name)]


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with shell_in(tmp_path) as shell:
        shell.write("good.py", GOOD)
        shell.write("bad.py", BAD)
        yield shell
        eventually(lambda: not shell.processes(), "nothing is left")
        assert list(shell.tmp.iterdir()) == []


def test_good(shell: Shell) -> None:
    shell.write("workspace.yaml", "load_from:\n  - python_file: good.py\n")
    done = shell.run("check")
    assert done.code == 0
    assert re.match(r"ok      good\.py: Python 3\.\d+\.\d+, 1 repository, 1 pipeline, ", done.out)
    assert done.said == "hostler: 1 of 1 locations loaded\n"


def test_patterns_are_counted_and_one_without_a_file_is_warned_of(shell: Shell) -> None:
    shell.write("a.sql", "")
    shell.write("b.sql", "")
    shell.write(
        "workspace.yaml",
        "load_from:\n  - python_file: {relative_path: good.py, watch: ['*.sql', 'queries']}\n",
    )
    done = shell.run("check")
    assert done.code == 0
    assert re.search(r"good\.py: watch \S*/\*\.sql: 2 files\n", done.out)
    assert re.search(r"warning: good\.py: watch \S*/queries: matches no file; ", done.err)
    (location,) = shell.run("check", "--json").message(Workspace).locations
    assert [each.files for each in location.watched_patterns] == [2, 0]


def test_bad(shell: Shell) -> None:
    shell.write("workspace.yaml", "load_from:\n  - python_file: good.py\n  - python_file: bad.py\n")
    done = shell.run("check")
    assert done.code == 4
    assert "FAILED  bad.py: ConnectionError: no database at import" in done.out
    assert re.findall(r'File "(.+)", line (\d)', done.out) == [
        (f"{shell.folder}/bad.py", "5"),
        (f"{shell.folder}/bad.py", "2"),
    ], "the user's frames alone"
    assert done.said == "hostler: 1 of 2 locations loaded\n"
    workspace = shell.run("check", "--json").message(Workspace)
    assert [each.serving for each in workspace.locations] == [True, False]
    assert workspace.locations[1].state in {Location.BACKOFF, Location.STARTING}


def test_a_wrong_definition_shows_the_users_code_alone(shell: Shell) -> None:
    shell.write("wrong.py", WRONG_DEFINITION)
    done = shell.run("check", "-f", "wrong.py")
    assert done.code == 4
    assert 'nothing feeds the input "rows" of solid "one"' in done.out
    assert {Path(file).name for file in re.findall(r'File "(.+?)"', done.out)} == {"wrong.py"}


def test_an_import_that_hangs_says_where(shell: Shell) -> None:
    shell.write("slow.py", "import signal\n\nsignal.pause()\n")
    done = shell.run("check", "-f", "slow.py", "--timeout", "4", "--format", "github")
    assert done.code == 4
    where = f"the load did not end within 3 s; it was at {shell.folder}/slow.py:3 in <module>"
    assert f"FAILED  slow.py: {where}" in done.out
    assert "raise HOSTLER_LOAD_LIMIT, or --timeout of hostler check, if it needs longer" in done.out
    assert f"::error file=slow.py,line=3,title=slow.py::{where}" in done.out
    assert "load_timeout" not in done.out, "that is longer"


WRONG_WITHIN = """\
from hostler.definitions import (
    PartitionSetDefinition,
    ScheduleDefinition,
    pipeline,
    repository,
    schedule,
    solid,
)


@solid
def one():
    return 1


@pipeline
def p():
    one()


def made_by_another_name():
    return p


def raises():
    raise LookupError("no table, 50% of it")


@schedule("@daily", "p")
def wrong_tick(context):
    return context.no_such_attribute


def no_partitions():
    return 1 / 0


def no_config(partition):
    return [][1]


@repository
def repo():
    return {
        "pipelines": {"p": p, "wrong_key": made_by_another_name, "raising": raises},
        "schedules": {
            "wrong_tick": wrong_tick,
            "unknown": lambda: ScheduleDefinition("unknown", "@daily", "nothing"),
        },
        "partition_sets": {
            "none": PartitionSetDefinition("none", "p", no_partitions),
            "bad": PartitionSetDefinition(
                "bad", "p", lambda: ["a"], run_config_fn_for_partition=no_config
            ),
            "good": PartitionSetDefinition("good", "p", lambda: ["a"]),
        },
    }
"""


def line_of(text: str) -> int:
    return WRONG_WITHIN[: WRONG_WITHIN.index(text)].count("\n") + 1


#: Where each problem is: the definition, and what stands on its line.
PLACES = {
    "pipeline 'wrong_key'": "def made_by_another_name",
    "pipeline 'raising'": "raise LookupError",
    "schedule 'wrong_tick'": "return context.no_such",
    "schedule 'unknown'": '"unknown": lambda',
    "partition set 'none'": "return 1 / 0",
    "partition set 'bad'": "return [][1]",
}


def test_what_a_location_defines_is_tried_out(shell: Shell) -> None:
    shell.write("within.py", WRONG_WITHIN)
    entries = "".join(f"  - python_file: {name}\n" for name in ("good.py", "within.py"))
    shell.write("workspace.yaml", f"load_from:\n{entries}")
    done = shell.run("check", "--format", "github")
    assert done.code == 4
    assert "hostler: 2 of 2 locations loaded, 6 problems in what they define\n" in done.err
    place = r"^::error file=within\.py,line=(\d+),title=within\.py%3A (.+?) of r"
    found = re.findall(place, done.out, re.MULTILINE)
    assert {title: int(line) for line, title in found} == {
        title: line_of(text) for title, text in PLACES.items()
    }
    assert "no table, 50%25 of it" in done.out
    for title, text in PLACES.items():
        line = rf"^FAILED  within\.py: {title} of repository 'repo': .+"
        (said,) = re.findall(line, done.out, re.MULTILINE)
        assert f"within.py:{line_of(text)}" in said
    assert "    LookupError: no table, 50% of it" in done.out

    message = shell.run("check", "--json").message(Workspace)
    lines = sorted(problem.line for problem in message.problems)
    assert lines == sorted(map(line_of, PLACES.values()))
    assert {problem.file for problem in message.problems} == {f"{shell.folder}/within.py"}

    done = shell.run("check", "--no-construct")
    assert (done.code, done.said) == (0, "hostler: 2 of 2 locations loaded\n")


def test_a_wrong_workspace_is_annotated(shell: Shell) -> None:
    shell.write("workspace.yaml", "load_from:\n  - python_fil: good.py\n")
    done = shell.run("check", "--format", "github")
    assert done.code == 2
    start = "::error file=workspace.yaml,line=2,title=workspace::cannot use the key "
    assert done.out.startswith(start)
    assert "cannot start a daemon for workspace.yaml" in done.err


def test_timeout(shell: Shell) -> None:
    shell.write(
        "slow.py",
        GOOD
        + """

def slow():
    import signal

    signal.pause()


@repository
def hanging():
    return {"pipelines": {"slow": slow}}
""",
    )
    done = shell.run("check", "-f", "slow.py", "--timeout", "3")
    assert done.code == 4
    assert "pipeline 'slow' of repository 'hanging': " in done.out
    assert "took longer than" in done.out


def test_a_missing_file(shell: Shell) -> None:
    shell.write("workspace.yaml", "load_from:\n  - python_file: god.py\n")
    done = shell.run("check")
    assert done.code == 4
    (line,) = done.out.splitlines()
    assert line.startswith("FAILED  god.py: cannot find ")
    assert "did you mean good.py" in line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ps"], "cannot find workspace.yaml in this folder; name a workspace file with -w"),
        (["pipeline", "list"], "cannot find workspace.yaml in this folder"),
        (["check", "-f", "nothing.py"], "cannot find the file "),
        (["ps", "-w", "nothing.yaml"], "cannot find nothing.yaml"),
        (["ps", "-w", "a.yaml", "-f", "good.py"], "cannot take -w and -f together"),
        (["ps", "-a", "repo"], "cannot take -a without -f, -m or --package"),
        (["ps", "--socket", "x.sock", "-f", "good.py"], "cannot take --socket and -f together"),
        (["pipeline", "lst"], "No such command 'lst'; did you mean list?"),
        (["pipeline", "execute", "-f", "good.py", "p", "--tag", "x"], "give it as KEY=VALUE"),
        (["stop"], "Missing argument 'LOCATION'"),
    ],
)
def test_usage(shell: Shell, arguments: list[str], said: str) -> None:
    done = shell.run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert done.err.startswith("Usage: hostler ")


def test_the_nearest_workspace_above_is_named(shell: Shell) -> None:
    workspace = shell.write("workspace.yaml", "load_from: []\n")
    (shell.folder / "below").mkdir()
    done = shell.run("ps", cwd=shell.folder / "below")
    assert done.code == 2
    assert f"The nearest one above: -w {workspace}" in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["ps"],
        ["events"],
        ["wait", "--timeout", "0"],
        ["logs", "good.py"],
        ["reload"],
        ["stop", "good.py"],
        ["run", "list"],
    ],
)
def test_no_daemon(shell: Shell, arguments: list[str]) -> None:
    shell.write("workspace.yaml", "load_from:\n  - python_file: good.py\n")
    done = shell.run(*arguments)
    assert (done.code, done.out) == (3, "")
    assert re.fullmatch(
        r"hostler: cannot reach a daemon for workspace\.yaml on \S+: there is no socket; "
        r"start one with: hostler up\n",
        done.err,
    )


def test_no_daemon_on_a_socket(shell: Shell) -> None:
    socket = f"{shell.folder}/d.sock"
    done = shell.run("pipeline", "list", environ={"HOSTLER_SOCKET": socket})
    assert (done.code, done.out) == (3, "")
    assert f"on {socket}, which HOSTLER_SOCKET names" in done.err
    assert shell.run("pipeline", "list", "--socket", socket).code == 3


@pytest.mark.parametrize("name", SHELLS)
def test_the_shells_take_their_completion_scripts(shell: Shell, name: str) -> None:
    script = shell.write("script", shell.run("completion", name).out)
    done = subprocess.run([name, "-n", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "hostler" in script.read_text()


@pytest.mark.parametrize("command", ["", "pipeline execute", "up"])
def test_help(shell: Shell, command: str) -> None:
    done = shell.run(*command.split(), "--help")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"Usage: hostler {command}")
    assert "\n  hostler " in done.out, "it has examples"
