"""How exceptions are described, on any interpreter: errors_script.py FOLDER.

Run by test_interpreters.py; see unit.host.checks.
"""

# ruff: noqa: BLE001
# Whatever a check raises is its failure and is printed; it runs on 3.8 as well as on 3.13.

from __future__ import annotations

import json
import sys
from pathlib import Path

from unit.host.checks import run

from hostler.host.errors import MAX_TEXT, describe_failure, exception_info


class BrokenError(Exception):
    def __str__(self) -> str:
        raise SystemExit("no text")


class OddError(Exception):
    __module__ = None  # type: ignore[assignment]  # as careless code sets it


class LoudError(Exception):
    def __str__(self) -> str:
        return "x" * 3 * MAX_TEXT


def caught(code: str, **names: object) -> BaseException:
    try:
        exec(compile(code, "/project/repos.py", "exec"), dict(names))
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def check_types_and_messages(folder: Path) -> None:
    info = exception_info(ValueError("one\ntwo"))
    assert (info["type"], info["message"]) == ("ValueError", "one\ntwo")
    assert info["traceback"] == "ValueError: one\ntwo\n"
    assert (
        exception_info(json.JSONDecodeError("m", "d", 0))["type"] == "json.decoder.JSONDecodeError"
    )
    assert exception_info(OddError())["type"] == "OddError"
    assert describe_failure(ValueError("one\n  two"))["message"] == "ValueError: one two"
    assert describe_failure(KeyError())["message"] == "KeyError"


def check_the_chain(folder: Path) -> None:
    code = "try:\n    1 / 0\nexcept Exception as e:\n    raise ValueError('outer') from e\n"
    text = exception_info(caught(code))["traceback"]
    assert text.index("ZeroDivisionError") < text.index("direct cause") < text.index("outer")
    assert text.count('File "/project/repos.py"') == 2


def check_broken_text(folder: Path) -> None:
    error = caught("raise E()", E=BrokenError)
    assert exception_info(error)["message"] == "<unprintable BrokenError object>"
    assert describe_failure(error)["message"].startswith("__main__.BrokenError")
    assert "/project/repos.py" in exception_info(error)["traceback"]


def check_lone_surrogates(folder: Path) -> None:
    info = exception_info(ValueError("a\udc80b"))
    assert info["message"] == "a\\udc80b"
    json.dumps(info).encode()
    info["traceback"].encode()


def check_size(folder: Path) -> None:
    info = exception_info(caught("raise E()", E=LoudError))
    assert len(info["traceback"].encode()) <= MAX_TEXT
    assert len(info["message"].encode()) <= MAX_TEXT
    assert info["traceback"].startswith("Traceback (most recent call last)")
    assert info["traceback"].endswith("xxx\n")
    assert "bytes left out" in info["traceback"]
    assert len(describe_failure(LoudError())["message"]) <= 500
    emoji = exception_info(ValueError("\U0001f600" * MAX_TEXT))
    assert len(emoji["message"].encode()) <= MAX_TEXT


def check_deep_recursion(folder: Path) -> None:
    info = exception_info(caught("def f():\n    f()\nf()\n"))
    assert info["type"] == "RecursionError"
    assert "repeated" in info["traceback"]


def check_a_very_long_chain(folder: Path) -> None:
    error: BaseException = ValueError(0)
    for number in range(5000):
        later = ValueError(number)
        later.__cause__ = error
        error = later
    info = exception_info(error)
    assert info["traceback"].endswith("ValueError: 4999\n")
    assert describe_failure(error)["permanent"] is False


def check_a_chain_that_is_a_ring(folder: Path) -> None:
    one, two = ValueError("one"), ValueError("two")
    one.__context__, two.__context__ = two, one
    assert "one" in exception_info(one)["traceback"]
    assert describe_failure(one)["permanent"] is False


def check_groups(folder: Path) -> None:
    if sys.version_info >= (3, 11):
        text = exception_info(caught("raise ExceptionGroup('all', [ValueError('part')])"))
        assert "ValueError: part" in text["traceback"]


def check_a_syntax_error_in_the_chain(folder: Path) -> None:
    code = "try:\n    exec('(')\nexcept SyntaxError as e:\n    raise OSError(1) from e"
    body = describe_failure(caught(code))
    assert (body["kind"], body["permanent"]) == ("IMPORT", True)
    suppressed = caught(code.replace("from e", "from None"))
    assert describe_failure(suppressed)["permanent"] is False


def check_the_place_is_the_users(folder: Path) -> None:
    code = "import json\n\ndef f():\n    json.loads('{')\n\nf()\n"
    body = describe_failure(caught(code))
    assert body["source"] == {"file": "/project/repos.py", "line": 4}
    inner = describe_failure(caught("\n\ncompile('(', '<string>', 'exec')"))
    assert inner["source"] == {"file": "/project/repos.py", "line": 3}


if __name__ == "__main__":
    run(globals())
