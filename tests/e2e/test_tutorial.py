"""docs/tutorial.md is true: each command is run, its output compared.

The page shows true outputs. A part of one that varies (see VARYING) stands for any of its kind, and
a run of spaces for any other, since the columns of a table are as wide as what is in them.
"""

import re
import shutil
import sys
from pathlib import Path

from e2e.command import WAITING, shell_in
from e2e.harness import eventually
from e2e.interpreters import interpreters

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorial.md").read_text()
FILES = ROOT / "examples" / "tutorial"

#: Matches times, run ids, pids, durations, folders, patch versions.
VARYING = (
    r"\d\d:\d\d:\d\d\.\d{3}",
    r"\b[0-9a-f]{32}\b",
    r"(?<=pid )\d+",
    r"(?<=in )\d+(?:\.\d+)? m?s\b",
    r"/[\w./-]+/(?=\w+\.py)",
    r"(?<=Python )3\.\d+\.\d+",
    r" +",
)

#: The interpreters that the page makes environments with. If one is missing, that of the test takes
#: its place, and the summary of the tests says so.
NAMED = ("3.8", "3.12")


def plain(text: str) -> str:
    """Returns a text with a mark in place of each part that varies."""
    lines = [line for line in text.splitlines() if not line.startswith(WAITING)]
    for number, pattern in enumerate(VARYING):
        lines = [re.sub(pattern, f"<{number}>", line) for line in lines]
    # `check` reports each location once it is loaded: their order varies, the lines do not
    loaded = iter(sorted(line for line in lines if line.startswith("ok")))
    lines = [next(loaded) if line.startswith("ok") else line for line in lines]
    return "\n".join(lines).strip()


def commands() -> list[tuple[str, str]]:
    """Returns the page's commands, each with its output."""
    blocks = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    return re.findall(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", "".join(blocks), re.MULTILINE)


def test_the_code_of_the_page_is_that_of_the_files() -> None:
    blocks = re.findall(r"```(?:python|yaml)\n# (\S+)\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 6
    for name, code in blocks:
        lines = [line for line in (FILES / name).read_text().splitlines() if "    #" not in line]
        assert code in "\n".join(lines) + "\n", name


def test_the_commands_of_the_page_print_what_it_shows(tmp_path: Path) -> None:
    folder = tmp_path / "tutorial"
    shutil.copytree(FILES, folder, ignore=shutil.ignore_patterns("venv", "__pycache__"))
    (tmp_path / "bin").mkdir()
    for version in NAMED:
        script = tmp_path / "bin" / f"python{version}"
        found = interpreters().get(version, sys.executable)
        script.write_text(f'#!/bin/sh\nexec "{found}" "$@"\n')
        script.chmod(0o755)
    with shell_in(folder) as shell:
        shell.environ["PATH"] = f"{tmp_path / 'bin'}:{shell.environ['PATH']}"
        assert len(commands()) == 16
        for command, shown in commands():
            done = shell.piped(f"{{ {command}\n}} 2>&1")
            assert plain(done.out) == plain(shown), command
        # The last command's, whose versions are masked above.
        assert [v for v in NAMED if f"Python {v}." not in done.out and v in interpreters()] == []
        eventually(lambda: not shell.processes(), "nothing is left")
