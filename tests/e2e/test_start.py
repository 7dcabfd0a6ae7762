"""A start of ten locations: one sleeps and one dies."""

import time
from pathlib import Path

from e2e.harness import Daemon, eventually

GOOD = [f"good{number}.py" for number in range(8)]


def test_the_ready_ones_answer_while_one_sleeps_and_one_dies(daemon: Daemon, source: str) -> None:
    daemon.write("sleeper.py", "import time\ntime.sleep(40)\n")
    daemon.write("dying.py", "import os\nprint('on my way out')\nos._exit(3)\n")
    for name in GOOD:
        daemon.write(name, source.format(name=Path(name).stem))
    entries = ["sleeper.py", "dying.py", *GOOD]
    daemon.workspace.write_text(
        "load_from:\n" + "".join(f"  - python_file: {name}\n" for name in entries)
    )
    began = time.monotonic()
    daemon.start()
    for name in GOOD:
        daemon.ready(name)
        assert daemon.pipelines(name) == [Path(name).stem]
    assert time.monotonic() - began < 39, "they waited for the one that sleeps"
    assert daemon.state("sleeper.py") == "STARTING"
    dying = eventually(
        lambda: (found := daemon.client.location("dying.py")).HasField("error") and found
    )
    assert "exit code 3" in dying.error.message
    assert list(dying.error.output) == ["on my way out"]


def test_the_order_of_the_file_is_the_order_of_the_answer(daemon: Daemon, source: str) -> None:
    for name in ("b.py", "a.py"):
        daemon.write(name, source.format(name="p"))
    daemon.workspace.write_text("load_from:\n  - python_file: b.py\n  - python_file: a.py\n")
    daemon.start()
    assert [each.name for each in daemon.client.locations()] == ["locations/b.py", "locations/a.py"]
