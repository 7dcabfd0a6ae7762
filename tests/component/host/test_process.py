"""A process of a location: its loads, forks and runs, and what it reports of them."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from component.host.host_process import (
    GOOD,
    INTERPRETERS,
    Host,
    load,
    read_all,
    run_order,
)

from hostler.host import wire
from hostler.host.wire import Event, Method, Status

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable


def test_it_greets_and_answers_pings_and_ends_with_its_wire(
    start: Callable[[], contextlib.AbstractContextManager[Host]],
) -> None:
    with start() as host:
        hello = host.hello()
        assert Path(f"/proc/{hello['pid']}/exe").readlink().name.startswith("python")
        assert hello["version"].split(".")[0] == "3"
        assert hello["implementation"] == "cpython"
        assert host.ask(Method.PING).code == Status.OK
        assert host.ask(77).code == Status.BAD_REQUEST
        assert host.end() == ("", "")


def test_a_good_load_is_described(loaded: Host, tmp_path: Path) -> None:
    body = loaded.load(tmp_path / "etl.py").json()
    described = loaded.described
    assert described["repository"]["name"] == "locations/here/repositories/repo"
    listed = {
        each["name"].rpartition("/")[2]: each.get("lazy", False)
        for each in described["repository"]["pipelines"]
    }
    assert listed == {"works": False, "fails": False, "late": True, "broken": True}
    assert sorted(described["pipelines"]) == ["fails", "works"]
    assert body["unsafe"] == []
    touched = dict(pair for code, pairs in loaded.events if code == Event.TOUCHED for pair in pairs)
    assert touched[str(tmp_path / "etl.py")] == wire.content_digest(GOOD.encode())
    assert "imported" in loaded.end()[0]


BAD = [
    ("def broken(:\n", "IMPORT", True, "SyntaxError"),
    ("import nowhere_to_be_found\n", "IMPORT", False, "nowhere_to_be_found"),
    ("1 / 0\n", "IMPORT", False, "ZeroDivisionError"),
    ("import sys; sys.exit(4)\n", "IMPORT", False, "sys.exit(4)"),
    ("raise KeyboardInterrupt\n", "IMPORT", False, "KeyboardInterrupt"),
    ("x = 1\n", "TARGET", True, "cannot find a repository or a pipeline"),
]


def test_a_bad_load_is_told_and_the_process_takes_more_orders(host: Host, tmp_path: Path) -> None:
    for text, kind, permanent, message in BAD:
        answer = load(host, tmp_path, text)
        assert answer.code == Status.ERROR
        body = answer.json()
        assert (body["kind"], body["permanent"]) == (kind, permanent)
        assert message in body["message"]
    assert load(host, tmp_path, GOOD).code == Status.OK


def test_an_overlay_stands_for_the_disk(host: Host, tmp_path: Path) -> None:
    path, hidden = tmp_path / "etl.py", tmp_path / "hidden.py"
    path.write_text("raise SystemError('the disk was read')\n")
    hidden.write_text("raise SystemError('what was not there was read')\n")
    helper = "try:\n    import hidden\nexcept ImportError:\n    pass\n"
    files = {
        str(path): f"import helper\n{GOOD}".encode(),
        str(tmp_path / "helper.py"): helper.encode(),
        str(hidden): None,
    }
    assert host.ask(Method.OVERLAY, wire.pack_files(files)).code == Status.OK
    assert host.load(path).code == Status.OK
    sources = wire.unpack_files(host.ask(Method.SNAPSHOT).body)
    assert sources == {name: content for name, content in files.items() if content is not None}


def test_a_snapshot_holds_what_was_loaded_not_what_was_saved_since(
    loaded: Host, tmp_path: Path
) -> None:
    path = tmp_path / "etl.py"
    path.write_text("something else\n")
    assert wire.unpack_files(loaded.ask(Method.SNAPSHOT).body) == {str(path): GOOD.encode()}


def test_a_fork_is_a_process_of_its_own(loaded: Host) -> None:
    child = loaded.fork("instance:here/w7")
    pid = child.hello()["pid"]
    assert os.getsid(pid) == pid
    lazy = {"function": "define", "kind": "pipelines", "repository": "repo", "name": "late"}
    answer = child.ask(Method.CALL, wire.dump(lazy))
    assert answer.code == Status.OK
    assert answer.json()["name"].endswith("/pipelines/late")
    assert loaded.ask(Method.PING).code == Status.OK
    assert child.end() == ("constructed\n", "")
    assert loaded.ask(Method.PING).code == Status.OK
    assert loaded.end() == ("imported\n", "")


def test_a_fork_marks_what_it_starts_as_its_own(host: Host, tmp_path: Path) -> None:
    shown = "import os\n    print(os.environ['HOSTLER_OWNER'])"
    assert load(host, tmp_path, GOOD.replace('print("constructed")', shown)).code == Status.OK
    child = host.fork("instance:here/w7")
    child.hello()
    lazy = {"function": "define", "kind": "pipelines", "repository": "repo", "name": "late"}
    assert child.ask(Method.CALL, wire.dump(lazy)).code == Status.OK
    assert child.end() == ("instance:here/w7\n", "")


def test_forks_draw_different_random_numbers(host: Host, tmp_path: Path) -> None:
    text = GOOD.replace('print("constructed")', "print(random.random())")
    assert load(host, tmp_path, "import random\n" + text).code == Status.OK
    lazy = {"function": "define", "kind": "pipelines", "repository": "repo", "name": "late"}
    drawn = []
    for _ in range(2):
        child = host.fork()
        child.hello()
        child.ask(Method.CALL, wire.dump(lazy))
        drawn.append(float(child.end()[0]))
    assert drawn[0] != drawn[1]


SCHEDULED = """\
from hostler.definitions import (
    PipelineDefinition, Partition, daily_partitions, partition_set, repository, schedule,
)


