"""Whatever a workspace file contains, it is refused with a WorkspaceError."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hostler.daemon.workspace.loading import load_workspace
from hostler.daemon.workspace.text.models import Workspace
from hostler.daemon.workspace.text.problems import WorkspaceError

if TYPE_CHECKING:
    from pathlib import Path


def problems(folder: Path, content: str) -> list[str]:
    file = folder / "workspace.yaml"
    file.write_text(content)
    with pytest.raises(WorkspaceError) as caught:
        load_workspace([file], {})
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


def test_aliases_that_stand_for_too_much_are_refused(tmp_path: Path) -> None:
    levels = "\n".join(
        f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 9)
    )
    text = (
        f"a0: &a0 {{A: 1}}\n{levels}\nload_from: [{{python_file: {{relative_path: a, env: *a8}}}}]"
    )
    assert "cannot read the file: its aliases stand for too many values" in "\n".join(
        problems(tmp_path, text)
    )


def test_a_chain_of_merges_longer_than_the_stack_is_followed(tmp_path: Path) -> None:
    chain = "\n".join(f"a{n}: &a{n} {{<<: *a{n - 1}}}" for n in range(1, 2000))
    use = "load_from: [{python_file: {relative_path: x.py, env: *a1999}}]"
    refused = problems(tmp_path, f"a0: &a0 {{A: [1]}}\n{chain}\n{use}")
    assert refused[1].startswith("workspace.yaml:1:13: cannot read `A`: expected a string")


WORDS = st.sampled_from(
    [
        *("load_from", "python_file", "python_module", "python_package", "python_environment"),
        *("target", "relative_path", "module_name", "package_name", "attribute", "fork", "health"),
        *("working_directory", "location_name", "executable_path", "env", "env_file", "watch"),
        *("reload", "interval", "timeout", "failures", "limits", "memory", "nice", "load_timeout"),
        *("<<", "~", "~root", "~nobody/x", "/dev/null", "/proc/self/mem", ".", "..", "a.b", "a/b"),
        *("yes", "010", "1:30", "1e3", ".inf", "0x1F", "512MiB", "2TB", "auto", "grpc_server"),
    ]
)
SCALARS = st.one_of(
    WORDS, st.text(max_size=20), st.integers(), st.floats(), st.booleans(), st.none(), st.dates()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(WORDS | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=20,
)
DOCUMENTS = st.one_of(
    st.text(),
    st.binary(),
    st.text("ab:-[]{}&*!|>'\"%@`?#, \n\t\\0xUu<=~\x85\u2028\ufeff", max_size=60),
    VALUES.map(lambda value: yaml.safe_dump(value, allow_unicode=True)),
    VALUES.map(lambda value: yaml.safe_dump({"load_from": [value]}, default_flow_style=True)),
    st.lists(st.dictionaries(WORDS, VALUES, min_size=1, max_size=1)).map(
        lambda items: yaml.safe_dump({"load_from": items})
    ),
)


@given(document=DOCUMENTS)
@settings(max_examples=400, deadline=None)
def test_nothing_but_a_workspace_error_is_raised(
    tmp_path_factory: pytest.TempPathFactory, document: str | bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "arbitrary.yaml"
    content = document if isinstance(document, bytes) else document.encode(errors="surrogatepass")
    file.write_bytes(content)
    try:
        result: Workspace | WorkspaceError = load_workspace([file], {})
    except WorkspaceError as error:
        result = error
    if isinstance(result, WorkspaceError):
        assert result.problems
        for problem in result.problems:
            assert problem.message.startswith("cannot ")
            assert str(problem).isprintable()
    assert str(file) in result.inputs


@given(text=st.text())
@settings(max_examples=200, deadline=None)
def test_env_files_never_raise_anything_else(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "arbitrary.env").write_bytes(text.encode(errors="surrogatepass"))
    file = folder / "env.yaml"
    file.write_text("load_from: [{python_file: {relative_path: a, env_file: arbitrary.env}}]")
    try:
        inputs = load_workspace([file], {}).inputs
    except WorkspaceError as error:
        inputs = error.inputs
    assert inputs == (str(file), str(folder / "arbitrary.env"))
