"""What the finder records and reports, on any interpreter: recording_script.py FOLDER.

Run by test_interpreters.py; see unit.host.checks.
"""

# ruff: noqa: BLE001
# Whatever a check raises is its failure and is printed; it runs on 3.8 as well as on 3.13.

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import json
import os
import pickle
import pkgutil
import sys
import threading
import traceback
import warnings
from pathlib import Path

from unit.host.checks import TOUCHED, begin, run, state, write

from hostler.host import finder

TYPE_CHECKING = False
if TYPE_CHECKING:
    pass


def check_what_is_recorded(folder: Path) -> None:
    begin(folder, {"repos.py": "import helper, pkg.part, this\n", "helper.py": ""})
    write(folder, {"pkg/__init__.py": "", "pkg/part.py": ""})
    with contextlib.redirect_stdout(io.StringIO()):
        importlib.import_module("repos")
    for name in ("repos.py", "helper.py", "pkg/__init__.py", "pkg/part.py"):
        assert state(folder / name) in TOUCHED, name
    for name in ("repos/__init__.py", "helper/__init__.py", "pkg/part/__init__.py"):
        assert (str(folder / name), None) in TOUCHED, name
    assert (str(folder / "this.py"), None) not in TOUCHED, "it is the user's that come before it"
    finder.flush()
    assert (str(folder / "this.py"), None) in TOUCHED, "it would shadow the library's"
    assert (str(folder / "pkg.py"), None) not in TOUCHED, "the package wins, whatever comes"
    importlib.reload(sys.modules["helper"])
    finder.flush()
    assert len(TOUCHED) == len(set(TOUCHED)), "each state once"
    own = (str(folder), str(Path(__file__).parent))
    assert all(path.startswith(own) for path, _ in TOUCHED)


def check_misses_come_before_the_next_file_runs(folder: Path) -> None:
    begin(folder, {"repos.py": "import json.tool\nimport helper\n", "helper.py": ""})
    calls: list[list[tuple[str, str | None]]] = []
    finder.set_report(lambda pairs: calls.append(list(pairs)))
    importlib.import_module("repos")
    with_helper = next(c for c in calls if state(folder / "helper.py") in c)
    earlier = [pair for call in calls[: calls.index(with_helper) + 1] for pair in call]
    assert (str(folder / "helper" / "__init__.py"), None) in earlier


def check_missing_helper_is_recorded(folder: Path) -> None:
    begin(folder, {"repos.py": "import helper\n"})
    try:
        importlib.import_module("repos")
    except ModuleNotFoundError as error:
        missing = error.name
    assert missing == "helper"
    assert (str(folder / "helper.py"), None) in TOUCHED
    assert (str(folder / "helper" / "__init__.py"), None) in TOUCHED
    write(folder, {"helper.py": "VALUE = 1\n"})
    assert importlib.import_module("repos").helper.VALUE == 1
    assert state(folder / "helper.py") in TOUCHED, "the new state of a path is reported too"


def check_missing_name_of_a_package_is_recorded(folder: Path) -> None:
    begin(folder, {"pkg/__init__.py": "from . import part\n"})
    try:
        importlib.import_module("pkg")
    except ImportError:
        assert (str(folder / "pkg" / "part.py"), None) in TOUCHED
        return
    raise AssertionError("there is no part")


def check_syntax_error_is_recorded(folder: Path) -> None:
    begin(folder, {"repos.py": "import helper\n", "helper.py": "def broken(:\n"})
    try:
        importlib.import_module("repos")
    except SyntaxError as error:
        text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        assert "hostler/host" not in text, "no frame of ours\n" + text
        assert "repos.py" in text
        assert "def broken(:" in text
    assert state(folder / "helper.py") in TOUCHED


def check_report_precedes_a_crash(folder: Path) -> None:
    write(folder, {"repos.py": "import helper\n", "helper.py": "import os\nos._exit(3)\n"})
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        sys.path.insert(0, str(folder))
        finder.install(lambda pairs: os.write(write_end, (json.dumps(pairs) + "\n").encode()))
        importlib.import_module("repos")
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, encoding="utf-8") as pipe:
        pairs = [tuple(pair) for line in pipe for pair in json.loads(line)]
    assert os.waitpid(child, 0)[1] == 3 << 8
    assert state(folder / "repos.py") in pairs
    assert state(folder / "helper.py") in pairs


def check_an_import_in_vain_is_reported_at_once(folder: Path) -> None:
    source = "try:\n    import helper\nexcept ImportError:\n    import os\n    os._exit(4)\n"
    write(folder, {"repos.py": source})
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        sys.path.insert(0, str(folder))
        finder.install(lambda pairs: os.write(write_end, (json.dumps(pairs) + "\n").encode()))
        importlib.import_module("repos")
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, encoding="utf-8") as pipe:
        pairs = [tuple(pair) for line in pipe for pair in json.loads(line)]
    assert os.waitpid(child, 0)[1] == 4 << 8
    assert (str(folder / "helper.py"), None) in pairs


def check_data_files(folder: Path) -> None:
    begin(folder, {"pkg/__init__.py": "", "pkg/one.txt": "1", "pkg/two.txt": "2"})
    write(folder, {"pkg/three.txt": "3"})
    assert pkgutil.get_data("pkg", "one.txt") == b"1"
    assert state(folder / "pkg" / "one.txt") in TOUCHED
    resources = importlib.import_module("importlib.resources")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 3.11 and 3.12 call it deprecated, 3.13 no longer
        assert resources.read_text("pkg", "two.txt") == "2"
        assert state(folder / "pkg" / "two.txt") in TOUCHED
    if sys.version_info >= (3, 10):
        data = resources.files("pkg") / "three.txt"
        assert data.read_text() == "3"
        assert data.read_bytes() == b"3"
        assert state(folder / "pkg" / "three.txt") in TOUCHED
        assert pickle.loads(pickle.dumps(data)) == data
        with resources.as_file(data) as path:
            assert os.fspath(path) == str(folder / "pkg" / "three.txt")


def check_threads(folder: Path) -> None:
    names = [f"part{number}" for number in range(40)]
    begin(folder, {f"{name}.py": "import common\n" for name in names})
    write(folder, {"common.py": "VALUE = object()\n"})
    start, failures = threading.Barrier(8), []

    def load(mine: list[str]) -> None:
        try:
            start.wait()
            for name in mine:
                importlib.import_module(name)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=load, args=(names[i::4],)) for i in (0, 1, 2, 3) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    assert all(state(folder / f"{name}.py") in TOUCHED for name in names)
    assert len(TOUCHED) == len(set(TOUCHED))


def check_report_of_a_forked_child(folder: Path) -> None:
    begin(folder, {"early.py": "", "late.py": ""})
    importlib.import_module("early")
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        finder.set_report(lambda pairs: os.write(write_end, (json.dumps(pairs) + "\n").encode()))
        importlib.import_module("late")
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, encoding="utf-8") as pipe:
        pairs = [tuple(pair) for line in pipe for pair in json.loads(line)]
    os.waitpid(child, 0)
    assert state(folder / "late.py") in pairs
    assert state(folder / "early.py") not in pairs
    assert state(folder / "late.py") not in TOUCHED


if __name__ == "__main__":
    run(globals())
