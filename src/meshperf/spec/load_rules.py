"""What contradicts what in an offered load, wherever it was written: in a file, in an SMP client, or as options.

What it decides: which settings have no meaning together. One list for all three places, so that none accepts what
another refuses. A rule speaks of settings by their keys, and whoever shows it names them as people wrote them:
`in_flight` in a file, `--in-flight` on a command line.
What it refuses: to speak of a value's form or range, the business of whoever read it; a value of a form that a
rule does not expect is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = [
    "ARRIVALS",
    "DATAGRAM_LEAST",
    "FRAMING_HEADERS",
    "HTTP_PROTOCOLS",
    "PROTOCOLS",
    "Contradiction",
    "contradictions",
    "in_file",
]

PROTOCOLS = ("http1.0", "http1", "http2", "grpc", "tcp", "udp")
HTTP_PROTOCOLS = ("http1.0", "http1", "http2")
ARRIVALS = ("closed", "constant", "poisson", "trace")
FRAMING_HEADERS = frozenset({"content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"})
"""Headers that say how a message is framed. The generator frames it; a second opinion makes it ambiguous."""
DATAGRAM_LEAST, DATAGRAM_MOST = 16, 65_507
"""Bytes of a datagram: its first 16 are the generator's own number and time, and IP carries no more than the last."""

_MULTIPLEXED = ("http2", "grpc", "udp")
_MESSAGES = ("tcp", "udp")


class Namer(Protocol):
    """How people write a setting: `name("rate")` is `rate` or --rate, `name("arrivals", "closed")` with its value."""

    def __call__(self, key: str, value: str = "", /) -> str: ...


