"""Locations that cannot load: their files, and what is to be said of them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from e2e.interpreters import TOO_OLD, interpreters

DEFINITIONS = "from hostler.definitions import pipeline, repository, solid\n"

TWO_PIPELINES = (
    DEFINITIONS
    + """
@solid
def one(context):
    return 1

@pipeline
def first():
    one()

@pipeline
def second():
    one()
"""
)


class Case(NamedTuple):
    """Describes a location that cannot load.

    In `target` and `words`, `{dir}` stands for the daemon's folder.
    """

    #: One item of load_from, without its location_name.
    target: str
    kind: str
    #: Words that the message has to contain, all of them.
    words: tuple[str, ...]
    state: str = "FAILED"
    #: Files of the location, by name.
    files: Mapping[str, str | bytes] = MappingProxyType({})
    #: What the traceback has to show; nothing if that does not matter.
    shown: str = ""


def file(name: str, more: str = "") -> str:
    return f"python_file: {{relative_path: {name}{more}, NAME}}"


def run_by(executable: str) -> str:
    return (
        f"python_environment: {{executable_path: {executable}, "
        "target: {python_file: {relative_path: good.py, NAME}}}"
    )


#: Closes the wire, whose number differs between a fork and a new interpreter.
CLOSES_SOCKETS = """\
import os
for name in os.listdir("/proc/self/fd"):
    path = "/proc/self/fd/" + name
    if os.path.islink(path) and os.readlink(path).startswith("socket"):
        os.close(int(name))
