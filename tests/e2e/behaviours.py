"""Things that a user's code may do when it is imported, and what a run then logs of them."""

from __future__ import annotations

from typing import NamedTuple

from hostler.v1.workspace_pb2 import Location


class Case(NamedTuple):
    """Describes what the user's code does.

    Attributes:
        code: defines `work(context)` for a run, and `look()` for a lazy read.
        says: a part of what the run logs or prints.
        start: how the location process is started after a save.
        fork: how run processes are started.
    """

    code: str
    says: str
    start: Location.StartMode.ValueType = Location.FORKED
    fork: Location.ForkMode.ValueType = Location.FORK


def both(code: str) -> str:
    """Has a lazy read do what a run does."""
    return code + "look = lambda: work(None)\n"


def run_only(code: str) -> str:
    """Has a lazy read do nothing: pools are for runs."""
    return code + "look = lambda: 'nothing'\n"


POOL = run_only("""\
import multiprocessing
def double(value):
    return 2 * value
def work(context):
    with multiprocessing.get_context("{method}").Pool(2) as pool:
        return pool.map(double, [1, 2, 3])
""")

CASES = {
    "a variable that a library reads when it is imported": Case(
        both("""\
import os
os.environ["OPENBLAS_NUM_THREADS"] = "1"
def work(context):
    return os.environ["OPENBLAS_NUM_THREADS"]
"""),
        says="1",
        start=Location.SPAWNED,
    ),
    "a thread": Case(
        both("""\
import queue, threading
asked, answered = queue.Queue(), queue.Queue()
def serve():
    while True:
        answered.put(asked.get() + 1)
thread = threading.Thread(target=serve, daemon=True)
thread.start()
def work(context):
    asked.put(1)
    return answered.get(timeout=10), thread.is_alive(), threading.active_count()
"""),
        says="(2, True, 2)",
        fork=Location.TEMPLATE,
    ),
    "a socket": Case(
        both("""\
import socket
listening = socket.create_server(("127.0.0.1", 0))
def work(context):
    with socket.create_connection(listening.getsockname()) as calling:
        called, _ = listening.accept()
        with called:
            called.sendall(b"hello")
            return calling.recv(5)
"""),
        says="b'hello'",
        fork=Location.TEMPLATE,
    ),
    "the working directory": Case(
        both("""\
import os
before = os.getcwd()
os.makedirs("elsewhere", exist_ok=True)
os.chdir("elsewhere")
def work(context):
    return before, os.getcwd(), os.path.exists("../repos.py")
"""),
        says="elsewhere', True)",
    ),
    "the locale": Case(
        both("""\
import locale
before = locale.setlocale(locale.LC_ALL)
locale.setlocale(locale.LC_ALL, "C.UTF-8")
def work(context):
    return before, locale.setlocale(locale.LC_ALL), locale.getpreferredencoding(False)
"""),
        says="'C.UTF-8'",
    ),
    "sys.path": Case(
        both("""\
import os, sys
before = list(sys.path)
os.makedirs("added", exist_ok=True)
with open("added/found_there.py", "w") as file:
    file.write("VALUE = 7\\n")
sys.path.insert(0, os.path.abspath("added"))
def work(context):
    import found_there
    return found_there.VALUE, found_there.__file__, before, sys.path
"""),
        says="(7, ",
    ),
    "signal handlers, the umask, limits and the niceness": Case(
        both("""\
import os, resource, signal, sys
signal.signal(signal.SIGUSR1, lambda *_: None)
os.umask(0o027)
def work(context):
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)]
    names = [getattr(each, "__name__", each) for each in handlers]
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    return names, oct(os.umask(0o027)), limits, os.nice(0), blocked, sys.argv, sys.flags
"""),
        says="'0o27'",
    ),
    "what it puts in the place of the standard library's": Case(
        both("""\
import select, socket
class Patched(socket.socket):
    def recvmsg(self, *args):
        raise RuntimeError("not for the wire")
socket.socket = Patched
select.select = None
def work(context):
    return socket.socket.__name__, select.select
"""),
        says="('Patched', None)",
    ),
    "multiprocessing, spawned": Case(POOL.format(method="spawn"), says="[2, 4, 6]"),
    "multiprocessing, by a forkserver": Case(POOL.format(method="forkserver"), says="[2, 4, 6]"),
    "multiprocessing, forked": Case(POOL.format(method="fork"), says="[2, 4, 6]"),
    "asyncio and a pool of threads": Case(
        both("""\
import asyncio, concurrent.futures
async def later():
    await asyncio.sleep(0)
    return await asyncio.to_thread(pow, 2, 5)
def work(context):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return asyncio.run(later()), list(pool.map(abs, [-1, -2]))
"""),
        says="(32, [1, 2])",
    ),
    "a subprocess": Case(
        both("""\
import os, subprocess, sys
SCRIPT = "import os, sys; print(sys.argv, os.getcwd(), sys.path)"
def work(context):
    ran = subprocess.run([sys.executable, "-c", SCRIPT, "x"], stdout=subprocess.PIPE, check=True)
    return sorted(os.environ), os.environ["PATH"], ran.stdout
"""),
        says="['-c', 'x']",
    ),
    "inspect.getsource": Case(
        both("""\
import inspect, sys
class Thing:
    def method(self):
        return "seen"
def work(context):
    module = sys.modules[__name__]
    spec = module.__spec__
    return inspect.getsource(Thing), inspect.getsourcefile(Thing), \\
        inspect.getsourcelines(work)[1], inspect.getsource(module)[-5:], module.__cached__, \\
        spec.name, spec.origin, spec.has_location, spec.parent, type(spec.loader).__name__
"""),
        says='return "seen"',
    ),
    "pickles of the module's classes": Case(
        both("""\
import pickle
class Thing:
    def __init__(self, value):
        self.value = value
def work(context):
    made = pickle.loads(pickle.dumps(Thing(5)))
    return type(made) is Thing, made.value, Thing.__module__, work.__qualname__
"""),
        says="(True, 5, 'repos', 'work')",
    ),
    "data files beside the module": Case(
        both("""\
import pathlib
def work(context):
    here = pathlib.Path(__file__).parent
    return (here / "data.txt").read_text(), pathlib.Path("data.txt").read_text(), __file__
"""),
        says="'rows', 'rows'",
    ),
    "importlib.resources and pkgutil": Case(
        both("""\
import importlib.resources, pkgutil
import pack
def work(context):
    found = importlib.resources.files("pack") / "data.txt"
    return pkgutil.get_data("pack", "data.txt"), found.read_text(), \\
        [each.name for each in pkgutil.iter_modules(pack.__path__)], pack.__path__
"""),
        says="b'packed', 'packed', ['inner']",
    ),
    "logging": Case(
        both("""\
import logging, sys
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(levelname)s %(message)s")
log = logging.getLogger("mine")
log.info("when imported")
def work(context):
    log.info("in a run")
    logging.getLogger().warning("of the root")
    return [type(each).__name__ for each in logging.getLogger().handlers], log.isEnabledFor(20)
"""),
        says="WARNING of the root",
    ),
    "warnings": Case(
        both("""\
import sys, warnings
def work(context):
    with warnings.catch_warnings(record=True) as caught:
        warnings.warn("old", DeprecationWarning)
        warnings.warn("mine", UserWarning)
    return [str(each.message) for each in caught], warnings.filters, sys.warnoptions
"""),
        says="'mine'",
    ),
    "faulthandler": Case(
        both("""\
import faulthandler, tempfile
faulthandler.enable()
def work(context):
    with tempfile.TemporaryFile("w+") as file:
        faulthandler.dump_traceback(file)
        file.seek(0)
        lines = file.read().splitlines()
    return faulthandler.is_enabled(), [line for line in lines if "repos.py" in line]
"""),
        says="in work",
    ),
    "a tracer, as debuggers and coverage set one": Case(
        both("""\
import sys, threading
def traced(value):
    first = value + 1
    if first > 10:
        return 0
    return first
def work(context):
    seen = []
    def trace(frame, event, arg):
        if frame.f_code.co_name == "traced":
            seen.append((frame.f_code.co_filename, frame.f_lineno, event))
        return trace
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        traced(1)
    finally:
        sys.settrace(before)
    return seen, before, threading.main_thread() is threading.current_thread()
"""),
        says="repos.py', 6, 'return'",
    ),
    "a traceback": Case(
        both("""\
import traceback
import pack.inner
def work(context):
    try:
        pack.inner.fail()
    except ValueError:
        return traceback.format_exc()
"""),
        says='raise ValueError("of the inner one")',
    ),
    "the interpreter's settings and streams": Case(
        both("""\
import atexit, gc, sys, threading
atexit.register(print, "at exit")
def work(context):
    return gc.isenabled(), gc.get_threshold(), sys.getrecursionlimit(), sys.getswitchinterval(), \\
        threading.current_thread().name, sys.stdout.encoding, sys.stdout.line_buffering, \\
        sys.stdin.read()
"""),
        says="(True, ",
        fork=Location.TEMPLATE,  # its exit handler belongs to one process
    ),
    "the names of the module and of the program": Case(
        both("""\
import sys
def work(context):
    main = sys.modules["__main__"]
    return __name__, __package__, "repos" in sys.modules, getattr(main, "__file__", None), \\
        sys.executable, sys.prefix, [type(each).__name__ for each in sys.path_hooks]
"""),
        says="('repos', ''",
    ),
}
