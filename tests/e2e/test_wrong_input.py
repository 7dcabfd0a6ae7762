"""Wrong input: messages say what is wrong, where, and what to do; none is a traceback of ours."""

from collections.abc import Iterator

import pytest
from e2e.harness import Daemon, daemon_in, eventually
from e2e.wrong_locations import CASES, DEFINITIONS, file

from hostler.v1 import run_pb2, workspace_pb2

#: Locations that are odd and yet load.
GOOD = """
@solid
def one(context):
    print("printed by the run")
    return 1

@pipeline
def first():
    one()

@solid
def fails(context):
    raise ValueError("in a run")

@pipeline
def failing():
    fails()

@repository
def repo():
    return [first, failing]
"""

ODD = {
    "huge": '"""' + ("x" * 99 + "\n") * 25_000 + '"""\n' + f"x = '{'y' * 90}'\n" * 25_000,
    "chatty": "for number in range(100_000):\n    print('line', number)\n",
    "bytes-printed": "import os\nos.write(1, b'\\xff\\xfe no text\\n' * 3)\n",
    "descriptors-closed": "import os\nos.closerange(3, 256)\n",
    "standard-streams-closed": """\
import os, sys
os.closerange(0, 256)
sys.stdout = sys.stderr = None
""",
    "stdout-replaced": "import sys\nsys.stdout = sys.stderr = None\n",
    "stdout-broken": """\
import sys

class Broken:
    def write(self, text):
        return len(text)

    def flush(self):
        raise RuntimeError("not with me")

sys.stdout = sys.stderr = Broken()
""",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Starts one daemon with all locations; no back-off ends while a test looks."""
    folder = tmp_path_factory.mktemp("wrong")
    with daemon_in(folder, restart_first_delay="300", restart_max_delay="300") as daemon:
        daemon.write("good.py", DEFINITIONS + GOOD)
        entries = []
        for name, case in CASES.items():
            for path, content in case.files.items():
                written = daemon.write(path, "")
                written.write_bytes(content.encode() if isinstance(content, str) else content)
                written.chmod(0o755 if path != "bin/plain" else 0o644)
            entries.append(case.target.replace("NAME", f"location_name: '{name}'"))
        (folder / "bin" / "dangling").symlink_to("/nowhere/python")
        # root may read every file, but no one the first byte of a process's memory
        (folder / "unreadable.py").symlink_to("/proc/self/mem")
        for number, (name, code) in enumerate(ODD.items()):
            daemon.write(f"odd{number}.py", code + DEFINITIONS + GOOD)
            entries.append(file(f"odd{number}.py").replace("NAME", f"location_name: '{name}'"))
        daemon.workspace.write_text("load_from:\n" + "".join(f"  - {each}\n" for each in entries))
        yield daemon.start()


@pytest.mark.parametrize("name", CASES)
def test_a_location_that_cannot_load(served: Daemon, name: str) -> None:
    case = CASES[name]
    found = served.in_state(name, case.state)
    assert workspace_pb2.LoadError.Kind.Name(found.error.kind) == case.kind
    message = found.error.message
    assert "\n" not in message
    for word in case.words:
        assert word.format(dir=served.folder) in message
    traceback = found.error.exception.traceback
    assert case.shown in traceback
    check_no_frame_of_ours(served, traceback)
    for line in found.error.output:
        check_no_frame_of_ours(served, line)


def check_no_frame_of_ours(daemon: Daemon, text: str) -> None:
    assert f'File "{daemon.folder}/cache' not in text


def test_what_is_printed_before_the_end_is_shown(served: Daemon) -> None:
    assert list(served.in_state("exits", "BACKOFF").error.output) == ["libpython is missing"]
    failed = served.in_state("no-UTF-8-printed", "BACKOFF")
    assert list(failed.error.output) == ["before \ufffd\ufffd after"]


@pytest.mark.parametrize("name", ODD)
def test_an_odd_location_loads_and_runs(served: Daemon, name: str) -> None:
    served.ready(name)
    execution = served.client.execute("first", location=name)
    given = [event.step_output.preview for event in execution if event.HasField("step_output")]
    assert given == ["1"]
    assert execution.run().state == run_pb2.Run.SUCCEEDED


def test_a_step_that_fails_shows_the_users_frames_alone(served: Daemon) -> None:
    served.ready("chatty")
    execution = served.client.execute("failing", location="chatty")
    list(execution)
    exception = execution.run().failure.exception
    assert exception.traceback.count("File ") == 1
    assert 'raise ValueError("in a run")' in exception.traceback
    check_no_frame_of_ours(served, exception.traceback)


def test_the_last_of_many_lines_are_kept(served: Daemon) -> None:
    served.ready("chatty")
    eventually(lambda: "line 99999" in [line.text for line in served.client.logs("chatty", 9)])
    file = served.folder / "state" / "logs" / "chatty.log"
    eventually(lambda: file.read_text().count("\n") >= 100_000, "every line is in the file")


def test_bytes_that_are_no_text_are_printed(served: Daemon) -> None:
    served.ready("bytes-printed")
    texts = eventually(lambda: [line.text for line in served.client.logs("bytes-printed")])
    assert texts[:3] == ["\ufffd\ufffd no text"] * 3


def test_a_disk_that_is_full(daemon: Daemon) -> None:
    """Logs are lost, with one warning; all else goes on."""
    logs = daemon.folder / "state" / "logs"
    logs.mkdir(parents=True)
    (logs / "good.py.log").symlink_to("/dev/full")
    daemon.write("good.py", "print('at import')\n" + DEFINITIONS + GOOD)
    daemon.workspace.write_text("load_from:\n  - python_file: good.py\n")
    daemon.start().ready("good.py")
    assert list(daemon.client.execute("first", location="good.py"))[-1].HasField("run_succeeded")
    assert "at import" in [line.text for line in daemon.client.logs("good.py")]
    eventually(lambda: "No space left on device" in daemon.log.read_text())
    assert daemon.log.read_text().count("cannot write the log file") == 1
