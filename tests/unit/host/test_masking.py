"""Values of the environment are masked wherever a run would show them."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.host.executing import executed

from hostler.definitions import SolidContext, pipeline, solid
from hostler.host.masking import SHORTEST, Mask

SECRET = "hunter2 'quoted' \\ end"
LONG = "k" * 300


@solid(config_schema={"password": str, "key": str, "fails": bool})
def connect(context: SolidContext) -> list[Any]:
    context.log.info("with %s", context.config["password"])
    print("printed", context.config["password"])  # noqa: T201 (what a run prints is shown, too)
    if context.config["fails"]:
        raise ValueError(f"no access with {context.config['password']}")
    return [context.config["password"], context.config["key"]]


@pipeline
def connecting() -> None:
    connect()


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_that_a_run_tells_holds_a_value(
    fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSWORD", SECRET)
    monkeypatch.setenv("KEY", LONG)
    printed = io.StringIO()
    monkeypatch.setattr(sys, "stdout", _Stream(printed))
    config = {"password": {"env": "PASSWORD"}, "key": {"env": "KEY"}, "fails": fails}
    result, events = executed(connecting, {"solids": {"connect": {"config": config}}})
    assert result.succeeded is not fails
    told = json.dumps([events, result.exception]) + printed.getvalue()
    for value in (SECRET, repr(SECRET)[1:-1], "hunter2", LONG, "kkkkk"):
        assert value not in told
    assert "with {env: PASSWORD}" in told
    assert printed.getvalue() == "printed {env: PASSWORD}\n"
    if not fails:
        (preview,) = [data["preview"] for name, _, data in events if name == "step_output"]
        assert "{env: PASSWORD}" in preview
        assert "{env: KEY}..." in preview


class _Stream:
    """Stands for sys.stdout: its attributes can be set, as those of a TextIOWrapper can."""

    def __init__(self, text: io.StringIO) -> None:
        self.write = text.write
        self.flush = text.flush


def test_short_values_and_longer_ones_within_each_other() -> None:
    mask = Mask({"A": "eu", "B": "token", "C": "token-2"})
    assert mask.text("eu token token-2") == "eu {env: B} {env: C}"
    assert not Mask({"A": "x" * (SHORTEST - 1)}).is_needed


def test_each_line_of_a_value_is_masked() -> None:
    mask = Mask({"KEY": "-----BEGIN\nabcdef\n"})
    assert mask.text("line abcdef") == "line {env: KEY}"


@given(st.text(), st.text(min_size=SHORTEST), st.text())
def test_no_text_holds_a_value(before: str, value: str, after: str) -> None:
    mask = Mask({"V": value})
    shown = mask.text(before + value + after)
    if len(value.strip()) >= SHORTEST and value not in "{env: V}":
        assert value not in shown.replace("{env: V}", "\0")
