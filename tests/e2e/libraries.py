"""Libraries in locations: they work in a fork as they do in a new interpreter."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from e2e.harness import Daemon, eventually

from hostler.v1.workspace_pb2 import Location

NAME = "repos.py"

CODE = """\
{imports}
from hostler.definitions import pipeline, repository, solid

SAVED = {number}


def work():
    {work}


{use}


@solid
def works(context):
    context.log.info(str(work()))


@pipeline
def plain():
    works()


def make():
    return pipeline(name="lazy", description=str(work()))(lambda: works())


@repository
def repo():
    return {{"pipelines": {{"plain": plain, "lazy": make}}}}
"""


class Library(NamedTuple):
    """Describes a library: its import, and the work that it has to do."""

    imports: str
    work: str


LIBRARIES = {
    "numpy": Library(
        "import numpy",
        "return float((numpy.ones((400, 400)) @ numpy.ones((400, 400))).sum())",
    ),
    "pandas": Library(
        "import pandas",
        "return pandas.DataFrame({'a': [1, 1, 2], 'b': [1, 2, 3]}).groupby('a').b.sum().to_dict()",
    ),
    "pyarrow": Library(
        "import pyarrow, pyarrow.compute",
        "return pyarrow.table({'a': [1, 1, 2], 'b': [1, 2, 3]}).group_by('a')"
        ".aggregate([('b', 'sum')]).sort_by('a').to_pydict(),"
        " pyarrow.compute.sum(pyarrow.array(range(1000))).as_py()",
    ),
    "polars": Library(
        "import polars",
        "return polars.DataFrame({'a': [1, 1, 2] * 1000, 'b': [1, 2, 3] * 1000}).lazy()"
        ".group_by('a').agg(polars.col('b').sum()).sort('a').collect().to_dict(as_series=False)",
    ),
    "scipy": Library(
        "import scipy.linalg",
        "return scipy.linalg.solve([[2, 0], [0, 4]], [2, 8]).round(6).tolist()",
    ),
    "sklearn": Library(
        "import sklearn.cluster, sklearn.linear_model",
        "return sklearn.linear_model.LinearRegression().fit([[0], [1], [2]], [0, 2, 4])"
        ".coef_.round(6).tolist(), sorted(sklearn.cluster.KMeans(2, n_init=1, random_state=0)"
        ".fit([[0.0], [0.1], [9.0], [9.1]] * 200).cluster_centers_.ravel().round(3).tolist())",
    ),
    "matplotlib": Library(
        "import io, matplotlib; matplotlib.use('Agg'); from matplotlib import pyplot",
        "out = io.BytesIO(); figure, axes = pyplot.subplots(); axes.plot([1, 2, 3], label='x');"
        " axes.legend(); figure.savefig(out, format='png'); pyplot.close(figure);"
        " return out.getvalue()[:8], len(out.getvalue()) > 5000, matplotlib.get_backend()",
    ),
    "requests": Library("import requests", "return requests.get('{http}', timeout=10).text"),
    "sqlalchemy": Library(
        "import sqlalchemy",
        "return sqlalchemy.create_engine('sqlite://').connect()"
        ".execute(sqlalchemy.text('select 6 * 7')).scalar()",
    ),
    "grpc": Library(
        "import grpc",
        "channel = grpc.insecure_channel('{grpc}');"
        " answer = channel.unary_unary('/test.Test/Echo')(b'ping', timeout=10); channel.close();"
        " return answer",
    ),
    "gevent": Library(
        "import gevent",
        "jobs = [gevent.spawn(pow, 2, n) for n in range(4)]; gevent.joinall(jobs, timeout=10);"
        " return [job.value for job in jobs]",
    ),
}


#: What starts threads, processes or connections when it is imported or used. `kept` is made at
#: import, as people's code does.
STARTING: dict[str, Library] = {
    "faiss": Library(
        "import faiss, numpy; kept = faiss.IndexFlatL2(16);"
        " kept.add(numpy.eye(16, dtype='float32').repeat(64, 0))",
        "return float(kept.search(numpy.eye(16, dtype='float32'), 1)[0].sum()), kept.ntotal",
    ),
    "onnxruntime": Library(
        "import numpy, onnxruntime; from onnxruntime.datasets import get_example;"
        " kept = onnxruntime.InferenceSession(get_example('mul_1.onnx'),"
        " providers=['CPUExecutionProvider'])",
        "return kept.run(None, {'X': numpy.ones((3, 2), 'float32')})[0].tolist()",
    ),
    "boto3": Library(
        "import boto3, io; from botocore.config import Config;"
        " kept = boto3.session.Session().client('s3', region_name='eu-west-1',"
        " aws_access_key_id='a', aws_secret_access_key='b', endpoint_url='{http}',"
        " config=Config(retries={'total_max_attempts': 1}))",
        "error = None\n    try:\n        kept.upload_fileobj(io.BytesIO(b'x'), 'bucket', 'key')\n"
        "    except Exception as raised:\n        error = type(raised).__name__\n"
        "    return error, kept.meta.region_name",
    ),
    "duckdb": Library(
        "import duckdb; kept = duckdb.connect();"
        " kept.execute('create table t as select range as x from range(200000)')",
        "return kept.execute('select sum(x), count(*) from t').fetchone()",
    ),
    "joblib": Library(
        "import joblib",
        "return joblib.Parallel(n_jobs=2)(joblib.delayed(pow)(n, 2) for n in range(5))",
    ),
    "grpc": Library(
        "import grpc; kept = grpc.insecure_channel('{grpc}')",
        "return kept.unary_unary('/test.Test/Echo')(b'ping', timeout=10)",
    ),
    "polars": Library(
        "import polars; kept = polars.DataFrame({'a': [1, 1, 2] * 1000}).lazy()",
        "return kept.group_by('a').len().sort('a').collect().to_dict(as_series=False)",
    ),
    "matplotlib": Library(
        "import io, os, matplotlib; os.environ['HOME'] = '/proc'; matplotlib.use('Agg');"
        " from matplotlib import pyplot",
        LIBRARIES["matplotlib"].work,
    ),
}

#: For `STARTING`: steps at once, beside runs at once.
STEPS = """

