"""Projects whose code is loaded or found in other ways than by an import statement."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_BY_PATH = """
import importlib.util, pathlib
here = pathlib.Path(__file__).parent
def load(path, name=None):
    spec = importlib.util.spec_from_file_location(name or path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
"""

_HOOK = """
import sys
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
class Rewriting(SourceFileLoader):
    def source_to_code(self, data, path, *, _optimization=-1):
        return compile(data.replace(b'RATE', b'VALUE'), path, 'exec')
class Finder:
    def find_spec(self, name, path=None, target=None):
        spec = PathFinder.find_spec(name, path, target) if name.startswith('team') else None
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = Rewriting(spec.loader.name, spec.loader.path)
        return spec
sys.meta_path.insert(0, Finder())
import team.job
"""

_LANGUAGE = """
import os, sys
from importlib.machinery import ModuleSpec
here = os.path.dirname(__file__)
class Language:
    def find_spec(self, name, path=None, target=None):
        file = os.path.join(here, name + '.rates')
        return ModuleSpec(name, self, origin=file) if os.path.exists(file) else None
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        origin = module.__spec__.origin
        with open(origin) as file:
            exec(compile('VALUE = ' + file.read(), origin, 'exec'), vars(module))
sys.meta_path.append(Language())
import prices
"""

_WALK = """
import importlib, pkgutil, jobs
found = sorted(one.name for one in pkgutil.walk_packages(jobs.__path__, 'jobs.'))
for name in found: importlib.import_module(name)
VALUE = len(found)
"""


def archive(value: int) -> bytes:
    """Returns a zip archive with a module `shared`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("shared.py", f"VALUE = {value}\n")
    return buffer.getvalue()


@dataclass(frozen=True)
class Project:
    """A location whose code counts or reads something, and a change of it.

    Attributes:
        code: sets VALUE; `here` is its folder where it loads by paths.
        files: beside the code, by name.
        change: what is saved, by name; None deletes. Or what to do with the folder.
        before: VALUE at first.
        after: VALUE once the change is served.
        watch: patterns.
        base: the folder of the code within the project.
    """

    code: str
    files: Mapping[str, str | bytes]
    change: Mapping[str, str | bytes | None] | Callable[[Path], object]
    before: int = 1
    after: int = 2
    watch: tuple[str, ...] = ()
    base: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)


def _link_to_other(folder: Path) -> None:
    other = folder.with_name(folder.name + "-other")
    other.mkdir()
    (other / "a.sql").write_text("1")
    (other / "b.sql").write_text("1")
    (folder / "queries").unlink()
    (folder / "queries").symlink_to(other)


