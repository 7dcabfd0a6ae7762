"""Time zones by their names; zoneinfo's where there is one, else the system's own files."""

from __future__ import annotations

import sys
from datetime import timedelta, timezone

from hostler.definitions._names import nearest
from hostler.definitions._zone_files import read_zone, zone_names

if sys.version_info >= (3, 9):
    import zoneinfo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import tzinfo

UTC = "UTC"


class UnknownZoneError(ValueError):
    """Raised for a name that no time zone has."""


def zone_of(name: str) -> tzinfo:
    """Returns the time zone of a name: "UTC", an offset as "+02:00", or a place as "Europe/Berlin".

    Raises:
        UnknownZoneError: there is none.
    """
    if name == UTC:
        return timezone.utc
    if name[:1] in ("+", "-"):
        return _fixed(name)
    try:
        if sys.version_info >= (3, 9):
            return zoneinfo.ZoneInfo(name)
        else:  # noqa: RET505 (type checkers read one branch)
            return read_zone(name)
    # zoneinfo has a KeyError of its own for an unknown name
    except (LookupError, ValueError, OSError):
        raise UnknownZoneError(_unknown(name)) from None


def _fixed(name: str) -> tzinfo:
    hours, colon, minutes = name[1:].partition(":")
    digits = hours + minutes
    if colon and len(hours) == len(minutes) == 2 and digits.isascii() and digits.isdigit():
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        if offset < timedelta(days=1) and int(minutes) < 60:
            return timezone(-offset if name[0] == "-" else offset)
    raise UnknownZoneError(f'found "{name}", expected an offset as "+02:00"')


def _unknown(name: str) -> str:
    message = f'no time zone "{name}" is known on this machine; '
    near = " or ".join(f'"{one}"' for one in nearest(name, zone_names()))
    if near:
        return message + f"did you mean {near}?"
    return message + 'expected "UTC", an offset as "+02:00", or a place as "Europe/Berlin"'
