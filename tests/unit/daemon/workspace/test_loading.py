"""What valid workspace files give."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent

import pytest

from hostler.daemon.workspace.loading import load_workspace
from hostler.daemon.workspace.text.models import (
    Health,
    Limits,
    LocationSpec,
    Position,
    Target,
    Workspace,
)
from hostler.daemon.workspace.text.problems import WorkspaceError

ENVIRON = {"HOME": "/home/ada", "PATH": "/nowhere"}


def load(folder: Path, text: str, environ: dict[str, str] | None = None) -> Workspace:
    file = folder / "workspace.yaml"
    file.write_text(dedent(text))
    return load_workspace([file], ENVIRON if environ is None else environ)


def one(folder: Path, text: str, environ: dict[str, str] | None = None) -> LocationSpec:
    (location,) = load(folder, text, environ).locations
    return location


def test_a_short_file_gets_every_default(tmp_path: Path) -> None:
    workspace = load(tmp_path, "load_from:\n  - python_file: jobs/repos.py\n")

    file = str(tmp_path / "workspace.yaml")
    assert workspace == Workspace(
        files=(file,),
        locations=(
            LocationSpec(
                name="repos.py",
                target=Target("python_file", f"{tmp_path}/jobs/repos.py", None, f"{tmp_path}/jobs"),
                source=Position("elsewhere", 1, 1),
            ),
        ),
        inputs=(file,),
    )
    location = workspace.locations[0]
    assert location.source == Position(file, 2, 5)
    assert location.executable is None
    assert (location.reload, location.fork, location.load_timeout) == (True, "auto", 60.0)
    assert location.health == Health(10.0, 3.0, 3)
    assert location.limits == Limits(None, None)


def test_every_key_of_a_location_is_read(tmp_path: Path) -> None:
    location = one(
        tmp_path,
        """
        load_from:
          - python_environment:
              executable_path: .venv/bin/python
              target:
                python_module:
                  module_name: company.jobs
                  attribute: repo
                  working_directory: ../src
                  location_name: jobs
              env: {B: yes, A: 010, C: x}
              watch: ["b/**/*.sql", ~/a.csv]
              reload: false
              fork: never
              health: {interval: 1, timeout: 0.5, failures: 2}
              limits: {memory: 1.5 GiB, nice: -5}
              load_timeout: 0
        """,
    )

    assert location == LocationSpec(
        name="jobs",
        target=Target("python_module", "company.jobs", "repo", str(tmp_path.parent / "src")),
        source=location.source,
        executable=f"{tmp_path}/.venv/bin/python",
        env=(("A", "010"), ("B", "yes"), ("C", "x")),
        watch=tuple(sorted([f"{tmp_path}/b/**/*.sql", "/home/ada/a.csv"])),
        reload=False,
        fork="never",
        health=Health(1.0, 0.5, 2),
        limits=Limits(3 * 2**29, -5),
        load_timeout=0.0,
    )


@pytest.mark.parametrize(
    ("entry", "name", "directory"),
    [
        ("python_file: a/b.py", "b.py", "{folder}/a"),
        ("python_file: {relative_path: a/b.py, attribute: r}", "b.py:r", "{folder}/a"),
        ("python_file: {relative_path: a.py, working_directory: /x}", "a.py", "/x"),
        ("python_module: a.b", "a.b", "{folder}"),
        ("python_module: {module_name: a.b, attribute: größe}", "a.b:größe", "{folder}"),
        ("python_package: a", "a", None),
        ("python_package: {package_name: a, working_directory: ~/w}", "a", "/home/ada/w"),
        ("python_package: {package_name: a, location_name: '2024'}", "2024", None),
        ("python_package: {package_name: a, location_name: 2024-01-02}", "2024-01-02", None),
    ],
)
def test_names_and_working_directories(
    tmp_path: Path, entry: str, name: str, directory: str | None
) -> None:
    location = one(tmp_path, f"load_from:\n  - {entry}\n")

    assert location.name == name
    expected = directory and directory.format(folder=tmp_path)
    assert location.target.working_directory == expected


def test_an_environment_and_its_direct_form_are_the_same(tmp_path: Path) -> None:
    nested = one(
        tmp_path,
        """
        load_from:
          - python_environment:
              executable_path: /v/bin/python
              target: {python_file: a.py}
        """,
    )
    direct = one(
        tmp_path,
        "load_from: [{python_file: {relative_path: a.py, executable_path: /v/bin/python}}]",
    )
    assert nested == direct


def test_an_executable_keeps_its_symlink(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    link = tmp_path / "bin" / "python"
    link.symlink_to(sys.executable)
    location = one(
        tmp_path,
        "load_from: [{python_package: {package_name: a, executable_path: bin/python}}]",
    )
    assert location.executable == str(link)


def test_a_bare_executable_is_looked_up_in_the_folder_then_on_path(tmp_path: Path) -> None:
    on_path = tmp_path / "path"
    on_path.mkdir()
    program = on_path / "python-of-test"
    program.touch(mode=0o755)
    text = "load_from: [{python_package: {package_name: a, executable_path: python-of-test}}]"
    environ = {"PATH": f"/nowhere:{on_path}"}

    assert one(tmp_path, text, environ).executable == str(program)

    here = tmp_path / "python-of-test"
    assert one(tmp_path, text, {"PATH": "/nowhere"}).executable == str(here)
    here.touch()
    assert one(tmp_path, text, environ).executable == str(here)


def test_a_variable_stands_for_any_scalar(tmp_path: Path) -> None:
    location = one(
        tmp_path,
        """
        load_from:
          - python_file:
              relative_path: {env: FILE}
              reload: {env: RELOAD}
              env: {env: {env: FILE}}
              limits: {memory: {env: MEMORY}, nice: {env: NICE}}
              load_timeout: {env: TIMEOUT}
        """,
        {"FILE": "~/a.py", "RELOAD": "no", "MEMORY": "1GiB", "NICE": "3", "TIMEOUT": "1.5"}
        | ENVIRON,
    )
    assert location.target.value == "/home/ada/a.py"
    assert location.reload is False
    assert location.env == (("env", "~/a.py"),)
    assert location.limits == Limits(2**30, 3)
    assert location.load_timeout == 1.5


def test_a_variable_stands_for_a_whole_target(tmp_path: Path) -> None:
    location = one(tmp_path, "load_from: [{python_file: {env: FILE}}]", {"FILE": "a.py"})
    assert location.target.value == f"{tmp_path}/a.py"


def test_a_home_without_the_variable_is_the_users(tmp_path: Path) -> None:
    location = one(tmp_path, "load_from: [{python_file: ~root/a.py}]", {})
    assert location.target.value == f"{Path('~root').expanduser()}/a.py"


def test_the_folder_of_a_glob_is_taken_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "[a]*"
    folder.mkdir()
    (folder / "x.sql").touch()
    location = one(folder, "load_from: [{python_package: {package_name: a, watch: '*.sql'}}]")
    (pattern,) = location.watch
    root = Path("/")
    assert list(root.glob(pattern.removeprefix("/"))) == [folder / "x.sql"]


def test_env_files_are_merged_under_env(tmp_path: Path) -> None:
    (tmp_path / "first.env").write_text("A=first\nB=first\nC=first\n")
    (tmp_path / "second.env").write_text("B=second\nC=second\n")
    workspace = load(
        tmp_path,
        """
        load_from:
          - python_file:
              relative_path: a.py
              env_file: [first.env, second.env]
              env: {C: own}
          - python_file: {relative_path: b.py, env_file: first.env}
        """,
    )
    first, second = workspace.locations
    assert first.env == (("A", "first"), ("B", "second"), ("C", "own"))
    assert second.env == (("A", "first"), ("B", "first"), ("C", "first"))
    names = ["workspace.yaml", "first.env", "second.env"]
    assert workspace.inputs == tuple(str(tmp_path / name) for name in names)


def test_anchors_aliases_and_merges_are_followed(tmp_path: Path) -> None:
    first, second = load(
        tmp_path,
        """
        load_from:
          - python_file: &common
              relative_path: a.py
              env: &env {A: 1, B: 1}
              health: {interval: 5}
          - python_file:
              <<: *common
              relative_path: b.py
              env: {<<: [{B: 2}, *env], C: 3}
        """,
    ).locations
    assert first.health == second.health == Health(interval=5.0)
    assert second.target.value == f"{tmp_path}/b.py"
    assert second.env == (("A", "1"), ("B", "2"), ("C", "3"))


def test_files_are_joined_in_their_order_and_read_once(tmp_path: Path) -> None:
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("load_from: [{python_file: one.py}]")
    second.write_text("\ufeffload_from: [{python_file: two.py}]", encoding="utf-8")

    workspace = load_workspace([first, second, tmp_path / "x" / ".." / "a.yaml"], {})

    assert [spec.name for spec in workspace.locations] == ["one.py", "two.py"]
    assert workspace.files == (str(first), str(second))


def test_an_empty_list_is_a_workspace_without_locations(tmp_path: Path) -> None:
    assert load(tmp_path, "load_from: []").locations == ()


def test_the_order_of_variables_and_globs_is_no_change(tmp_path: Path) -> None:
    first = one(
        tmp_path,
        "load_from: [{python_file: {relative_path: a, env: {A: 1, B: 2}, watch: [a, b]}}]",
    )
    second = one(
        tmp_path,
        "\n\nload_from: [{python_file: {watch: [b, a, b], env: {B: 2, A: 1}, relative_path: a}}]",
    )
    assert first == second
    assert first.source != second.source


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1048576", 2**20),
        ("1MiB", 2**20),
        ("512MiB", 2**29),
        ("2GiB", 2**31),
        ("2 GB", 2 * 10**9),
        ("1TiB", 2**40),
        ("2048KiB", 2**21),
        ("5000000B", 5_000_000),
    ],
)
def test_sizes(tmp_path: Path, text: str, size: int) -> None:
    location = one(
        tmp_path, f"load_from: [{{python_file: {{relative_path: a, limits: {{memory: {text}}}}}}}]"
    )
    assert location.limits.memory == size


ENV_FILE = r"""
# a comment
PLAIN=a b  # with a comment
  export EXPORTED = x