@schedule("30 2 * * *", "p", execution_timezone="Europe/Berlin", tags={"team": "a"})
def nightly(context):
    return {"at": context.scheduled_execution_time.isoformat()}


@partition_set("p", daily_partitions("2026-03-28", "2026-04-01", timezone="Europe/Berlin"))
def days(partition):
    return {"day": partition.name}


@repository
def repo():
    return [PipelineDefinition("p", []), nightly, days]
"""


def test_schedules_and_partitions_are_told(host: Host, tmp_path: Path) -> None:
    assert load(host, tmp_path, SCHEDULED).code == Status.OK
    worker = host.fork()
    worker.hello()

    def ask(function: str, name: str, **arguments: object) -> Any:
        order = {"function": function, "repository": "repo", "name": name, **arguments}
        return worker.ask(Method.CALL, wire.dump(order)).json()

    after = 1774699200  # 2026-03-28 12:00 UTC; the clock is put forward in the night
    ticks = ask("preview_schedule", "nightly", after=after, count=2)["ticks"]
    assert ticks[0] == {
        "time": "2026-03-29T01:00:00Z",
        "localTime": "2026-03-29T03:00:00+02:00",
        "runConfig": {"at": "2026-03-29T03:00:00+02:00"},
        "tags": {"team": "a"},
    }
    assert ticks[1]["localTime"] == "2026-03-30T02:30:00+02:00"
    page = ask("list_partitions", "days", start=1, size=2)
    assert page == {"names": ["2026-03-29", "2026-03-30"], "start": 1, "count": 4}
    after = ask("list_partitions", "days", start=1, size=2, after="2026-03-29")
    assert after == {"names": ["2026-03-30", "2026-03-31"], "start": 2, "count": 4}
    found = ask("describe_partition", "days", partition="2026-03-31")
    assert found["partition"] == {"runConfig": {"day": "2026-03-31"}, "tags": {}}
    assert found["pipeline"] == "p"
    missing = ask("describe_partition", "days", partition="2026-03-3")
    assert missing["partition"] is None
    assert "2026-03-31" in missing["nearest"]
    assert worker.end() == ("", "")


SLOW_SET = """\
import time
from hostler.definitions import PartitionSetDefinition, PipelineDefinition, repository

asked = []


def regions():
    asked.append(1)
    time.sleep(0.01)
    return ["eu", "us", f"of {len(asked)}"]


@repository
def repo():
    return [PipelineDefinition("p", []), PartitionSetDefinition(
        "regions", "p", regions, run_config_fn_for_partition=lambda: {"asked": len(asked)}
    )]
