"""What the recording finder does, on any interpreter: finder_script.py FOLDER.

Run by test_interpreters.py; see unit.host.checks.
"""

# Whatever a check raises is its failure and is printed; it runs on 3.8 as well as on 3.13.

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import os
import pickle
import pkgutil
import py_compile
import subprocess
import sys
import traceback
from pathlib import Path

from unit.host.checks import TOUCHED, begin, run, state, write

from hostler.host import file_events, finder
from hostler.host.loader import UserLoader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


def check_new_code_in_spite_of_a_pyc(folder: Path) -> None:
    module = folder / "repos.py"
    write(folder, {"repos.py": "VALUE = 1\n"})
    before = module.stat()
    pyc = py_compile.compile(str(module), doraise=True)
    write(folder, {"repos.py": "VALUE = 2\n"})  # of the same size
    os.utime(str(module), ns=(before.st_atime_ns, before.st_mtime_ns))
    left = Path(str(pyc)).read_bytes()
    begin(folder, {})
    assert importlib.import_module("repos").VALUE == 2
    assert Path(str(pyc)).read_bytes() == left, "a pyc was written"


def check_no_loader_takes_a_pyc(folder: Path) -> None:
    for at, listen in enumerate((finder.begin_file_events, _begin_and_end)):
        module = folder / ("plug%d.py" % at)
        write(folder, {module.name: "VALUE = 1\n"})
        before = module.stat()
        py_compile.compile(str(module), doraise=True)
        write(folder, {module.name: "VALUE = 2\n"})  # of the same size
        os.utime(str(module), ns=(before.st_atime_ns, before.st_mtime_ns))
        begin(folder, {})
        listen([str(folder)])
        spec = importlib.util.spec_from_file_location(module.stem, str(module))
        assert spec is not None
        assert spec.loader is not None
        found = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(found)
        assert found.VALUE == 2
        file_events.end()


def _begin_and_end(roots: Sequence[str]) -> None:
    finder.begin_file_events(roots)
    file_events.end()


def check_a_pyc_without_source_is_read(folder: Path) -> None:
    write(folder, {"plug.py": "VALUE = 1\n"})
    pyc = py_compile.compile(str(folder / "plug.py"), doraise=True)
    (folder / "plug.py").unlink()
    begin(folder, {})
    finder.begin_file_events([str(folder)])
    assert Path(str(pyc)).read_bytes()
    file_events.end()


def check_metadata_readers_list_nothing(folder: Path) -> None:
    from importlib import metadata

    begin(folder, {})
    finder.begin_file_events([str(folder)])
    with contextlib.suppress(metadata.PackageNotFoundError):
        metadata.version("no-such-distribution")
    assert "%s/" % folder not in dict(TOUCHED)
    assert list(folder.iterdir()) == []
    assert "%s/" % folder in dict(TOUCHED)
    file_events.end()


def check_no_pyc_is_left(folder: Path) -> None:
    begin(folder, {"repos.py": "import helper\n", "helper.py": ""})
    importlib.import_module("repos")
    assert not list(folder.rglob("*.pyc"))


def check_two_files_of_one_tick(folder: Path) -> None:
    begin(folder, {"one.py": ""})
    importlib.import_module("one")
    before = folder.stat()
    write(folder, {"two.py": "VALUE = 2\n"})
    os.utime(str(folder), ns=(before.st_atime_ns, before.st_mtime_ns))
    assert importlib.import_module("two").VALUE == 2


def check_new_helper_shadows(folder: Path) -> None:
    begin(folder, {"helper.py": "VALUE = 'file'\n"})
    assert importlib.import_module("helper").VALUE == "file"
    write(folder, {"helper/__init__.py": "VALUE = 'package'\n"})
    del sys.modules["helper"]
    assert importlib.import_module("helper").VALUE == "package"


