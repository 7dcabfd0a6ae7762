"""The messages of a streamed answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, Self, TypeVar

import grpc

from hostler.client.errors import from_rpc_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class StreamCall(Protocol[T_co]):
    """Types what grpc returns for a streamed answer; it has no public name there."""

    def __next__(self) -> T_co: ...

    def cancel(self) -> bool: ...


class Stream(Generic[T]):
    """Yields the messages of a streamed answer, as they come.

    Iterate over it; `cancel`, the end of a `with` block, or dropping it ends the call.

    Iterating raises:
        HostlerError: as a call does.
    """

    def __init__(
        self,
        call: StreamCall[T],
        socket: str,
        divide: Callable[[T], Iterator[T]] | None = None,
    ) -> None:
        """
        Args:
            divide: yields in place of each message those that it stands for.
        """
        self._call = call
        self._divide = divide
        self._parts: Iterator[T] = iter(())
        self._socket = socket
        self._canceled = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        if self._divide is None:
            return self._receive()
        while not self._canceled:
            for part in self._parts:
                return part
            self._parts = self._divide(self._receive())
        raise StopIteration

    def _receive(self) -> T:
        try:
            return next(self._call)
        except grpc.RpcError as error:
            if self._canceled:
                raise StopIteration from None
            raise from_rpc_error(error, self._socket) from None

    def cancel(self) -> None:
        """Ends the call, and an iteration over it without an error. Callable from any thread."""
        self._canceled = True
        self._call.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.cancel()
