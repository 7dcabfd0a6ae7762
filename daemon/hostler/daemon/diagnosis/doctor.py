"""Looks at everything and returns the findings; starts no daemon and changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hostler.daemon.base.settings import SettingError, Settings
from hostler.daemon.diagnosis import machine
from hostler.daemon.diagnosis.findings import Finding, ok, problem
from hostler.daemon.diagnosis.interpreters import check_interpreters
from hostler.daemon.workspace.loading import load_workspace
from hostler.daemon.workspace.text.models import LocationSpec
from hostler.daemon.workspace.text.problems import WorkspaceError
from hostler.rpc.address import cache_directory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def diagnose(
    files: Sequence[Path], socket: Path, state: Path, logs: Path, environ: Mapping[str, str]
) -> Iterator[Finding]:
    """Yields the findings, the workspace's first.

    Args:
        files: the workspace files.
        socket: where the daemon would serve.
        state: the state folder.
        logs: the folder of what locations print.
    """
    settings = Settings()
    try:
        settings = Settings.from_environment(environ)
    except SettingError as error:
        for line in str(error).splitlines():
            yield problem("settings", line, "set another value, see docs/settings.md")
    specs: Sequence[LocationSpec] = ()
    try:
        specs = load_workspace(files, environ).locations
    except WorkspaceError as error:
        for each in error.problems:
            yield problem(
                "workspace", str(each), "mend the file; `hostler check` loads what it names"
            )
    else:
        yield ok("workspace", f"{', '.join(map(str, files))}: {len(specs)} locations")
    yield from check_interpreters(specs)
    yield machine.check_socket(socket)
    for what, folder in (
        ("state", state),
        ("logs", logs),
        ("cache", cache_directory(environ)),
    ):
        yield machine.check_folder(what, folder)
    yield machine.check_disk(state, settings, len(specs))
    yield machine.check_descriptors(len(specs), settings.run_limit)
    yield from machine.check_inotify(_roots(specs))
    yield machine.check_memory()
    yield from machine.check_clock(state)


def _roots(specs: Sequence[LocationSpec]) -> Iterator[str]:
    """Yields the folders of the projects."""
    for spec in specs:
        target = spec.target
        if target.kind == "python_file":
            yield str(Path(target.value).parent)
        if target.working_directory:
            yield target.working_directory
        yield str(Path(spec.source.file).absolute().parent)