def check_overlay(folder: Path) -> None:
    files = {
        "repos.py": "import gone, pkg.part, space.inner\nVALUE = 'old'\n",
        "gone.py": "VALUE = 'gone'\n",
        "pkg/__init__.py": "",
        "pkg/part.py": "VALUE = 'part'\n",
        "space/inner.py": "VALUE = 'inner'\n",
    }
    overlay: dict[str, bytes | None] = {
        str(folder / name): text.encode() for name, text in files.items()
    }
    overlay[str(folder / "colorsys.py")] = None
    broken = "this is no Python"
    write(folder, {"repos.py": broken, "gone/__init__.py": broken, "colorsys.py": broken})
    write(folder, {"extra.py": "VALUE = 'disk'\n"})
    sys.path.insert(0, str(folder))
    finder.install(TOUCHED.extend, overlay)
    repos = importlib.import_module("repos")
    assert repos.VALUE == "old"
    assert repos.gone.VALUE == "gone"
    assert repos.pkg.part.VALUE == "part"
    assert repos.space.inner.VALUE == "inner"
    assert importlib.import_module("extra").VALUE == "disk"
    assert importlib.import_module("colorsys").rgb_to_hls, "the new file is hidden"
    assert "VALUE = 'part'" in inspect.getsource(repos.pkg.part)
    loaded = finder.loaded_sources()
    assert loaded[str(folder / "pkg" / "part.py")] == files["pkg/part.py"].encode()
    touched = {path for path, digest in TOUCHED if digest is not None}
    assert touched == {str(folder / "extra.py")}, "the overlay says nothing about the disk"


def check_source_stays_true_after_an_edit(folder: Path) -> None:
    old = "# coding: latin-1\n\n\ndef fail():\n    raise ValueError('\u00e9')  # old\n"
    begin(folder, {"other.py": "def other():\n    return 'old'\n"})
    path = folder / "repos.py"
    path.write_bytes(old.encode("latin-1"))
    repos, other = importlib.import_module("repos"), importlib.import_module("other")
    write(folder, {"repos.py": "\n" * 50 + "nothing = 'new'\n"})
    (folder / "other.py").unlink()
    assert inspect.getsource(repos.fail) == old[old.index("def") :]
    assert "return 'old'" in inspect.getsource(other.other)
    try:
        repos.fail()
    except ValueError:
        assert "raise ValueError('\u00e9')  # old" in traceback.format_exc()
    assert finder.user_loader("repos", str(path)).get_source("repos") == old
    assert inspect.getsource(repos) == old


def check_lines_are_counted_as_the_compiler_does(folder: Path) -> None:
    # A form feed and a line separator end no line of Python.
    begin(folder, {"repos.py": "A = 1\n\x0c\nB = '\u2028'\r\ndef last(): return 'here'"})
    repos = importlib.import_module("repos")
    assert inspect.getsource(repos.last).strip() == "def last(): return 'here'"


def check_what_a_module_shows(folder: Path) -> None:
    begin(folder, {"pkg/__init__.py": "", "pkg/part.py": "def f(): pass\nclass C: pass\n"})
    part, pkg = importlib.import_module("pkg.part"), importlib.import_module("pkg")
    assert part.__spec__
    assert pkg.__spec__
    assert part.__file__ == part.__spec__.origin == str(folder / "pkg" / "part.py")
    assert part.__cached__.endswith(".pyc")
    assert part.__spec__.cached == part.__cached__
    assert part.__package__ == part.__spec__.parent == "pkg"
    assert list(pkg.__path__) == [str(folder / "pkg")]
    assert pkg.__spec__.submodule_search_locations == pkg.__path__
    assert pickle.loads(pickle.dumps(part.f)) is part.f
    assert isinstance(pickle.loads(pickle.dumps(part.C())), part.C)
    assert [m.name for m in pkgutil.iter_modules(pkg.__path__)] == ["part"]
    assert importlib.reload(part) is part
    assert inspect.getmodule(part.f) is part


def check_namespace_packages(folder: Path) -> None:
    begin(folder, {"a/space/one.py": "", "b/space/two.py": ""})
    sys.path[:0] = [str(folder / "a"), str(folder / "b")]
    importlib.import_module("space.one")
    importlib.import_module("space.two")
    assert (str(folder / "a" / "space" / "__init__.py"), None) in TOUCHED
    assert (str(folder / "a" / "space.py"), None) in TOUCHED
    assert (str(folder / "a" / "space" / "two.py"), None) in TOUCHED
    assert len(list(sys.modules["space"].__path__)) == 2


def check_folder_that_does_not_exist_yet(folder: Path) -> None:
    begin(folder, {})
    sys.path.insert(0, str(folder / "later"))
    with contextlib.suppress(ImportError):
        importlib.import_module("helper")
    assert (str(folder / "later" / "helper.py"), None) in TOUCHED
    write(folder, {"later/helper.py": "VALUE = 1\n"})
    assert importlib.import_module("helper").VALUE == 1


