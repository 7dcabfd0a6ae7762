"""Problems of the workspace files."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hostler.v1.workspace_pb2 import WorkspaceProblem

#: Follows the problems of the workspace files.
LAST_VALID_SERVES = "the last valid workspace goes on until that is mended"


def problem_text(problem: WorkspaceProblem) -> str:
    """Returns what is wrong with a workspace file, and where."""
    place = f":{problem.line}:{problem.column}" if problem.line else ""
    return f"{problem.file}{place}: {problem.message}"