@pipeline
def steps():
    works.alias("first")()
    works.alias("second")()


@repository
def repo():
    return [plain, steps]
"""


class Servers(NamedTuple):
    """Holds the addresses of the servers that the libraries call."""

    http: str = ""
    grpc: str = ""


class Outcome(NamedTuple):
    """Holds what a location has done with a library after it was saved again.

    Attributes:
        location: its state at that time.
        worked: the results of two runs and of a lazy read.
    """

    location: Location
    worked: tuple[str, str, str]


def make_environment(folder: Path, packages: Sequence[str]) -> str:
    """Makes an environment with packages; returns its interpreter.

    Raises:
        AssertionError: they could not be installed.
    """
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    # compiled only when they are imported: most of their modules never are
    install = [python, "-m", "pip", "install", "--quiet", "--no-compile", *packages]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (
        f"cannot install {', '.join(packages)}; is a package index within reach?\n{done.stderr}"
    )
    return python


def text(library: Library, servers: Servers, number: int, *, use: bool) -> str:
    """Returns the source of a location that works with a library, at import too for `use`."""
    imports, work = (
        one.replace("{http}", servers.http).replace("{grpc}", servers.grpc) for one in library
    )
    return CODE.format(
        imports=imports, work=work, number=number, use="USED = work()" if use else ""
    )


def as_alone(python: str, library: Library, servers: Servers) -> str:
    """Returns the result of the work in an interpreter without the daemon."""
    source = text(library, servers, 0, use=False).partition("@solid")[0]
    source = source.replace("from hostler.definitions import pipeline, repository, solid", "")
    done = subprocess.run(
        [python, "-c", source + "print(work())"], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def serve(daemon: Daemon, python: str, library: Library, servers: Servers, *, use: bool) -> Outcome:
    """Saves a location twice after its first load, and has it work."""
    daemon.write(NAME, text(library, servers, 1, use=use))
    daemon.workspace.write_text(
        f"load_from:\n  - python_environment:\n      executable_path: {python}\n"
        f"      target: {{python_file: {NAME}}}\n"
    )
    daemon.start().ready(NAME)
    for number in (2, 3):
        eventually(lambda: daemon.client.location(NAME).template.spare_pid, "a spare")
        daemon.write(NAME, text(library, servers, number, use=use))
        location = daemon.ready(NAME, number)
    worked = run(daemon), run(daemon), daemon.client.pipeline(NAME, "repo", "lazy").description
    return Outcome(location, worked)


def serve_at_once(
    daemon: Daemon, python: str, library: Library, servers: Servers, *, use: bool
) -> set[str]:
    """Has two runs, and two steps of a third one, work at once; returns their results."""
    code = text(library, servers, 1, use=use).partition("def make():")[0].rstrip() + "\n" + STEPS
    daemon.write(NAME, code)
    daemon.workspace.write_text(
        f"load_from:\n  - python_environment:\n      executable_path: {python}\n"
        f"      target: {{python_file: {NAME}}}\n"
    )
    daemon.start().ready(NAME)
    runs = [daemon.client.launch("plain"), daemon.client.launch("plain")]
    runs.append(daemon.client.launch("steps", max_concurrency=2))
    found: set[str] = set()
    for each in runs:
        events = list(daemon.client.watch_run(each.name))
        assert events[-1].HasField("run_succeeded"), events[-1]
        messages = [one.log_message.message for one in events if one.HasField("log_message")]
        found |= {one for one in messages if not one.startswith("it is not safe to fork")}
    return found


def run(daemon: Daemon) -> str:
    """Returns the result of the work in a run."""
    events = list(daemon.client.execute("plain", location=NAME))
    assert events[-1].HasField("run_succeeded"), events[-1]
    (message,) = [each.log_message.message for each in events if each.HasField("log_message")]
    return message
