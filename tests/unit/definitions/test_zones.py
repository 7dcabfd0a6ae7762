"""Time zones by name: the reader of the system's files, compared with zoneinfo."""

from __future__ import annotations

import pickle
import struct
import zoneinfo
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.definitions._zone_files import ZoneFile, read_zone, zone_names
from hostler.definitions._zone_rules import TransitionRule
from hostler.definitions._zones import UnknownZoneError, zone_of

NAMES = sorted(zone_names())


@given(
    st.sampled_from(NAMES),
    st.datetimes(datetime.fromisoformat("1905-01-01"), datetime.fromisoformat("2120-01-01")),
    st.integers(0, 1),
)
def test_files_say_what_zoneinfo_says(name: str, moment: datetime, fold: int) -> None:
    ours, theirs = read_zone(name), zoneinfo.ZoneInfo(name)
    found = moment.replace(tzinfo=UTC).astimezone(ours)
    expected = moment.replace(tzinfo=UTC).astimezone(theirs)
    assert found.replace(tzinfo=None) == expected.replace(tzinfo=None)
    assert (found.fold, found.utcoffset()) == (expected.fold, expected.utcoffset())
    assert (found.tzname(), bool(found.dst())) == (expected.tzname(), bool(expected.dst()))
    wall = moment.replace(fold=fold)
    assert wall.replace(tzinfo=ours).utcoffset() == wall.replace(tzinfo=theirs).utcoffset()


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("CET-1CEST,M3.5.0,M10.5.0/3", ["2100-03-28T01:00", "2100-10-31T01:00"]),
        ("EST5EDT,M3.2.0,M11.1.0", ["2100-03-14T07:00", "2100-11-07T06:00"]),
        ("<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", ["2100-03-28T01:00", "2100-10-31T01:00"]),
        ("AEST-10AEDT,M10.1.0,M4.1.0/3", ["2100-04-03T16:00", "2100-10-02T16:00"]),
        ("XXX0YYY,J60/0,J300/0:30", ["2100-03-01T00:00", "2100-10-26T23:30"]),
        ("XXX0YYY,59/0,299/0", ["2100-03-01T00:00", "2100-10-26T23:00"]),
        ("<+0330>-3:30", []),
    ],
)
def test_rules(rule: str, changes: list[str]) -> None:
    parsed = TransitionRule(rule)
    start = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp())
    found = []
    for minute in range(0, 365 * 24 * 60, 30):
        at = start + minute * 60
        if parsed.of_utc(at) != parsed.of_utc(at - 1800):
            found.append(datetime.fromtimestamp(at, UTC).isoformat()[:16])
    assert found == changes


def test_a_file_of_the_old_kind_without_a_rule() -> None:
    head = struct.pack(">4sc15x6l", b"TZif", b"\0", 0, 0, 0, 1, 2, 8)
    body = struct.pack(">lBlBBlBB", 1000, 1, 3600, 0, 0, 7200, 1, 4) + b"ONE\0TWO\0"
    zone = ZoneFile("Old", head + body)
    before, after = (datetime.fromtimestamp(seconds, UTC) for seconds in (999, 1000))
    assert (before.astimezone(zone).tzname(), after.astimezone(zone).tzname()) == ("ONE", "TWO")
    assert after.astimezone(zone).utcoffset() == timedelta(hours=2)


def test_a_zone_of_a_file_can_be_sent_to_another_process() -> None:
    zone = read_zone("Europe/Berlin")
    assert pickle.loads(pickle.dumps(zone)) is zone
    assert repr(zone) == "<time zone Europe/Berlin>"
    assert (zone.utcoffset(None), zone.dst(None), zone.tzname(None)) == (None, None, None)


@pytest.mark.parametrize("name", ["", "Nowhere", "../../etc/passwd", "/etc/passwd", "tzdata.zi"])
def test_what_is_no_zone(name: str) -> None:
    with pytest.raises(ValueError, match=r"zone|file"):
        read_zone(name)


@pytest.mark.parametrize(
    ("name", "offset"),
    [("UTC", 0), ("+02:00", 120), ("-03:30", -210), ("Asia/Kolkata", 330), ("+23:59", 1439)],
)
def test_zones_by_name(name: str, offset: int) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC).astimezone(zone_of(name))
    assert moment.utcoffset() == timedelta(minutes=offset)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Europe/Berln", 'no time zone "Europe/Berln" is known.*did you mean "Europe/Berlin"'),
        ("europe/berlin", 'did you mean "Europe/Berlin"'),
        ("", 'expected "UTC", an offset'),
        ("../x", "no time zone"),
        ("Europe", "no time zone"),
        ("+2", r'expected an offset as "\+02:00"'),
        ("+24:00", "expected an offset"),
        ("-01:60", "expected an offset"),
    ],
)
def test_unknown_zones(name: str, words: str) -> None:
    with pytest.raises(UnknownZoneError, match=words):
        zone_of(name)
