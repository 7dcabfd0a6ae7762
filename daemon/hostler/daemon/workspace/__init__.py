"""The workspace file: its grammar, its problems, and what a change of it means."""

from hostler.daemon.workspace.changes import Plan, plan
from hostler.daemon.workspace.loading import load_workspace
from hostler.daemon.workspace.models import (
    Health,
    Limits,
    LocationSpec,
    Position,
    Target,
    Workspace,
)
from hostler.daemon.workspace.problems import Problem, WorkspaceError

__all__ = [
    "Health",
    "Limits",
    "LocationSpec",
    "Plan",
    "Position",
    "Problem",
    "Target",
    "Workspace",
    "WorkspaceError",
    "load_workspace",
    "plan",
]
