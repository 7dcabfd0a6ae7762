"""How targets are loaded, on any interpreter: target_script.py FOLDER.

Run by test_interpreters.py, with the location's sources on PYTHONPATH and an empty FOLDER. Each
check has a process and a folder of its own.
"""

# ruff: noqa: BLE001
# Whatever a check raises is its failure and is printed; it runs on 3.8 as well as on 3.13.

from __future__ import annotations

import importlib
import os
import pickle
import subprocess
import sys
import traceback
from pathlib import Path

from hostler.host import finder, target
from hostler.host.errors import TargetError, describe_failure
from hostler.host.loader import UserLoader
from hostler.host.target import load_target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

TOUCHED: list[tuple[str, str | None]] = []

POOL = """
import multiprocessing
import subprocess
import sys

import helper


def double(number):
    return helper.times(number, 2)


def in_a_pool(method):
    with multiprocessing.get_context(method).Pool(2) as pool:
        return pool.map(double, [1, 2, 3])


def as_a_program():
    command = [sys.executable, "-m", "helper"]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
"""

HELPER = """
def times(number, factor):
    return number * factor


if __name__ == "__main__":
    print("helper ran")
"""


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def load(kind: str, value: object, working_directory: Path | None) -> ModuleType:
    finder.install(TOUCHED.extend)
    folder = None if working_directory is None else str(working_directory)
    return load_target({"kind": kind, "value": str(value), "working_directory": folder})


def failure(kind: str, value: object, working_directory: Path | None) -> BaseException:
    try:
        load(kind, value, working_directory)
    except BaseException as error:
        own = error.__traceback__
        return error.with_traceback(own and own.tb_next and own.tb_next.tb_next)
    raise AssertionError(f"{value} was loaded")


def check_a_file(folder: Path) -> None:
    write(folder, {"repos.py": "import os\nimport helper\nCWD = os.getcwd()\n", "helper.py": ""})
    module = load("python_file", folder / "repos.py", folder)
    assert sys.modules["repos"] is module
    assert module.__name__ == "repos"
    assert module.__file__ == str(folder / "repos.py")
    assert module.__spec__ is not None
    assert isinstance(module.__loader__, UserLoader)
    assert str(folder) == module.CWD
    assert sys.path[0] == str(folder)
    assert importlib.import_module("repos") is module
    assert importlib.reload(module) is module
    touched = dict(TOUCHED)
    assert touched[str(folder / "repos.py")]
    assert touched[str(folder / "helper.py")]


def check_no_working_directory(folder: Path) -> None:
    write(folder, {"repos.py": ""})
    before, path = str(Path.cwd()), list(sys.path)
    load("python_file", folder / "repos.py", None)
    assert (str(Path.cwd()), sys.path) == (before, path)


def check_odd_names_of_files(folder: Path) -> None:
    names = {"my-repos.py": "my-repos", "repos.v2.py": "repos_v2", "repos": "repos", "r.txt": "r"}
    for file_name, module_name in names.items():
        write(folder, {file_name: "def f(): pass\nclass C: pass\n"})
        module = load("python_file", folder / file_name, folder)
        assert module.__name__ == module_name
        assert sys.modules[module_name] is module
        assert pickle.loads(pickle.dumps(module.f)) is module.f
        assert isinstance(pickle.loads(pickle.dumps(module.C(), 0)), module.C)


def check_a_file_in_another_encoding(folder: Path) -> None:
    source = "# -*- coding: latin-1 -*-\nNAME = '\u00e9'\n"
    (folder / "repos.py").write_bytes(source.encode("latin-1"))
    assert load("python_file", folder / "repos.py", folder).NAME == "\u00e9"


def check_the_last_good_of_a_file_that_is_gone(folder: Path) -> None:
    path = str(folder / "repos.py")
    finder.install(TOUCHED.extend, {path: b"VALUE = 1\n"})
    target = {"kind": "python_file", "value": path, "working_directory": str(folder)}
    assert load_target(target).VALUE == 1


def check_a_file_in_site_packages(folder: Path) -> None:
    path = folder / "site-packages" / "repos.py"
    write(folder, {"site-packages/repos.py": ""})
    load("python_file", path, folder)
    assert dict(TOUCHED)[str(path)]


def check_modules(folder: Path) -> None:
    write(folder, {"etl/__init__.py": "", "etl/repos.py": "from . import part", "etl/part.py": ""})
    module = load("python_module", "etl.repos", folder)
    assert module.__name__ == "etl.repos"
    assert sys.path[0] == str(folder) == str(Path.cwd())
    assert dict(TOUCHED)[str(folder / "etl" / "part.py")]


def check_installed_packages(folder: Path) -> None:
    site = folder / "venv" / "site-packages"
    write(site, {"etl/__init__.py": "from . import part\n", "etl/part.py": "import other\n"})
    write(site, {"other.py": "", "single.py": "", "org/a/__init__.py": "", "org/b/__init__.py": ""})
    sys.path.append(str(site))
    before = str(Path.cwd())
    load("python_package", "etl", None)
    assert str(Path.cwd()) == before
    touched = dict(TOUCHED)
    assert touched[str(site / "etl" / "__init__.py")]
    assert touched[str(site / "etl" / "part.py")]
    assert str(site / "other.py") not in touched
    load("python_module", "single", None)
    assert dict(TOUCHED)[str(site / "single.py")]
    load("python_package", "org.a", None)
    importlib.import_module("org.b")
    assert dict(TOUCHED)[str(site / "org" / "a" / "__init__.py")]
    assert str(site / "org" / "b" / "__init__.py") not in dict(TOUCHED), "another's portion"


