"""The commands in this process."""

from __future__ import annotations

import json
from typing import NamedTuple


class Outcome(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def messages(self) -> list[dict[str, object]]:
        """Returns the JSON messages of a stream."""
        return [json.loads(line) for line in self.out.splitlines()]
