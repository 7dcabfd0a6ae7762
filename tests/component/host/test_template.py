"""A real process that becomes a template, under each interpreter."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from component.host.host_process import INTERPRETERS, Host
from component.host.template_process import REPOSITORY, Place, forked, load, preload

from hostler.host import wire
from hostler.host.wire import Method, Status


@pytest.fixture(params=INTERPRETERS)
def host(request: pytest.FixtureRequest, place: Place) -> Iterator[Host]:
    with place.start(request.param) as made:
        yield made


def test_what_a_load_imports_is_inherited_by_the_next_one(host: Host, place: Place) -> None:
    place.install("dear", "import decimal\nprint('dear is imported')\n")
    path = place.write("import helper\nimport dear\n" + REPOSITORY)
    place.write("import wave\n", "helper.py")
    body = load(host, path)
    assert {"dear", "decimal", "wave"} <= set(body["imports"])
    assert not {"etl", "helper", "__main__"} & set(body["imports"])
    assert body["packages"]["folders"][0] == str(place.site)
    assert set(body["seconds"]) == {"import", "describe"}


def test_what_stands_in_for_a_module_may_refuse_to_be_looked_at(host: Host, place: Place) -> None:
    place.install("dear", "import decimal\n")
    preload(host, "dear")
    path = place.write(
        "import sys\n"
        "class Late:\n"
        "    def __getattr__(self, name):\n"
        "        raise ImportError('not there yet: ' + name)\n"
        "sys.modules['late'] = Late()\nimport dear\n" + REPOSITORY
    )
    child = forked(host)
    assert "late" not in load(child, path)["imports"]
    assert child.ask(Method.SNAPSHOT).code == Status.OK


def test_a_fork_imports_nothing_again(host: Host, place: Place) -> None:
    place.install("dear", "print('dear is imported')\n")
    assert "unsafe" not in preload(host, "dear", "hostler.definitions", "no_such_module")
    for number in (1, 2):
        child = forked(host)
        body = load(child, place.write(f"import dear\nprint('load {number}')\n" + REPOSITORY))
        assert child.described["repository"]["name"].endswith("/repo")
        assert not {"dear", "hostler.definitions"} & set(body["imports"])
        assert child.end() == (f"load {number}\n", "")
    assert host.end()[0] == "dear is imported\n"


@pytest.mark.parametrize(
    ("leaves", "reason"),
    [
        ("threading.Thread(target=threading.Event().wait, daemon=True).start()", "Python thread"),
        ("socket.socket()", "socket"),
        ("select.epoll()", "eventpoll"),
        ("sys.exit(3)", "ends the process"),
    ],
)
def test_what_a_fork_cannot_inherit_is_told_with_its_module(
    host: Host, place: Place, leaves: str, reason: str
) -> None:
    place.install("good", "")
    place.install("bad", f"import select, socket, sys, threading\nkept = {leaves}\n")
    place.install("outer", "import bad\n")
    unsafe = preload(host, "good", "outer", "bad")["unsafe"]
    assert unsafe["module"] == "outer"
    assert reason in unsafe["reason"]


def test_what_is_excluded_is_left_to_the_child(host: Host, place: Place) -> None:
    place.install("bad", "import socket\nkept = socket.socket()\n")
    assert "unsafe" not in preload(host, "bad", "bad.sub", excluded=("bad",))
    body = load(forked(host), place.write("import bad\n" + REPOSITORY))
    assert "bad" in body["imports"]
    assert body["unsafe"] == ["an open socket after import"]


def test_the_project_is_no_part_of_it(host: Host, place: Place, tmp_path: Path) -> None:
    ours = tmp_path / "plugins"
    ours.mkdir()
    (ours / "plugin.py").write_text("raise AssertionError('imported in the template')\n")
    (place.site / "ours.pth").write_text(f"{ours}\n")
    place.install(
        "loader",
        f"import sys\nsys.path.append({str(ours)!r})\n"
        "try:\n    import plugin\nexcept ImportError:\n    plugin = None\n",
    )
    (ours / "plugin.py").write_text("")
    unsafe = preload(host, "loader")["unsafe"]
    assert unsafe["module"] == "loader"
    assert "plugin, which is code of the project" in unsafe["reason"]


def test_variables_that_the_code_sets_are_told_and_the_libraries_are_not(
    host: Host, place: Place
) -> None:
    place.install("sets", "import os\nos.environ.setdefault('LIBRARY', '1')\n")
    assert preload(host, "sets")["variables"] == {"sets": ["LIBRARY"]}
    plain = load(forked(host), place.write("import sets\n" + REPOSITORY))
    assert plain["variables"] == []
    own = "import os\nos.environ['THREADS'] = '1'\ndel os.environ['LIBRARY']\n"
    assert load(forked(host), place.write(own + REPOSITORY))["variables"] == ["LIBRARY", "THREADS"]


def test_a_module_of_the_project_that_hides_a_preloaded_one_is_told(
    host: Host, place: Place
) -> None:
    place.install("shared", "")
    preload(host, "shared", "json")
    path = place.write("import shared\n" + REPOSITORY)
    child = forked(host)
    assert load(child, path)["fresh"] == []
    child.ask(Method.SNAPSHOT)
    child.ask(Method.PING)
    touched = {path for _, pairs in child.events for path, digest in pairs if digest is None}
    assert str(place.project / "shared.py") in touched, "a file that comes to hide it is noticed"
    place.write("", "shared.py")
    assert load(forked(host), path)["fresh"] == ["shared.py of the project hides a module"]


def test_the_mark_of_a_fork_can_be_read_in_proc(host: Host, place: Place) -> None:
    preload(host)
    child = forked(host)
    path = place.write("import os\nprint(os.getpid(), os.environ['HOSTLER_OWNER'])\n" + REPOSITORY)
    load(child, path, owner="i:a location of ours/12")
    environ = Path(f"/proc/{child.pid}/environ").read_bytes().split(b"\0")
    assert b"HOSTLER_OWNER=i:a location of ours/12" in environ
    assert not [one for one in environ if one.startswith((b"HOSTLER_ROOM", b"HOSTLER_OWNER=i:t"))]
    printed, _ = child.end()
    assert printed.split(maxsplit=1)[1] == "i:a location of ours/12\n"


def test_the_niceness_is_the_location_s(host: Host, place: Place) -> None:
    preload(host)
    child = forked(host)
    load(child, place.write("import os\nprint(os.nice(0))\n" + REPOSITORY))
    assert child.end()[0] == f"{os.nice(0) + 3}\n"


def test_compiled_code_is_inherited_and_a_changed_file_is_not(host: Host, place: Place) -> None:
    preload(host)
    path = place.write("print('the first')\n" + REPOSITORY)
    assert host.ask(Method.COMPILE, wire.dump([str(path), "/no/such.py"])).code == Status.OK
    first = forked(host)
    load(first, path)
    assert first.end()[0] == "the first\n"
    second = forked(host)
    place.write("print('the other')\n" + REPOSITORY)  # the same size, within the same second
    load(second, path)
    assert second.end()[0] == "the other\n"


@pytest.mark.parametrize("version", INTERPRETERS)
def test_tracebacks_and_source_are_as_without_a_template(place: Place, version: str) -> None:
    path = place.write(
        "import inspect, sys\n"
        "def shown(): return 1\n"
        "print(inspect.getsource(shown).strip(), __file__, __spec__.origin, __spec__.name)\n"
        "print(open(__file__).read().count('\\n') > 5)\n"
        "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n"
        "    print(error.__traceback__.tb_lineno, shown.__code__.co_filename)\n" + REPOSITORY
    )
    printed = []
    for is_template in (False, True):
        with place.start(version) as host:
            child = host
            if is_template:
                preload(host, "inspect")
                host.ask(Method.COMPILE, wire.dump([str(path)]))
                child = forked(host)
            load(child, path)
            printed.append(child.end())
    assert printed[0] == printed[1]
    assert "def shown(): return 1" in printed[0][0]


#: Brings modules that no path has, as six does.
FINDER = """
import sys, types
from importlib.machinery import ModuleSpec

