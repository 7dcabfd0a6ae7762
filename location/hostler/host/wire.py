"""The wire between the daemon and the processes of a location.

A stream socket carries frames: a fixed head of 20 bytes, then the body. Ids multiplex: every
request has one, its answer and its stream items carry the same. Bodies are JSON where they are
small, and raw bytes where they are bulk; the method says which.

The head, network byte order:

    length    u32  bytes of the body
    id        u32  of the request; 0 for an event
    kind      u8   one of Kind
    fds       u8   descriptors that came with the frame, by SCM_RIGHTS
    code      u16  one of Method, Status or Event, by the kind
    deadline  u64  of a request: CLOCK_MONOTONIC, in milliseconds; 0 for none

This module is imported on both sides, by CPython 3.8 and later: standard library alone.
"""

from __future__ import annotations

import json
import struct

try:  # hashlib loads OpenSSL: 5 ms of a start that takes 16
    from _blake2 import blake2b
except ImportError:  # not CPython, or built without its own hashes
    from hashlib import blake2b

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, Iterator, Mapping, Sequence

HEAD = struct.Struct("!IIBBHQ")

#: A body above this is a fault of the sender's: 100 MB for a message and room for its frame.
MAX_BODY = 128 * 1024 * 1024

#: Descriptors in one frame at most: a control socket, stdout and stderr are three.
MAX_FDS = 8


#: Bytes of a message or a printed line; more is cut, so that no line fills anybody's memory.
MAX_LINE = 256 * 1024

#: Stands for the digest of a file that is too large for a load to read it once more.
UNREAD = "pending"

#: How names begin and end that a listing leaves out.
_PASSING_STARTS = (".", "#", "__pycache__", "4913")
_PASSING_ENDS = ("~", ".pyc", ".pyo", ".swp", ".tmp", "___jb_tmp", "___jb_old")


class Kind:
    """The kinds of frames."""

    REQUEST = 1
    #: The end of a request, with its status.
    RESPONSE = 2
    #: One item of a streamed answer; a RESPONSE ends the stream.
    ITEM = 3
    #: From the side that asked: the answer is no longer wanted. A request that has not begun is
    #: dropped; what has begun runs user code that only a signal can stop.
    CANCEL = 4
    #: Unasked, from the location's side.
    EVENT = 5


class Method:
    """What a request asks for; all requests go from the daemon to a process of a location."""

    #: JSON: load a target; see hostler.host.loading.Load. After a good load the process sends an
    #: item, which describes what the target holds (hostler.host.describe.pack), and then the
    #: answer (Load.report). After a load that fails it sends the answer alone.
    LOAD = 1
    #: Empty: are you there?
    PING = 2
    #: JSON {"owner"}, with three descriptors (control, stdout, stderr): fork. Of a template comes a
    #: process that has not loaded, of a location process a worker or a run.
    FORK = 3
    #: Empty: the source files that were loaded, packed by `pack_files`.
    SNAPSHOT = 4
    #: Raw, packed files: load these in place of what is on disk. Comes before LOAD.
    OVERLAY = 5
    #: JSON {"function", ...}: call one of the user's functions; to a worker.
    CALL = 6
    #: JSON: execute a pipeline; streams its events; to a run process.
    RUN = 7
    #: JSON {"modules", "excluded", "is_last"}: become a template, in one order or in several; see
    #: hostler.host.template.preload.
    PRELOAD = 8
    #: JSON [path, ...]: read and compile sources of the user's, which runs nothing; to a template.
    COMPILE = 9
    #: JSON {"bytes", "sources": [path, ...]}: load something of about that size and drop it; see
    #: hostler.host.rehearsal. To a fork of a template that waits for its LOAD, which ends it.
    REHEARSE = 10


class Status:
    """How a request ended."""

    OK = 0
    #: The user's code raised; JSON, see hostler.host.errors.
    ERROR = 1
    CANCELED = 2
    #: No such method, or a body that cannot be read.
    BAD_REQUEST = 3


class Event:
    """What a process of a location says without being asked."""

    #: JSON {"pid", "version", ...}: the interpreter is up and takes orders.
    HELLO = 1
    #: JSON [[path, digest or null], ...]: source files that were read, or looked for in vain.
    TOUCHED = 2
    #: JSON {"module"}: a load whose order asks for it begins to import a module that is installed.
    IMPORTING = 3
    #: JSON ["the thread NAME", "the process NAME", ...]: a run's steps have ended; what the end of
    #: an interpreter does comes next, and waits for these. The answer to RUN follows.
    ENDING = 4


#: Has a process write the stack of each of its threads to stderr: a real-time signal that no known
#: library uses.
STACK_SIGNAL = 50

#: What a process ends with whose own code has closed its end of the wire (EX_PROTOCOL).
EXIT_LOST = 76


class WireError(Exception):
    """Raised where the peer broke the protocol."""


class WireClosedError(WireError):
    """Raised where the peer closed the wire."""


class WireLostError(WireError):
    """Raised where the user's code closed the wire's descriptor, or put another in its place."""


