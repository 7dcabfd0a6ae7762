"""Failures of the user's code, described as JSON for the wire.

No function here raises: an exception with a broken `__str__`, a chain that is too deep and a text
with lone surrogates are described as well.
"""

from __future__ import annotations

import os
import sys
from itertools import islice

from hostler.definitions._late import InPlace, late
from hostler.host import finder
from hostler.host.own_package import missing_module_hint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from traceback import FrameSummary, TracebackException
    from typing import Any, Iterator

#: Of a traceback or a message: what is above it is cut out of the middle.
MAX_TEXT = 100_000

#: Of the one line that a list of locations shows.
MAX_LINE = 500

#: Of what led to an exception: a longer chain is a loop of the user's code, and says no more.
MAX_CAUSES = 10

_HOST = os.path.dirname(os.path.abspath(__file__)) + os.sep
_DEFINITIONS = os.path.join(os.path.dirname(_HOST[:-1]), "definitions") + os.sep
_IMPORTLIB = os.path.join(os.path.dirname(os.path.abspath(os.__file__)), "importlib") + os.sep


class TargetError(Exception):
    """Raised where the target cannot be used: it is missing, of the wrong type, or badly named."""


class RemoteStepError(Exception):
    """Carries the `exception_info` of what a step has raised in a process of its own."""

    def __init__(self, info: dict[str, Any]) -> None:
        super().__init__(info["type"], info["message"])
        self.info = info


def exception_info(exc: BaseException) -> dict[str, Any]:
    """Describes an exception as JSON: {"type", "message", "traceback"} and, where something led to
    it, "cause": {"type", "message"}, with a cause of its own in turn, up to MAX_CAUSES.

    The type is qualified unless it is a builtin. The traceback is what Python prints, with causes
    and contexts, but without the frames of hostler and of the import system that lead to the
    user's code, or from it to a complaint of hostler's. Message and traceback are cut to MAX_TEXT,
    keeping head and tail.
    """
    if isinstance(exc, RemoteStepError):
        return exc.info
    name, message = _type_name(type(exc)), _text_of(exc)
    try:
        text = _traceback_text(exc)
    except BaseException:  # noqa: BLE001  # the user's exception may break whatever prints it
        text = f"{name}: {message}\n"
    info: dict[str, Any] = {
        "type": name,
        "message": _cut_to_fit(message),
        "traceback": _cut_to_fit(text),
    }
    told = info
    for cause in islice(_chain(exc), 1, 1 + MAX_CAUSES):
        described: dict[str, Any] = {
            "type": _type_name(type(cause)),
            "message": _cut_to_fit(_text_of(cause)),
        }
        told["cause"] = described
        told = described
    return info


def describe_failure(exc: BaseException) -> dict[str, Any]:
    """Describes as JSON why a load failed, for the body of an answer with Status.ERROR.

    - "kind": "TARGET" (the target cannot be used), "DEFINITION" (what the user's code defines is
      invalid) or "IMPORT" (anything else that the user's code raised)
    - "permanent": only an edit can mend it, so trying again is of no use
    - "message": one line
    - "exception": see `exception_info`
    - "source": {"file", "line"} of the innermost frame of the user's code, or of what a SyntaxError
      complains about; None where no code of the user's had a part in it
    """
    info = exception_info(exc)
    source = _source(exc)
    message = info["message"] or info["type"]
    relative = _is_parentless_import(exc)
    if isinstance(exc, TargetError):
        kind = "TARGET"
    elif _is_definition_error(exc):
        kind = "DEFINITION"
    else:
        kind = "IMPORT"
        text = info["message"]
        if isinstance(exc, SyntaxError) and source is not None:
            text = exc.msg  # str() repeats the file and the line that `source` has
        message = f"{info['type']}: {text}" if text else info["type"]
        if relative:
            message = _relative_import_message(source)
        elif isinstance(exc, ModuleNotFoundError):
            message += missing_module_hint(exc.name, source) or _install_hint(exc.name)
        elif isinstance(exc, SystemExit):
            message = (
                f"sys.exit({exc.code!r}) was called while the code was imported; "
                'move the call under `if __name__ == "__main__":`'
            )
    permanent = kind != "IMPORT" or relative or any(isinstance(e, SyntaxError) for e in _chain(exc))
    return {
        "kind": kind,
        "permanent": permanent,
        "message": _one_line(message),
        # the message of a TargetError says everything
        "exception": None if kind == "TARGET" else info,
        "source": source,
    }


def _install_hint(missing: str | None) -> str:
    from hostler.host.missing_packages import install_hint  # seldom needed

    return install_hint(missing) if missing else ""


def _type_name(cls: type) -> str:
    module = getattr(cls, "__module__", None)
    if not isinstance(module, str) or module == "builtins":
        return cls.__qualname__
    return f"{module}.{cls.__qualname__}"


def _text_of(exc: BaseException) -> str:
    try:
        return str(exc)
    except BaseException:  # noqa: BLE001  # __str__ is the user's code
        return f"<unprintable {type(exc).__name__} object>"


