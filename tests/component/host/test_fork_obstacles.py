"""What makes forks of a location process unsafe: each is named after the load."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from component.host.host_process import GOOD, THREAD, Host, load

from hostler.host.wire import Status

if TYPE_CHECKING:
    from pathlib import Path

ENDED_THREAD = """\
import threading
thread = threading.Thread(target=int)
thread.start()
thread.join()
"""

NATIVE_THREAD = """\
import ctypes
libc = ctypes.CDLL(None)
thread = ctypes.c_ulong()
libc.pthread_create(ctypes.byref(thread), None, libc.pause, None)
"""

POSIX_TIMER = """\
import ctypes
event = (ctypes.c_int * 16)(0, 0, 0, 1)  # SIGEV_NONE
kept = ctypes.c_void_p()
ctypes.CDLL("librt.so.1").timer_create(0, event, ctypes.byref(kept))
"""

LEFT_BEHIND = {
    "a thread": (THREAD, ["1 Python thread after import"]),
    "a thread that has ended": (ENDED_THREAD, []),
    "sockets": (
        "import socket\nkept = socket.socket(), socket.socket()\n",
        ["an open socket after import"],
    ),
    "an epoll": ("import select\nkept = select.epoll()\n", ["an open eventpoll after import"]),
    "an eventfd": (
        "import ctypes\nkept = ctypes.CDLL(None).eventfd(0, 0)\n",
        ["an open eventfd after import"],
    ),
    "a native thread": (
        NATIVE_THREAD,
        ["1 native thread after import"],
    ),
    "files that are read": ("import os\nkept = open(os.devnull), open(__file__)\n", []),
    "a pipe": ("import os\nkept = os.pipe()\n", ["an open pipe after import"]),
    "a child process": (
        "import subprocess\nkept = subprocess.Popen(['/bin/cat'], stdin=subprocess.PIPE)\n",
        [
            "an open pipe after import",
            "a child process after import",
            "an object with __del__ after import (subprocess.Popen)",
        ],
    ),
    "an exit handler": (
        "import atexit\ndef bye(): pass\natexit.register(bye)\n",
        ["an exit handler after import (etl.bye)"],
    ),
    "a scratch folder": (
        "import tempfile\nkept = tempfile.TemporaryDirectory()\n",
        ["1 finalizer after import"],
    ),
    "a timer": (
        "import signal\nsignal.setitimer(signal.ITIMER_VIRTUAL, 600)\n",
        ["a timer of its own time after import"],
    ),
    "a POSIX timer": (
        POSIX_TIMER,
        ["a POSIX timer after import"],
    ),
    "a generator": (
        "import random\nkept = random.Random(7)\n",
        ["a generator made at import (random.Random)"],
    ),
    "a seed": ("import random\nrandom.seed(7)\n", ["random was seeded or used at import"]),
    "random numbers of no state": (
        "import random, uuid\nkept = random.SystemRandom(), uuid.uuid4()\n",
        [],
    ),
    "shared memory": (
        "import mmap\nkept = mmap.mmap(-1, 4096)\n",
        ["shared memory after import"],
    ),
    "a suspended generator": (
        "def steps():\n    yield\nkept = steps()\nnext(kept)\n",
        ["a suspended generator after import"],
    ),
    "a method at exit": (
        "import atexit, colorsys, io, pdb\natexit.register(io.StringIO().close)\n",
        ["an exit handler after import (StringIO.close)"],
    ),
    "a partial at exit": (
        "import atexit, functools\natexit.register(functools.partial(print, end=''))\n",
        ["an exit handler after import (partial)"],
    ),
    "a signalfd": (
        "import ctypes\nkept = ctypes.CDLL(None).signalfd(-1, (ctypes.c_ulong * 16)(), 0)\n",
        ["an open signalfd after import"],
    ),
    "an inotify": (
        "import ctypes\nkept = ctypes.CDLL(None).inotify_init()\n",
        ["an open inotify after import"],
    ),
    "a database in memory": ("import sqlite3\nkept = sqlite3.connect(':memory:')\n", []),
    "a file that is written": (
        "import os\nkept = os.open('/dev/shm', os.O_TMPFILE | os.O_RDWR)\n",
        ["an open shared memory after import"],
    ),
    "a lock of multiprocessing": (
        "import multiprocessing\nkept = multiprocessing.Lock()\n",
        ["shared memory after import"],
    ),
    "an alarm": (
        "import signal\nsignal.alarm(600)\n",
        ["a timer of real time after import"],
    ),
    "an object with an end of its own": (
        "class Scratch:\n    def __del__(self): pass\nkept = Scratch()\n",
        ["an object with __del__ after import (etl.Scratch)"],
    ),
}


@pytest.mark.parametrize("left", LEFT_BEHIND)
def test_what_makes_forks_unsafe_is_named(host: Host, tmp_path: Path, left: str) -> None:
    code, reasons = LEFT_BEHIND[left]
    answer = load(host, tmp_path, code + GOOD)
    assert answer.code == Status.OK, json.dumps(answer.json())
    assert answer.json()["unsafe"] == reasons
