"""Recordings as JSON documents, so that generators on other machines can hand theirs over to be merged.

Histograms go as HdrHistogram's compressed V2 form in base64, which other tools read too; bytes as base64; the rest as
it is. What is read back is what was written, to the last bit.

What it refuses: a document of another kind or version, and one in which anything is missing, unknown or malformed.
"""

from __future__ import annotations

import base64
import json
import reprlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

from meshperf.errors import DocumentError, Location
from meshperf.histograms import Histogram
from meshperf.load.recording import SessionRecording

__all__ = ["recording_from_json", "recording_to_json"]

_KIND = "meshperf-load-recording"
_VERSION = 1


def recording_to_json(recording: SessionRecording) -> str:
    """A recording as one JSON object."""
    return json.dumps({"kind": _KIND, "version": _VERSION, "recording": _written(recording)})


def recording_from_json(text: str | bytes) -> SessionRecording:
    """What `recording_to_json` wrote.

    Raises:
        DocumentError: MP2002, not JSON; MP2201, of another kind or version; MP2104, a part is missing or malformed.
    """
    try:
        document = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as broken:
        raise DocumentError("MP2002", f"the recording is not valid JSON: {broken}", location=Location()) from broken
    if not isinstance(document, dict) or document.get("kind") != _KIND:
        raise DocumentError("MP2201", "this is no recording of the load engine", location=Location())
    if document.get("version") != _VERSION:
        raise DocumentError(
            "MP2201",
            f"a recording of version {document.get('version')}, and {_VERSION} is understood",
            location=Location(pointer="/version"),
            hint="use the same version of meshperf on every generator",
        )
    found: SessionRecording = _read(SessionRecording, document.get("recording"), "/recording")
    for number, phase in enumerate(found.phases):
        if len(phase.sends_per_ms) % 4:
            pointer = f"/recording/phases/{number}/sends_per_ms"
            raise DocumentError("MP2104", "this must be whole u32 numbers", location=Location(pointer=pointer))
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def _written(value: Any) -> Any:
    if isinstance(value, Histogram):
        return value.to_hdr_v2()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if is_dataclass(value):
        return {field.name: _written(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: _written(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [_written(each) for each in value]
    return value


def _read(kind: Any, value: Any, pointer: str) -> Any:
    """A value of the type `kind`, as the records declare their fields."""
    if kind is Histogram or kind is bytes:
        if not isinstance(value, str):
            raise _malformed(pointer, "text", value)
        try:
            return Histogram.from_hdr_v2(value) if kind is Histogram else base64.b64decode(value, validate=True)
        except ValueError as broken:
            raise DocumentError("MP2104", str(broken), location=Location(pointer=pointer)) from broken
    if is_dataclass(kind):
        return _record(kind, value, pointer)
    arguments = get_args(kind)
    if type(None) in arguments:
        return None if value is None else _read(arguments[0], value, pointer)
    origin = get_origin(kind)
    if origin is tuple:
        if not isinstance(value, list):
            raise _malformed(pointer, "a list", value)
        return tuple(_read(arguments[0], each, f"{pointer}/{index}") for index, each in enumerate(value))
    if origin is not None:
        if not isinstance(value, dict):
            raise _malformed(pointer, "an object", value)
        return {key: _read(arguments[1], each, f"{pointer}/{key}") for key, each in value.items()}
    # A float that is whole may have lost its point on the way; nothing else changes its type.
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind or (kind is int and value < 0):
        wanted = {int: "an integer of at least 0", float: "a number", bool: "true or false"}
        raise _malformed(pointer, wanted.get(kind, "text"), value)
    return value


def _record(kind: Any, value: Any, pointer: str) -> Any:
    if not isinstance(value, dict):
        raise _malformed(pointer, "an object", value)
    hints = get_type_hints(kind)
    names = {field.name for field in fields(kind)}
    for name in sorted(names ^ value.keys()):
        what = "is missing" if name in names else "is not known"
        raise DocumentError(
            "MP2104", f"`{name}` {what} in this recording", location=Location(pointer=f"{pointer}/{name}")
        )
    return kind(**{name: _read(hints[name], value[name], f"{pointer}/{name}") for name in names})


def _malformed(pointer: str, wanted: str, found: Any) -> DocumentError:
    return DocumentError(
        "MP2104", f"this must be {wanted}, found {reprlib.repr(found)}", location=Location(pointer=pointer)
    )