def check_standard_names(folder: Path) -> None:
    for name in ("sys", "json", "traceback"):
        write(folder, {name + ".py": ""})
        error = failure("python_file", folder / (name + ".py"), folder)
        assert isinstance(error, TargetError), name
        assert "standard library" in str(error)
        assert "rename the file" in str(error)
    for name in ("pip", "sched", "wave"):
        write(folder, {name + ".py": "MINE = True"})
        assert load("python_file", folder / (name + ".py"), folder).MINE
        told = target.warnings({"kind": "python_file", "value": str(folder / (name + ".py"))})
        assert [f"{name}_repository.py" in text for text in told] == [True] * (name != "pip")


def check_what_a_failure_leaves_behind(folder: Path) -> None:
    write(folder, {"repos.py": "1 / 0\n", "etl/__init__.py": "", "etl/bad.py": "1 / 0\n"})
    earlier = sys.modules["repos"] = type(sys)("repos")
    assert isinstance(failure("python_file", folder / "repos.py", folder), ZeroDivisionError)
    assert sys.modules["repos"] is earlier
    del sys.modules["repos"]
    failure("python_file", folder / "repos.py", folder)
    assert "repos" not in sys.modules
    failure("python_module", "etl.bad", folder)
    assert "etl.bad" not in sys.modules


def check_a_missing_helper(folder: Path) -> None:
    write(folder, {"repos.py": "import helper\n"})
    for kind, value in (("python_file", str(folder / "repos.py")), ("python_module", "repos")):
        body = describe_failure(failure(kind, value, folder))
        assert (body["kind"], body["permanent"]) == ("IMPORT", False)
        assert body["message"].startswith("ModuleNotFoundError: No module named 'helper'; ")
        assert body["source"] == {"file": str(folder / "repos.py"), "line": 1}
        text = body["exception"]["traceback"].splitlines()
        assert text[0] == "Traceback (most recent call last):"
        assert text[1] == f'  File "{folder}/repos.py", line 1, in <module>', text
        assert text[2] == "    import helper"
        assert (str(folder / "helper.py"), None) in TOUCHED


def check_a_syntax_error(folder: Path) -> None:
    write(folder, {"repos.py": "import helper\n", "helper.py": "x = 1\nif x:\nx = 2\n"})
    body = describe_failure(failure("python_file", folder / "repos.py", folder))
    assert (body["kind"], body["permanent"]) == ("IMPORT", True)
    assert body["source"] == {"file": str(folder / "helper.py"), "line": 3}
    assert body["exception"]["type"] == "IndentationError"
    assert "location/hostler" not in body["exception"]["traceback"]
    assert "frozen" not in body["exception"]["traceback"]


def check_a_relative_import(folder: Path) -> None:
    source = "from . import helper\n"
    write(folder, {"a/__init__.py": "", "a/b/__init__.py": "", "a/b/repos.py": source})
    body = describe_failure(failure("python_file", folder / "a/b/repos.py", folder / "a/b"))
    assert (body["kind"], body["permanent"]) == ("IMPORT", True)
    remedy = f"python_module a.b.repos with working_directory {folder}"
    assert body["message"].endswith(remedy), body["message"]
    assert "from . import helper" in body["exception"]["traceback"]


def check_an_exit_at_import(folder: Path) -> None:
    write(folder, {"repos.py": "import sys\nsys.exit(3)\n"})
    body = describe_failure(failure("python_file", folder / "repos.py", folder))
    assert (body["kind"], body["permanent"]) == ("IMPORT", False)
    assert body["message"].startswith("sys.exit(3) was called")
    assert body["exception"]["type"] == "SystemExit"
    assert body["source"] == {"file": str(folder / "repos.py"), "line": 2}


def check_an_unreadable_helper(folder: Path) -> None:
    # A folder in the place of a file cannot be read, whoever asks; a mode would not stop root.
    write(folder, {"repos.py": "import helper\n", "helper.py": ""})
    finder.install(TOUCHED.extend)
    module = finder.user_loader("helper", str(folder))
    try:
        module.get_data(str(folder))
    except OSError as error:
        text = describe_failure(error)["exception"]["traceback"]
        assert "location/hostler" not in text, text


def check_processes_of_the_users(folder: Path) -> None:
    write(folder, {"repos.py": POOL, "helper.py": HELPER})
    module = load("python_file", folder / "repos.py", folder)
    for method in ("spawn", "forkserver", "fork"):
        assert module.in_a_pool(method) == [2, 4, 6], method
    assert module.as_a_program() == b"helper ran\n"
    assert pickle.loads(pickle.dumps(module.double))(4) == 8


def check_start_up_imports(folder: Path) -> None:
    def loaded_by(code: str) -> set[str]:
        command = [sys.executable, "-S", "-c", f"import sys; {code}; print(*sys.modules)"]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        return set(done.stdout.decode().split())

    ours = loaded_by("from hostler.host import target") - loaded_by("pass")
    dear = {"typing", "pathlib", "inspect", "dataclasses", "hashlib", "linecache", "tokenize"}
    assert "hostler.host.finder" in ours
    assert not dear & ours, dear & ours


def main(folder: Path) -> int:
    failed = 0
    for name, check in list(globals().items()):
        if not name.startswith("check_"):
            continue
        (folder / name).mkdir()
        child = os.fork()
        if child == 0:
            try:
                check(folder / name)
            except BaseException:
                traceback.print_exc()
                print("failed:", name, file=sys.stderr, flush=True)
                os._exit(1)
            os._exit(0)
        failed += os.waitpid(child, 0)[1] != 0
    return failed


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