EMPTY=
HASH=a#b
COMMENTED= # nothing
SINGLE='a $b \n "c"'  # comment
DOUBLE="a\tb\n\"c\" \\ \$"
EQUALS=a=b=c
PLAIN2=größe
"""


def test_the_forms_of_an_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(ENV_FILE.replace("\n", "\r\n"), encoding="utf-8", newline="")
    location = one(tmp_path, "load_from: [{python_file: {relative_path: a, env_file: .env}}]")
    assert dict(location.env) == {
        "PLAIN": "a b",
        "EXPORTED": "x",
        "EMPTY": "",
        "HASH": "a#b",
        "COMMENTED": "",
        "SINGLE": 'a $b \\n "c"',
        "DOUBLE": 'a\tb\n"c" \\ $',
        "EQUALS": "a=b=c",
        "PLAIN2": "größe",
    }


def test_faults_of_an_env_file_show_their_place(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text('A=1\n  what is this\nB=\'open\nC="x" y\n')
    with pytest.raises(WorkspaceError) as caught:
        one(tmp_path, "load_from: [{python_file: {relative_path: a, env_file: .env}}]")

    assert [str(problem) for problem in caught.value.problems] == [
        f"{env_file}:2:3: cannot read this line: expected NAME=value",
        f"{env_file}:3:3: cannot find the closing quote of B on this line; add '",
        f"{env_file}:4:7: cannot read what follows the closing quote; remove it",
    ]
    assert caught.value.inputs == (str(tmp_path / "workspace.yaml"), str(env_file))


def test_a_missing_env_file_is_a_problem_and_an_input(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError) as caught:
        one(tmp_path, "load_from: [{python_file: {relative_path: a, env_file: .env}}]")

    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (1, 56)
    assert problem.message.startswith(f"cannot use the env file {tmp_path}/.env: cannot find")
    assert caught.value.inputs == (str(tmp_path / "workspace.yaml"), str(tmp_path / ".env"))