PROJECTS: dict[str, Project] = {
    "by-path": Project(
        _BY_PATH + "VALUE = load(here / 'plugins' / 'plug.py').VALUE",
        {"plugins/plug.py": "VALUE = 1\n"},
        {"plugins/plug.py": "VALUE = 2\n"},
    ),
    "by-path-with-dots": Project(
        _BY_PATH + "VALUE = load(here / 'plugins' / 'my.plug.py', 'plug').VALUE",
        {"plugins/my.plug.py": "VALUE = 1\n"},
        {"plugins/my.plug.py": "VALUE = 2\n"},
    ),
    "by-path-new-plugin": Project(
        _BY_PATH + "VALUE = len([load(path) for path in (here / 'plugins').glob('*.py')])",
        {"plugins/a.py": ""},
        {"plugins/b.py": ""},
    ),
    "by-path-gone-plugin": Project(
        _BY_PATH + "VALUE = len([load(path) for path in (here / 'plugins').glob('*.py')])",
        {"plugins/a.py": "", "plugins/b.py": ""},
        {"plugins/b.py": None},
        before=2,
        after=1,
    ),
    "plugin-folder-to-come": Project(
        _BY_PATH
        + "import os\nplugins = here / 'plugins'\n"
        + "VALUE = len(os.listdir(plugins)) + 1 if plugins.is_dir() and os.listdir(here) else 1"
        + "\nos.listdir(here)",
        {},
        {"plugins/b.py": ""},
    ),
    "source-file-loader": Project(
        "import os\nfrom importlib.machinery import SourceFileLoader\n"
        "path = os.path.join(os.path.dirname(__file__), 'plug.py')\n"
        "VALUE = SourceFileLoader('plug', path).load_module().VALUE",
        {"plug.py": "VALUE = 1\n"},
        {"plug.py": "VALUE = 2\n"},
    ),
    "runpy": Project(
        "import os, runpy\n"
        "path = os.path.join(os.path.dirname(__file__), 'plug.py')\n"
        "VALUE = runpy.run_path(path)['VALUE']",
        {"plug.py": "VALUE = 1\n"},
        {"plug.py": "VALUE = 2\n"},
    ),
    "exec-of-any-file": Project(
        "import os\npath = os.path.join(os.path.dirname(__file__), 'settings.conf')\n"
        "exec(compile(open(path).read(), path, 'exec'))",
        {"settings.conf": "VALUE = 1\n"},
        {"settings.conf": "VALUE = 2\n"},
    ),
    "import-hook": Project(
        _HOOK + "VALUE = team.job.VALUE",
        {"team/__init__.py": "", "team/job.py": "RATE = 1\n"},
        {"team/job.py": "RATE = 2\n"},
    ),
    "language": Project(
        _LANGUAGE + "VALUE = prices.VALUE", {"prices.rates": "1"}, {"prices.rates": "2"}
    ),
    "zip": Project(
        "import sys, os\n"
        "sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'libs.zip'))\n"
        "import shared\nVALUE = shared.VALUE",
        {"libs.zip": archive(1)},
        {"libs.zip": archive(2)},
    ),
    "egg": Project(
        "import sys, os\n"
        "sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'libs.egg'))\n"
        "import shared\nVALUE = shared.VALUE",
        {"libs.egg": archive(1)},
        {"libs.egg": archive(2)},
    ),
    "iter-modules": Project(
        "import pkgutil, jobs\nVALUE = len(list(pkgutil.iter_modules(jobs.__path__)))",
        {"jobs/__init__.py": "", "jobs/a.py": ""},
        {"jobs/b.py": "x = 1\n"},
    ),
    "walk-packages": Project(
        _WALK,
        {"jobs/__init__.py": "", "jobs/sub/__init__.py": ""},
        {"jobs/sub/b.py": "x = 1\n"},
    ),
    "new-subpackage": Project(
        _WALK,
        {"jobs/__init__.py": "", "jobs/a.py": ""},
        {"jobs/sub/__init__.py": ""},
    ),
    "renamed-module": Project(
        "import pkgutil, jobs\n"
        "VALUE = 2 if [one.name for one in pkgutil.iter_modules(jobs.__path__)] == ['b'] else 1",
        {"jobs/__init__.py": "", "jobs/a.py": ""},
        lambda folder: (folder / "jobs/a.py").rename(folder / "jobs/b.py"),
    ),
    "scan-of-data": Project(
        "import glob, os\nhere = os.path.dirname(__file__)\n"
        "VALUE = sum(int(open(one).read()) for one in glob.glob(here + '/conf/*.yaml'))",
        {"conf/a.yaml": "1"},
        {"conf/b.yaml": "1"},
    ),
    "scanned-data-changes": Project(
        "import os\nhere = os.path.dirname(__file__)\n"
        "VALUE = sum(int(open(one.path).read()) for one in os.scandir(here + '/conf'))",
        {"conf/a.yaml": "1"},
        {"conf/a.yaml": "2"},
    ),
    "os-walk": Project(
        "import os\nhere = os.path.dirname(__file__)\n"
        "VALUE = sum(len(files) for _, _, files in os.walk(here + '/conf'))",
        {"conf/one/a.yaml": "1"},
        {"conf/one/b.yaml": "1"},
    ),
    "below-site-packages": Project(
        "import rates\nVALUE = rates.VALUE",
        {"rates.py": "VALUE = 1\n"},
        {"rates.py": "VALUE = 2\n"},
        base="site-packages/team",
    ),
    "below-dist-packages": Project(
        "import pkg.rates\nVALUE = pkg.rates.VALUE",
        {"pkg/__init__.py": "", "pkg/rates.py": "VALUE = 1\n"},
        {"pkg/rates.py": "VALUE = 2\n"},
        base="lib/python3/dist-packages/team",
    ),
    "watch-folder": Project(
        "import os\nVALUE = int(open(os.path.dirname(__file__) + '/queries/a.sql').read())",
        {"queries/a.sql": "1"},
        {"queries/a.sql": "2"},
        watch=("queries",),
    ),
    "watch-deep-folder": Project(
        "import os\nVALUE = int(open(os.path.dirname(__file__) + '/sql/x/y/a.sql').read())",
        {"sql/x/y/a.sql": "1"},
        {"sql/x/y/a.sql": "2"},
        watch=("sql/x/",),
    ),
    "watch-braces": Project(
        "import os\nVALUE = int(open(os.path.dirname(__file__) + '/conf/a.toml').read())",
        {"conf/a.toml": "1"},
        {"conf/a.toml": "2"},
        watch=("{conf,queries}/*.{sql,toml}",),
    ),
    "watch-linked-folder": Project(
        "import os\nVALUE = int(open(os.path.dirname(__file__) + '/queries/a.sql').read())",
        {"../other/a.sql": "1"},
        {"../other/a.sql": "2"},
        watch=("**/*.sql",),
        settings={"link": "queries"},
    ),
    "watch-other-link": Project(
        "import os\nVALUE = len(os.listdir(os.path.dirname(__file__) + '/queries'))",
        {"../other/a.sql": "1"},
        _link_to_other,
        watch=("**/*.sql",),
        settings={"link": "queries"},
    ),
}


def save(folder: Path, change: Mapping[str, str | bytes | None]) -> None:
    """Saves or deletes files."""
    for name, content in change.items():
        path = folder / name
        if content is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def write_project(folder: Path, project: Project) -> None:
    """Writes a project, of which an older pyc may be there."""
    save(folder, {"repos.py": SOURCE.format(code=project.code), **project.files})
    link = project.settings.get("link")
    if link is not None:
        (folder / link).symlink_to(folder / "../other", target_is_directory=True)
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)


SOURCE = """\
from hostler.definitions import pipeline, repository, solid
{code}

@solid
def one(context):
    return 1

@pipeline(name=f"is_{{VALUE}}")
def made():
    one()

@repository
def repo():
    return [made]
"""