"""

EXECUTABLES = {
    "missing": Case(
        run_by("bin/missing"),
        "EXECUTABLE",
        ("{dir}/bin/missing", "No such file", "set executable_path"),
    ),
    "bare-name": Case(
        run_by("python3.99"),
        "EXECUTABLE",
        ("{dir}/python3.99", "none in that folder and none on PATH", "set executable_path"),
    ),
    "dangling-link": Case(
        run_by("bin/dangling"),
        "EXECUTABLE",
        ("{dir}/bin/dangling", "a link to /nowhere/python", "make its environment anew"),
    ),
    "not-executable": Case(
        run_by("bin/plain"),
        "EXECUTABLE",
        ("{dir}/bin/plain", "permission denied", "make it executable"),
        "BACKOFF",
        {"bin/plain": "#!/bin/sh\n"},
    ),
    "folder": Case(
        run_by("bin"),
        "EXECUTABLE",
        ("{dir}/bin:", "is a folder", "the interpreter in it"),
        "BACKOFF",
    ),
    "no-program": Case(
        run_by("bin/text"),
        "EXECUTABLE",
        ("{dir}/bin/text", "neither a program", "set executable_path"),
        files={"bin/text": "just text\n"},
    ),
    "wrong-first-line": Case(
        run_by("bin/line"),
        "EXECUTABLE",
        ("{dir}/bin/line", "first line names does not exist", "set executable_path"),
        files={"bin/line": "#!/nowhere/python\n"},
    ),
    "true": Case(
        run_by("/bin/true"),
        "EXECUTABLE",
        ("/bin/true as a Python interpreter", "exit code 0", "set executable_path"),
        "BACKOFF",
    ),
    "cat": Case(
        run_by("/bin/cat"),
        "EXECUTABLE",
        ("/bin/cat as a Python interpreter", "exit code 1", "set executable_path"),
        "BACKOFF",
    ),
    "exits": Case(
        run_by("bin/exits"),
        "EXECUTABLE",
        ("{dir}/bin/exits", "exit code 1", "set executable_path"),
        "BACKOFF",
        {"bin/exits": "#!/bin/sh\necho libpython is missing >&2\nexit 1\n"},
    ),
    "killed": Case(
        run_by("bin/killed"),
        "EXECUTABLE",
        ("{dir}/bin/killed", "killed by SIGSEGV", "set executable_path"),
        "BACKOFF",
        {"bin/killed": "#!/bin/sh\nkill -SEGV $$\n"},
    ),
} | {
    f"Python-{version}": Case(
        run_by(path), "EXECUTABLE", (f"Python {version}.", path, "needs 3.8 or later")
    )
    for version, path in interpreters(TOO_OLD).items()
}

TARGETS = {
    "missing-file": Case(
        file("code/godo.py"),
        "TARGET",
        ("{dir}/code/godo.py", "there is no godo.py in {dir}/code", "did you mean good.py?"),
        files={"code/good.py": ""},
    ),
    "missing-folder": Case(
        file("nowhere/a.py"), "TARGET", ("{dir}/nowhere/a.py", "there is no folder")
    ),
    "file-in-a-file": Case(
        file("good.py/a.py"), "TARGET", ("{dir}/good.py/a.py", "there is no folder {dir}/good.py")
    ),
    "folder-for-a-file": Case(
        file("code"), "TARGET", ("{dir}/code", "it is a folder", "python_package")
    ),
    "not-UTF-8": Case(
        file("latin.py"),
        "TARGET",
        ("{dir}/latin.py", "byte 0xe9 on line 2", "save it as UTF-8"),
        files={"latin.py": "x = 1\nname = 'é'\n".encode("latin-1")},
    ),
    "standard-name": Case(
        file("shadow/json.py"),
        "TARGET",
        ("{dir}/shadow/json.py", "standard library", "rename the file"),
        files={"shadow/json.py": ""},
    ),
    "unreadable": Case(
        file("unreadable.py"), "TARGET", ("cannot read", "{dir}/unreadable.py", "error")
    ),
    "missing-working_directory": Case(
        file("good.py", ", working_directory: nowhere"),
        "TARGET",
        ("working_directory {dir}/nowhere", "No such file", "name a folder that exists"),
    ),
    "missing-module": Case(
        "python_module: {module_name: packge.part, NAME}",
        "TARGET",
        ("'packge.part'", "there is no 'packge' in {dir}", "did you mean package?"),
        files={"package/__init__.py": ""},
    ),
    "missing-submodule": Case(
        "python_module: {module_name: package.part, NAME}",
        "TARGET",
        ("'package.part'", "there is no 'part' in {dir}/package"),
    ),
    "missing-package": Case(
        "python_package: {package_name: no_such_package, NAME}",
        "TARGET",
        ("no_such_package", "install it there", "working_directory"),
    ),
    "missing-attribute": Case(
        file("two.py", ", attribute: frist"),
        "TARGET",
        ('the attribute "frist"', "{dir}/two.py", 'did you mean "first"?'),
        files={"two.py": TWO_PIPELINES},
    ),
    "wrong-attribute": Case(
        file("two.py", ", attribute: one"),
        "TARGET",
        ('the attribute "one"', "{dir}/two.py", "expected a repository, a pipeline", "@repository"),
    ),
    "several-pipelines": Case(
        file("two.py"), "TARGET", ("{dir}/two.py", "first (", "second (", "as the attribute")
    ),
    "nothing": Case(
        file("nothing.py"),
        "TARGET",
        ("cannot find a repository", "{dir}/nothing.py", "number (an int)", "@repository"),
        files={"nothing.py": "number = 1\n"},
    ),
    "two-of-one-name": Case(
        file("twice.py"),
        "TARGET",
        (
            'two repositories named "repo"',
            "{dir}/twice.py",
            "twice.py:2",
            "twice.py:6",
            "rename one",
        ),
        files={
            "twice.py": DEFINITIONS + "@repository\ndef repo():\n    return []\nother = repo\n"
            "@repository\ndef repo():\n    return []\n"
        },
    ),
    "relative-import": Case(
        file("package/relative.py"),
        "IMPORT",
        ("{dir}/package/relative.py", "python_module package.relative", "working_directory {dir}"),
        files={"package/relative.py": "from . import part\n"},
        shown="from . import part",
    ),
}

IMPORTS = {
    "exit": Case(
        file("exiting.py"),
        "IMPORT",
        ("sys.exit('no database')", 'under `if __name__ == "__main__":`'),
        "BACKOFF",
        {"exiting.py": "import sys\nsys.exit('no database')\n"},
        shown="exiting.py",
    ),
    "recursion": Case(
        file("recursing.py"),
        "IMPORT",
        ("RecursionError", "maximum recursion depth"),
        "BACKOFF",
        {"recursing.py": "def again():\n    again()\n\nagain()\n"},
        shown="Previous line repeated",
    ),
    "base-exception": Case(
        file("basic.py"),
        "IMPORT",
        ("basic.Leave: now",),
        "BACKOFF",
        {"basic.py": "class Leave(BaseException): pass\nraise Leave('now')\n"},
        shown="raise Leave",
    ),
    "invalid-definition": Case(
        file("invalid.py"),
        "DEFINITION",
        ("a b", "{dir}/invalid.py:2"),
        files={"invalid.py": DEFINITIONS + "@solid(name='a b')\ndef one(context): pass\n"},
        shown="invalid.py",
    ),
    "closed-wire": Case(
        file("closing.py"),
        "PROCESS_DIED",
        ("closed the descriptor", "close only what the code has opened"),
        "FAILED",
        {"closing.py": CLOSES_SOCKETS + "import closed_helper\n"},
    ),
    "closed-everything": Case(
        file("closing_all.py"),
        "PROCESS_DIED",
        ("closed the descriptor", "close only what the code has opened"),
        "FAILED",
        {"closing_all.py": "import os\nos.closerange(0, os.sysconf('SC_OPEN_MAX'))\n"},
    ),
    "no-UTF-8-printed": Case(
        file("bytes.py"),
        "IMPORT",
        ("ValueError: \\udcff is no text",),
        "BACKOFF",
        {
            "bytes.py": "import os\nos.write(1, b'before \\xff\\xfe after\\n')\n"
            "raise ValueError('\\udcff is no text')\n"
        },
        shown="bytes.py",
    ),
}

CASES = EXECUTABLES | TARGETS | IMPORTS
