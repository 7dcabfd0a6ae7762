"""Memory that a load has used and a location does not need."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def give_back() -> None:
    """Returns to the system what the C library keeps for the next compilation.

    A megabyte of five where a file of a hundred definitions was compiled. Done where ctypes is
    there already, as numpy brings it, and where the C library is glibc.
    """
    ctypes: Any = sys.modules.get("ctypes")
    if ctypes is None:
        return
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except Exception:  # noqa: BLE001, S110 (another C library, or the user's own ctypes)
        pass
