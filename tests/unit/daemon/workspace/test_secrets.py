"""No problem of a workspace shows a value of an env file or of a variable, nor a part of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hostler.daemon.workspace.loading import load_workspace
from hostler.daemon.workspace.text.problems import WorkspaceError

SECRET = "hunter2"

#: Env files in which something is wrong; each names its secret, or a part of it, as `hunter2`.
ENV_FILES = {
    "a key over several lines": 'KEY="-----BEGIN\nMIIEhunter2\n-----END"\n',
    "base64 over several lines": 'KEY="-----BEGIN\naHVhunter2==\nhunter2="\n',
    "base64 that is never closed": 'KEY="-----BEGIN\nhunter2="\nhunter2=\'x\n',
    "text behind the closing quote": 'PASSWORD="abc"def-hunter2\n',
    "a quote within single quotes": "PASSWORD='it's hunter2'\n",
    "no closing quote": 'PASSWORD="hunter2\n',
    "no name": "hunter2\n",
    "a name with a space": "PASS WORD=hunter2\n",
    "a colon in place of =": "PASSWORD: hunter2\n",
    "nothing before =": "=hunter2\n",
    "a secret in place of a name": 'sk-hunter2="\n',
    "a zero byte": "PASSWORD=hunter2\0\n",
    "another encoding": b"PASSWORD=hunter2\xfc\n",
    "JSON": '{\n  "PASSWORD": "hunter2"\n}\n',
    "YAML": "PASSWORD: |\n  hunter2\n",
}

#: Keys of a location, in which a value is wrong.
OPTIONS = {
    "a boolean": "reload: {env: S}",
    "a number": "load_timeout: {env: S}",
    "a size": "limits: {memory: {env: S}}",
    "a whole number": "limits: {nice: {env: S}}",
    "a choice": "fork: {env: S}",
    "an attribute": "attribute: {env: SLASHED}",
    "a name": "location_name: {env: SLASHED}",
    "a home": "working_directory: {env: HOME_OF}",
    "an env file": "env_file: {env: S}",
    "an env file's home": "env_file: {env: HOME_OF}",
    "a pattern": "watch: [{env: HOME_OF}]",
    "not UTF-8": "env: {PASSWORD: {env: BROKEN}}",
    "an environment that is a text": "env: PASSWORD=hunter2",
    "an environment that is a list": "env: [PASSWORD=hunter2]",
    "a variable in one word": 'env: {"PASSWORD=hunter2": x}',
    "a zero character": r'env: {PASSWORD: "hunter2\0"}',
    "a surrogate": r'env: {PASSWORD: "hunter2\uD800"}',
    "a tag": "env: {PASSWORD: !hunter2 x}",
    "a standard tag": "env: {PASSWORD: !!hunter2 x}",
    "a tag's handle": "env: {PASSWORD: !hunter2!x y}",
    "an alias": "env: {PASSWORD: *hunter2}",
    "an anchor twice": "env: {PASSWORD: &hunter2 a, OTHER: &hunter2 b, C: *hunter2, D: *x}",
    "a list as a value": "env: {PASSWORD: [hunter2]}",
}

ENVIRON = {
    "S": "hunter2",
    "SLASHED": "hunter2/b",
    "HOME_OF": "~hunter2/x",
    "BROKEN": "hunter2\udc80",
}


def problems(folder: Path, options: str) -> str:
    file = folder / "workspace.yaml"
    text = "load_from:\n  - python_file:\n      relative_path: a.py\n      " + options + "\n"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(WorkspaceError) as caught:
        load_workspace([file], ENVIRON)
    for problem in caught.value.problems:
        assert problem.line > 0
    return str(caught.value)


@pytest.mark.parametrize("content", ENV_FILES.values(), ids=ENV_FILES.keys())
def test_no_problem_of_an_env_file_shows_a_value(tmp_path: Path, content: str | bytes) -> None:
    path = tmp_path / "secrets.env"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    said = problems(tmp_path, "env_file: secrets.env")
    assert SECRET not in said
    assert str(path) in said


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
def test_no_problem_of_a_workspace_shows_a_value_of_a_variable(
    tmp_path: Path, options: str
) -> None:
    assert SECRET not in problems(tmp_path, options)


@pytest.mark.parametrize(
    "content",
    [
        'KEY="-----BEGIN\nMIIE\n-----END"\nA=1\nB="2"3\n',
        'KEY="-----BEGIN\nMI"E\nA=1\nB="2"3\n',
        "KEY='one\n\n#two\nthree' # four\nA=1\nB='2'3\n",
    ],
)
def test_the_lines_of_an_unclosed_value_are_no_problems_of_their_own(
    tmp_path: Path, content: str
) -> None:
    (tmp_path / "secrets.env").write_text(content)
    said = problems(tmp_path, "env_file: secrets.env").splitlines()
    assert len(said) == 2
    assert ":1:5: cannot find the closing quote of KEY on this line" in said[0]
    assert f":{content.count(chr(10))}:6: cannot read what follows the closing quote" in said[1]


def test_a_variable_is_named(tmp_path: Path) -> None:
    said = problems(tmp_path, "load_timeout: {env: S}")
    assert "found the value of the variable `S`; write a plain decimal number" in said


def test_the_repr_of_a_location_has_no_values(tmp_path: Path) -> None:
    file = tmp_path / "workspace.yaml"
    file.write_text("load_from: [{python_file: {relative_path: a.py, env: {PASSWORD: hunter2}}}]")
    assert SECRET not in repr(load_workspace([file], {}))
