"""The advice where the code imports what its environment does not have: what to type, and where."""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder

from hostler.definitions._late import late
from hostler.host import finder, standard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable

#: Distributions that are not named as the module that they bring.
DISTRIBUTIONS = {
    "airflow": "apache-airflow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "Crypto": "pycryptodome",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "faiss": "faiss-cpu",
    "fitz": "PyMuPDF",
    "git": "GitPython",
    "grpc": "grpcio",
    "jose": "python-jose",
    "jwt": "PyJWT",
    "kafka": "kafka-python",
    "magic": "python-magic",
    "markdown": "Markdown",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyOpenSSL",
    "osgeo": "GDAL",
    "PIL": "Pillow",
    "pkg_resources": "setuptools",
    "pptx": "python-pptx",
    "psycopg2": "psycopg2-binary",
    "ruamel": "ruamel.yaml",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "slugify": "python-slugify",
    "umap": "umap-learn",
    "usb": "pyusb",
    "yaml": "PyYAML",
    "zmq": "pyzmq",
}

#: Of namespaces that many distributions share: the distribution is named after the submodule.
_NAMESPACES = {"google": "google-", "azure": "azure-", "snowflake": "snowflake-"}
_NAMESPACED = {
    "google.protobuf": "protobuf",
    "google.api_core": "google-api-core",
    "snowflake.connector": "snowflake-connector-python",
    "snowflake.snowpark": "snowflake-snowpark-python",
}

#: Of the standard library of some versions alone: the distribution that brings it to the others.
_BACKPORTS = {
    "asynchat": "pyasynchat",
    "asyncore": "pyasyncore",
    "cgi": "legacy-cgi",
    "distutils": "setuptools",
    "graphlib": "graphlib-backport",
    "tomllib": "tomli",
    "zoneinfo": "backports.zoneinfo",
}

_DAGSTER = (
    "; hostler does not serve Dagster's own definitions yet, which is planned: "
    "until then, write them with hostler.definitions"
)


def install_hint(missing: str) -> str:
    """Returns what to do about a module that the environment does not have.

    Args:
        missing: the dotted name that was not found.

    Returns:
        A clause that begins with "; ".
    """
    top = missing.partition(".")[0]
    if top == "hostler":
        return "; of hostler, the code of a location has hostler.definitions alone"
    parent = missing.rpartition(".")[0]
    if parent in sys.modules and top not in _NAMESPACES:
        return _no_submodule(parent, missing[len(parent) + 1 :])
    if top in _BACKPORTS:
        backport = _BACKPORTS[top]
        major, minor = sys.version_info[:2]
        return (
            f"; Python {major}.{minor} has no such module in its standard library; take {backport} "
            f"in its place, or another Python: {_command(backport)}"
        )
    if top in standard.names() or top.startswith("_"):
        return f"; {sys.executable} was built without it; take another build of Python"
    near = _did_you_mean(top, filter(_is_own, sys.path))
    dagster = _DAGSTER if top.partition("_")[0] == "dagster" else ""
    where = f"; it is not installed for {sys.executable}"
    return f"{near}{where}; install it there: {_command(_distribution(missing))}{dagster}"


def _no_submodule(parent: str, tail: str) -> str:
    """Returns what to do where a package is there, and lacks a module."""
    folders = list(getattr(sys.modules[parent], "__path__", ()))
    if not folders:
        place = getattr(sys.modules[parent], "__file__", None) or "part of Python"
        return f"; {parent} ({place}) is a module, not a package, and holds no {tail!r}"
    near = _did_you_mean(tail, folders)
    version = "" if near or any(map(_is_own, folders)) else "; another version of it may have one"
    return f"; there is no {tail!r} in {', '.join(folders)}{near}{version}"


def _is_own(folder: str) -> bool:
    return finder.is_user_path(os.path.abspath(folder))


def _did_you_mean(name: str, folders: Iterable[str]) -> str:
    """Returns a clause with the modules in the folders whose names are near; "" for none."""
    stems: set[str] = set()
    for folder in folders:
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        stems.update(os.path.splitext(each)[0] for each in names if not each.startswith((".", "_")))
    near = late("difflib").get_close_matches(name, sorted(stems), n=2)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _distribution(missing: str) -> str:
    parts = missing.split(".")
    if parts[0] in _NAMESPACES and len(parts) > 1:
        known = _NAMESPACED.get(".".join(parts[:2]))
        if known is None and parts[1] == "cloud" and len(parts) > 2:
            return f"google-cloud-{parts[2].replace('_', '-')}"
        return known or _NAMESPACES[parts[0]] + parts[1].replace("_", "-")
    return DISTRIBUTIONS.get(parts[0], parts[0].replace("_", "-"))


def _command(distribution: str) -> str:
    """Returns the command that installs a distribution for this interpreter."""
    executable = _quoted(sys.executable)
    if _is_managed_by_the_system():
        return (
            f"the system keeps its packages, so make an environment with {executable} -m venv "
            f".venv, then .venv/bin/python -m pip install {distribution}, and name "
            ".venv/bin/python as executable_path"
        )
    if _has_line(os.path.join(sys.prefix, "pyvenv.cfg"), "uv = "):
        return f"uv pip install --python {executable} {distribution}"
    install = f"{executable} -m pip install {distribution}"
    if os.path.isdir(os.path.join(sys.prefix, "conda-meta")):
        return f"{install} (or conda install -p {_quoted(sys.prefix)} {distribution})"
    if PathFinder.find_spec("pip") is None:
        return f"{executable} -m ensurepip && {install}"
    return install


def _is_managed_by_the_system() -> bool:
    library = os.path.dirname(os.path.abspath(os.__file__))
    mark = os.path.join(library, "EXTERNALLY-MANAGED")
    return sys.prefix == sys.base_prefix and os.path.exists(mark)


def _has_line(path: str, start: str) -> bool:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return any(line.startswith(start) for line in file)
    except OSError:
        return False


def _quoted(path: str) -> str:
    is_plain = all(char.isalnum() or char in "/._-+@%:" for char in path)
    return path if is_plain else "'" + path.replace("'", "'\"'\"'") + "'"
