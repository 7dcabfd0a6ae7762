"""Annotations: lines that GitHub shows beside the code.

See "Workflow commands for GitHub Actions", Setting an error message.
"""

from __future__ import annotations

import os
from pathlib import Path


def annotation(kind: str, message: str, *, title: str, file: str = "", line: int = 0) -> str:
    """Returns the line that makes an annotation.

    Args:
        kind: "error" or "warning".
        message: may have several lines.
        title: stands above it.
        file: what it is about, absolute or relative to the working directory; empty for none.
        line: counted from 1; 0 for none.
    """
    properties = {"file": _in_repository(file), "line": str(line or ""), "title": title}
    listed = ",".join(f"{key}={_property(text)}" for key, text in properties.items() if text)
    return f"::{kind} {listed}::{_escaped(message)}"


def _in_repository(file: str) -> str:
    """Returns a file's path from the root of the checkout, which is what GitHub knows it by."""
    if not file:
        return ""
    root = Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd())
    path = Path.cwd() / file
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
