"""What a location imports and how long each module takes, from the interpreter's own figures."""

import asyncio
from dataclasses import dataclass, field

from hostler.daemon.processes.channel import ChannelClosedError, RemoteError
from hostler.daemon.processes.factory import ProcessFactory
from hostler.daemon.processes.host_process import Listener, Stream
from hostler.daemon.workspace.text.models import LocationSpec

#: How the lines of `python -X importtime` begin.
_MARK = "import time:"


@dataclass(frozen=True, slots=True)
class ModuleImport:
    """One module that was imported.

    Attributes:
        depth: 0 for what the target itself imports, 1 for what that imports, ...
        own: seconds without what it imports in turn.
        total: seconds with that.
    """

    name: str
    depth: int
    own: float
    total: float


@dataclass(slots=True)
class ImportTimes:
    """What a load has imported.

    Attributes:
        modules: in the order in which their imports ended, so that a module follows those that it
            imports.
        seconds: of the whole load, with what the interpreter takes to measure.
        failure: why the load failed; empty where it did not.
    """

    modules: list[ModuleImport] = field(default_factory=list)
    seconds: float = 0.0
    failure: str = ""


async def measure_imports(factory: ProcessFactory, spec: LocationSpec, owner: str) -> ImportTimes:
    """Loads a location once more in a new interpreter of its own, and ends that.

    What the load prints is dropped.

    Raises:
        SpawnError: the interpreter cannot be started.
    """
    times = ImportTimes()

    def on_lines(stream: Stream, texts: list[str], _pid: int) -> None:
        if stream == "stderr":
            found = (read_import(text) for text in texts)
            times.modules += [each for each in found if each is not None]

    loop = asyncio.get_running_loop()
    began = loop.time()
    listener = Listener(on_lines, lambda _: None)
    host = await factory.spawn(spec, owner, listener, options=("-X", "importtime"))
    try:
        async with asyncio.timeout(spec.load_timeout or None):
            await host.wait_for_hello()
            host.drain_output()
            times.modules.clear()  # of the interpreter's start, and of hostler's own code
            began = loop.time()
            await factory.load(host, spec, None)
    except TimeoutError:
        times.failure = f"it took longer than load_timeout ({spec.load_timeout:g} s)"
    except RemoteError as error:
        times.failure = str(error)
    except ChannelClosedError:
        times.failure = "its process died"
    finally:
        times.seconds = loop.time() - began
        host.drain_output()
        await factory.kill(host)
    times.modules = [each for each in times.modules if not _is_ours(each.name)]
    return times


def read_import(line: str) -> ModuleImport | None:
    """Returns what a line of `-X importtime` says; None for another line."""
    if not line.startswith(_MARK):
        return None
    parts = line.removeprefix(_MARK).split("|", 2)
    if len(parts) != 3 or not parts[0].strip().isdecimal():  # its heading
        return None
    name = parts[2].removeprefix(" ")
    depth = (len(name) - len(name.lstrip())) // 2
    own, total = (int(part) / 1e6 for part in parts[:2])
    return ModuleImport(name.strip(), depth, own, total)


def _is_ours(name: str) -> bool:
    return name == "hostler" or name.startswith(("hostler.host", "hostler.definitions"))
