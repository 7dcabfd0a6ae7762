"""Masks the values that a run config takes from the environment, wherever a run would show them."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Mapping, Optional

    #: See `hostler.host.execution`.
    Emit = Callable[[str, Optional[str], Dict[str, Any]], None]

#: Characters; what is shorter keeps no secret, and would be masked within other words.
SHORTEST = 4


class Mask:
    """Replaces values by the names of their variables: {env: NAME}.

    A value shorter than `SHORTEST` stays as it is. Each line of a value with several is replaced,
    and so are the form that a repr gives it and a begin of it at which a preview was cut.

    Args:
        values: by the name of the variable.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        forms: dict[str, str] = {}
        for name, value in values.items():
            for form in (value, value.strip(), repr(value)[1:-1], *value.splitlines()):
                if len(form.strip()) >= SHORTEST:
                    forms.setdefault(form, f"{{env: {name}}}")
        #: The longest first: one value may be a part of another.
        self._forms = sorted(forms.items(), key=lambda one: -len(one[0]))

    @property
    def is_needed(self) -> bool:
        """Returns whether there is anything to mask."""
        return bool(self._forms)

    def text(self, text: str) -> str:
        """Returns a text with the names of variables in place of their values."""
        for form, name in self._forms:
            if form in text:
                text = text.replace(form, name)
        return self._without_begin(text) if text.endswith("...") else text

    def data(self, value: Any) -> Any:
        """Returns JSON with each text in it masked."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.data(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.data(item) for item in value]
        return value

    def emitter(self, emit: Emit) -> Emit:
        """Returns what emits events likewise, masked."""

        def emit_masked(event: str, step: str | None, data: dict[str, Any]) -> None:
            emit(event, step, self.data(data))

        return emit_masked

    def cover_output(self) -> None:
        """Masks what this process writes to sys.stdout and sys.stderr, a write at a time."""
        for stream in (sys.stdout, sys.stderr):
            if stream is None:  # pythonw and daemons close them
                continue
            try:
                stream.write = self._writer(stream.write)  # type: ignore[method-assign]
            except AttributeError:  # a stream of the user's with slots
                continue

    def _writer(self, write: Callable[[str], int]) -> Callable[[str], int]:
        def write_masked(text: str) -> int:
            write(self.text(text) if isinstance(text, str) else text)
            return len(text)

        return write_masked

    def _without_begin(self, text: str) -> str:
        """Masks a value at the end of a text that was cut within it."""
        shown = text[: -len("...")]
        for form, name in self._forms:
            for length in range(min(len(form) - 1, len(shown)), SHORTEST - 1, -1):
                if shown.endswith(form[:length]):
                    return f"{shown[:-length]}{name}..."
        return text
