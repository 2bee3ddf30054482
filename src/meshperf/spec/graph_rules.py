"""Rules between the services of a graph: callees that are not there, circles, services out of reach, too many calls.

Like `experiment_rules` they look at the plain data and pass over what has a wrong form, which the model tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from meshperf.errors import DocumentError
from meshperf.spec.document import Document, escape
from meshperf.spec.graph import CLIENT
from meshperf.spec.graph_model import MOST_TIMES, SERVICE_NAME
from meshperf.spec.graph_service_rules import service_problems
from meshperf.spec.graph_shape import MOST_CALLS, circle, visits
from meshperf.spec.quantities import share, words_hint
from meshperf.units import parse_size

__all__ = ["RESERVED", "graph_problems"]

RESERVED = {
    CLIENT: "the pod from which load comes",
    "generator": "the load generator",
    "control-plane": "the mesh's control plane",
    "ca": "the lab's authority of certificates",
    "stranger": "the caller that must be refused",
}
"""Names that services cannot have, and whose they are: results name processes by them, and certificates identities."""
_SIDECAR = "-sidecar"
_LARGEST_MESSAGE = 4 * 2**20 - 64
"""Bytes that a message of gRPC may carry, beside its own fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Edge:
    """A call as far as it could be read; what could not is told by the model."""

    to: str
    times: int
    share: float
    pointer: str


def graph_problems(document: Document) -> list[DocumentError]:
    """Every broken rule between services; none if the document is not even a mapping."""
    services = document.data.get("services") if isinstance(document.data, dict) else None
    if not isinstance(services, dict) or not services:
        return []
    edges = {
        name: list(_edges(name, service)) if isinstance(service, dict) else [] for name, service in services.items()
    }
    checks: tuple[Callable[[], Iterator[DocumentError]], ...] = (
        lambda: _names(document, services),
        lambda: _settings(document, services),
        lambda: _entry(document, services),
        lambda: _callees(document, edges),
        lambda: _messages(document, services),
        lambda: _ways(document, edges),
    )
    return [problem for check in checks for problem in check()]


def _edges(name: str, service: Mapping[str, Any]) -> Iterator[_Edge]:
    calls = service.get("calls")
    for index, call in enumerate(calls if isinstance(calls, list) else []):
        if isinstance(call, dict) and isinstance(call.get("to"), str):
            times, part = call.get("times", 1), _share(call.get("share", 1.0))
            yield _Edge(
                to=call["to"],
                times=times if isinstance(times, int) and 1 <= times <= MOST_TIMES else 1,
                share=1.0 if part is None else part,
                pointer=f"/services/{escape(name)}/calls/{index}",
            )


def _names(document: Document, services: Mapping[str, Any]) -> Iterator[DocumentError]:
    for name in services:
        pointer = f"/services/{escape(name)}"
        if name in RESERVED:
            message = f"no service can be called `{name}`: that is {RESERVED[name]}"
            yield document.error("MP2109", message, pointer, hint="choose another name", key=True)
        elif name.endswith(_SIDECAR):
            message = f"no service can be called `{name}`: sidecars are called like that"
            yield document.error("MP2109", message, pointer, hint="choose another name", key=True)


def _settings(document: Document, services: Mapping[str, Any]) -> Iterator[DocumentError]:
    for name, service in services.items():
        if not isinstance(service, dict):
            continue
        pointer = f"/services/{escape(name)}"
        yield from service_problems(document, service, pointer)
        for key in ("retries", "timeout"):
            if service.get(key) is not None and not service.get("calls"):
                message = f"`{key}` is about a service's own calls, and `{name}` makes none"
                yield document.error("MP2107", message, f"{pointer}/{key}", hint="leave it out", key=True)


def _entry(document: Document, services: Mapping[str, Any]) -> Iterator[DocumentError]:
    entry = document.data.get("entry")
    if isinstance(entry, str) and SERVICE_NAME.fullmatch(entry) and entry not in services:
        message = f"the entry `{entry}` is none of the services"
        yield document.error("MP2109", message, "/entry", hint=words_hint(entry, tuple(services)))


def _callees(document: Document, edges: Mapping[str, list[_Edge]]) -> Iterator[DocumentError]:
    for name, calls in edges.items():
        for call in calls:
            if call.to not in edges:
                message = f"`{name}` calls `{call.to}`, which is none of the services"
                hint = words_hint(call.to, tuple(edges))
                yield document.error("MP2109", message, f"{call.pointer}/to", hint=hint)


def _messages(document: Document, services: Mapping[str, Any]) -> Iterator[DocumentError]:
    """A gRPC message is at most 4 MiB; HTTP bodies may be larger."""
    called_by_grpc = {
        name for name, service in services.items() if isinstance(service, dict) and service.get("protocol") == "grpc"
    }
    named = [
        (f"/services/{escape(name)}/response_bytes", services[name].get("response_bytes")) for name in called_by_grpc
    ]
    for name, service in services.items():
        calls = service.get("calls") if isinstance(service, dict) else None
        for index, call in enumerate(calls if isinstance(calls, list) else []):
            if isinstance(call, dict) and isinstance(call.get("to"), str) and call["to"] in called_by_grpc:
                named.append((f"/services/{escape(name)}/calls/{index}/request_bytes", call.get("request_bytes")))
    for pointer, given in named:
        size = _bytes(given)
        if size is not None and size > _LARGEST_MESSAGE:
            key = pointer.rpartition("/")[2]
            message = f"`{key}` must be at most {_LARGEST_MESSAGE} bytes in a call of gRPC"
            yield document.error("MP2103", message, pointer, hint="larger bodies need `protocol: http1` or `http2`")


def _ways(document: Document, edges: Mapping[str, list[_Edge]]) -> Iterator[DocumentError]:
    """Circles; and where there are none, what the entry reaches, and how often."""
    known = {name: [call for call in calls if call.to in edges] for name, calls in edges.items()}
    found = circle({name: [call.to for call in calls] for name, calls in known.items()})
    if found:
        pointer = next(call.pointer for call in known[found[0]] if call.to == found[1])
        message = f"services call one another in a circle: {' → '.join(found)}"
        yield document.error("MP2109", message, f"{pointer}/to", hint="a request would never end: take one call away")
        return
    entry = document.data.get("entry")
    if not isinstance(entry, str) or entry not in known:
        return
    if known != edges:  # a callee was misspelt, which is told; that its namesake is never called follows from it
        return
    expected = visits(entry, known)
    reached = {entry}
    waiting = [entry]
    while waiting:
        for call in known[waiting.pop()]:
            if call.to not in reached:
                reached.add(call.to)
                waiting.append(call.to)
    for name in known:
        if name not in reached:
            message = f"`{name}` is never called: no way leads to it from the entry `{entry}`"
            hint = "take it out, or let a service call it"
            yield document.error("MP2109", message, f"/services/{escape(name)}", hint=hint, key=True)
    total = sum(expected[name] for name in reached) - 1.0
    if total > MOST_CALLS:
        message = f"one request at `{entry}` would cause {total:.6g} calls on average, more than {MOST_CALLS:.0f}"
        yield document.error("MP2109", message, "/services", hint="lower `times` or `share`", key=True)


def _share(value: Any) -> float | None:
    try:
        return share(value, "MP2103", "a share", low_open=0.0, high=1.0)
    except ValueError:
        return None


def _bytes(value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        return int(parse_size(value)) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None