"""


def test_one_partition_after_the_other_asks_a_slow_function_seldom(
    host: Host, tmp_path: Path
) -> None:
    # the names take 10 ms to make and are kept for 100 ms: one call in ten may make them anew
    assert load(host, tmp_path, SLOW_SET).code == Status.OK
    worker = host.fork()
    worker.hello()

    def ask(partition: str) -> Any:
        call = {"function": "describe_partition", "repository": "repo", "name": "regions"}
        return worker.ask(Method.CALL, wire.dump({**call, "partition": partition})).json()

    start = time.monotonic()
    asked = [ask(name)["partition"]["runConfig"]["asked"] for name in ["eu", "us"] * 10]
    seconds = time.monotonic() - start
    assert asked[0] == 1
    assert asked[-1] <= 1 + seconds / 0.1
    assert ask("of 9")["partition"] is None, "one that is not known is looked for anew"
    assert ask(f"of {asked[-1] + 1}")["partition"] is not None
    assert worker.end() == ("", "")


def test_a_function_that_raises_is_told_and_the_worker_goes_on(loaded: Host) -> None:
    child = loaded.fork()
    child.hello()
    order = {"function": "define", "kind": "pipelines", "repository": "repo", "name": "broken"}
    answer = child.ask(Method.CALL, wire.dump(order))
    assert answer.code == Status.ERROR
    exception = answer.json()["exception"]
    assert exception["message"] == "cannot reach the database"
    assert "make_broken" in exception["traceback"]
    assert child.ask(Method.CALL, wire.dump({"function": "none"})).code == Status.ERROR
    assert child.ask(Method.PING).code == Status.OK


def test_a_default_timeout_for_sockets_does_not_end_a_fork(host: Host, tmp_path: Path) -> None:
    load(host, tmp_path, "import socket\nsocket.setdefaulttimeout(0.01)\n" + GOOD)
    child = host.fork()
    child.hello()
    readable, _, _ = select.select([child.control], [], [], 0.3)
    assert not readable, read_all(child.stderr)
    assert child.ask(Method.PING).code == Status.OK


def test_a_run_streams_its_events(loaded: Host) -> None:
    child = loaded.fork()
    child.hello()
    answer = child.ask(Method.RUN, run_order("works"))
    assert (answer.code, answer.json()) == (Status.OK, {"failure": None})
    told = [(item["step"], item["event"]) for item in child.items]
    assert told == [
        ("greet", "step_started"),
        ("greet", "log_message"),
        ("greet", "step_output"),
        ("greet", "step_succeeded"),
    ]
    assert child.items[1]["data"] == {"level": "INFO", "message": "hello"}
    assert child.end() == ("in the solid\n", "")


def test_a_run_that_fails_says_where_and_why(loaded: Host) -> None:
    child = loaded.fork()
    child.hello()
    failure = child.ask(Method.RUN, run_order("fails")).json()["failure"]
    assert failure["step"] == "fail"
    assert failure["message"] == "step fail failed: RuntimeError: no luck with 3"
    assert "raise RuntimeError" in failure["exception"]["traceback"]
    other = loaded.fork()
    other.hello()
    failure = other.ask(Method.RUN, run_order("works", greeting=5)).json()["failure"]
    assert "greeting" in failure["message"]


def test_sigint_cancels_a_run(host: Host, tmp_path: Path) -> None:
    """SIGINT comes in the user's code, and before the run has come to it."""
    wait = '    print("in the solid")\n    import time\n    time.sleep(60)\n'
    load(host, tmp_path, GOOD.replace('    print("in the solid")\n', wait))
    child = host.fork()
    pid = child.hello()["pid"]
    order = child.order(Method.RUN, run_order("works"))
    assert os.read(child.stdout, 100) == b"in the solid\n"
    os.kill(pid, signal.SIGINT)
    assert child.answer(order).code == Status.CANCELED


def test_a_cancelled_request_that_has_not_begun_is_dropped(loaded: Host) -> None:
    """The process was stopped, and finds the cancellation after the request."""
    child = loaded.fork()
    pid = child.hello()["pid"]
    os.kill(pid, signal.SIGSTOP)
    order = {"function": "define", "kind": "pipelines", "repository": "repo", "name": "late"}
    call = child.order(Method.CALL, wire.dump(order))
    child.cancel(call)
    os.kill(pid, signal.SIGCONT)
    assert child.answer(call).code == Status.CANCELED
    assert child.ask(Method.PING).code == Status.OK
    assert child.end()[0] == ""


def test_every_promised_interpreter_that_is_here_was_tried() -> None:
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in INTERPRETERS
