"""Server reflection, as grpcurl and the like ask for it: v1, and v1alpha for older ones.

The descriptors of hostler.v1 are those of the wheel, so that the comments come along.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

_ALPHA, _V1 = "grpc.reflection.v1alpha", "grpc.reflection.v1"

#: The services of reflection itself; their messages are the same on the wire.
SERVICES = (f"{_V1}.ServerReflection", f"{_ALPHA}.ServerReflection")

File = descriptor_pb2.FileDescriptorProto


class Reflection:
    """Answers which services there are, and what a file, a message or a method looks like."""

    def __init__(self, services: Sequence[str]) -> None:
        self._services = sorted({*services, *SERVICES})
        self._files = {file.name: file for file in _files()}
        self._symbols = {symbol: file for file in self._files.values() for symbol in _symbols(file)}

    def handlers(self) -> Iterator[grpc.GenericRpcHandler]:
        """Yields the handlers that a grpc.aio server takes."""
        method: Any = grpc.stream_stream_rpc_method_handler(
            self._answers,
            pb.ServerReflectionRequest.FromString,
            pb.ServerReflectionResponse.SerializeToString,
        )
        for service in SERVICES:
            yield grpc.method_handlers_generic_handler(service, {"ServerReflectionInfo": method})

    async def _answers(
        self, requests: AsyncIterator[pb.ServerReflectionRequest], _context: Any
    ) -> AsyncIterator[pb.ServerReflectionResponse]:
        async for request in requests:
            yield self.answer(request)

    def answer(self, request: pb.ServerReflectionRequest) -> pb.ServerReflectionResponse:
        """Returns the answer to one question; NOT_FOUND in it where there is no such thing."""
        answer = pb.ServerReflectionResponse(valid_host=request.host, original_request=request)
        kind = request.WhichOneof("message_request")
        if kind == "list_services":
            for name in self._services:
                answer.list_services_response.service.add(name=name)
            return answer
        found: File | None = None
        if kind == "file_by_filename":
            found = self._files.get(request.file_by_filename)
        elif kind == "file_containing_symbol":
            found = self._symbols.get(request.file_containing_symbol)
        elif kind == "all_extension_numbers_of_type":
            # proto3 has none
            name = request.all_extension_numbers_of_type
            if name in self._symbols:
                answer.all_extension_numbers_response.base_type_name = name
                return answer
        if found is None:
            answer.error_response.error_code = grpc.StatusCode.NOT_FOUND.value[0]
            answer.error_response.error_message = "there is nothing of that name"
            return answer
        answer.file_descriptor_response.file_descriptor_proto.extend(
            file.SerializeToString() for file in self._with_dependencies(found)
        )
        return answer

    def _with_dependencies(self, file: File) -> Iterable[File]:
        """Returns a file, first, and all that it imports."""
        found = {file.name: file}
        waiting = [file]
        while waiting:
            for name in waiting.pop().dependency:
                if name not in found:
                    found[name] = self._files[name]
                    waiting.append(self._files[name])
        return found.values()


def _files() -> Iterator[File]:
    """Yields the contract with all that it imports, and the files of the other services."""
    data = resources.files("hostler.v1").joinpath("descriptors.binpb").read_bytes()
    yield from descriptor_pb2.FileDescriptorSet.FromString(data).file
    for module in (health_pb2, pb):
        file = File()
        module.DESCRIPTOR.CopyToProto(file)
        yield file
    yield _as_v1(file)


def _as_v1(alpha: File) -> File:
    """Returns the file of reflection's v1: that of v1alpha under another name."""
    data = alpha.SerializeToString()
    file = File.FromString(data)
    file.name = "grpc/reflection/v1/reflection.proto"
    file.package = _V1
    for message in file.message_type:
        for field in message.field:
            field.type_name = field.type_name.replace(f".{_ALPHA}.", f".{_V1}.")
    for service in file.service:
        for method in service.method:
            method.input_type = method.input_type.replace(f".{_ALPHA}.", f".{_V1}.")
            method.output_type = method.output_type.replace(f".{_ALPHA}.", f".{_V1}.")
    return file


def _symbols(file: File) -> Iterator[str]:
    """Yields the full name of everything in a file."""
    for message in file.message_type:
        yield from _symbols_of_message(message, file.package)
    for enum in file.enum_type:
        yield f"{file.package}.{enum.name}"
    for service in file.service:
        name = f"{file.package}.{service.name}"
        yield name
        yield from (f"{name}.{method.name}" for method in service.method)


def _symbols_of_message(message: descriptor_pb2.DescriptorProto, above: str) -> Iterator[str]:
    name = f"{above}.{message.name}"
    yield name
    yield from (f"{name}.{field.name}" for field in message.field)
    for enum in message.enum_type:
        yield f"{name}.{enum.name}"
        # protobuf's scope of a value is that of its enum
        yield from (f"{name}.{value.name}" for value in enum.value)
    for nested in message.nested_type:
        yield from _symbols_of_message(nested, name)
