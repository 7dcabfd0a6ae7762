"""The kinds of failed loads, and whether a retry can help."""

from __future__ import annotations

import json

import pytest
from google.protobuf import json_format

from hostler.host.errors import MAX_CAUSES, TargetError, describe_failure, exception_info
from hostler.v1.definitions_pb2 import ExceptionInfo

DefinitionError = type(
    "DefinitionError", (Exception,), {"__module__": "hostler.definitions.errors"}
)
PipelineError = type("PipelineError", (DefinitionError,), {"__module__": "hostler.definitions"})
Namesake = type("DefinitionError", (Exception,), {"__module__": "etl.errors"})


@pytest.mark.parametrize(
    ("error", "kind", "permanent", "message"),
    [
        (TargetError("cannot find x"), "TARGET", True, "cannot find x"),
        (DefinitionError("two solids of one name"), "DEFINITION", True, "two solids of one name"),
        (PipelineError("a cycle"), "DEFINITION", True, "a cycle"),
        (Namesake("mine"), "IMPORT", False, "etl.errors.DefinitionError: mine"),
        (
            NameError("name 'x' is not defined"),
            "IMPORT",
            False,
            "NameError: name 'x' is not defined",
        ),
        (ModuleNotFoundError("No module named 'x'"), "IMPORT", False, "No module named 'x'"),
        (OSError("the network is down"), "IMPORT", False, "OSError: the network is down"),
        (IndentationError("unexpected indent"), "IMPORT", True, "unexpected indent"),
        (SystemExit(3), "IMPORT", False, "sys.exit(3) was called while the code was imported"),
        (KeyboardInterrupt(), "IMPORT", False, "KeyboardInterrupt"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_what_it_is_called(error: BaseException, kind: str, permanent: bool, message: str) -> None:
    body = describe_failure(error)
    assert (body["kind"], body["permanent"]) == (kind, permanent)
    assert message in body["message"]
    assert "\n" not in body["message"]
    assert json.loads(json.dumps(body)) == body


def test_the_place_of_a_syntax_error_is_its_own() -> None:
    with pytest.raises(SyntaxError) as caught:
        compile("x = (\n", "/project/helper.py", "exec")
    assert describe_failure(caught.value)["source"] == {"file": "/project/helper.py", "line": 1}


def test_an_exception_that_was_never_raised_has_no_place() -> None:
    assert describe_failure(ValueError())["source"] is None
    assert exception_info(ValueError())["traceback"] == "ValueError\n"


def caused(error: BaseException, cause: BaseException) -> BaseException:
    """Returns the error that `raise error from cause` raises."""
    error.__cause__ = cause
    return error


def causes(error: BaseException) -> list[str]:
    """Returns the messages of the errors that led to one, the nearest first."""
    found = []
    info = exception_info(error).get("cause")
    while info is not None:
        assert set(info) <= {"type", "message", "cause"}
        found.append(info["message"])
        info = info.get("cause")
    return found


def test_causes_are_told() -> None:
    error = caused(ValueError("top"), caused(KeyError(1), OSError("deep")))
    assert exception_info(error)["cause"] == {
        "type": "KeyError",
        "message": "1",
        "cause": {"type": "OSError", "message": "deep"},
    }
    assert "cause" not in exception_info(ValueError("alone"))
    message = json_format.ParseDict(exception_info(error), ExceptionInfo())
    assert message.cause.cause.message == "deep"


def test_what_was_being_handled_is_a_cause_unless_it_is_suppressed() -> None:
    error = ValueError("top")
    error.__context__ = OSError("handled")
    assert causes(error) == ["handled"]
    error.__suppress_context__ = True
    assert causes(error) == []


def test_a_loop_of_causes_and_a_long_chain_end() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert causes(one) == ["other"]
    chain: BaseException = ValueError("0")
    for number in range(1, 1000):
        chain = caused(ValueError(str(number)), chain)
    assert causes(chain) == [str(998 - number) for number in range(MAX_CAUSES)]
