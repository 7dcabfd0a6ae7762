"""The system's time zone files (RFC 8536), for CPython 3.8, which has no zoneinfo."""

from __future__ import annotations

import os
import struct
from bisect import bisect_right
from datetime import date, datetime, timedelta, tzinfo

from hostler.definitions._zone_rules import TransitionRule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable

    from hostler.definitions._zone_rules import LocalTimeType

#: Where systems keep them; zoneinfo looks at the same places.
FOLDERS = (
    "/usr/share/zoneinfo",
    "/usr/lib/zoneinfo",
    "/usr/share/lib/zoneinfo",
    "/etc/zoneinfo",
)

_EPOCH = date(1970, 1, 1).toordinal()
_HEAD = struct.Struct(">4sc15x6l")

_zones: dict[str, ZoneFile] = {}


def zone_names() -> Iterable[str]:
    """Returns the names of all zones of the system."""
    for folder in FOLDERS:
        try:
            with open(os.path.join(folder, "tzdata.zi"), encoding="ascii") as file:
                lines = [line.split() for line in file if line[0] in "ZL"]
        except OSError:
            continue
        return [words[1] if words[0] == "Z" else words[2] for words in lines]
    return []


def read_zone(name: str) -> tzinfo:
    """Reads the time zone of a name from the system's files.

    Raises:
        ValueError: there is none, or its file cannot be read.
    """
    if name not in _zones:
        parts = name.split("/")
        if os.path.isabs(name) or ".." in parts or not all(parts):
            raise ValueError(f"{name} is no name of a time zone")
        for folder in FOLDERS:
            path = os.path.join(folder, *parts)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    _zones[name] = ZoneFile(name, file.read())
                break
        else:
            raise ValueError(f"there is no file of {name}")
    return _zones[name]


class ZoneFile(tzinfo):
    """A time zone that is read from its file.

    Raises:
        ValueError: it is no file of a time zone.
    """

    def __init__(self, name: str, data: bytes) -> None:
        self._name = name
        self._starts, self._kinds, self._first, rule = _read(data)
        self._rule = TransitionRule(rule) if rule else None

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        return None if moment is None else timedelta(seconds=self._of_wall(moment)[0])

    def dst(self, moment: datetime | None) -> timedelta | None:
        if moment is None:
            return None
        # How much is not in the file; that it is not nothing is what matters to anybody.
        return timedelta(hours=1 if self._of_wall(moment)[1] else 0)

    def tzname(self, moment: datetime | None) -> str | None:
        return None if moment is None else self._of_wall(moment)[2]

    def fromutc(self, moment: datetime) -> datetime:
        seconds = _seconds(moment)
        offset = self._of_utc(seconds)[0]
        wall = moment + timedelta(seconds=offset)
        first = seconds + offset - self._of_wall(wall.replace(fold=0))[0]
        return wall.replace(fold=int(first != seconds))

    def __repr__(self) -> str:
        return f"<time zone {self._name}>"

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return read_zone, (self._name,)

    def _of_utc(self, seconds: int) -> LocalTimeType:
        index = bisect_right(self._starts, seconds)
        if index == 0:
            return self._first
        if index == len(self._starts) and self._rule is not None:
            return self._rule.of_utc(seconds)
        return self._kinds[index - 1]

    def _of_wall(self, moment: datetime) -> LocalTimeType:
        """Returns what holds at a time of the clock, by PEP 495: where the clock shows it twice,
        the first time counts, or the second with fold=1; where the clock skips it, what held
        before the gap, or after it with fold=1."""
        wall = _seconds(moment)
        # A day off either way is beyond every change of the clock nearby.
        offsets = {self._of_utc(wall + away)[0] for away in (-86400, 0, 86400)}
        moments = sorted(wall - offset for offset in offsets)
        real = [each for each in moments if each + self._of_utc(each)[0] == wall]
        if real:
            return self._of_utc(real[-1] if moment.fold else real[0])
        return self._of_utc(moments[-1] if moment.fold else moments[0])


def _read(data: bytes) -> tuple[list[int], list[LocalTimeType], LocalTimeType, str]:
    """Returns when each local time type begins, those types, the first one, and the final rule."""
    magic, version, *_ = _HEAD.unpack_from(data)
    if magic != b"TZif":
        raise ValueError("this is no file of a time zone")
    start, width = 0, 4
    if version >= b"2":  # what follows is for readers that know 32 bits alone
        start, width = _end(data, 0, 4), 8
    _, _, _, times, kinds, letters = _counts(data, start)
    at = start + _HEAD.size
    starts = list(struct.unpack_from(f">{times}{'q' if width == 8 else 'l'}", data, at))
    at += times * width
    indexes = data[at : at + times]
    at += times
    names = data[at + 6 * kinds : at + 6 * kinds + letters]
    found: list[LocalTimeType] = []
    for offset, is_dst, index in struct.iter_unpack(">lBB", data[at : at + 6 * kinds]):
        found.append((offset, bool(is_dst), names[index : names.index(0, index)].decode()))
    first = next((kind for kind in found if not kind[1]), found[0])
    rule = data[_end(data, start, width) :].strip(b"\n").decode() if width == 8 else ""
    return starts, [found[index] for index in indexes], first, rule


def _counts(data: bytes, start: int) -> tuple[int, ...]:
    return tuple(_HEAD.unpack_from(data, start)[2:])


def _end(data: bytes, start: int, width: int) -> int:
    """Returns where the block of data ends that begins at `start`."""
    universal, standard, leaps, times, kinds, letters = _counts(data, start)
    sizes = times * (width + 1) + kinds * 6 + letters + leaps * (width + 4) + standard + universal
    return start + _HEAD.size + sizes


def _seconds(moment: datetime) -> int:
    """Returns the seconds since the epoch, as if the clock showed UTC."""
    days = moment.toordinal() - _EPOCH
    return ((days * 24 + moment.hour) * 60 + moment.minute) * 60 + moment.second
