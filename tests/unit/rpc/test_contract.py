"""The contract as others read it: the descriptors in the wheel, with a comment on everything."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

import pytest
from google.protobuf import descriptor_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

Options = descriptor_pb2.MethodOptions

#: Verbs of calls that change nothing.
READS = ("Get", "List", "Watch", "Read", "Preview", "Count", "Validate")

#: Numbers of fields in google.protobuf's descriptors, of which the paths of comments are made.
MESSAGE, SERVICE = 4, 6
FIELD, NESTED, NESTED_ENUM, ONEOF = 2, 3, 4, 8


def contract() -> list[descriptor_pb2.FileDescriptorProto]:
    data = resources.files("hostler.v1").joinpath("descriptors.binpb").read_bytes()
    files = descriptor_pb2.FileDescriptorSet.FromString(data).file
    return [file for file in files if file.package == "hostler.v1"]


def elements(file: descriptor_pb2.FileDescriptorProto) -> Iterator[tuple[tuple[int, ...], str]]:
    """Yields the path and the name of all that a reader wants a comment on."""
    for index, message in enumerate(file.message_type):
        yield from message_elements((MESSAGE, index), message, "")
    for index, service in enumerate(file.service):
        yield (SERVICE, index), service.name
        for number, method in enumerate(service.method):
            yield (SERVICE, index, FIELD, number), f"{service.name}.{method.name}"


def message_elements(
    path: tuple[int, ...], message: descriptor_pb2.DescriptorProto, above: str
) -> Iterator[tuple[tuple[int, ...], str]]:
    if message.options.map_entry:
        return
    name = f"{above}{message.name}"
    yield path, name
    for index, field in enumerate(message.field):
        yield (*path, FIELD, index), f"{name}.{field.name}"
    for index, oneof in enumerate(message.oneof_decl):
        if not oneof.name.startswith("_"):  # that of an optional field
            yield (*path, ONEOF, index), f"{name}.{oneof.name}"
    for index, enum in enumerate(message.enum_type):
        yield (*path, NESTED_ENUM, index), f"{name}.{enum.name}"
        for number, value in enumerate(enum.value):
            yield (*path, NESTED_ENUM, index, FIELD, number), f"{name}.{enum.name}.{value.name}"
    for index, nested in enumerate(message.nested_type):
        yield from message_elements((*path, NESTED, index), nested, f"{name}.")


@pytest.mark.parametrize("file", contract(), ids=lambda file: file.name)
def test_everything_has_a_comment(file: descriptor_pb2.FileDescriptorProto) -> None:
    places = {tuple(place.path): place for place in file.source_code_info.location}
    bare = [name for path, name in elements(file) if not places[path].leading_comments.strip()]
    assert not bare
    assert not file.enum_type, "an enum belongs to the message that it is about"


@pytest.mark.parametrize("file", contract(), ids=lambda file: file.name)
def test_calls_that_read_say_that_they_change_nothing(
    file: descriptor_pb2.FileDescriptorProto,
) -> None:
    for service in file.service:
        for method in service.method:
            reads = method.options.idempotency_level == Options.NO_SIDE_EFFECTS
            assert reads == method.name.startswith(READS), method.name
