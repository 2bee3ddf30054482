"""Rules of the load points of an experiment file: between their keys, with the design, and with the arms.

Like `experiment_rules` they look at the plain data and pass over anything of the wrong form.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from meshperf.errors import DocumentError
from meshperf.spec.document import Document
from meshperf.spec.load_files import read_trace
from meshperf.spec.load_rules import ARRIVALS, HTTP_PROTOCOLS, PROTOCOLS, contradictions, in_file
from meshperf.spec.quantities import CLOSED_HINT
from meshperf.units import parse_duration, parse_size

__all__ = ["MESH_PROTOCOLS", "load_point_problems", "load_points"]

MESH_PROTOCOLS = ("http1", "http2", "grpc")
"""What a proxy that parses HTTP passes on as it came; it makes HTTP/1.1 of HTTP/1.0."""
_ARM_PROTOCOLS = (*HTTP_PROTOCOLS, "grpc")
"""What the workload of an arm answers on the address that arms are loaded at."""
_BODIES = ("body", "body_base64", "body_file")
_SIZES = ("message_bytes", "reply_bytes")


def load_points(data: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The load points that are mappings, with their pointers."""
    points = data.get("load")
    for index, point in enumerate(points if isinstance(points, list) else []):
        if isinstance(point, dict):
            yield f"/load/{index}", point


def load_point_problems(document: Document, data: Mapping[str, Any], *, files_beside: bool) -> list[DocumentError]:
    """Every broken rule of the load points."""
    found: list[DocumentError] = []
    for pointer, point in load_points(data):
        found += _between_keys(document, pointer, point)
        found += _with_design(document, data, pointer, point)
        found += _with_arms(document, data, pointer, point)
        if files_beside:
            found += _files(document, pointer, point)
    return found


def _between_keys(document: Document, pointer: str, point: Mapping[str, Any]) -> Iterator[DocumentError]:
    for contradiction in contradictions(_settings(point), in_file):
        key = contradiction.key
        hint = CLOSED_HINT if key == "rate" else contradiction.hint
        if contradiction.missing:
            yield document.error("MP2102", contradiction.message, pointer, hint=hint)
            continue
        written = key if key in point else next((one for one in _BODIES if one in point), key)
        yield document.error("MP2107", contradiction.message, f"{pointer}/{written}", hint=hint, key=True)
    bodies = [key for key in _BODIES if point.get(key) not in (None, "")]
    for key in bodies[1:]:
        message = f"`{bodies[0]}` and `{key}` both say what is sent"
        yield document.error("MP2107", message, f"{pointer}/{key}", hint="keep one", key=True)


def _settings(point: Mapping[str, Any]) -> dict[str, Any]:
    """The keys that were written, in the forms that the rules expect."""
    given = {"protocol": "http1", "arrivals": "poisson", **{k: v for k, v in point.items() if v is not None}}
    if given["protocol"] not in PROTOCOLS:
        given["protocol"] = "http1"
    if given["arrivals"] not in ARRIVALS:
        given["arrivals"] = "poisson"
    if any(given.get(key) not in (None, "") for key in _BODIES[1:]):
        # Its length is not known here, and a rule about lengths passes over what is no text.
        given.setdefault("body", True)
    for key in _SIZES:
        if isinstance(given.get(key), str):
            try:
                given[key] = int(parse_size(given[key]))
            except ValueError:
                del given[key]
    for key in ("quantum", "think"):
        if isinstance(given.get(key), str) and _seconds(given[key]) == 0:
            del given[key]
    grpc = given.get("grpc")
    if isinstance(grpc, dict) and given["protocol"] == "grpc":
        given |= {key: grpc[key] for key in ("proto", "descriptor_set") if key in grpc}
    return given


def _with_design(
    document: Document, data: Mapping[str, Any], pointer: str, point: Mapping[str, Any]
) -> Iterator[DocumentError]:
    if data.get("design", "interleaved") == "continuous":
        return
    for key, why in (
        ("trace", "a trace cannot be cut into slices"),
        ("rate_end", "a rate that changes over the counted time cannot be cut into slices"),
    ):
        if point.get(key) is not None:
            hint = f"write `design: continuous`, or leave `{key}` out"
            yield document.error("MP2107", f"`{key}`: {why}", f"{pointer}/{key}", hint=hint, key=True)


def _with_arms(
    document: Document, data: Mapping[str, Any], pointer: str, point: Mapping[str, Any]
) -> Iterator[DocumentError]:
    protocol = point.get("protocol", "http1")
    if protocol in ("tcp", "udp"):
        message = f"load points of `{protocol}` are not available in experiments yet"
        hint = f"load one address with `meshperf load {protocol}://HOST:PORT`"
        yield document.error("MP2107", message, f"{pointer}/protocol", hint=hint)
        return
    arms = data.get("arms")
    for name, arm in (arms if isinstance(arms, dict) else {}).items():
        if not isinstance(arm, dict) or arm.get("mesh") in (None, "none") or arm.get("mode") == "tcp":
            continue
        if protocol in _ARM_PROTOCOLS and protocol not in MESH_PROTOCOLS:
            message = f"the proxies of the arm `{name}` parse HTTP and do not pass `{protocol}` on as it is"
            hint = f"write `mode: tcp` in the arm, or load with one of: {', '.join(MESH_PROTOCOLS)}"
            yield document.error("MP2107", message, f"{pointer}/protocol", hint=hint)


def _files(document: Document, pointer: str, point: Mapping[str, Any]) -> Iterator[DocumentError]:
    if document.path is None:
        return
    folder = document.path.parent
    grpc = point.get("grpc")
    grpc = grpc if isinstance(grpc, dict) else {}
    named = [(f"{pointer}/body_file", point.get("body_file")), (f"{pointer}/trace", point.get("trace"))]
    named += [(f"{pointer}/grpc/{key}", grpc.get(key)) for key in ("proto", "descriptor_set")]
    for place, given in named:
        if not isinstance(given, str) or not given or "\x00" in given:
            continue
        if not (folder / given).is_file():
            yield document.error("MP2001", f"there is no file {given}, seen from the folder of this file", place)
        elif place.endswith("/trace"):
            try:
                read_trace(folder / given)
            except DocumentError as wrong:
                yield wrong


def _seconds(text: str) -> float | None:
    try:
        return float(parse_duration(text))
    except ValueError:
        return None
