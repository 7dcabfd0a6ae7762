"""The frames, however a stream cuts them, and the files in a body."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.host import wire
from hostler.host.wire import Decoder, Frame, WireError

U32 = st.integers(0, 2**32 - 1)
FRAMES = st.builds(
    Frame,
    kind=st.integers(0, 255),
    id=U32,
    code=st.integers(0, 2**16 - 1),
    body=st.binary(max_size=200),
    deadline=st.integers(0, 2**64 - 1),
    fds=st.lists(st.integers(0, 1000), max_size=wire.MAX_FDS),
)
FILES = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.none() | st.binary(max_size=100),
    max_size=8,
)


def fields(frame: Frame) -> tuple[object, ...]:
    return (frame.kind, frame.id, frame.code, frame.body, frame.deadline, frame.fds)


@given(st.lists(FRAMES, max_size=6), st.data())
def test_frames_cut_anywhere_decode_the_same(frames: list[Frame], data: st.DataObject) -> None:
    """Descriptors come with the first byte of their frame, as the kernel delivers them."""
    stream = b"".join(frame.encode() for frame in frames)
    starts: dict[int, tuple[int, ...]] = {}
    at = 0
    for frame in frames:
        starts[at] = frame.fds
        at += len(frame.encode())
    cuts = data.draw(st.sets(st.integers(0, len(stream))), label="cuts")
    edges = sorted(cuts | {0, len(stream)})
    decoder = Decoder()
    found: list[Frame] = []
    for begin, end in itertools.pairwise(edges):
        descriptors = [fd for at, fds in starts.items() if begin <= at < end for fd in fds]
        found += decoder.feed(stream[begin:end], descriptors)
    assert list(map(fields, found)) == list(map(fields, frames))


@given(FRAMES)
def test_an_unfinished_frame_is_no_frame_yet(frame: Frame) -> None:
    data = frame.encode()
    decoder = Decoder()
    assert list(decoder.feed(data[:-1], frame.fds)) == []
    (found,) = decoder.feed(data[-1:])
    assert fields(found) == fields(frame)


def test_a_body_that_is_too_large_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_BODY", 10)
    assert Frame(wire.Kind.EVENT, 0, 1, b"0123456789").encode()
    with pytest.raises(WireError, match="cannot send a body of 11 bytes; at most 10 fit a frame"):
        Frame(wire.Kind.EVENT, 0, 1, b"0123456789a").encode()


def test_a_length_that_is_too_large_is_refused_before_its_bytes_come() -> None:
    head = wire.HEAD.pack(wire.MAX_BODY + 1, 1, wire.Kind.REQUEST, 0, 1, 0)
    with pytest.raises(WireError, match=f"cannot read a frame of {wire.MAX_BODY + 1} bytes"):
        list(Decoder().feed(head))


def test_descriptors_that_did_not_come_are_missed() -> None:
    frame = Frame(wire.Kind.REQUEST, 1, wire.Method.FORK, b"", 0, (4, 5, 6))
    with pytest.raises(WireError, match="a frame announces 3 descriptors, 2 came"):
        list(Decoder().feed(frame.encode(), (4, 5)))


def test_descriptors_go_to_the_frames_that_announce_them() -> None:
    frames = [
        Frame(wire.Kind.REQUEST, n, wire.Method.FORK, fds=fds)
        for n, fds in enumerate([(3,), (), (4, 5)])
    ]
    found = Decoder().feed(b"".join(frame.encode() for frame in frames), (3, 4, 5))
    assert [frame.fds for frame in found] == [(3,), (), (4, 5)]


@given(FILES)
def test_packed_files_come_back(files: dict[str, bytes | None]) -> None:
    found = wire.unpack_files(wire.pack_files(files))
    assert found == files
    assert list(found) == list(files)


def test_an_empty_file_is_not_a_hidden_one() -> None:
    files = {"/empty.py": b"", "/hidden.py": None}
    assert wire.unpack_files(wire.pack_files(files)) == files


def test_a_control_body_is_json_without_spaces() -> None:
    body = wire.dump({"a": [1, None], "ü": "x"})
    assert b" " not in body
    assert json.loads(body) == {"a": [1, None], "ü": "x"}
    assert Frame(wire.Kind.EVENT, 0, 1, body).json() == {"a": [1, None], "ü": "x"}


def test_a_digest_names_the_content() -> None:
    assert wire.content_digest(b"a") == wire.content_digest(b"a")
    assert wire.content_digest(b"a") != wire.content_digest(b"b")
    assert len(wire.content_digest(b"")) == 32


def test_a_frame_shows_itself_without_its_body() -> None:
    shown = repr(Frame(wire.Kind.REQUEST, 7, wire.Method.LOAD, b"secret"))
    assert shown == "Frame(kind=1, id=7, code=1, 6 bytes)"


@pytest.mark.parametrize("files", [{}, {"/a.py": b"a"}, {"/a.py": b"", "/b.py": None}])
@pytest.mark.parametrize("hidden", [[], ["/c.py"], ["/c.py", "/d \u00e9.py"]])
def test_packed_files_can_hide_others(files: dict[str, bytes | None], hidden: list[str]) -> None:
    found = wire.unpack_files(wire.hide_files(wire.pack_files(files), hidden))
    assert found == dict.fromkeys(hidden) | files


def test_a_file_that_is_packed_is_not_hidden() -> None:
    packed = wire.pack_files({"/a.py": b"a"})
    assert wire.unpack_files(wire.hide_files(packed, ["/a.py"])) == {"/a.py": b"a"}
