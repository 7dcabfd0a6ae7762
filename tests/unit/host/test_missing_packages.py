"""The advice where the code imports what its environment does not have."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from hostler.host import finder
from hostler.host.missing_packages import install_hint

PIP = f"{sys.executable} -m pip install"


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes a prefix of the interpreter, in which pip is installed."""
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip" / "__init__.py").write_text("")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("missing", "distribution"),
    [
        ("pandas", "pandas"),
        ("pandas.core", "pandas"),
        ("yaml", "PyYAML"),
        ("sklearn.linear_model", "scikit-learn"),
        ("PIL", "Pillow"),
        ("dagster_aws", "dagster-aws"),
        ("google.protobuf", "protobuf"),
        ("google.cloud.storage", "google-cloud-storage"),
        ("azure.storage", "azure-storage"),
        ("snowflake.connector", "snowflake-connector-python"),
    ],
)
def test_a_distribution_is_named(missing: str, distribution: str) -> None:
    hint = install_hint(missing)
    assert f"it is not installed for {sys.executable}" in hint
    assert f"install it there: {PIP} {distribution}" in hint
    assert ("planned" in hint) == missing.startswith("dagster")


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ("_sqlite3", "was built without it"),
        ("tkinter", "was built without it"),
        ("cgi", "another Python"),
        ("hostler.client", "hostler.definitions alone"),
        ("pip.inner", "there is no 'inner' in"),
        ("json.inner", "there is no 'inner' in"),
        ("textwrap.inner", "is a module, not a package, and holds no 'inner'"),
    ],
)
def test_what_no_install_mends(missing: str, expected: str) -> None:
    __import__("pip")
    hint = install_hint(missing)
    assert expected in hint
    assert f"{PIP} {missing}" not in hint


def test_uv(environment: Path) -> None:
    (environment / "pyvenv.cfg").write_text("home = /usr\nuv = 0.4.1\n")
    assert f": uv pip install --python {sys.executable} pandas" in install_hint("pandas")


def test_conda(environment: Path) -> None:
    (environment / "conda-meta").mkdir()
    expected = f": {PIP} pandas (or conda install -p {environment} pandas)"
    assert expected in install_hint("pandas")


def test_without_pip(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    assert f": {sys.executable} -m ensurepip && {PIP} pandas" in install_hint("pandas")


def test_an_interpreter_of_the_system(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (environment / "EXTERNALLY-MANAGED").write_text("")
    monkeypatch.setattr(os, "__file__", str(environment / "os.py"))
    monkeypatch.setattr(sys, "base_prefix", str(environment))
    assert "make an environment with" in install_hint("pandas")
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    assert f": {PIP} pandas" in install_hint("pandas"), "it is a virtual environment"


def test_an_odd_path_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/my envs/it's/python")
    assert """'/my envs/it'"'"'s/python' -m pip install pandas""" in install_hint("pandas")


def test_a_module_of_the_users_own_is_suggested(
    environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (environment / "warehouse.py").write_text("")
    monkeypatch.setattr(finder, "is_user_path", lambda path: path == str(environment))
    assert install_hint("warehuose").startswith("; did you mean warehouse?; it is not installed")