class Frame:
    """One frame, decoded."""

    __slots__ = ("body", "code", "deadline", "fds", "id", "kind")

    def __init__(
        self,
        kind: int,
        id: int,  # noqa: A002
        code: int = 0,
        body: bytes = b"",
        deadline: int = 0,
        fds: Sequence[int] = (),
    ) -> None:
        self.kind = kind
        self.id = id
        self.code = code
        self.body = body
        #: Of a request: CLOCK_MONOTONIC in milliseconds; one clock for all of a machine's
        #: processes. Nobody waits for the answer after it. 0 for none.
        self.deadline = deadline
        #: Descriptors that travel with the frame; the receiver owns them.
        self.fds = tuple(fds)

    def json(self) -> Any:
        return json.loads(self.body)

    def encode(self) -> bytes:
        """Returns the frame's bytes, without its descriptors.

        Raises:
            WireError: the body is larger than MAX_BODY.
        """
        size = len(self.body)
        if size > MAX_BODY:
            raise WireError(f"cannot send a body of {size} bytes; at most {MAX_BODY} fit a frame")
        head = HEAD.pack(size, self.id, self.kind, len(self.fds), self.code, self.deadline)
        return head + self.body

    def __repr__(self) -> str:
        return f"Frame(kind={self.kind}, id={self.id}, code={self.code}, {len(self.body)} bytes)"


_encode = json.JSONEncoder(separators=(",", ":")).encode


def dump(value: object) -> bytes:
    """Encodes a small control body, or a line of one, as JSON: ASCII, on a single line."""
    return _encode(value).encode("ascii")


def pack_definition(described: dict[str, Any]) -> bytes:
    """Encodes a message as a line: the message, a tab, and the sources that it takes out of it.

    The sources are a list of [file, line], or null where there is none: first the definition's,
    then those of its solids. So two messages are equal up to the tab if a definition has only moved
    within its file.
    """
    places = [described, *described.get("solids", ())]
    sources = [each.pop("source", None) for each in places]
    positions = [source and [source["file"], source["line"]] for source in sources]
    return dump(described) + b"\t" + dump(positions)


class Decoder:
    """Turns the bytes of a stream, however they are cut, into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._fds: list[int] = []

    def feed(self, data: bytes, fds: Sequence[int] = ()) -> Iterator[Frame]:
        """Yields the frames that are complete with `data`.

        Descriptors come no later than the first byte of their frame, in order.

        Raises:
            WireError: a length above MAX_BODY, or fewer descriptors than a frame announces.
        """
        buffer = self._buffer
        buffer += data
        self._fds.extend(fds)
        while len(buffer) >= HEAD.size:
            size, id_, kind, count, code, deadline = HEAD.unpack_from(buffer)
            if size > MAX_BODY:
                raise WireError(f"cannot read a frame of {size} bytes; at most {MAX_BODY} are sent")
            end = HEAD.size + size
            if len(buffer) < end:
                return
            if count > len(self._fds):
                raise WireError(f"a frame announces {count} descriptors, {len(self._fds)} came")
            taken, self._fds = self._fds[:count], self._fds[count:]
            body = bytes(buffer[HEAD.size : end])
            del buffer[:end]
            yield Frame(kind, id_, code, body, deadline, taken)


def content_digest(content: bytes) -> str:
    """Returns the digest of a file's content, equal on both sides: BLAKE2b of 16 bytes, in hex."""
    return str(blake2b(content, digest_size=16).hexdigest())


def cut_line(text: str) -> str:
    """Returns a text of at most MAX_LINE bytes, and where it was longer, a note of its length."""
    if len(text) * 4 <= MAX_LINE:
        return text
    data = text.encode("utf-8", "surrogatepass")
    if len(data) <= MAX_LINE:
        return text
    kept = data[:MAX_LINE].decode("utf-8", "ignore")
    return f"{kept} [cut: {len(data)} bytes in all]"


def listing_digest(names: Iterable[str]) -> str:
    """Names the content of a folder that was listed: its names, without what comes and goes.

    The path of a listing ends in a slash, which tells it from a file.
    """
    seen = sorted(name for name in names if not _is_passing(name))
    return content_digest("\0".join(seen).encode("utf-8", "surrogateescape"))


def _is_passing(name: str) -> bool:
    """Returns whether the name is one that editors and the interpreter leave in a folder."""
    return name.startswith(_PASSING_STARTS) or name.endswith(_PASSING_ENDS)


def pack_files(files: Mapping[str, bytes | None]) -> bytes:
    """Packs paths and contents into one body; None for a file to hide.

    A u32 length, a JSON list of that many bytes with [path, size or null], the contents.
    """
    index = dump([[path, None if data is None else len(data)] for path, data in files.items()])
    contents = [data for data in files.values() if data is not None]
    return b"".join([struct.pack("!I", len(index)), index, *contents])


def hide_files(body: bytes, paths: Sequence[str]) -> bytes:
    """Returns the packed files with more paths to hide; a path that has a file stays visible."""
    if not paths:
        return body
    (length,) = struct.unpack_from("!I", body)
    start = 4 + length
    hidden, index = dump([[path, None] for path in paths]), body[4:start]
    joint = b"," if len(index) > len(b"[]") else b""
    whole = b"".join([hidden[:-1], joint, index[1:]])
    return b"".join([struct.pack("!I", len(whole)), whole, memoryview(body)[start:]])


def unpack_files(body: bytes) -> dict[str, bytes | None]:
    """Unpacks what `pack_files` has packed."""
    (length,) = struct.unpack_from("!I", body)
    start = 4 + length
    files: dict[str, bytes | None] = {}
    for path, size in json.loads(body[4:start]):
        files[path] = None if size is None else body[start : start + size]
        start += size or 0
    return files