def _traceback_text(exc: BaseException) -> str:
    with InPlace():
        # loaded only where something has gone wrong
        described = late("traceback").TracebackException(type(exc), exc, exc.__traceback__)
        _drop_own_frames(described, exc, set())
        lines = "".join(described.format()).split("\n")
    return "\n".join(
        line
        for line, following in zip(lines, [*lines[1:], ""])
        if line != "Traceback (most recent call last):" or following.startswith(" ")
    )


def _drop_own_frames(
    described: TracebackException, exc: BaseException | None, seen: set[int]
) -> None:
    if id(described) in seen:
        return
    seen.add(id(described))
    described.stack[:] = _users_frames(described.stack, is_complaint=_is_ours(exc))
    others = [
        (described.__cause__, getattr(exc, "__cause__", None)),
        (described.__context__, getattr(exc, "__context__", None)),
        # of an ExceptionGroup, 3.11 and later
        *zip(getattr(described, "exceptions", None) or (), getattr(exc, "exceptions", ())),
    ]
    for other, its_exc in others:
        if other is not None:
            _drop_own_frames(other, its_exc, seen)


def _is_ours(exc: BaseException | None) -> bool:
    return str(getattr(type(exc), "__module__", "")).startswith("hostler.")


def _users_frames(stack: list[FrameSummary], *, is_complaint: bool) -> list[FrameSummary]:
    """Drops the import system's frames in front of the user's, and those beside frames of hostler.

    Where a fault of the definitions' own ends the stack, and no complaint, their frames stay.
    """
    kept: list[FrameSummary] = []
    run: list[FrameSummary] = []
    for frame in stack:
        if _is_machinery(frame.filename):
            run.append(frame)
            continue
        kept += _own_left_out(run) if kept else []
        kept.append(frame)
        run = []
    own = (_HOST, _DEFINITIONS) if is_complaint else (_HOST,)
    return kept + _own_left_out(run, own) if kept else []


def _own_left_out(
    run: list[FrameSummary], own: tuple[str, ...] = (_HOST, _DEFINITIONS)
) -> list[FrameSummary]:
    return [] if any(frame.filename.startswith(own) for frame in run) else run


def _is_machinery(filename: str) -> bool:
    return filename.startswith((_HOST, _DEFINITIONS, _IMPORTLIB, "<frozen importlib"))


def _cut_to_fit(text: str) -> str:
    # Lone surrogates would be refused by protobuf, far from here.
    raw = text.encode("utf-8", "backslashreplace")
    if len(raw) > MAX_TEXT:
        half = MAX_TEXT // 2 - 50
        note = f"\n... {len(raw) - 2 * half} bytes left out ...\n".encode()
        raw = raw[:half] + note + raw[-half:]
    return raw.decode("utf-8", "ignore")  # a cut may have halved a character


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_LINE else line[: MAX_LINE - 3] + "..."


def _chain(exc: BaseException) -> Iterator[BaseException]:
    """Yields the exception and what led to it, as a traceback shows them."""
    seen: set[int] = set()
    current: BaseException | None = exc
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        cause = current.__cause__
        if cause is None and not current.__suppress_context__:
            cause = current.__context__
        current = cause


def _is_definition_error(exc: BaseException) -> bool:
    # By name, so that this module need not import the definitions; what raises one has.
    return any(
        cls.__name__ == "DefinitionError" and cls.__module__.startswith("hostler.definitions")
        for cls in type(exc).__mro__
    )


def _source(exc: BaseException) -> dict[str, object] | None:
    if isinstance(exc, SyntaxError) and exc.filename and finder.is_user_path(exc.filename):
        return {"file": exc.filename, "line": exc.lineno or 1}
    found = None
    traceback = exc.__traceback__
    while traceback is not None:
        filename = traceback.tb_frame.f_code.co_filename
        if finder.is_user_path(filename):
            found = {"file": filename, "line": traceback.tb_lineno}
        traceback = traceback.tb_next
    if found is None and _is_definition_error(exc):
        place = getattr(exc, "source", None)
        if place is not None and finder.is_user_path(place.file):
            return {"file": place.file, "line": place.line}
    return found


def _is_parentless_import(exc: BaseException) -> bool:
    return isinstance(exc, ImportError) and "relative import with no known parent" in _text_of(exc)


def _relative_import_message(source: dict[str, object] | None) -> str:
    path = str(source["file"]) if source else sys.path[0]
    folder, base = os.path.split(path)
    names = [os.path.splitext(base)[0], os.path.basename(folder)]
    folder = os.path.dirname(folder)
    while os.path.isfile(os.path.join(folder, "__init__.py")):
        folder, base = os.path.split(folder)
        names.append(base)
    module = ".".join(reversed(names))
    return (
        f"cannot import relatively in {path}: a file that is loaded by its path belongs to no "
        f"package; name it as python_module {module} with working_directory {folder}"
    )
