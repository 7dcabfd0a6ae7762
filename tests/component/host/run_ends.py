"""What solids leave at their end, and what there is of it after the run's answer."""

from __future__ import annotations

from typing import NamedTuple

CODE = """\
import os
from hostler.definitions import pipeline, repository, solid

FOLDER = os.path.dirname(os.path.abspath(__file__))


def place(name):
    return os.path.join(FOLDER, name)


def note(text):
    with open(place("noted"), "a") as file:
        file.write(text + "\\n")


{head}


@solid
def work(context):
{body}


@pipeline
def works():
    work()


@repository
def repo():
    return [works]
"""


class End(NamedTuple):
    """Describes what a solid leaves, and what there is after the run's answer."""

    body: str
    head: str = ""
    #: The text of files by name; None for one that is gone.
    files: tuple[tuple[str, str | None], ...] = (("out", "done"),)
    #: Whether the run fails.
    fails: bool = False


def noted(*lines: str) -> tuple[tuple[str, str | None], ...]:
    return (("noted", "".join(f"{line}\n" for line in lines)),)


ENDS = {
    "text file, global": End("global kept; kept = open(place('out'), 'w'); kept.write('done')"),
    # the collector loses what such a file holds, in any interpreter: it must not run before the end
    "text file, local in a cycle": End(
        "import gc; gc.disable()\n"
        "cycle = [open(place('out'), 'w')]; cycle.append(cycle); cycle[0].write('done')"
    ),
    "binary file, class attribute": End(
        "Keeper.kept = open(place('out'), 'wb'); Keeper.kept.write(b'done')",
        "class Keeper: pass",
    ),
    "text file, closure": End(
        "keep(open(place('out'), 'w')).write('done')",
        "def make():\n    files = []\n    def keep(file):\n        files.append(file)\n"
        "        return file\n    return keep\nkeep = make()",
    ),
    "text file, default argument": End(
        "(lambda file, kept=work_files: kept.append(file) or file)(open(place('out'), 'w'))"
        ".write('done')",
        "work_files = []",
    ),
    "text file, a standard module's global": End(
        "import colorsys; colorsys.kept = open(place('out'), 'w'); colorsys.kept.write('done')"
    ),
    "gzip, a standard module's global": End(
        "import colorsys, gzip; colorsys.kept = gzip.open(place('out'), 'wt');"
        " colorsys.kept.write('done')"
    ),
    "gzip, global": End(
        "import gzip\nglobal kept; kept = gzip.open(place('out'), 'wb'); kept.write(b'done')"
    ),
    "gzip beside a daemon thread": End(
        "import gzip, threading, time\nglobal kept; kept = gzip.open(place('out'), 'wt');"
        " kept.write('done'); threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
    ),
    "zip, global": End(
        "import zipfile\nglobal kept; kept = zipfile.ZipFile(place('out'), 'w');"
        " kept.writestr('member', 'done')"
    ),
    "zip beside a daemon thread": End(
        "import threading, time, zipfile\nglobal kept; kept = zipfile.ZipFile(place('out'), 'w');"
        " kept.writestr('member', 'done');"
        " threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
    ),
    "csv writer, global": End(
        "import csv\nglobal kept; kept = csv.writer(open(place('out'), 'w', newline=''));"
        " kept.writerow(['do', 'ne'])",
        files=(("out", "do,ne\r\n"),),
    ),
    "a file of a solid that fails, in its frame": End(
        "kept = open(place('out'), 'w'); kept.write('done'); raise OSError('no')", fails=True
    ),
    "gzip of a solid that fails, in its frame": End(
        "import gzip\nkept = gzip.open(place('out'), 'wt'); kept.write('done')\n"
        "raise OSError('no')",
        fails=True,
    ),
    "a buffering log handler": End(
        "import logging, logging.handlers\n"
        "handler = logging.handlers.MemoryHandler(99, target=logging.FileHandler(place('out')));"
        " logging.getLogger().addHandler(handler); logging.getLogger().error('done')",
        files=(("out", "done\n"),),
    ),
    "a queue listener's log handler": End(
        "import logging, logging.handlers, queue, atexit\n"
        "line = queue.Queue()\n"
        "listener = logging.handlers.QueueListener(line, logging.FileHandler(place('out')));"
        " listener.start(); atexit.register(listener.stop);"
        " logging.getLogger().addHandler(logging.handlers.QueueHandler(line));"
        " logging.getLogger().error('done')",
        files=(("out", "done\n"),),
    ),
    "a thread that is no daemon": End(
        "import threading, time\ndef later():\n    time.sleep(0.2)\n    note('thread')\n"
        "threading.Thread(target=later).start()",
        files=noted("thread"),
    ),
    "a thread that starts another": End(
        "import threading, time\ndef last():\n    time.sleep(0.1)\n    note('last')\n"
        "def later():\n    time.sleep(0.1)\n    threading.Thread(target=last).start()\n"
        "threading.Thread(target=later).start()",
        files=noted("last"),
    ),
    "a thread that raises": End(
        "import threading, time\ndef later():\n    time.sleep(0.1)\n    note('thread')\n"
        "    raise OSError('no')\nthreading.Thread(target=later).start()",
        files=noted("thread"),
    ),
    "a timer": End(
        "import threading\nthreading.Timer(0.1, note, ['timer']).start()", files=noted("timer")
    ),
    "tasks of a thread pool": End(
        "import concurrent.futures, time\nglobal pool\n"
        "pool = concurrent.futures.ThreadPoolExecutor(1)\n"
        "for number in range(3):\n"
        "    pool.submit(lambda n: (time.sleep(0.05), note(str(n))), number)",
        files=noted("0", "1", "2"),
    ),
    "tasks of a process pool": End(
        "import concurrent.futures\nglobal pool\n"
        "pool = concurrent.futures.ProcessPoolExecutor(1, **FORK)\n"
        "for number in range(3):\n    pool.submit(note, str(number))",
        "import multiprocessing, sys\nFORK = {'mp_context': multiprocessing.get_context('fork')}",
        files=noted("0", "1", "2"),
    ),
    "a child of multiprocessing": End(
        "import multiprocessing\nmultiprocessing.get_context('fork').Process(target=later).start()",
        "import time\ndef later():\n    time.sleep(0.2)\n    note('child')",
        files=noted("child"),
    ),
    "a pool of multiprocessing that is left": End(
        "import multiprocessing\nglobal pool\npool = multiprocessing.get_context('fork').Pool(2)\n"
        "pool.map(note, ['task'])",
        files=noted("task"),
    ),
    "exit handlers, last first": End(
        "import atexit\natexit.register(note, 'first'); atexit.register(note, text='second')",
        files=noted("second", "first"),
    ),
    "an exit handler that raises": End(
        "import atexit\natexit.register(note, 'done'); atexit.register(lambda: 1 / 0)",
        files=noted("done"),
    ),
    "an exit handler that exits": End(
        "import atexit, sys\natexit.register(note, 'done'); atexit.register(sys.exit, 3)",
        files=noted("done"),
    ),
    "an exit handler that exits, the first": End(
        "import atexit, sys\natexit.register(sys.exit, 3); atexit.register(note, 'done')",
        files=noted("done"),
    ),
    "an exit handler that interrupts": End(
        "import atexit, sys\natexit.register(interrupt); atexit.register(note, 'done')",
        "def interrupt():\n    raise KeyboardInterrupt",
        files=noted("done"),
    ),
    "an exit handler that was taken back": End(
        "import atexit\natexit.register(note, 'kept'); atexit.register(gone);"
        " atexit.unregister(gone)",
        "def gone():\n    note('gone')",
        files=noted("kept"),
    ),
    "exit handlers that were called already": End(
        "import atexit\natexit.register(note, 'once'); atexit._run_exitfuncs()",
        files=noted("once"),
    ),
    "exit handlers that were cleared": End(
        "import atexit\natexit.register(note, 'cleared'); atexit._clear();"
        " atexit.register(note, 'kept')",
        files=noted("kept"),
    ),
    "a finalizer": End(
        "import weakref\nglobal kept\nkept = Kept(); weakref.finalize(kept, note, 'finalized')",
        "class Kept: pass",
        files=noted("finalized"),
    ),
    "a finalizer that is not for the exit": End(
        "import weakref\nglobal kept\nkept = Kept()\n"
        "weakref.finalize(kept, note, 'finalized').atexit = False\nnote('done')",
        "class Kept: pass",
        files=noted("done"),
    ),
    "a temporary folder, global": End(
        "import tempfile\nglobal kept; kept = tempfile.TemporaryDirectory(dir=FOLDER);"
        " os.rename(kept.name, place('scratch')); kept.name = place('scratch')\n"
        "kept._finalizer.detach()\nimport weakref, shutil\n"
        "kept._finalizer = weakref.finalize(kept, shutil.rmtree, place('scratch'))",
        files=(("scratch", None),),
    ),
    "a named temporary file, class attribute": End(
        "import tempfile\nKeeper.kept = tempfile.NamedTemporaryFile(dir=FOLDER, suffix='.scratch');"
        " Keeper.kept.write(b'x')\nos.link(Keeper.kept.name, place('out'));"
        " Keeper.kept.write(b'y'); os.symlink(Keeper.kept.name, place('named'))",
        "class Keeper: pass",
        files=(("out", "xy"), ("named", None)),
    ),
    "__del__ of a global": End(
        "global kept; kept = Kept()",
        "class Kept:\n    def __del__(self): note('deleted')",
        files=noted("deleted"),
    ),
    "__del__ in a cycle": End(
        "kept = Kept(); kept.itself = kept",
        "class Kept:\n    def __del__(self): note('deleted')",
        files=noted("deleted"),
    ),
    "__del__ in the frame of a failure": End(
        "kept = Kept(); raise OSError('no')",
        "class Kept:\n    def __del__(self): note('deleted')",
        files=noted("deleted"),
        fails=True,
    ),
    "__del__ of what a standard module holds": End(
        "import colorsys; colorsys.kept = Kept()",
        "class Kept:\n    def __del__(self): note('deleted')",
        files=noted("deleted"),
    ),
    "__del__ beside a daemon thread": End(
        "import threading, time\nglobal kept; kept = Kept()\n"
        "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
        "class Kept:\n    def __del__(self): note('deleted')",
        files=noted("deleted"),
    ),
    "__del__ that raises": End(
        "global first, second; first = Kept(); second = Kept()",
        "class Kept:\n    def __del__(self):\n        note('deleted')\n        raise OSError('no')",
        files=noted("deleted", "deleted"),
    ),
    "a suspended generator": End(
        "global kept; kept = steps(); next(kept)",
        "def steps():\n    try:\n        yield\n    finally:\n        note('finally')",
        files=noted("finally"),
    ),
    "a generator that has not begun": End(
        "global kept; kept = steps(); note('done')",
        "def steps():\n    try:\n        yield\n    finally:\n        note('finally')",
        files=noted("done"),
    ),
    "a suspended generator beside a daemon thread": End(
        "import threading, time\nglobal kept; kept = steps(); next(kept)\n"
        "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
        "def steps():\n    try:\n        yield\n    finally:\n        note('finally')",
        files=noted("finally"),
    ),
    "a suspended coroutine": End(
        "global kept; kept = steps(); kept.send(None)",
        "import types\n@types.coroutine\ndef pause():\n    yield\n"
        "async def steps():\n    try:\n        await pause()\n    finally:\n"
        "        note('finally')",
        files=noted("finally"),
    ),
    "an event loop that is left, with a file": End(
        "import asyncio\nglobal loop; loop = asyncio.new_event_loop()\n"
        "loop.kept = open(place('out'), 'w'); loop.kept.write('done')"
    ),
    "C's stdio": End(
        "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.fopen.restype = ctypes.c_void_p\n"
        "file = libc.fopen(place('out').encode(), b'w')\n"
        "libc.fputs(b'done', ctypes.c_void_p(file))",
    ),
    "a context that is never left": End(
        "import contextlib\nglobal stack; stack = contextlib.ExitStack()\n"
        "stack.enter_context(open(place('out'), 'w')).write('done')"
    ),
    "a file opened in an exit handler": End(
        "import atexit\natexit.register(late)",
        "def late():\n    global kept\n    kept = open(place('out'), 'w')\n    kept.write('done')",
    ),
    "a file opened in __del__": End(
        "global kept; kept = Kept()",
        "class Kept:\n    def __del__(self):\n        import colorsys\n"
        "        colorsys.kept = open(place('out'), 'w')\n        colorsys.kept.write('done')",
    ),
    "stdout of the solid's own": End(
        "import sys\nsys.stdout = open(place('out'), 'w'); print('done', end='')"
    ),
}
