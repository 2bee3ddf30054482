"""gRPC requests from JSON: the path of a method, its kind, and its messages encoded.

What it decides: the kind of a call, from the method's descriptor. What it refuses, before anything is sent: a method
that is not there (and says which are), a message that does not fit its type (and says where), and several messages
where the method takes one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.descriptor import Descriptor, MethodDescriptor
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import EncodeError
from google.protobuf.message_factory import GetMessageClass

from meshperf.errors import UsageError
from meshperf.load.descriptors import HEALTH, DescriptorSource
from meshperf.load.plan import GrpcCall, GrpcKind
from meshperf.spec.quantities import nearest

__all__ = ["HEALTH", "DescriptorSource", "grpc_call"]

_LISTED = 12
"""Names that an error lists at most."""

_KINDS = {
    (False, False): GrpcKind.UNARY,
    (True, False): GrpcKind.CLIENT_STREAM,
    (False, True): GrpcKind.SERVER_STREAM,
    (True, True): GrpcKind.BIDI,
}


def grpc_call(source: DescriptorSource, method: str, messages: Sequence[str] = ()) -> tuple[str, GrpcCall]:
    """What to send for one call of a method.

    Args:
        method: `package.Service/Method`, with or without a slash before it.
        messages: each a JSON object in protobuf's JSON form, of the method's input type; none: one message in which
            every field has its default. More than one only where the client streams.

    Returns:
        The path `/package.Service/Method`, and the call.

    Raises:
        UsageError: MP1005, no such service or method; MP1006, a message does not fit, or several for a method that
            takes one.
        DocumentError: MP2202, the source is no usable descriptor set.
    """
    pool = source.pool()
    service_name, method_name = _found(source.services(), method)
    path = f"/{service_name}/{method_name}"
    descriptor: MethodDescriptor = pool.FindServiceByName(service_name).methods_by_name[method_name]
    kind = _KINDS[bool(descriptor.client_streaming), bool(descriptor.server_streaming)]
    if len(messages) > 1 and not descriptor.client_streaming:
        raise UsageError(
            "MP1006",
            f"{path[1:]} takes one message a call, found {len(messages)}",
            hint="give one message; only methods whose client streams send several",
        )
    encoded = tuple(
        _encoded(text, descriptor.input_type, pool, f"message {number}" if len(messages) > 1 else "the message")
        for number, text in enumerate(messages or ("{}",), start=1)
    )
    return path, GrpcCall(kind=kind, messages=encoded)


def _found(services: Mapping[str, tuple[str, ...]], wanted: str) -> tuple[str, str]:
    """Service and method of `package.Service/Method`, or the error that says what there is instead."""
    service, slash, method = wanted.removeprefix("/").rpartition("/")
    if not slash or not service or not method:
        raise _no_such(f"not a gRPC method: {wanted!r}; write package.Service/Method", wanted, _paths(services))
    if service not in services:
        raise _no_such(f"the descriptors have no service {service}", service, list(services), "services")
    if method not in services[service]:
        raise _no_such(f"the service {service} has no method {method}", method, services[service], "its methods")
    return service, method


def _paths(services: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [f"{service}/{method}" for service, methods in services.items() for method in methods]


def _no_such(message: str, wanted: str, there: Sequence[str], what: str = "methods") -> UsageError:
    if not there:
        return UsageError("MP1005", message, hint="there are none in these descriptors: give the file that has it")
    folded = {name.lower(): name for name in there}
    close = nearest(wanted, list(folded))
    more = f", and {len(there) - _LISTED} more" if len(there) > _LISTED else ""
    listed = f"{what}: {', '.join(sorted(there)[:_LISTED])}{more}"
    return UsageError("MP1005", message, hint=f"did you mean `{folded[close]}`? {listed}" if close else listed)


def _encoded(text: str, kind: Descriptor, pool: Any, which: str) -> bytes:
    try:
        value = json.loads(text, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as broken:
        raise UsageError("MP1006", f"{which} is not valid JSON: {broken}") from broken
    if not isinstance(value, dict) and not _well_known(kind):
        raise UsageError("MP1006", f"{which} must be a JSON object, of {kind.full_name}")
    unknown = _unknown_field(value, kind, "")
    if unknown is not None:
        place, name, owner = unknown
        fields = {field.name.lower(): field.name for field in owner.fields}
        close = nearest(name, list(fields))
        listed = f"its fields: {', '.join(fields.values()) or 'none'}"
        raise UsageError(
            "MP1006",
            f"{which} does not fit: {owner.full_name} has no field `{name}`, at {place}",
            hint=f"did you mean `{fields[close]}`? {listed}" if close else listed,
        )
    message = GetMessageClass(kind)()
    try:
        ParseDict(value, message, descriptor_pool=pool)
        return bytes(message.SerializeToString(deterministic=True))
    except (ParseError, EncodeError) as misfit:
        raise UsageError("MP1006", f"{which} does not fit {kind.full_name}: {str(misfit).splitlines()[0]}") from misfit


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        repeated = next(key for key, _ in pairs if sum(key == other for other, _ in pairs) > 1)
        raise ValueError(f"the key {repeated!r} is given twice")
    return found


def _well_known(kind: Descriptor) -> bool:
    """Types of protobuf itself: several have a JSON form of their own."""
    return bool(kind.full_name.startswith("google.protobuf."))


def _unknown_field(value: Any, kind: Descriptor, place: str) -> tuple[str, str, Descriptor] | None:
    """The first key that is no field of its message: its place, its name, and the message's type.

    protobuf's parser stops there as well, but in words that change with its version and without the path.
    """
    if not isinstance(value, dict) or _well_known(kind):
        return None
    fields = {name: field for field in kind.fields for name in (field.name, field.json_name)}
    for key, inner in value.items():
        here = f"{place}/{key}"
        if key.startswith("["):  # an extension
            continue
        if key not in fields:
            return here, key, kind
        part = fields[key].message_type
        if part is None:
            continue
        entries: list[tuple[str, Any]] = [(here, inner)]
        if part.GetOptions().map_entry:
            part = part.fields_by_name["value"].message_type
            entries = [(f"{here}/{name}", each) for name, each in inner.items()] if isinstance(inner, dict) else []
        elif isinstance(inner, list):
            entries = [(f"{here}/{index}", each) for index, each in enumerate(inner)]
        for where, each in entries:
            found = _unknown_field(each, part, where) if part is not None else None
            if found is not None:
                return found
    return None
