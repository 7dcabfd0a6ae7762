"""What every request has to satisfy before anything looks at its content.

The limits are settings; the comments of the contract name them.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

from google.protobuf.descriptor import FieldDescriptor

from hostler.daemon.facade import refusals
from hostler.daemon.runs.store.readable import LONGEST_DURATION, is_valid_duration
from hostler.v1 import repository_pb2, run_pb2

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from google.protobuf.struct_pb2 import Struct
    from google.protobuf.timestamp_pb2 import Timestamp

    from hostler.daemon.base.settings import Settings

#: Levels of objects and lists in a run config: a level is three messages, and clients of gRPC in
#: some languages read no more than 100 within each other.
CONFIG_DEPTH = 30

#: Bytes of a run config that is looked through on the loop; a larger one is in a thread.
CONFIG_ON_LOOP = 10_000

#: The range of google.protobuf.Timestamp: the years 1 to 9999.
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799

#: The requests that hold a run config.
_WITH_CONFIG = frozenset({run_pb2.LaunchRunRequest, repository_pb2.ValidateRunConfigRequest})

_INTEGERS = frozenset(
    {
        FieldDescriptor.CPPTYPE_INT32,
        FieldDescriptor.CPPTYPE_INT64,
        FieldDescriptor.CPPTYPE_UINT32,
        FieldDescriptor.CPPTYPE_UINT64,
    }
)


def require_small(request: bytes, of: type[Message], settings: Settings) -> None:
    """Refuses a request by its size alone, before it is parsed."""
    limit = settings.request_bytes
    if of in _WITH_CONFIG:
        limit += settings.config_bytes
    if len(request) > limit:
        raise refusals.invalid(
            f"cannot take a request of {len(request)} bytes; at most {limit} (request_bytes)"
        )


def require_valid(request: Message, settings: Settings) -> None:
    """Refuses a request with a field that is too large, or that no strict client could read back.

    Raises:
        RefusalError: INVALID_ARGUMENT, naming the field.
    """
    for field, value in request.ListFields():
        if field.is_repeated:
            _require_list(field, value, settings)
        else:
            _require_value(field, value, settings)


def _require_list(field: FieldDescriptor, values: Any, settings: Settings) -> None:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        _require_tags(field.name, values, settings)
        return
    if len(values) > settings.list_limit:
        raise refusals.invalid(
            f"cannot take {len(values)} {field.name}; at most {settings.list_limit} (list_limit)"
        )
    for value in values:
        _require_value(field, value, settings)


def _require_tags(name: str, tags: dict[str, str], settings: Settings) -> None:
    if len(tags) > settings.tag_limit:
        raise refusals.invalid(
            f"cannot take {len(tags)} {name}; at most {settings.tag_limit} (tag_limit)"
        )
    size = sum(len(key.encode()) + len(value.encode()) for key, value in tags.items())
    if size > settings.tag_bytes:
        raise refusals.invalid(
            f"cannot take {size} bytes of {name}; at most {settings.tag_bytes} (tag_bytes)"
        )


def _require_value(field: FieldDescriptor, value: Any, settings: Settings) -> None:
    kind = field.cpp_type
    if kind == FieldDescriptor.CPPTYPE_STRING:
        size = len(value.encode()) if isinstance(value, str) else len(value)
        if size > settings.name_bytes:
            raise refusals.invalid(
                f"cannot take a {field.name} of {size} bytes; "
                f"at most {settings.name_bytes} (name_bytes)"
            )
    elif kind == FieldDescriptor.CPPTYPE_ENUM:
        assert field.enum_type is not None
        if value not in field.enum_type.values_by_number:
            known = ", ".join(map(str, field.enum_type.values_by_number))
            raise refusals.invalid(f"cannot use {value} in {field.name}; expected one of {known}")
    elif kind in _INTEGERS:
        if value < 0:
            raise refusals.invalid(f"cannot use {field.name} {value}; expected 0 or more")
    elif kind == FieldDescriptor.CPPTYPE_MESSAGE:
        _require_message(field, value, settings)


def _require_message(field: FieldDescriptor, value: Any, settings: Settings) -> None:
    assert field.message_type is not None
    name = field.message_type.full_name
    if name == "google.protobuf.Struct":
        _require_config_size(value, settings)
    elif name == "google.protobuf.Duration":
        if not is_valid_duration(value):
            raise refusals.invalid(
                f"cannot use {field.name} of {value.seconds} s and {value.nanos} ns; expected "
                f"up to {LONGEST_DURATION} s, and nanos below a second, of the same sign"
            )
    elif name == "google.protobuf.Timestamp":
        if not is_valid_timestamp(value):
            raise refusals.invalid(
                f"cannot use {field.name} of {value.seconds} s and {value.nanos} ns; expected "
                "a time in the years 1 to 9999, and nanos from 0 to 999999999"
            )
    else:
        require_valid(value, settings)


def is_valid_timestamp(value: Timestamp) -> bool:
    """Returns whether a time is one that protobuf's JSON has a form for."""
    return _FIRST_SECOND <= value.seconds <= _LAST_SECOND and 0 <= value.nanos <= 999_999_999


def _require_config_size(config: Struct, settings: Settings) -> None:
    size = config.ByteSize()
    if size > settings.config_bytes:
        raise refusals.invalid(
            f"cannot take a run config of {size} bytes; "
            f"at most {settings.config_bytes} (config_bytes)"
        )


async def require_config(config: Struct, settings: Settings) -> None:
    """Refuses a run config that JSON, and so the location, has no form for.

    Raises:
        RefusalError: INVALID_ARGUMENT, with the path of the value.
    """
    _require_config_size(config, settings)
    if config.ByteSize() <= CONFIG_ON_LOOP:
        problem = _config_problem(config)
    else:
        problem = await asyncio.to_thread(_config_problem, config)
    if problem:
        raise refusals.invalid(problem)


def _config_problem(config: Struct) -> str:
    """Returns why a run config cannot be used: NaN, infinities, no value at all, too deep."""
    pending: list[tuple[str, int, Any]] = [(key, 1, value) for key, value in config.fields.items()]
    while pending:
        path, depth, value = pending.pop()
        if depth > CONFIG_DEPTH:
            return f"cannot use a run config of more than {CONFIG_DEPTH} levels: {path[:200]}"
        kind = value.WhichOneof("kind")
        if kind is None:
            return f"cannot use an empty Value in a run config: {path[:200]}"
        if kind == "number_value":
            if not math.isfinite(value.number_value):
                return f"cannot use {value.number_value} in a run config: {path[:200]}"
        elif kind == "struct_value":
            fields = value.struct_value.fields.items()
            pending += ((f"{path}.{key}", depth + 1, each) for key, each in fields)
        elif kind == "list_value":
            values = enumerate(value.list_value.values)
            pending += ((f"{path}[{number}]", depth + 1, each) for number, each in values)
    return ""
