"""SMP documents as protobuf's binary messages: neutral data to bytes and back, and what bytes without a name are.

Binary messages do not say what they are. A message of the standard is one kind only if every field it holds is one of
that kind; where two kinds fit, our own writer leaves a label, and for other writers' files the caller must say.
Fields that nobody here knows are kept as bytes under `smp.ext/wire` and written again.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterable, Iterator
from typing import Any, cast

from google.protobuf import unknown_fields
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from meshperf.errors import DocumentError, Location
from meshperf.spec.document import escape
from meshperf.spec.smp_document import Kind
from meshperf.spec.smp_labels import KIND
from meshperf.spec.smp_messages import JSON_VALUES, ROOTS, TIMESTAMP, fields_of, message_of
from meshperf.spec.smp_normal import Problem
from meshperf.spec.smp_times import instant_of, instant_text

__all__ = ["WIRE", "from_wire", "kinds_of_wire", "split_delimited", "to_wire", "varint", "wire_carries"]

WIRE = "smp.ext/wire"
MAX_MESSAGES = 100_000
"""Of a delimited file; bytes that seem to hold more are something else."""
_EXACT = 2**53
_DEEPEST = 20


def to_wire(kind: Kind, data: dict[str, Any]) -> Message:
    """The message of neutral data; keys that the message has no field for must have been taken out."""
    message = message_of(kind)()
    _fill(message, data)
    return message


def _fill(message: Any, data: dict[str, Any]) -> None:
    fields = fields_of(message.DESCRIPTOR)
    for key, value in data.items():
        if key == WIRE:
            message.MergeFromString(base64.b64decode(value))
            continue
        one = fields[key]
        target = getattr(message, key)
        if one.message_type is None:
            if one.is_repeated:
                target.extend(_number_of(item, one) for item in value)
            else:
                setattr(message, key, _number_of(value, one))
        elif one.message_type.GetOptions().map_entry:
            inner = one.message_type.fields_by_name["value"]
            for name, item in value.items():
                if inner.message_type is None:
                    target[name] = _number_of(item, inner)
                else:
                    _fill_one(target[name], item)
        elif one.is_repeated:
            for item in value:
                _fill_one(target.add(), item)
        else:
            target.SetInParent()
            _fill_one(target, value)


def _fill_one(message: Any, value: Any) -> None:
    name = message.DESCRIPTOR.full_name
    if name == TIMESTAMP:
        message.seconds, message.nanos = instant_of(value) or (0, 0)
    elif name in JSON_VALUES:
        ParseDict(value, message)
    else:
        _fill(message, value)


def _number_of(value: Any, one: FieldDescriptor) -> Any:
    if one.enum_type is None or isinstance(value, int):
        return value
    return one.enum_type.values_by_name[value].number


def from_wire(kind: Kind, data: bytes) -> tuple[dict[str, Any], list[Problem]]:
    """Neutral data of a message's bytes, and what in it no document can hold.

    Raises:
        DocumentError: MP2002, the bytes are no such message.
    """
    message = message_of(kind)()
    try:
        message.ParseFromString(data)
    except DecodeError:
        text = f"not a binary {kind} message: the bytes are cut off or of another kind"
        raise DocumentError("MP2002", text, location=Location()) from None
    problems: list[Problem] = []
    return _read(message, "", problems), problems


def _read(message: Any, pointer: str, problems: list[Problem]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one, value in message.ListFields():
        place = f"{pointer}/{one.name}"
        if one.message_type is not None and one.message_type.GetOptions().map_entry:
            inner = one.message_type.fields_by_name["value"]
            found[one.name] = {
                name: _read_one(value[name], inner, f"{place}/{escape(name)}", problems) for name in sorted(value)
            }
        elif one.is_repeated:
            found[one.name] = [_read_one(item, one, f"{place}/{at}", problems) for at, item in enumerate(value)]
        else:
            found[one.name] = _read_one(value, one, place, problems)
    if len(unknown_fields.UnknownFieldSet(message)):
        rest = type(message)()
        rest.CopyFrom(message)
        for one, _ in message.ListFields():
            rest.ClearField(one.name)
        found[WIRE] = base64.b64encode(rest.SerializeToString(deterministic=True)).decode("ascii")
    return found


def _read_one(value: Any, one: FieldDescriptor, pointer: str, problems: list[Problem]) -> Any:
    if one.message_type is not None:
        name = one.message_type.full_name
        if name == TIMESTAMP:
            if instant_of({"seconds": value.seconds, "nanos": value.nanos}) is None:
                problems.append(Problem(code="MP2204", message="a time outside the years 1 to 9999", pointer=pointer))
                return instant_text(0, 0)
            return instant_text(value.seconds, value.nanos)
        if name in JSON_VALUES:
            return _json_of(value, pointer, problems)
        return _read(value, pointer, problems)
    if one.enum_type is not None:
        known = one.enum_type.values_by_number.get(value)
        return value if known is None else known.name
    if isinstance(value, float) and not math.isfinite(value):
        problems.append(Problem(code="MP2204", message=f"`{one.name}` must be a finite number", pointer=pointer))
        return 0.0
    return value


def _json_of(value: Any, pointer: str, problems: list[Problem]) -> Any:
    try:
        return _whole_numbers(MessageToDict(value))
    except ValueError:  # NaN, infinity, or a value of no type
        problems.append(Problem(code="MP2204", message="a value that JSON cannot write", pointer=pointer))
        return None


def _whole_numbers(value: Any) -> Any:
    """Numbers without fraction as whole ones: protobuf's JSON values know only doubles."""
    if isinstance(value, dict):
        return {key: _whole_numbers(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_whole_numbers(one) for one in value]
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT:
        return int(value)
    return value


def kinds_of_wire(data: bytes, *, newer: bool = False) -> list[Kind]:
    """The kinds of document that bytes may be, the label's alone where our own writer left one.

    Args:
        newer: allow fields after the last that the standard had when this was written.
    """
    fitting: list[Kind] = []
    for kind in ROOTS:
        message: Any = message_of(kind)()
        try:
            message.ParseFromString(data)
        except DecodeError:
            continue
        if not message.ListFields() or _has_strangers(message, newer=newer):
            continue
        label = dict(message.labels).get(KIND)
        if label == kind or (label == Kind.TEST_FILE and kind is Kind.TEST):
            return [Kind(label)]
        fitting.append(kind)
    return fitting


def _has_strangers(message: Any, *, newer: bool) -> bool:
    """Whether a message holds a field below 1000 that its kind does not have, at any depth."""
    last = max((field.number for field in message.DESCRIPTOR.fields if field.number < 1000), default=0)
    numbers = [one.field_number for one in cast("Iterable[Any]", unknown_fields.UnknownFieldSet(message))]
    if any(number < 1000 and (not newer or number <= last or number > last + 50) for number in numbers):
        return True
    for one, value in message.ListFields():
        if one.message_type is None or one.message_type.full_name.startswith("google.protobuf."):
            continue
        if one.message_type.GetOptions().map_entry:
            if one.message_type.fields_by_name["value"].message_type is None:
                continue
            items = list(value.values())
        else:
            items = value if one.is_repeated else [value]
        if any(_has_strangers(item, newer=newer) for item in items):
            return True
    return False


def varint(number: int) -> bytes:
    """protobuf's variable-length form of a whole number."""
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)