class Finder:
    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, self) if name == "six_like_moves" else None
    def create_module(self, spec):
        return types.ModuleType(spec.name)
    def exec_module(self, module):
        pass

sys.meta_path.append(Finder())
"""


def test_finders_of_libraries_last_from_one_order_to_the_next(host: Host, place: Place) -> None:
    place.install("six_like", FINDER)
    place.install("dear", "import six_like\n")
    place.install("uses", "import six_like_moves\n")
    path = place.write("import dear, uses\n" + REPOSITORY)
    preload(host, "dear", is_last=False)
    preload(host, "uses", is_last=False)
    preload(host, "dear", "six_like", "uses")
    body = load(forked(host), path)
    assert "six_like_moves" not in body["imports"], "the template has it"


def test_an_environ_of_the_codes_own_is_no_change_of_it(host: Host, place: Place) -> None:
    path = place.write("import os\nos.environ = os.environ.copy()\n" + REPOSITORY)
    assert load(host, path)["variables"] == []


def test_only_a_load_that_is_asked_to_announces_what_it_imports(host: Host, place: Place) -> None:
    place.install("dear", "")
    place.install("later", "")
    lazily = "import dear\n" + REPOSITORY.replace("    return 1", "    import later\n    return 1")
    path = place.write(lazily)
    order = {
        "location": "here",
        "announces": True,
        "target": {
            "kind": "python_file",
            "value": str(path),
            "attribute": None,
            "working_directory": str(path.parent),
        },
    }
    assert host.ask(Method.LOAD, wire.dump(order)).code == Status.OK
    worker = forked(host)
    run = {
        "run": "1",
        "repository": "repo",
        "pipeline": "works",
        "config": {},
        "tags": {},
        "max_concurrency": 2,
    }
    answer = worker.ask(Method.RUN, wire.dump(run))
    assert answer.json() == {"failure": None}
    told = [value["module"] for code, value in host.events if code == wire.Event.IMPORTING]
    assert told == ["dear"]
    assert all(code != wire.Event.IMPORTING for code, _ in worker.events)


@pytest.mark.parametrize(
    ("leaves", "reason"),
    [
        ("kept = random.Random()", "random.Random"),
        ("class Kept:\n    its = random.Random(7)", "random.Random"),
        ("random.seed(7)", "random"),
        ("open(os.devnull); random.SystemRandom()", ""),
        ("import tempfile; tempfile.mktemp()", ""),
        ("os.pipe()", "pipe"),
        ("import mmap; kept = mmap.mmap(-1, 4096)", "shares memory"),
        ("import subprocess; kept = subprocess.Popen(['/bin/sleep', '9'])", "starts a process"),
        ("kept = open(__file__ + '.log', 'w')", "file"),
        ("kept = open(__file__)", ""),
    ],
)
def test_what_a_module_leaves_keeps_it_out_of_the_template(
    host: Host, place: Place, leaves: str, reason: str
) -> None:
    place.install("dear", f"import os, random, sys\n{leaves}\n")
    place.install("near", "")
    unsafe = preload(host, "near", "dear").get("unsafe")
    if reason:
        assert unsafe is not None
        assert (unsafe["module"], reason in unsafe["reason"]) == ("dear", True), unsafe
    else:
        assert unsafe is None


SCRATCH = """\
import atexit, os, shutil, tempfile, weakref
kept = tempfile.TemporaryDirectory(dir=os.environ["SCRATCH"])
name = tempfile.mkdtemp(dir=os.environ["SCRATCH"])
atexit.register(shutil.rmtree, name)
others = [tempfile.mkdtemp(dir=os.environ["SCRATCH"])]


def end():
    while others:
        shutil.rmtree(others.pop())


atexit.register(end)


def use():
    others.append(tempfile.mkdtemp(dir=os.environ["SCRATCH"]))
    open(os.path.join(others[-1], "made"), "w").close()
    open(os.path.join(others[0], "made"), "a").close()
"""


def test_a_template_removes_what_its_modules_have_made_and_its_forks_do_not(
    host: Host, place: Place, tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    place.install("dear", f"import os\nos.environ['SCRATCH'] = {str(scratch)!r}\n{SCRATCH}")
    assert "unsafe" not in preload(host, "dear")
    child = forked(host)
    used = REPOSITORY.replace("    return 1", "    import dear\n    dear.use()")
    load(child, place.write("import dear\n" + used))
    run = child.fork("i:run")
    run.hello()
    order = {"run": "r", "repository": "repo", "pipeline": "works", "config": {}, "tags": {}}
    assert run.ask(Method.RUN, wire.dump({**order, "max_concurrency": 1})).code == Status.OK
    run.end()
    child.end()
    assert len(list(scratch.iterdir())) == 3
    host.end()
    assert not list(scratch.iterdir())
