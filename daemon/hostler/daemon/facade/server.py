"""Binds methods to the calls of a service, and turns errors into statuses."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn, TypeVar

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from hostler.daemon.base.journal import Journal
from hostler.daemon.base.settings import Settings
from hostler.daemon.facade import refusals
from hostler.daemon.facade.refusals import RefusalError
from hostler.rpc.errors import pack, trailing_metadata

T = TypeVar("T")
Context = grpc.aio.ServicerContext[Any, Any]

#: Seconds before the caller's deadline at which we end the call: the answer that names the slow
#: location must arrive before the caller's own clock ends the call.
DEADLINE_MARGIN = 0.02


class ServiceHandlers:
    """Makes gRPC handlers of implementations; every call goes through its limits and refusals.

    An implementation has a method for each of its service's, in snake case. A unary one may return
    the message or its bytes: answers that are kept serialized are not parsed for being sent.
    """

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self._settings = settings
        self._journal = journal
        self._in_flight = 0

    def handler(self, service: ServiceDescriptor, implementation: object) -> grpc.GenericRpcHandler:
        """Returns the handler that a grpc.aio server takes for one service."""
        handlers: dict[str, Any] = {}
        for method in service.methods:
            function = getattr(implementation, _snake_case(method.name))
            parse = GetMessageClass(method.input_type).FromString
            if method.server_streaming:
                handlers[method.name] = grpc.unary_stream_rpc_method_handler(
                    self._stream(function, parse), None, self._serialize
                )
            else:
                handlers[method.name] = grpc.unary_unary_rpc_method_handler(
                    self._unary(function, parse), None, self._serialize
                )
        return grpc.method_handlers_generic_handler(service.full_name, handlers)

    def _serialize(self, answer: Message | bytes) -> bytes:
        return answer if isinstance(answer, bytes) else answer.SerializeToString()

    def _unary(
        self,
        function: Callable[[Message, Context], Awaitable[Message | bytes]],
        parse: Callable[[bytes], Message],
    ) -> Callable[[bytes, Context], Awaitable[Message | bytes]]:
        async def call(request: bytes, context: Context) -> Message | bytes:
            try:
                return await self._answer(function, parse, request, context)
            except Exception as error:  # noqa: BLE001 (each becomes a status)
                await self._refuse(context, error)

        return call

    def _stream(
        self,
        function: Callable[[Message, Context], AsyncIterator[Message]],
        parse: Callable[[bytes], Message],
    ) -> Callable[[bytes, Context], AsyncIterator[Message]]:
        async def call(request: bytes, context: Context) -> AsyncIterator[Message]:
            try:
                async for answer in function(parse(request), context):
                    yield answer
            except Exception as error:  # noqa: BLE001 (each becomes a status)
                await self._refuse(context, error)

        return call

    async def _answer(
        self,
        function: Callable[[Message, Context], Awaitable[Message | bytes]],
        parse: Callable[[bytes], Message],
        request: bytes,
        context: Context,
    ) -> Message | bytes:
        """Returns what the function answers, within the limits of calls and of an answer's size.

        Raises:
            RefusalError: too many calls are in flight, the answer is too large, or the function
                refuses the call.
            DecodeError: the request cannot be read.
        """
        limit = self._settings.in_flight_limit
        if self._in_flight >= limit:
            raise refusals.overloaded(limit)
        self._in_flight += 1
        try:
            answer = await function(parse(request), context)
        finally:
            self._in_flight -= 1
        largest = self._settings.message_limit
        size = len(answer) if isinstance(answer, bytes) else answer.ByteSize()
        if size > largest:
            raise refusals.too_large(size, largest)
        return answer

    async def _refuse(self, context: Context, error: Exception) -> NoReturn:
        """Ends a call, unary or stream, with the status of an error: nothing else aborts one."""
        refusal = self._refusal_of(error)
        status = pack(refusal.code.value[0], refusal.message, refusal.details)
        await context.abort(refusal.code, status.message, trailing_metadata(status))

    def _refusal_of(self, error: Exception) -> RefusalError:
        """Returns what the caller is told of an error; logs one that is a fault of ours."""
        if isinstance(error, RefusalError):
            return error
        if isinstance(error, DecodeError):
            return refusals.invalid(f"cannot read the request: {error}")
        self._journal.fault("a call failed", error)
        return refusals.internal()


async def await_for_caller(
    context: Context, settings: Settings, location: str, work: Awaitable[T]
) -> T:
    """Awaits work that the user's code takes part in, no longer than the caller waits.

    Raises:
        RefusalError: DEADLINE_EXCEEDED, naming the location.
    """
    remaining = context.time_remaining()
    seconds = settings.call_timeout if remaining is None else remaining
    try:
        async with asyncio.timeout(max(0.0, seconds - DEADLINE_MARGIN)):
            return await work
    except TimeoutError:
        raise refusals.deadline(location, seconds) from None


def _snake_case(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