def in_file(key: str, value: str = "", /) -> str:
    """A setting as an experiment file has it."""
    return f"`{key}: {value}`" if value else f"`{key}`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """A setting that has no meaning beside the others. `missing`: it is not there and must be."""

    key: str
    message: str
    hint: str
    missing: bool = False


def contradictions(given: Mapping[str, Any], name: Namer) -> Iterator[Contradiction]:
    """Every contradiction between settings.

    Args:
        given: settings that were written, by key; what was left out is absent. `body` stands for any way to give one.
            `protocol` and `arrivals` are there always.
        name: a key as people wrote it.
    """
    for rule in (_arrivals, _closed_loop, _connections, _requests, _messages, _grpc):
        yield from rule(given, name)


def _present(given: Mapping[str, Any], key: str) -> bool:
    return given.get(key) not in (None, "", b"", (), [], {}, False)


def _arrivals(given: Mapping[str, Any], name: Namer) -> Iterator[Contradiction]:
    arrivals, rate = given["arrivals"], name("rate")
    closed_hint = f"for as many requests as possible, write {name('arrivals', 'closed')} and leave {rate} out"
    if arrivals == "closed":
        for key in ("rate", "rate_end", "trace", "quantum"):
            if _present(given, key):
                message = f"{name(key)} has no meaning in a closed loop: the next request follows the last reply"
                hint = f"leave {name(key)} out, or choose other {name('arrivals')}"
                yield Contradiction(key=key, message=message, hint=hint)
        return
    if arrivals == "trace":
        if not _present(given, "trace"):
            hint = "the times at which requests become due, in seconds from the start"
            yield Contradiction(key="trace", message=f"{name('trace')} is missing", hint=hint, missing=True)
        for key in ("rate", "rate_end"):
            if _present(given, key):
                message = f"{name(key)} has no meaning with a trace, which has the times of all requests"
                yield Contradiction(key=key, message=message, hint=f"leave {name(key)} out")
        return
    if _present(given, "trace"):
        message = f"{name('trace')} has no meaning with {arrivals} arrivals"
        yield Contradiction(key="trace", message=message, hint=f"choose {name('arrivals', 'trace')}")
    if given.get("rate") is None and not _present(given, "stages"):
        message = f"{rate} is missing; arrivals are {arrivals}"
        yield Contradiction(key="rate", message=message, hint=closed_hint, missing=True)


def _closed_loop(given: Mapping[str, Any], name: Namer) -> Iterator[Contradiction]:
    if given["arrivals"] != "closed":
        for key in ("in_flight", "think"):
            if _present(given, key):
                message = f"{name(key)} is for a closed loop; arrivals are {given['arrivals']}"
                hint = f"leave {name(key)} out, or write {name('arrivals', 'closed')}"
                yield Contradiction(key=key, message=message, hint=hint)
        return
    most, streams, under_way = _most_connections(given), given.get("streams") or 1, given.get("in_flight")
    if isinstance(under_way, int) and isinstance(most, int) and isinstance(streams, int) and under_way > most * streams:
        message = f"{name('in_flight')} is {under_way}, and all connections together carry {most * streams}"
        yield Contradiction(key="in_flight", message=message, hint=f"raise {name('connections')}, or lower it")


def _most_connections(given: Mapping[str, Any]) -> Any:
    return given.get("max_connections") or given.get("connections") or 1


def _connections(given: Mapping[str, Any], name: Namer) -> Iterator[Contradiction]:
    protocol, streams = given["protocol"], given.get("streams")
    if isinstance(streams, int) and streams > 1 and protocol not in _MULTIPLEXED:
        message = f"{name('streams')} needs http2, grpc or udp: {protocol} has one request at a time on a connection"
        yield Contradiction(key="streams", message=message, hint=f"raise {name('connections')} instead")
    most, least = given.get("max_connections"), given.get("connections") or 1
    if isinstance(most, int) and isinstance(least, int) and most < least:
        message = f"{name('max_connections')} is {most}, fewer than the {least} that are open from the start"
        yield Contradiction(key="max_connections", message=message, hint=f"write {least} or more, or leave it out")
    if given.get("pooling") == "pinned":
        for key, why in (
            ("selection", "a pinned connection has a schedule of its own, and none is chosen"),
            ("max_connections", "a pinned connection has a schedule of its own, so none is added for a due request"),
        ):
            if _present(given, key):
                yield Contradiction(
                    key=key, message=f"{name(key)} has no meaning here: {why}", hint=f"leave {name(key)} out"
                )
    if protocol == "udp":
        for key in ("requests_per_connection", "connection_age"):
            if _present(given, key):
                message = f"{name(key)} has no meaning for udp, which has no connections"
                yield Contradiction(key=key, message=message, hint=f"leave {name(key)} out")


def _requests(given: Mapping[str, Any], name: Namer) -> Iterator[Contradiction]:
    protocol = given["protocol"]
    if protocol in HTTP_PROTOCOLS:
        method = given.get("method") or "GET"
        if _present(given, "body") and method in ("GET", "HEAD"):
            hint = f"write {name('method', 'POST')}, or leave {name('body')} out"
            yield Contradiction(key="body", message=f"a {method} request carries no body", hint=hint)
        return
    unfit = ["method", "follow_redirects"]
    unfit += ["path", "body"] if protocol == "grpc" else ["path", "headers"]
    instead = {
        ("grpc", "path"): f"name the method with {name('call')}",
        ("grpc", "body"): f"give the message with {name('messages')}",
    }
    for key in unfit:
        if _present(given, key) and not (key == "path" and given[key] == "/"):
            message = f"{name(key)} has no meaning for {protocol}"
            yield Contradiction(key=key, message=message, hint=instead.get((protocol, key), f"leave {name(key)} out"))


def _messages(given: Mapping[str, Any], name: Namer) -> Iterator[Contradiction]:
    protocol, size, reply = given["protocol"], given.get("message_bytes"), given.get("reply_bytes")
    if protocol not in _MESSAGES:
        for key in ("message_bytes", "reply_bytes"):
            if given.get(key) is not None:
                message = f"{name(key)} is for tcp and udp; the protocol is {protocol}"
                yield Contradiction(key=key, message=message, hint=f"leave {name(key)} out")
        return
    body = given.get("body")
    if size is not None and _present(given, "body"):
        message = f"{name('message_bytes')} and {name('body')} both say what is sent"
        yield Contradiction(key="message_bytes", message=message, hint="keep one")
        return
    key = "message_bytes" if size is not None else "body"
    length = size if size is not None else _length(body)
    if length == 0:
        message = f"{name(key)} is 0, and an empty message is none"
        yield Contradiction(key=key, message=message, hint="write 1 or more")
    if protocol == "udp" and isinstance(length, int) and not DATAGRAM_LEAST <= length <= DATAGRAM_MOST:
        message = f"a datagram holds {DATAGRAM_LEAST} to {DATAGRAM_MOST} bytes, found {length}"
        hint = "its first 16 bytes are a number and a time, from which loss and order are told"
        yield Contradiction(key=key, message=message, hint=hint)
    if protocol == "udp" and isinstance(reply, int) and 0 < reply < DATAGRAM_LEAST:
        message = f"{name('reply_bytes')} is {reply}, and an answer repeats the datagram's first {DATAGRAM_LEAST} bytes"
        yield Contradiction(key="reply_bytes", message=message, hint=f"write 0, or {DATAGRAM_LEAST} or more")


def _length(body: Any) -> int | None:
    """Bytes of a body that is known; None for none, and for one that is in a file."""
    if isinstance(body, str):
        return len(body.encode()) or None
    return len(body) or None if isinstance(body, bytes) else None


def _grpc(given: Mapping[str, Any], name: Namer) -> Iterator[Contradiction]:
    if given["protocol"] == "grpc":
        if _present(given, "proto") and _present(given, "descriptor_set"):
            message = f"{name('proto')} and {name('descriptor_set')} both say what the messages are"
            yield Contradiction(key="descriptor_set", message=message, hint="keep one")
        return
    for key in ("grpc", "call", "messages", "metadata", "proto", "descriptor_set", "import_paths"):
        if _present(given, key):
            message = f"{name(key)} is for grpc; the protocol is {given['protocol']}"
            yield Contradiction(
                key=key, message=message, hint=f"leave {name(key)} out, or choose {name('protocol', 'grpc')}"
            )
