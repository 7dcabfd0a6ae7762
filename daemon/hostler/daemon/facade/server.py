"""Binds methods to the calls of a service, and turns errors into statuses."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from hostler.daemon.base.journal import Journal
from hostler.daemon.base.settings import Settings
from hostler.daemon.facade import refusals
from hostler.daemon.facade.admission import Admission, Context
from hostler.daemon.facade.refusals import RefusalError
from hostler.daemon.facade.validation import require_small, require_valid
from hostler.rpc.errors import Reason, pack, trailing_metadata

#: What a location's end makes of the calls that wait for it: at the daemon's own end they are told
#: of that end instead.
_OF_THE_END = frozenset({Reason.STOPPED, Reason.NOT_READY, Reason.PROCESS_DIED})


class ServiceHandlers:
    """Makes gRPC handlers of implementations; every call goes through its limits and refusals.

    An implementation has a method for each of its service's, in snake case. A unary one may return
    the message or its bytes: answers that are kept serialized are not parsed for being sent.
    """

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        admission: Admission,
        *,
        only_reads: bool = False,
    ) -> None:
        """
        Args:
            only_reads: whether methods that do more than read are refused: all but those that the
                contract declares to have no side effects.
        """
        self._settings = settings
        self._journal = journal
        self._admission = admission
        self._only_reads = only_reads

    def handler(self, service: ServiceDescriptor, implementation: object) -> grpc.GenericRpcHandler:
        """Returns the handler that a grpc.aio server takes for one service."""
        handlers: dict[str, Any] = {}
        for method in service.methods:
            function: Any = getattr(implementation, _snake_case(method.name))
            if self._only_reads and not reads(method):
                function = _refuse_order if not method.server_streaming else _refuse_stream
            parse = self._reader(GetMessageClass(method.input_type))
            if method.server_streaming:
                handlers[method.name] = grpc.unary_stream_rpc_method_handler(
                    self._stream(function, parse), None, self._serialize
                )
            else:
                handlers[method.name] = grpc.unary_unary_rpc_method_handler(
                    self._unary(function, parse), None, self._serialize
                )
        return grpc.method_handlers_generic_handler(service.full_name, handlers)

    def _reader(self, message: type[Message]) -> Callable[[bytes], Message]:
        """Returns what parses a request, and refuses one that is too large or not valid."""

        def read(request: bytes) -> Message:
            require_small(request, message, self._settings)
            parsed = message.FromString(request)
            require_valid(parsed, self._settings)
            return parsed

        return read

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
            except asyncio.CancelledError:
                await self._refuse_at_end(context)
            except Exception as error:  # noqa: BLE001 (each becomes a status)
                await self._refuse(context, error)

        return call

    def _stream(
        self,
        function: Callable[[Message, Context], AsyncGenerator[Message]],
        parse: Callable[[bytes], Message],
    ) -> Callable[[bytes, Context], AsyncIterator[Message]]:
        async def call(request: bytes, context: Context) -> AsyncIterator[Message]:
            try:
                with self._admission.stream() as stream:
                    async with contextlib.aclosing(function(parse(request), context)) as answers:
                        async for answer in answers:
                            stream.is_writing = True
                            yield answer
                            stream.has_written()
            except asyncio.CancelledError:
                await self._refuse_at_end(context)
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
        with self._admission.call():
            answer = await function(parse(request), context)
        largest = self._settings.message_limit
        size = len(answer) if isinstance(answer, bytes) else answer.ByteSize()
        if size > largest:
            raise refusals.too_large(size, largest)
        return answer

    async def _refuse_at_end(self, context: Context) -> NoReturn:
        """Ends a call that was cancelled: by its caller, or by the end of the daemon."""
        if not self._admission.has_ended(asyncio.current_task()):
            raise asyncio.CancelledError
        await self._refuse(context, refusals.shutting_down())

    async def _refuse(self, context: Context, error: Exception) -> NoReturn:
        """Ends a call, unary or stream, with the status of an error: nothing else aborts one."""
        refusal = self._refusal_of(error)
        status = pack(refusal.code.value[0], refusal.message, refusal.details)
        await context.abort(refusal.code, status.message, trailing_metadata(status))

    def _refusal_of(self, error: Exception) -> RefusalError:
        """Returns what the caller is told of an error; logs one that is a fault of ours."""
        if isinstance(error, RefusalError):
            is_of_the_end = self._admission.is_closing and error.details.reason in _OF_THE_END
            return refusals.shutting_down() if is_of_the_end else error
        if isinstance(error, DecodeError):
            return refusals.invalid(f"cannot read the request: {error}")
        self._journal.fault("a call failed", error)
        return refusals.internal()


def reads(method: MethodDescriptor) -> bool:
    """Returns whether the contract declares that a method has no side effects."""
    level = method.GetOptions().idempotency_level
    return bool(level == MethodOptions.IdempotencyLevel.NO_SIDE_EFFECTS)


async def _refuse_order(_request: Message, _context: Context) -> Message:
    raise refusals.only_reads()


async def _refuse_stream(_request: Message, _context: Context) -> AsyncGenerator[Message]:
    for answer in _no_answers():
        yield answer


def _no_answers() -> list[Message]:
    raise refusals.only_reads()


def _snake_case(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
