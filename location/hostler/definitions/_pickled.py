"""Pickled values, which go from the process of one step to the process of another."""

from __future__ import annotations

from hostler.definitions._late import late
from hostler.definitions._preview import preview
from hostler.definitions.errors import TransferError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class PickledValue:
    """A value that another process has pickled; only the step that takes it unpickles it.

    A process that passes it on runs no code of the user's for it. Its repr is the value's preview.
    """

    __slots__ = ("_data", "_preview", "_what")

    def __init__(self, what: str, data: bytes, preview_: str) -> None:
        self._what = what
        self._data = data
        self._preview = preview_

    def load(self) -> Any:
        """Unpickles the value; makes a new object at each call.

        Raises:
            TransferError: it cannot be unpickled.
        """
        pickle = late("pickle")
        try:
            return pickle.loads(self._data)
        except Exception as error:
            raise TransferError(
                f"cannot take {self._what} from the process of its step: what was pickled there "
                f"cannot be unpickled ({type(error).__name__}: {error})"
            ) from error

    def __repr__(self) -> str:
        return self._preview


def pickle_value(what: str, value: object) -> bytes:
    """Returns the pickle of a value.

    Args:
        what: the output and its solid, for messages.

    Raises:
        TransferError: the value cannot be pickled.
    """
    pickle = late("pickle")
    try:
        data: bytes = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        raise TransferError(
            f"cannot pass on {what}, {preview(value, 60)} ({type(value).__name__}): a step in a "
            "process of its own hands its outputs over pickled, and this one cannot be "
            f"({type(error).__name__}: {error}); return plain data, or execute the step without "
            "timeout and max_concurrency"
        ) from error
    return data


def unpickled(inputs: dict[str, Any]) -> dict[str, Any]:
    """Returns the inputs of a step, with each `PickledValue` in them unpickled.

    Raises:
        TransferError: a value cannot be unpickled.
    """
    found = {}
    for name, value in inputs.items():
        if isinstance(value, PickledValue):
            found[name] = value.load()
        elif type(value) is list:  # of a fan-in; a subclass is a value of the user's
            found[name] = [one.load() if isinstance(one, PickledValue) else one for one in value]
        else:
            found[name] = value
    return found
