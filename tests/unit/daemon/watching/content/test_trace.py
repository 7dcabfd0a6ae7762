"""Where paths lead, with links and missing parts on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostler.daemon.watching.content.trace import Tracer

if TYPE_CHECKING:
    from pathlib import Path


def test_a_trace_has_each_link_and_folder(tmp_path: Path) -> None:
    top = tmp_path.resolve()
    (top / "v1" / "pkg").mkdir(parents=True)
    (top / "v1" / "pkg" / "real.py").write_text("")
    (top / "v1" / "pkg" / "mod.py").symlink_to("../pkg/real.py")
    (top / "now").symlink_to("v1")
    trace = Tracer().trace(f"{top}/now/pkg/mod.py")
    assert trace.real == f"{top}/v1/pkg/real.py"
    assert trace.entries == {f"{top}/now", f"{top}/v1/pkg/mod.py", f"{top}/v1/pkg/real.py"}
    assert {str(top), f"{top}/v1", f"{top}/v1/pkg"} <= trace.folders
    assert "/" not in trace.folders


def test_a_trace_of_what_is_missing_ends_at_the_first_gap(tmp_path: Path) -> None:
    top = tmp_path.resolve()
    trace = Tracer().trace(f"{top}/a/b/c.py")
    assert trace.real is None
    assert trace.entries == {f"{top}/a"}
    (top / "a").write_text("a file")
    assert Tracer().trace(f"{top}/a/b/c.py").real is None
    (top / "one").symlink_to("two")
    (top / "two").symlink_to("one")
    looped = Tracer().trace(f"{top}/one/c.py")
    assert looped.real is None
    assert looped.entries == {f"{top}/one", f"{top}/two"}
