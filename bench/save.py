"""From a save to the new answer."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

from bench.daemon import (
    Workspace,
    all_ready,
    await_location,
    hostlerd,
    milliseconds,
    python,
    source,
    workspace,
)
from bench.figures import Report, alternate, ratio
from hostler.client import Client

ROUNDS = 15
RUNTIME = Path(__file__).parent.parent / "location"


def run() -> Report:
    """A save of a stdlib location, the watcher included, against an import of the same file."""
    with tempfile.TemporaryDirectory(prefix="hostler-bench-") as folder:
        of = workspace(Path(folder), {"location.py": source(5)})
        with hostlerd(of), Client(of.socket) as client:
            all_ready(client, of)
            versions = itertools.count(1)
            figures = alternate(
                {
                    "save to new answer": lambda: milliseconds(
                        lambda: _save(of, client, f"version_{next(versions)}")
                    ),
                    "fresh interpreter imports it": lambda: milliseconds(
                        lambda: python("-c", "import location", cwd=of.folder, path=RUNTIME)
                    ),
                },
                ROUNDS,
                "ms",
            )
    saved, imported = figures.values()
    return Report(
        "save",
        "a saved file's new definitions over gRPC, against a fresh import of the file",
        (saved, imported, ratio("save / import", saved, imported)),
    )


def _save(of: Workspace, client: Client, prefix: str) -> None:
    """Writes the file anew and returns when the daemon answers with what it holds."""
    before = client.location("location.py").generation
    of.file("location.py").write_text(source(5, prefix))
    next(await_location(client, lambda location: location.generation > before))
    if prefix not in client.pipelines("location.py")[0].name:
        raise RuntimeError("cannot measure: the new generation has the old definitions")