def split_delimited(data: bytes) -> list[bytes] | None:
    """The messages of a delimited file; None where the lengths do not fit the bytes, or there are too many."""
    found: list[bytes] = []
    for part in _split(data):
        if part is None or len(found) >= MAX_MESSAGES:
            return None
        found.append(part)
    return found


def _split(data: bytes) -> Iterator[bytes | None]:
    at = 0
    while at < len(data):
        length = shift = 0
        while True:
            if at >= len(data) or shift > 28:
                yield None
                return
            byte = data[at]
            at += 1
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        if length == 0 or at + length > len(data):
            yield None
            return
        yield data[at : at + length]
        at += length


def wire_carries(table: Descriptor, key: str, value: Any) -> bool:
    """Whether a message has a place for a key with this value, exactly."""
    if key == WIRE:
        return _is_foreign_wire(table, value)
    one = fields_of(table).get(key)
    if one is None or one.name != key:
        return False
    inner = one.message_type
    return inner is None or inner.full_name not in JSON_VALUES or _is_exact(value, 0)


def _is_foreign_wire(table: Descriptor, value: Any) -> bool:
    """Whether text kept under `smp.ext/wire` is again nothing but fields that the message does not have."""
    message: Any = GetMessageClass(table)()
    try:
        message.ParseFromString(base64.b64decode(value, validate=True))
    except (TypeError, ValueError, binascii.Error, DecodeError):
        return False
    rest = message.SerializeToString(deterministic=True)
    return not message.ListFields() and bool(rest) and base64.b64encode(rest).decode("ascii") == value


def _is_exact(value: Any, depth: int) -> bool:
    """Whether protobuf's JSON values hold it as it is: they know only doubles, and nest three messages a level."""
    if depth > _DEEPEST:
        return False
    if isinstance(value, dict):
        return all(_is_exact(one, depth + 1) for one in value.values())
    if isinstance(value, list):
        return all(_is_exact(one, depth + 1) for one in value)
    return isinstance(value, bool) or not isinstance(value, int) or abs(value) <= _EXACT
