"""The steps of the demo: each does something, shows it, and checks what it claims."""

from __future__ import annotations

import ast
import os
import signal
import sys
from typing import TYPE_CHECKING

from expectations import CheckError, await_true, expect
from playground import end_of

from hostler.client.names import parse_pipeline, run_id
from hostler.v1.run_pb2 import Run
from hostler.v1.workspace_pb2 import LoadError, Location

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from environments import Environment
    from narration import Narrator
    from playground import Playground

    from hostler.v1.run_pb2 import RunEvent

PIPELINE = "seattle_rain"
READY = Location.READY

#: The edit that adds a pipeline to the modern location.
BEFORE_EDIT = """\
@repository
def weather():
    return [seattle_rain]
"""
AFTER_EDIT = '''\
@solid
def hottest(days: pandas.DataFrame) -> str:
    day = days.loc[days["temp_max"].idxmax()]
    return f"{day['temp_max']} °C on {day['date']:%Y-%m-%d}"


@pipeline
def hottest_day():
    """The hottest day in Seattle."""
    hottest(read_days())


@repository
def weather():
    return [seattle_rain, hottest_day]
'''


class Steps:
    """What the demo shows, in the order in which it is shown.

    Args:
        ground: the files and the daemon.
        environments: those with pandas, by the names of their locations.
        narrator: who tells it.
    """

    def __init__(
        self, ground: Playground, environments: Sequence[Environment], narrator: Narrator
    ) -> None:
        self.ground = ground
        self.client = ground.client
        self.environments: Mapping[str, Environment] = {each.name: each for each in environments}
        self.tell = narrator

    def start(self) -> None:
        """The daemon, and all locations ready, each in its own interpreter."""
        self.tell.title("The daemon starts every location in its own environment")
        self.tell.say("Nothing of hostler is installed in them; workspace.yaml names them.")
        self.ground.start()
        expect("`hostler wait` ends well", expected=0, found=self.ground.hostler("wait"))
        self._ps()
        pids = {location.pid for location in self.client.locations()}
        expect("each location has a process", expected=len(self.ground.names), found=len(pids))
        versions = {each.name: each.python for each in self.environments.values()}
        versions["census"] = ".".join(map(str, sys.version_info[:3]))
        for name in self.ground.names:
            location = self._ready(name, generation=1)
            expect(
                f"the interpreter of {name}",
                expected=versions[name],
                found=location.python_version,
            )
        self.tell.checked(f"{len(pids)} locations are ready, each in a process of its own")

    def list_pipelines(self) -> None:
        """All definitions in one answer; listing constructs nothing that is lazy."""
        self.tell.title("One socket answers for all of them")
        self.tell.say("The pipelines of census are lazy: functions construct them on demand.")
        expect(
            "`hostler pipeline list` ends well",
            expected=0,
            found=self.ground.hostler("pipeline", "list"),
        )
        listed = self.client.pipelines()
        found = {name: self._names(name) for name in self.ground.names}
        expected = {name: [PIPELINE] for name in self.environments}
        expected["census"] = ["asyncio", "email", "json"]
        expect("the pipelines of each location", expected=expected, found=found)
        lazy = [parse_pipeline(each.name).location for each in listed if each.lazy]
        expect("the lazy pipelines", expected=["census"] * 3, found=lazy)
        expect("what listing constructed", expected=[], found=self._constructions())
        self.tell.checked("the listing constructed none of the lazy pipelines of census")

        expect(
            "`hostler pipeline show json` ends well",
            expected=0,
            found=self.ground.hostler("pipeline", "show", "json"),
        )
        claim = "what showing json constructed"
        expected_lines = ["constructing the census of json"]
        await_true(claim, self._constructions, lambda lines: lines == expected_lines)
        self.tell.checked("showing one constructed that one")

    def execute(self) -> None:
        """The pipeline of every environment, with the library that is there."""
        self.tell.title("Each environment executes its pipeline with its own library")
        self.tell.say("The data is in the PyPI package vega_datasets: the weather of Seattle.")
        answers = {}
        for name, environment in self.environments.items():
            events = self._execute(name, PIPELINE)
            said = [event.log_message.message for event in events if event.HasField("log_message")]
            claim = f"{name} says its versions"
            versions = f"pandas {environment.pandas} on Python {environment.python}"
            expect(claim, expected=versions, found=next(iter(said), None))
            answers[name] = _output(events, "summarize")
            self.tell.checked(f"{name} computed with {versions}")
        if len(answers) > 1:
            legacy, modern = answers["legacy"], answers["modern"]
            expect("both compute the same", expected=legacy, found=modern)
            self.tell.checked("both found the same rain, in one workspace")
        rows = ast.literal_eval(answers["modern"])
        years = ["2012", "2013", "2014", "2015", "all"]
        expect("the years", expected=years, found=[row[0] for row in rows])

        events = self._execute("census", "asyncio")
        counted = ast.literal_eval(_output(events, "count"))
        if min(counted.values()) < 1:
            raise CheckError("asyncio has modules", expected="at least one", found=counted)
        self.tell.checked("census counted with the daemon's own interpreter, nothing installed")
        expect("`hostler logs` ends well", expected=0, found=self.ground.hostler("logs", "-n", "5"))
        self.tell.checked("one log of all locations, by time")

    def swap(self) -> None:
        """The code of 2022 in the environment of today: it cannot work."""
        self.tell.title("They cannot share one environment, and workspace.yaml is live")
        self.tell.say("The code for pandas 1.5 is given the environment of the newest pandas.")
        others = {name: self._pid(name) for name in self.ground.names if name != "legacy"}
        old, new = "environments/legacy/bin/python", "environments/modern/bin/python"
        own = f"executable_path: {old}"
        modern = self.environments["modern"]
        self._change_interpreter(own, f"executable_path: {new} # swapped", modern)
        events = self._execute("legacy", PIPELINE, succeeds=False)
        failures = [
            event.step_failed.exception for event in events if event.HasField("step_failed")
        ]
        if not failures:
            raise CheckError("a step failed", expected="one", found=events)
        self.tell.checked(f"with pandas {modern.pandas} it fails: {failures[0].message}")
        legacy = self.environments["legacy"]
        self._change_interpreter(f"executable_path: {new} # swapped", own, legacy)
        expect(
            "the processes of the other locations",
            expected=others,
            found={name: self._pid(name) for name in others},
        )
        self.tell.checked("the other locations kept their processes all the while")
        failed = self.client.runs(1, location="legacy", states=[Run.FAILED])[0]
        self._retry(run_id(failed.name)[:8])
        self.tell.checked("the run that failed was launched again, by the beginning of its id")

    def edit(self) -> None:
        """A save is answered by itself."""
        self.tell.title("A save is served at once")
        self.tell.say("Two files are edited; nobody asks for a reload.")
        self._add_pipeline("census", '"json")', '"json", "tomllib")', "tomllib")
        self._add_pipeline("modern", BEFORE_EDIT, AFTER_EDIT, "hottest_day")
        events = self._execute("modern", "hottest_day")
        expect(
            "the hottest day", expected="'35.6 °C on 2014-08-11'", found=_output(events, "hottest")
        )

    def break_and_repair(self) -> None:
        """A broken save changes no answer; the repair heals by itself."""
        name = next(iter(self.environments))
        self.tell.title("A broken save changes no answer")
        self.tell.say("A bracket gets lost.")
        file = f"locations/{name}.py"
        good = self.client.location(name)
        names = self._names(name)
        line = 'days = pandas.read_csv(data.seattle_weather.filepath, parse_dates=["date"])'
        self.ground.edit(file, line, line[:-1])
        seen = await_true(
            f"{name} shows its error",
            lambda: self.client.location(name),
            lambda location: location.HasField("error"),
        )
        self._ps()
        broken = seen.value
        kind = LoadError.Kind.Name(broken.error.kind)
        expect("the exception", expected="SyntaxError", found=broken.error.exception.type)
        expect("the state", expected=Location.FAILED, found=broken.state)
        expect("the last good one serves", expected=True, found=broken.serving)
        expect("its generation", expected=good.generation, found=broken.generation)
        expect("its pipelines", expected=names, found=self._names(name))
        self.tell.checked(
            f"the error ({kind}, {broken.error.exception.type}) was there after "
            f"{seen.seconds * 1000:.0f} ms, and generation {broken.generation} answers"
        )
        self._execute(name, PIPELINE)
        self.tell.checked("it even executes: a run gets exactly the code that was loaded")

        self.ground.edit(file, line[:-1], line)
        healed = await_true(
            f"{name} heals",
            lambda: self.client.location(name),
            lambda location: location.state == READY and not location.HasField("error"),
        )
        self.tell.checked(f"repaired: ready {healed.seconds * 1000:.0f} ms after the save")

    def kill(self) -> None:
        """A killed process is replaced, and nobody notices."""
        name = "modern"
        self.tell.title("A killed process is back by itself")
        self.tell.say("Definitions are asked for without a pause while it is away.")
        before = self.client.location(name)
        names = self._names(name)
        self.tell.command(["kill", "-9", str(before.pid)])
        os.kill(before.pid, signal.SIGKILL)
        answers = 0

        def look() -> Location:
            nonlocal answers
            expect("its pipelines meanwhile", expected=names, found=self._names(name))
            answers += 1
            return self.client.location(name)

        back = await_true(
            f"{name} is back",
            look,
            lambda now: now.state == READY and now.pid not in {0, before.pid},
        )
        self._ps()
        expect("its restarts", expected=before.restarts + 1, found=back.value.restarts)
        self.tell.checked(
            f"back after {back.seconds * 1000:.0f} ms with pid {back.value.pid}; "
            f"{answers} reads meanwhile were all answered"
        )

    def stop(self) -> None:
        """The daemon ends, and nothing of it is left."""
        self.tell.title("The daemon ends, and nothing is left")
        processes = self.ground.processes()
        expect("`hostler down` ends well", expected=0, found=self.ground.hostler("down"))
        expect("the daemon's exit code", expected=0, found=self.ground.stop())
        end_of(processes)
        self.tell.checked(f"exit code 0, and none of its {len(processes)} processes is left")

    def _ps(self) -> None:
        expect("`hostler ps` ends well", expected=0, found=self.ground.hostler("ps"))

    def _execute(self, location: str, pipeline: str, *, succeeds: bool = True) -> list[RunEvent]:
        """Executes a pipeline by the command; the events of its run."""
        before = {run.name for run in self.client.runs()}
        code = self.ground.hostler("pipeline", "execute", "-l", location, pipeline)
        claim = f"`hostler pipeline execute -l {location} {pipeline}`"
        expect(f"{claim}: exit code", expected=0 if succeeds else 1, found=code)
        runs = [run for run in self.client.runs() if run.name not in before]
        states = [Run.State.Name(run.state) for run in runs]
        expect(f"{claim}: run", expected=["SUCCEEDED" if succeeds else "FAILED"], found=states)
        return list(self.client.watch_run(runs[0].name))

    def _retry(self, beginning: str) -> None:
        """Launches a run again by the command, and waits until it has succeeded."""
        command = ("run", "retry", "--watch", beginning)
        expect("the retried run succeeded", expected=0, found=self.ground.hostler(*command))

    def _ready(self, name: str, generation: int) -> Location:
        """The location, once it is ready at a generation or a later one."""
        return await_true(
            f"{name} is ready at generation {generation}",
            lambda: self.client.location(name),
            lambda location: location.state == READY and location.generation >= generation,
        ).value

    def _add_pipeline(self, location: str, old: str, new: str, pipeline: str) -> None:
        """Edits a location's file and waits for the pipeline that comes with that."""
        generation = self.client.location(location).generation
        self.ground.edit(f"locations/{location}.py", old, new)
        seen = await_true(
            f"{location} answers with {pipeline}",
            lambda: self._names(location),
            lambda names: pipeline in names,
        )
        found = self._ready(location, generation + 1).generation
        expect(f"the generation of {location}", expected=generation + 1, found=found)
        self.tell.checked(
            f"{location} answers with {pipeline}, {seen.seconds * 1000:.0f} ms after the save"
        )

    def _change_interpreter(self, old: str, new: str, environment: Environment) -> None:
        """Edits workspace.yaml and waits for the location legacy to run in an environment."""
        before = self.client.location("legacy")
        self.ground.edit("workspace.yaml", old, new)
        seen = await_true(
            f"legacy is ready with Python {environment.python}",
            lambda: self.client.location("legacy"),
            lambda now: (
                now.state == READY
                and now.executable != before.executable
                and now.python_version == environment.python
            ),
        )
        self.tell.checked(
            f"legacy runs with Python {environment.python}, {seen.seconds * 1000:.0f} ms after "
            "the save"
        )

    def _pid(self, name: str) -> int:
        return self.client.location(name).pid

    def _names(self, location: str) -> list[str]:
        return [parse_pipeline(each.name).pipeline for each in self.client.pipelines(location)]

    def _constructions(self) -> list[str]:
        """What census printed while it constructed pipelines."""
        with self.client.logs("census") as lines:
            return [line.text for line in lines if line.text.startswith("constructing")]


def _output(events: Sequence[RunEvent], step: str) -> str:
    """The repr of what a step gave.

    Raises:
        CheckError: it gave nothing.
    """
    for event in events:
        if event.step == step and event.HasField("step_output"):
            return event.step_output.preview
    raise CheckError(f"the output of step {step}", expected="one", found="none")
