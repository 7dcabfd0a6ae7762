"""The commands in this process, against the double; private daemons are doubles in processes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hostler.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable

    from component.cli.commands import Outcome
    from component.facade_double.state import Facade


@pytest.mark.usefixtures("facade")
class TestWithADaemon:
    def test_ps(self, hostler: Callable[..., Outcome]) -> None:
        done = hostler("ps")
        assert done.code == 0
        rows = [line.split() for line in done.out.splitlines()]
        assert rows[1][:5] == ["etl", "READY", "1", "yes", "3.11.7"]
        assert rows[3][:4] == ["broken", "FAILED", "-", "no"]
        assert "name 'undefined_name' is not defined" in done.out
        assert "Traceback" not in done.out
        assert hostler("ps", "--exit-code").code == 4
        assert "Traceback" in hostler("ps", "-v").out

    def test_ps_as_json(self, hostler: Callable[..., Outcome]) -> None:
        workspace = json.loads(hostler("ps", "--json").out)
        assert workspace["locations"][0]["pythonVersion"] == "3.11.7"
        assert workspace["locations"][2]["state"] == "FAILED"

    def test_events(self, hostler: Callable[..., Outcome]) -> None:
        lines = hostler("events", "--no-follow").out.splitlines()
        assert len(lines) == 3
        assert "etl STARTING -> READY; generation 1; loaded" in lines[0]
        assert len(hostler("events", "--no-follow", "--json").messages) == 3

    def test_logs(self, hostler: Callable[..., Outcome]) -> None:
        hostler("reload", "etl")
        assert len(hostler("logs", "etl").out.splitlines()) == 2
        done = hostler("logs", "-n", "1", "etl", "--json")
        assert [message["text"] for message in done.messages] == ["loaded etl.py"]
        assert hostler("logs", "-n", "0", "etl").out == ""

    def test_an_unknown_location(self, hostler: Callable[..., Outcome]) -> None:
        for command in (
            ["logs"],
            ["stop"],
            ["reload"],
            ["wait", "--timeout", "0"],
            ["pipeline", "list", "-l"],
        ):
            done = hostler(*command, "nothing")
            assert (done.code, done.out) == (1, "")
            assert done.err.startswith("hostler: cannot find ")

    def test_reload(self, hostler: Callable[..., Outcome]) -> None:
        done = hostler("reload", "etl", "reports")
        assert done.code == 0
        assert done.out.splitlines()[0] == "etl  READY  generation 2  loaded in 12 ms"
        done = hostler("restart")
        assert done.code == 4
        assert "Traceback" in done.err
        assert "hostler: broken: NameError" in done.err

    def test_stop_and_start(self, hostler: Callable[..., Outcome]) -> None:
        assert hostler("stop", "etl").out == "etl  STOPPED\n"
        assert hostler("start", "etl").code == 0

    def test_wait(self, hostler: Callable[..., Outcome]) -> None:
        assert hostler("wait", "etl", "reports") == (0, "", "")
        done = hostler("wait")
        assert (done.code, done.out) == (4, "")
        assert "hostler: broken is FAILED: NameError" in done.err

    def test_wait_gives_up(self, hostler: Callable[..., Outcome], facade: Facade) -> None:
        Path("etl.py").write_text("LOADING = True")
        hostler("reload", "--no-wait", "etl")
        done = hostler("wait", "--timeout", "0.2", "etl")
        assert done.code == 4
        assert "gave up after 0.2 s" in done.err
        assert "etl is STARTING" in done.err

    def test_lists(self, hostler: Callable[..., Outcome]) -> None:
        done = hostler("repository", "list")
        assert done.out.splitlines()[1].split() == ["nightly", "etl", "3"]
        assert done.code == 4
        assert "hostler: broken does not answer: NameError" in done.err
        done = hostler("pipeline", "list", "-l", "etl")
        assert done.code == 0
        assert [line.split()[0] for line in done.out.splitlines()[1:]] == ["totals", "bad", "long"]
        names = json.loads(hostler("pipeline", "list", "-l", "etl", "--json").out)["pipelines"]
        assert names[0]["name"] == "locations/etl/repositories/nightly/pipelines/totals"
        assert hostler("pipeline", "list", "-r", "other").out.splitlines()[1:] == []

    def test_schedules(self, hostler: Callable[..., Outcome]) -> None:
        done = hostler("schedule", "list", "-l", "reports")
        assert done.code == 0
        assert done.out.splitlines()[1].split()[:4] == ["nightly", "nightly", "reports", "STOPPED"]
        assert hostler("schedule", "list").code == 4  # one location does not answer
        found = json.loads(hostler("schedule", "list", "-l", "reports", "--json").out)["schedules"]
        assert found[0]["cronSchedule"] == "0 6 * * *"
        done = hostler("schedule", "show", "nightly")
        for part in ("0 6 * * *  (UTC)", "pipeline totals", "team=data", "REGION=eu", "limit: 3"):
            assert part in done.out
        assert json.loads(hostler("schedule", "show", "nightly", "--json").out)["tags"]
        done = hostler("schedule", "preview", "nightly", "-n", "3")
        assert done.out.splitlines() == [
            "2026-01-01 06:00:00+00:00",
            "  day: 1",
            "2026-01-02 06:00:00+00:00  not executed",
            "2026-01-03 06:00:00+00:00",
            "  day: 3",
        ]
        ticks = json.loads(hostler("schedule", "preview", "nightly", "--json").out)["ticks"]
        assert len(ticks) == 5
        done = hostler("schedule", "show", "nighly", "-l", "reports")
        assert (done.code, done.out) == (1, "")
        assert "cannot find a schedule 'nighly'; did you mean nightly?" in done.err

    def test_partitions(self, hostler: Callable[..., Outcome]) -> None:
        done = hostler("partition", "list", "-l", "reports")
        assert done.out.splitlines()[1].split() == ["days", "nightly", "reports", "totals"]
        days = "2026-01-01\n2026-01-02\neu/2026-01-03\n"
        assert hostler("partition", "list", "days") == (0, days, "")
        found = json.loads(hostler("partition", "list", "days", "--json").out)["partitions"]
        assert len(found) == 3
        assert "pipeline totals" in hostler("partition", "show", "days").out
        done = hostler("partition", "show", "days", "eu/2026-01-03")
        assert done.out.splitlines() == [
            "eu/2026-01-03",
            "  tags: day=eu/2026-01-03",
            "  day: eu/2026-01-03",
        ]
        assert json.loads(hostler("partition", "show", "days", "2026-01-01", "--json").out)["tags"]
        done = hostler("partition", "show", "days", "2027-01-01")
        assert (done.code, done.out) == (1, "")

    def test_show(self, hostler: Callable[..., Outcome]) -> None:
        done = hostler("pipeline", "show", "-l", "etl", "totals")
        assert done.code == 0
        for part in ("location etl, repository nightly", "team=data", "n: int <- load.result",
                     "limit: int = 10\n"):  # fmt: skip
            assert part in done.out
        assert json.loads(hostler("pipeline", "show", "bad", "--json").out)["tags"]

    def test_a_name_in_two_locations_is_a_usage_error(
        self, hostler: Callable[..., Outcome]
    ) -> None:
        done = hostler("pipeline", "execute", "totals")
        assert (done.code, done.out) == (2, "")
        assert done.err.splitlines() == [
            "hostler: cannot tell which pipeline 'totals' is meant; type one of:",
            "  hostler pipeline execute totals -l etl",
            "  hostler pipeline execute totals -l reports",
        ]

    def test_execute(self, hostler: Callable[..., Outcome]) -> None:
        done = hostler("pipeline", "execute", "-l", "etl", "totals", "-c", "{a: 1}", "--tag", "b=c")
        assert done.code == 0
        assert [line.split(maxsplit=2)[1:] for line in done.out.splitlines()][:5] == [
            ["run", done.out.splitlines()[0].split(maxsplit=2)[2]],
            ["load", "started"],
            ["load", "| hello from load"],
            ["load", "INFO doing load"],
            ["load", "result: int = 41"],
        ]
        run = json.loads(hostler("run", "show", "1", "--json").out)
        assert (run["runConfig"], run["tags"]) == ({"a": 1.0}, {"b": "c"})
        hostler("pipeline", "launch", "bad", "-c", "{a: {b: 1, c: 2}}", "-c", "{a: {b: 3}}")
        run = json.loads(hostler("run", "show", "2", "--json").out)
        assert run["runConfig"] == {"a": {"b": 3.0, "c": 2.0}}

    def test_a_run_that_fails_exits_1(self, hostler: Callable[..., Outcome]) -> None:
        done = hostler("pipeline", "execute", "bad")
        assert done.code == 1
        assert "ValueError: boom" in done.out
        assert done.out.count("Traceback") == 1
        messages = hostler("run", "watch", "1", "--json")
        assert messages.code == 1
        assert "runFailed" in messages.messages[-1]

    def test_a_config_that_is_not_valid(self, hostler: Callable[..., Outcome]) -> None:
        done = hostler("pipeline", "execute", "bad", "-c", "{invalid: 1}")
        assert done.code == 1
        assert done.err == "hostler: cannot use the run config: no field 'invalid'\n"

    def test_a_config_is_checked_without_a_run(
        self, hostler: Callable[..., Outcome], facade: Facade
    ) -> None:
        assert hostler("pipeline", "validate", "bad") == (0, "", "")
        done = hostler("pipeline", "validate", "bad", "-c", "{invalid: 1}", "--solids", "load,laod")
        assert (done.code, done.err) == (1, "")
        assert done.out == "invalid: unknown\nsolids: 'laod': unknown\n"
        found = json.loads(hostler("pipeline", "validate", "bad", "--solids", "x", "--json").out)
        assert found["problems"] == [{"field": "solids", "message": "'x': unknown"}]
        schema = json.loads(hostler("pipeline", "schema", "bad").out)
        assert schema["properties"]["solids"]["enum"] == ["load", "fail"]
        assert hostler("pipeline", "schema", "nothing").out == ""
        assert not facade.runs

    def test_runs(self, hostler: Callable[..., Outcome], facade: Facade) -> None:
        hostler("pipeline", "execute", "bad")
        location = facade.pipelines["locations/etl"]
        assert "long" in location
        hostler("pipeline", "execute", "-l", "reports", "totals")
        rows = [line.split() for line in hostler("run", "list").out.splitlines()]
        assert [row[:4] for row in rows[1:]] == [
            ["2", "totals", "reports", "SUCCEEDED"],
            ["1", "bad", "etl", "FAILED"],
        ]
        assert len(json.loads(hostler("run", "list", "-n", "1", "--json").out)["runs"]) == 1
        assert "ValueError: boom" in hostler("run", "show", "1").out
        assert hostler("run", "cancel", "1").out == "1  FAILED\n"
        assert hostler("run", "show", "9").code == 1

    def test_runs_that_are_asked_for(self, hostler: Callable[..., Outcome], facade: Facade) -> None:
        hostler("pipeline", "execute", "bad", "--tag", "team=data")
        hostler("pipeline", "execute", "-l", "reports", "totals")

        def listed(*options: str) -> list[str]:
            lines = hostler("run", "list", *options).out.splitlines()
            return [line.split()[0] for line in lines[1:]]

        assert listed("-s", "failed") == ["1"]
        assert listed("-s", "FAILED", "-s", "SUCCEEDED") == ["2", "1"]
        assert listed("-l", "reports") == ["2"]
        assert listed("-p", "bad") == ["1"]
        assert listed("--tag", "team=data", "--since", "1h") == ["1"]
        assert listed("--since", "2999-01-01") == []
        refused = hostler("run", "list", "--since", "yesterday")
        assert refused.code == 2
        assert "cannot read 'yesterday' as a time" in refused.err

    def test_launch_and_delete(self, hostler: Callable[..., Outcome], facade: Facade) -> None:
        launched = hostler("pipeline", "launch", "long", "--request-id", "a", "--timeout", "2h")
        assert (launched.code, launched.out) == (0, "1\n")
        assert hostler("pipeline", "launch", "long", "--request-id", "a").out == "1\n"
        assert json.loads(hostler("run", "show", "1", "--json").out)["timeout"] == "7200s"
        refused = hostler("run", "delete", "1")
        assert refused.code == 1
        assert "it has not ended" in refused.err
        hostler("run", "cancel", "1")
        hostler("run", "watch", "1")
        some = hostler("run", "delete", "nope", "1")
        assert some.code == 1
        assert "nope" in some.err
        assert hostler("run", "show", "1").code == 1, "it was deleted all the same"
        another = hostler("pipeline", "launch", "long").out.strip()
        hostler("run", "cancel", another)
        hostler("run", "watch", another)
        assert hostler("run", "delete", another, another).code == 0

    def test_many_are_cancelled_and_deleted(
        self, hostler: Callable[..., Outcome], facade: Facade
    ) -> None:
        for _ in range(3):
            hostler("pipeline", "launch", "long")
        hostler("pipeline", "execute", "bad")
        asked = hostler("run", "cancel", "--pipeline", "long")
        assert (asked.code, asked.out) == (1, "")
        assert "cannot ask whether to cancel 3 runs; give --yes" in asked.err
        assert (
            hostler("run", "cancel", "-p", "long", "-s", "RUNNING", "--yes").out == "3 cancelled\n"
        )
        for number in "123":
            hostler("run", "watch", number)
        some = hostler("run", "cancel", "1", "nope")
        assert (some.code, some.out) == (1, "0 cancelled\n")
        assert "nope" in some.err
        for words in (["cancel"], ["delete"], ["cancel", "--all", "1"], ["delete", "-p", "x", "1"]):
            refused = hostler("run", *words)
            assert refused.code == 2
            assert "name runs, or give a filter" in refused.err
        assert hostler("run", "delete", "-s", "CANCELED", "-y").out == "3 deleted\n"
        assert list(facade.runs) == ["runs/4"]
        assert hostler("run", "delete", "--all", "--yes").out == "1 deleted\n"
        assert hostler("run", "delete", "--all").out == "0 deleted\n", "there is nothing to ask"

    def test_a_selection_of_solids(self, hostler: Callable[..., Outcome], facade: Facade) -> None:
        assert hostler("pipeline", "launch", "long", "--solids", "a,b+, *c").code == 0
        assert "solids      a, b+, *c" in hostler("run", "show", "1").out
        assert "concurrency" not in hostler("run", "show", "1").out
        refused = hostler("pipeline", "launch", "long", "--solids", " , ")
        assert (refused.code, refused.out) == (2, "")
        assert "no solid is named" in refused.err
        hostler("run", "cancel", "1")

    def test_concurrency(self, hostler: Callable[..., Outcome], facade: Facade) -> None:
        assert hostler("pipeline", "launch", "long", "--max-concurrency", "3").code == 0
        assert "concurrency 3 steps at most" in hostler("run", "show", "1").out
        assert hostler("pipeline", "launch", "long", "--max-concurrency", "0").code == 2
        hostler("run", "cancel", "1")

    def test_completion_of_names(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("_HOSTLER_COMPLETE", "bash_complete")
        expected = {
            "hostler reload r": ["plain,reports"],
            "hostler pipeline show -l etl t": ["plain,totals"],
            "hostler pipeline show -r n": ["plain,nightly"],
        }
        for words, names in expected.items():
            monkeypatch.setenv("COMP_WORDS", words)
            monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
            with pytest.raises(SystemExit):
                main([])
            assert capsys.readouterr().out.split() == names


class TestWithoutADaemon:
    @pytest.mark.parametrize(
        "arguments",
        [
            *(["ps"], ["events"], ["logs", "etl"], ["reload"], ["wait", "--timeout", "0"]),
            *(["run", "list"], ["stop", "x"]),
        ],
    )
    def test_it_cannot_be_reached(
        self, folder: Path, hostler: Callable[..., Outcome], arguments: list[str]
    ) -> None:
        done = hostler(*arguments)
        assert (done.code, done.out) == (3, "")
        assert done.err.startswith("hostler: cannot reach a daemon for workspace.yaml on ")
        assert "hostler up" in done.err

    def test_a_missing_workspace_file_is_a_usage_error(
        self, folder: Path, hostler: Callable[..., Outcome]
    ) -> None:
        Path("workspace.yaml").unlink()
        for arguments in (["ps"], ["up"], ["check"], ["pipeline", "list"]):
            done = hostler(*arguments)
            assert done.code == 2
            assert "name a workspace file with -w" in done.err

    def test_a_socket_is_never_replaced_by_a_private_daemon(
        self, folder: Path, hostler: Callable[..., Outcome]
    ) -> None:
        assert hostler("pipeline", "list", "--socket", "nothing.sock").code == 3

    def test_a_private_daemon_serves_one_command(
        self, folder: Path, hostler: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (folder / "tmp").mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(folder / "tmp"))
        done = hostler("pipeline", "execute", "-f", "etl.py", "totals")
        assert done.code == 0
        assert "hello from add" in done.out
        assert "Traceback" not in done.err
        assert list((folder / "tmp").iterdir()) == []

    def test_a_file_that_does_not_load_shows_its_traceback(
        self, folder: Path, hostler: Callable[..., Outcome]
    ) -> None:
        done = hostler("pipeline", "execute", "-f", "broken.py", "totals")
        assert (done.code, done.out) == (4, "")
        assert f'File "{folder}/broken.py", line 1' in done.err
        assert "hostler/cli" not in done.err
        assert "broken does not answer: NameError" in done.err

    def test_a_workspace_that_cannot_be_read(
        self, folder: Path, hostler: Callable[..., Outcome]
    ) -> None:
        Path("workspace.yaml").write_text("load_from: [")
        done = hostler("repository", "list")
        assert (done.code, done.out) == (1, "")
        assert "cannot read the workspace" in done.err
        assert "Traceback" not in done.err

    def test_check(self, folder: Path, hostler: Callable[..., Outcome]) -> None:
        done = hostler("check")
        assert done.code == 4
        words = (
            "ok      etl: Python 3.11.7, 1 repository, 3 pipelines, loaded in 12 ms",
            "FAILED  broken: NameError: name 'undefined_name' is not defined",
            "    NameError: name 'undefined_name' is not defined",
            "    | last words",
        )
        for line in words:
            assert line in done.out.splitlines()
        assert "2 of 3 locations loaded" in done.err
        assert hostler("check", "-f", "etl.py").code == 0

    def test_check_gives_up(self, folder: Path, hostler: Callable[..., Outcome]) -> None:
        Path("etl.py").write_text("LOADING = True")
        done = hostler("check", "-f", "etl.py", "--timeout", "0.3", "--json")
        assert done.code == 4
        assert "etl has not loaded: STARTING" in done.err
        assert json.loads(done.out)["locations"][0]["state"] == "STARTING"
