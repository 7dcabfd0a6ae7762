"""The files whose change loads a location anew, even if a process ended before it reported them."""

import os
from pathlib import Path

import pytest
from e2e.harness import Daemon, daemon_in, eventually

from hostler.v1.workspace_pb2 import Location

#: In these tests neither a retry nor a sweep helps, only an event of the watcher.
NO_HELP = {"restart_first_delay": "1000", "restart_max_delay": "1000", "sweep": "1000"}

#: The body of a solid that imports when it runs, and ends when the test writes into a pipe.
LAZY = """\
    import pathlib

    import helper

    folder = pathlib.Path(__file__).parent
    (folder / "imported").touch()
    (folder / "go").read_text()
    return helper.VALUE
"""

#: Comes after a location: the function that `attribute` names.
FUNCTION = """

def make():
    {code}
    return repo
"""


def with_spare(daemon: Daemon, name: str) -> None:
    """Waits until the sources of a load are compiled, and a spare is forked."""
    eventually(lambda: daemon.client.location(name).template.spare_pid, "a spare")


def entry(file: str, *more: str) -> str:
    settings = ", ".join([f"relative_path: {file}.py", f"location_name: {file}", *more])
    return f"  - python_file: {{{settings}}}\n"


@pytest.mark.parametrize("end", ["os._exit(3)", "time.sleep(60)"])
def test_a_file_that_a_load_ended_in_before_it_could_tell(
    tmp_path: Path, source: str, end: str
) -> None:
    """Covers also a file that the generation before lacked, which a fork reports later."""
    with daemon_in(tmp_path, **NO_HELP) as daemon:
        helper = daemon.write("helper.py", "VALUE = 1\n")
        daemon.write("a.py", "import helper\n" + source.format(name="first"))
        daemon.workspace.write_text("load_from:\n" + entry("a", "load_timeout: 2"))
        daemon.start().ready("a")
        with_spare(daemon, "a")
        daemon.write("a.py", source.format(name="second"))
        daemon.ready("a", 2)
        with_spare(daemon, "a")
        helper.write_text(f"import os, time\n{end}\n")
        daemon.write("a.py", "import helper\n" + source.format(name="third"))
        daemon.in_state("a", "BACKOFF")
        helper.write_text("VALUE = 2\n")
        assert daemon.ready("a", 3).start_mode == Location.FORKED
        assert daemon.pipelines("a") == ["third"]


def test_a_file_that_only_the_function_of_an_attribute_imports(tmp_path: Path, source: str) -> None:
    def made(name: str, code: str) -> str:
        return source.format(name=name) + FUNCTION.format(code=code)

    with daemon_in(tmp_path, **NO_HELP) as daemon:
        helper = daemon.write("helper.py", "VALUE = 1\n")
        daemon.write("a.py", made("first", "import helper"))
        daemon.workspace.write_text("load_from:\n" + entry("a", "attribute: make"))
        generation = daemon.start().ready("a").generation
        for number in range(3):  # after the first one the template has surely compiled the file
            with_spare(daemon, "a")
            daemon.write("a.py", made(f"without_{number}", "pass"))
            generation = daemon.ready("a", generation + 1).generation
            with_spare(daemon, "a")
            helper.write_text("def broken(:\n")
            daemon.write("a.py", made(f"with_{number}", "import helper"))
            daemon.in_state("a", "FAILED")
            helper.write_text(f"VALUE = {number}\n")
            generation = daemon.ready("a", generation + 1).generation


def test_a_file_that_a_run_has_imported_while_it_goes_on(tmp_path: Path, source: str) -> None:
    with daemon_in(tmp_path, **NO_HELP) as daemon:
        helper = daemon.write("helper.py", "VALUE = 1\n")
        lazy = source.format(name="first").replace("    return 1\n", LAZY)
        daemon.write("a.py", lazy)
        os.mkfifo(daemon.folder / "go")
        daemon.write("b.py", "import helper\n" + source.format(name="second"))
        daemon.workspace.write_text("load_from:\n" + entry("a") + entry("b"))
        daemon.start().ready("b")
        daemon.ready("a")
        with_spare(daemon, "a")
        daemon.write("a.py", lazy + "# again\n")
        before = daemon.ready("a", 2).generation
        helper.write_text("VALUE = 2\n")  # another than the template has compiled
        daemon.ready("b", 2)
        run = daemon.client.launch("first", location="a")
        eventually((daemon.folder / "imported").exists, "the import of a run")
        helper.write_text("VALUE = 3\n")
        daemon.ready("a", before + 1)
        (daemon.folder / "go").write_text("")
        *_, last = daemon.client.watch_run(run.name)
        assert last.HasField("run_succeeded"), last


def test_what_other_locations_import_is_no_concern_of_one_that_died(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, source: str
) -> None:
    with daemon_in(tmp_path, **NO_HELP) as daemon:
        # not below the project's folder, where any change has a failed load tried again
        helper = tmp_path_factory.mktemp("library") / "helper.py"
        helper.write_text("VALUE = 1\n")
        head = f"import sys\nsys.path.append({str(helper.parent)!r})\nimport helper\n"
        daemon.write("a.py", head + source.format(name="first"))
        daemon.write("b.py", source.format(name="first"))
        daemon.workspace.write_text("load_from:\n" + entry("a") + entry("b"))
        daemon.start().ready("b")
        daemon.ready("a")
        with_spare(daemon, "a")
        daemon.write("b.py", "import os; os._exit(3)\n")
        died = daemon.in_state("b", "BACKOFF").error.time
        helper.write_text("VALUE = 2\n")
        daemon.ready("a", 2)
        found = daemon.client.location("b")
        assert (found.state, found.error.time) == (Location.BACKOFF, died)
