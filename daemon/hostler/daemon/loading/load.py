"""Has a process load its target, and builds a generation from what the process says."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hostler.daemon.generations import generation
from hostler.daemon.generations.description import DescriptionBuffer
from hostler.daemon.state.fork_policy import LoadReport

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hostler.daemon.generations.generation import Generation
    from hostler.daemon.processes.factory import ProcessFactory
    from hostler.daemon.processes.host_process import HostProcess
    from hostler.daemon.workspace.text.models import LocationSpec

#: Bytes of sources from which on a generation is built in another thread: for a usual project, to
#: change threads would cost a reload more time than to build it.
LARGE = 4_000_000

#: Bytes of a description from which on it is read there, too: some 2,500 definitions, which take
#: more than 10 ms. The loop is for everybody.
LARGE_DESCRIPTION = 256_000


@dataclass(frozen=True, slots=True)
class LoadResult:
    """Holds what a successful load has given.

    Attributes:
        body: the answer to LOAD; see hostler.host.loading.Load.report.
        unfit_reason: why a load by a fork does not count; empty if it counts.
        generation: the generation; None if the load does not count.
    """

    body: dict[str, Any]
    report: LoadReport
    unfit_reason: str
    generation: Generation | None


async def load_generation(
    factory: ProcessFactory,
    host: HostProcess,
    spec: LocationSpec,
    overlay: bytes | None,
    files_read: Mapping[str, str | None],
    *,
    is_fork: bool,
) -> LoadResult:
    """Has a process that has said hello load its target.

    Args:
        overlay: the sources that it loads in place of the disk; None for the disk.
        files_read: the files that the load reads and looks for; the caller adds to it meanwhile.

    Raises:
        RemoteError: the load failed.
        ChannelClosedError: the process went away.
        ValueError, google.protobuf.json_format.ParseError: its description cannot be read.
    """
    described = DescriptionBuffer(at_once=LARGE_DESCRIPTION)
    body, snapshot = await factory.load_and_snapshot(host, spec, overlay, described.receive)
    report = LoadReport.of(body)
    unfit = report.unfit_after_fork() if is_fork else ""
    if unfit:
        return LoadResult(body, report, unfit, None)
    version = host.hello.result()["version"]
    files = dict(files_read)

    def build() -> Generation:
        return generation.build(spec, described.get(), body, files, snapshot, version)

    is_large = len(snapshot) > LARGE or len(described) > LARGE_DESCRIPTION
    made = await asyncio.to_thread(build) if is_large else build()
    made.files.update(files_read)  # files that were read meanwhile
    return LoadResult(body, report, "", made)