def check_path_entries_are_cleaned(folder: Path) -> None:
    begin(folder, {"lib/helper.py": "", "lib/sub/keep": ""})
    sys.path.insert(0, str(folder) + "/./lib/sub/..")
    importlib.import_module("helper")
    assert state(folder / "lib" / "helper.py") in TOUCHED


def check_no_file_outside_of_its_folder(folder: Path) -> None:
    begin(folder, {"sub/helper.py": ""})
    for name in ("sub/helper", "a\0b"):
        try:
            importlib.import_module(name)
        except (ImportError, ValueError):
            continue
        raise AssertionError(name)


def check_installed_packages_are_left_alone(folder: Path) -> None:
    site = folder / ".venv" / "lib" / "python3" / "site-packages"
    begin(folder, {})
    write(site, {"third/__init__.py": "", "mine/__init__.py": "from . import part\n"})
    write(site, {"mine/part.py": "", "mine-1.0.dist-info/METADATA": ""})
    sys.path.append(str(site))
    third = importlib.import_module("third")
    assert not isinstance(third.__loader__, UserLoader)
    assert (str(folder / "third.py"), None) not in TOUCHED
    finder.flush()
    assert (str(folder / "third.py"), None) in TOUCHED, "looked for in the user's folder first"
    finder.add_user_path(str(site / "mine"))
    mine = importlib.import_module("mine")
    assert isinstance(mine.__loader__, UserLoader)
    assert state(site / "mine" / "part.py") in TOUCHED
    assert not any("third" in path and digest for path, digest in TOUCHED)
    assert finder.is_user_path(str(site / "mine" / "part.py"))
    assert not finder.is_user_path(str(site / "third" / "__init__.py"))
    assert not finder.is_user_path(os.__file__)
    assert not finder.is_user_path(finder.__file__)


class Editable:
    """Acts as the finders of editable installs do: it names the loader itself."""

    def __init__(self, name: str, path: str) -> None:
        self.name, self.path = name, path

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self.path)


def check_editable_installs(folder: Path) -> None:
    begin(folder, {})
    project = folder / "elsewhere" / "src"
    write(project, {"tool/__init__.py": "from . import part\n", "tool/part.py": ""})
    sys.meta_path.append(Editable("tool", str(project / "tool" / "__init__.py")))
    tool = importlib.import_module("tool")
    assert isinstance(tool.__loader__, UserLoader)
    assert state(project / "tool" / "__init__.py") in TOUCHED
    assert state(project / "tool" / "part.py") in TOUCHED


class Nosy:
    """Asks all other finders, as hostler's does."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        for other in sys.meta_path:
            spec = None if type(other) is Nosy else other.find_spec(fullname, path, target)
            if spec:
                return spec
        return None


def check_finders_that_ask_all_others(folder: Path) -> None:
    begin(folder, {"repos.py": "VALUE = 1\n"})
    sys.meta_path.append(Nosy())
    assert importlib.import_module("repos").VALUE == 1
    try:
        importlib.import_module("absent")
    except ModuleNotFoundError:
        return
    raise AssertionError("there is no such module")


def check_zip_archives(folder: Path) -> None:
    import zipfile

    begin(folder, {})
    with zipfile.ZipFile(str(folder / "lib.zip"), "w") as archive:
        archive.writestr("zipped.py", "VALUE = 1\n")
    sys.path.insert(0, str(folder / "lib.zip"))
    assert importlib.import_module("zipped").VALUE == 1


def check_runpy(folder: Path) -> None:
    import runpy

    begin(folder, {"tool.py": "import sys\nVALUE = __name__\n"})
    assert runpy.run_module("tool", run_name="__main__")["VALUE"] == "__main__"
    environment = dict(os.environ, PYTHONPATH=str(folder))
    command = [sys.executable, "-m", "tool"]
    assert subprocess.run(command, env=environment, check=True).returncode == 0


def check_install_again(folder: Path) -> None:
    begin(folder, {"repos.py": ""})
    again: list[tuple[str, str | None]] = []
    hooks, finders = len(sys.path_hooks), len(sys.meta_path)
    finder.install(again.extend)
    assert (len(sys.path_hooks), len(sys.meta_path)) == (hooks, finders)
    importlib.import_module("repos")
    assert state(folder / "repos.py") in again
    assert TOUCHED == []


if __name__ == "__main__":
    run(globals())
