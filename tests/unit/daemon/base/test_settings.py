from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from hostler.daemon.base import settings
from hostler.daemon.base.settings import SettingError, Settings, unknown_variables

DOCS = Path(__file__).parents[4] / "docs" / "settings.md"


def test_the_page_and_the_class_agree() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (.+?) \| `(\w+)` \| (.+) \|$", DOCS.read_text(), re.MULTILINE
    )
    assert [row[0] for row in rows] == [field.name for field in fields(Settings)]
    defaults = Settings()
    for name, default, variable, why in rows:
        assert variable == f"HOSTLER_{name.upper()}"
        assert why
        if name == "parallel_starts":
            assert default == "number of cores"
        elif isinstance(getattr(defaults, name), str):
            assert (default, getattr(settings, name.upper())) == ("none", getattr(defaults, name))
        elif name.endswith("_mode"):
            assert int(default, 8) == getattr(settings, name.upper()) == getattr(defaults, name)
        else:
            assert float(default) == getattr(defaults, name)
            assert getattr(settings, name.upper()) == getattr(defaults, name)


def test_the_environment_overrides() -> None:
    found = Settings.from_environment(
        {
            "HOSTLER_DRAIN": "2.5",
            "HOSTLER_LOG_FILES": "3",
            "HOSTLER_LOG_BYTES": "1_000",
            "DRAIN": "9",
        }
    )
    assert found == Settings(drain=2.5, log_files=3, log_bytes=1000)
    assert type(found.log_files) is int


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("DRAIN", "soon", "expected a number, such as 30"),
        ("DRAIN", "-1", "expected a number of at least 0"),
        ("DRAIN", "nan", "expected a number of at least 0"),
        ("DRAIN", "inf", "expected a number of at least 0"),
        ("LOG_FILES", "2.5", "expected a whole number, such as 10"),
        ("LOG_FILES", "0", "expected a number of at least 1"),
        ("NO_RESTART_CODE", "256", "expected a number from 1 to 255"),
        ("RESTART_JITTER", "2", "expected a number from 0 to 1"),
        ("SWEEP", "0", "expected a number of at least 0.1"),
        ("DRAIN", "", "expected a number, such as 30"),
        ("RUN_SYNCHRONOUS", "4", "expected a number from 0 to 3"),
        ("RUN_LIMIT_TAGS", "team", "expected KEY=VALUE:N or KEY:N, found 'team'"),
        ("SOCKET_MODE", "rw", "expected a mode in octal, such as 0660"),
        ("SOCKET_MODE", "0960", "expected a mode in octal, such as 0660"),
        (
            "SOCKET_MODE",
            "2660",
            "expected a mode from 0600 to 0777 that its owner may read and write",
        ),
        (
            "READ_SOCKET_MODE",
            "0060",
            "expected a mode from 0600 to 0777 that its owner may read and write",
        ),
        ("READ_SOCKET", "r.sock", "expected an absolute path, such as /run/hostlerd/read.sock"),
        ("RUN_LIMIT_TAGS", "team:0", "expected a limit of at least 1, found 'team:0'"),
    ],
)
def test_a_value_that_cannot_be_used(name: str, text: str, expected: str) -> None:
    with pytest.raises(SettingError) as caught:
        Settings.from_environment({f"HOSTLER_{name}": text})
    assert str(caught.value) == f"cannot use HOSTLER_{name}={text!r}: {expected}"


def test_variables_that_set_nothing_are_told_with_the_nearest() -> None:
    environ = dict.fromkeys(["HOSTLER_DRIAN", "HOSTLER_ZZZ", "HOSTLER_SOCKET", "HOSTLER_POLL"], "1")
    assert unknown_variables({**environ, "DRIAN": "1"}) == [
        "HOSTLER_DRIAN sets nothing; did you mean HOSTLER_DRAIN?",
        "HOSTLER_ZZZ sets nothing; docs/settings.md has all there are",
    ]


def test_all_problems_at_once() -> None:
    with pytest.raises(SettingError) as caught:
        Settings.from_environment({"HOSTLER_DRAIN": "x", "HOSTLER_POLL": "y"})
    assert str(caught.value).count("cannot use") == 2
