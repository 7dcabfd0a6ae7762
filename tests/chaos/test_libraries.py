"""Libraries in locations that are forked: imported, used when imported, patched."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import grpc
import pytest
from e2e.harness import daemon_in
from e2e.libraries import (
    LIBRARIES,
    NAME,
    STARTING,
    Library,
    Outcome,
    Servers,
    as_alone,
    make_environment,
    serve,
    serve_at_once,
)

from hostler.v1.workspace_pb2 import Location

pytestmark = pytest.mark.chaos

PACKAGES = (
    "numpy",
    "pandas",
    "pyarrow",
    "polars",
    "scipy",
    "scikit-learn",
    "matplotlib",
    "requests",
    "sqlalchemy",
    "grpcio",
    "gevent",
    "faiss-cpu",
    "onnxruntime",
    "boto3",
    "duckdb",
    "joblib",
)

#: Libraries that must not be forked once they have worked, and why: runs and workers import anew.
WORKS_ONCE = {
    "polars": "native thread",
    "sklearn": "native thread",
    "numpy": "native thread",  # of its linear algebra
    "pyarrow": "native thread",
    "sqlalchemy": "1 finalizer",  # of the connection's pool
    "gevent": "an open eventfd",
}

PATCHED = Library(
    "from gevent import monkey; monkey.patch_all()\nimport socket, threading, time, gevent",
    "jobs = [gevent.spawn(time.sleep, 0.01) for _ in range(3)]; gevent.joinall(jobs, timeout=10);"
    " thread = threading.Thread(target=time.sleep, args=(0.01,)); thread.start(); thread.join();"
    " return socket.socket.__module__, threading.Thread.__module__, time.sleep.__module__,"
    " [job.successful() for job in jobs]",
)


PATCHED_STEPS = """\
from gevent import monkey; monkey.patch_all()
import time
from hostler.definitions import pipeline, repository, solid


@solid
def sleeps(context):
    time.sleep(0.1)
    context.log.info("slept")


@pipeline
def steps():
    sleeps()
    sleeps()
    sleeps()


@repository
def repo():
    return [steps]
"""


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Returns the interpreter of an environment with all of the libraries."""
    return make_environment(tmp_path_factory.mktemp("libraries") / "env", PACKAGES)


class Hello(BaseHTTPRequestHandler):
    """Answers each request in the same way."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (as its base has it)
        """Says nothing."""


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Serves HTTP for `requests` and gRPC on this machine."""
    web = HTTPServer(("127.0.0.1", 0), Hello)
    thread = threading.Thread(target=web.serve_forever)
    thread.start()
    echo: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(
        lambda request, _: request
    )
    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler("test.Test", {"Echo": echo})]
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield Servers(f"http://127.0.0.1:{web.server_port}/", f"127.0.0.1:{port}")
    finally:
        web.shutdown()
        thread.join()
        web.server_close()
        server.stop(0).wait()


def done_with(
    folder: Path, python: str, library: Library, servers: Servers, *, use: bool
) -> Outcome:
    with daemon_in(folder) as daemon:
        outcome = serve(daemon, python, library, servers, use=use)
        location = outcome.location
        print(  # noqa: T201 (what a long run is for)
            f"{Location.StartMode.Name(location.start_mode)} {location.start_reason!r}, "
            f"{Location.ForkMode.Name(location.fork_mode)} {location.fork_reason!r}, "
            f"excluded {dict(location.template.excluded)}, {outcome.worked}"
        )
        assert set(outcome.worked) == {as_alone(python, library, servers)}
        return outcome


@pytest.mark.parametrize("name", LIBRARIES)
def test_what_is_imported_works_in_a_fork(
    tmp_path: Path, python: str, servers: Servers, name: str
) -> None:
    location = done_with(tmp_path, python, LIBRARIES[name], servers, use=False).location
    assert location.start_mode == Location.FORKED, location.start_reason
    assert location.fork_mode == Location.FORK, location.fork_reason
    assert not location.template.excluded


@pytest.mark.parametrize("name", LIBRARIES)
def test_what_is_used_when_it_is_imported_works_or_falls_back(
    tmp_path: Path, python: str, servers: Servers, name: str
) -> None:
    location = done_with(tmp_path, python, LIBRARIES[name], servers, use=True).location
    assert location.start_mode == Location.FORKED, location.start_reason
    assert (location.fork_mode == Location.TEMPLATE) == (name in WORKS_ONCE)
    assert WORKS_ONCE.get(name, "") in location.fork_reason


@pytest.mark.parametrize("use", [False, True], ids=["made at import", "used at import"])
@pytest.mark.parametrize("name", STARTING)
def test_what_starts_threads_works_in_runs_and_steps_at_once(
    tmp_path: Path, python: str, servers: Servers, name: str, use: bool
) -> None:
    with daemon_in(tmp_path) as daemon:
        found = serve_at_once(daemon, python, STARTING[name], servers, use=use)
    assert found == {as_alone(python, STARTING[name], servers)}


def test_what_gevent_has_patched_is_as_in_a_new_interpreter(
    tmp_path: Path, python: str, servers: Servers
) -> None:
    location = done_with(tmp_path, python, PATCHED, servers, use=False).location
    assert location.start_mode == Location.SPAWNED
    assert location.start_reason == "the code is patched by gevent"


def test_steps_at_once_of_what_gevent_has_patched(tmp_path: Path, python: str) -> None:
    code = PATCHED_STEPS
    with daemon_in(tmp_path) as daemon:
        daemon.write(NAME, code)
        daemon.workspace.write_text(
            f"load_from:\n  - python_environment:\n      executable_path: {python}\n"
            f"      target: {{python_file: {NAME}}}\n"
        )
        daemon.start().ready(NAME)
        pipeline = f"locations/{NAME}/repositories/repo/pipelines/steps"
        run = daemon.client.launch(pipeline, max_concurrency=2)
        events = list(daemon.client.watch_run(run.name))
    assert events[-1].HasField("run_succeeded"), events[-1]
    slept = [one.log_message.message for one in events if one.HasField("log_message")]
    assert slept == ["slept"] * 3


def test_random_numbers_of_numpy_differ(tmp_path: Path, python: str) -> None:
    """Two runs and a worker, forks of one process, draw different numbers."""
    drawn = Library("import numpy", "return numpy.random.random(3).tolist()")
    with daemon_in(tmp_path) as daemon:
        outcome = serve(daemon, python, drawn, Servers(), use=False)
    assert outcome.location.fork_mode == Location.FORK
    assert len(set(outcome.worked)) == 3, outcome.worked


def test_the_versions_that_were_tested(python: str) -> None:
    listed = subprocess.run(
        [python, "-m", "pip", "list"], check=True, capture_output=True, text=True
    )
    print(listed.stdout)  # noqa: T201 (what the figures of a long run are of)
    assert "numpy" in listed.stdout
