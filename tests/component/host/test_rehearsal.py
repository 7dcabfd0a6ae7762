"""The load that a fork of a template rehearses, under each interpreter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from component.host.host_process import INTERPRETERS, Host
from component.host.template_process import REPOSITORY, Place, forked, load, preload

from hostler.host import wire
from hostler.host.wire import Method, Status


@pytest.fixture(params=INTERPRETERS)
def host(request: pytest.FixtureRequest, place: Place) -> Iterator[Host]:
    with place.start(request.param) as made:
        yield made


def rehearse(child: Host, size: int = 20_000, sources: tuple[str, ...] = ()) -> None:
    order = {"bytes": size, "sources": list(sources)}
    assert child.ask(Method.REHEARSE, wire.dump(order)).code == Status.OK


TELLS_OF_TRACES = """
import linecache, sys
from hostler.definitions import pipeline, repository, solid

TRACES = [
    [name for name in sys.modules if "hostler_rehearsal" in name],
    [path for path in linecache.cache if "hostler-rehearsal" in path],
    [path for path in sys.path if "hostler-rehearsal" in path],
    [path for path in sys.path_importer_cache if "hostler-rehearsal" in path],
    len(sys.meta_path),
    len(sys.path_hooks),
    sys.argv,
]

@solid
def one():
    return 1

@pipeline(description=repr(TRACES))
def works():
    one()

@repository
def repo():
    return [works]
"""


def test_a_rehearsal_leaves_nothing_behind(host: Host, place: Place) -> None:
    path = place.write(TELLS_OF_TRACES)
    preload(host, "decimal")
    plain, rehearsed = forked(host), forked(host)
    for _ in range(2):
        rehearse(rehearsed)
    one, other = load(plain, path), load(rehearsed, path)
    for body in (one, other):
        del body["seconds"]
    assert one == other
    assert plain.described == rehearsed.described
    assert "[], [], [], [], " in str(plain.described)


def test_a_rehearsed_process_has_the_memory_that_a_load_needs(host: Host, place: Place) -> None:
    text = "\n".join(
        f'@solid\ndef s{n}(context):\n    """Number {n}."""\n    return {n}\n' for n in range(150)
    )
    path = place.write(REPOSITORY + text)
    preload(host)
    host.ask(Method.COMPILE, wire.dump([str(path)]))
    plain, rehearsed = forked(host), forked(host)
    rehearse(rehearsed, path.stat().st_size, (str(path),))
    copied = []
    for child in (plain, rehearsed):
        before = page_faults(child.pid)
        load(child, path)
        copied.append(page_faults(child.pid) - before)
    assert copied[1] < copied[0] / 2, copied


def page_faults(pid: int) -> int:
    """Returns how many page faults of a process read no file."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[7])


def test_an_order_behind_a_rehearsal_is_carried_out(host: Host, place: Place) -> None:
    path = place.write(REPOSITORY)
    preload(host)
    child = forked(host)
    rehearsal = child.order(Method.REHEARSE, wire.dump({"bytes": 32_768, "sources": []}))
    ping = child.order(Method.PING)
    assert child.answer(rehearsal).code == Status.OK
    assert child.answer(ping).code == Status.OK
    load(child, path)


def test_who_is_traced_does_not_rehearse(host: Host, place: Place) -> None:
    place.install(
        "tracer",
        "import sys\nSEEN = []\n"
        "def trace(frame, event, arg):\n    SEEN.append(frame.f_code.co_filename)\n"
        "sys.settrace(trace)\n",
    )
    path = place.write(
        "import tracer\nSEEN = [name for name in tracer.SEEN if 'rehearsal.py' in name "
        "and 'hostler-rehearsal' in name]\n"
        + REPOSITORY.replace("@pipeline", "@pipeline(description=str(SEEN))")
    )
    preload(host, "tracer")
    child = forked(host)
    rehearse(child)
    load(child, path)
    assert child.described["pipelines"]["works"]["description"] == "[]"
