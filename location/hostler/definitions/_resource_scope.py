"""The resources of one process of a run: made on first need, cleaned up in reverse order."""

from __future__ import annotations

import os

from hostler.definitions.errors import ResourceError
from hostler.definitions.resources import ResourceContext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, Mapping

    from hostler.definitions.context import LogSink
    from hostler.definitions.pipelines import PipelineDefinition


class ResourceScope:
    """Holds the resources that this process has made.

    Args:
        pipeline: whose they are.
        configs: by the name of the resource, checked.
        run_id, tags: of the run.
    """

    def __init__(
        self,
        pipeline: PipelineDefinition,
        configs: Mapping[str, Any],
        run_id: str,
        tags: Mapping[str, str],
    ) -> None:
        self._pipeline = pipeline
        self._configs = configs
        self._run_id = run_id
        self._tags = tags
        self._pid = os.getpid()
        self._made: dict[str, Any] = {}
        #: What yielded a resource, in the order of their making.
        self._open: list[tuple[str, Any]] = []

    def of_this_process(self) -> ResourceScope:
        """Returns the scope itself; in a fork, a new one: a connection has one owner."""
        if os.getpid() == self._pid:
            return self
        return ResourceScope(self._pipeline, self._configs, self._run_id, self._tags)

    def obtain(self, names: Iterable[str], log: LogSink) -> dict[str, Any]:
        """Returns resources by name; makes those that are not there.

        Raises:
            ResourceError: a function that yields has yielded none.
            BaseException: whatever the user's function raises.
        """
        for name in names:
            if name not in self._made:
                self._made[name] = self._make(name, log)
        return {name: self._made[name] for name in names}

    def close(self, log: LogSink) -> None:
        """Has all that was made cleaned up, the last one first; logs what fails there.

        Raises:
            KeyboardInterrupt: the run is cancelled meanwhile; the others are cleaned up first.
        """
        interrupt: KeyboardInterrupt | None = None
        self._made.clear()
        while self._open:
            name, generator = self._open.pop()
            try:
                next(generator)
            except StopIteration:
                continue
            except KeyboardInterrupt as error:
                interrupt = error
            except BaseException as error:  # noqa: BLE001 (the user's; the steps have ended)
                problem = f"{type(error).__name__}: {error}"
                log("ERROR", f'cannot clean up the resource "{name}": {problem}')
            else:
                log("ERROR", f'the resource "{name}" was yielded twice; yield once, then clean up')
                generator.close()
        if interrupt is not None:
            raise interrupt

    def _make(self, name: str, log: LogSink) -> Any:
        definition = self._pipeline.resources[name]
        context = ResourceContext(
            config=self._configs.get(name),
            resource_name=name,
            run_id=self._run_id,
            pipeline_name=self._pipeline.name,
            tags=self._tags,
            log=log,
        )
        made = definition.function(*([context] if definition.takes_context else []))
        if not definition.is_generator:
            return made
        try:
            value = next(made)
        except StopIteration:
            raise ResourceError(
                f'cannot make the resource "{name}": its function ended without a yield; yield '
                "the resource once"
            ) from None
        self._open.append((name, made))
        return value
