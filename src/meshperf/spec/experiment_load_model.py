"""A load point of the experiment file as a pydantic model: which keys there are, and what each may hold.

What contradicts what between its keys is in `load_rules`, because an SMP test and the command line know the same keys.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from meshperf.spec.generators import GENERATORS, OWN
from meshperf.spec.load_files import MOST_TIMES
from meshperf.spec.load_rules import ARRIVALS, FRAMING_HEADERS, PROTOCOLS
from meshperf.spec.quantities import (
    CLOSED_HINT,
    LONGEST_S,
    Rate,
    Reads,
    Size,
    Switch,
    Text,
    duration_between,
    refuse,
    show,
    whole_between,
    word,
)

__all__ = ["CALL", "HEADER_NAME", "METHODS", "GrpcModel", "LoadPointModel", "Model", "times_problem"]

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
CALL = re.compile(r"[A-Za-z_][\w.]*/[A-Za-z_]\w*")
LATER_PROTOCOLS = ("http3", "websocket")
MOST_CONNECTIONS = 65_535


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _path(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"/[\x21-\x7e]*", value):
        raise refuse("MP2104", f"a path must begin with / and hold no spaces, found {show(value)}")
    return value


UrlPath = Annotated[str, Reads(_path, {"type": "string", "pattern": "^/[!-~]*$"})]


def _headers(value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict):
        raise refuse("MP2104", f"headers must be a mapping of name to text, found {show(value)}")
    pairs: list[tuple[str, str]] = []
    for name, given in value.items():
        if not HEADER_NAME.fullmatch(name):
            raise refuse("MP2104", f"not a header name: {show(name)}")
        if name.lower() in FRAMING_HEADERS:
            raise refuse("MP2107", f"the header `{name}` is set by the load generator itself", "leave it out")
        for one in given if isinstance(given, list) else [given]:
            text = str(one) if isinstance(one, int) and not isinstance(one, bool) else one
            if not isinstance(text, str):
                raise refuse("MP2104", f"the header `{name}` must be text, found {show(one)}", "put it in quotes")
            if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", text):
                raise refuse("MP2104", f"the header `{name}` must be one line without control characters")
            pairs.append((name, text))
    return tuple(pairs)


_HEADER_VALUE = {"type": ["string", "integer"]}
Headers = Annotated[
    tuple[tuple[str, str], ...],
    Reads(
        _headers,
        {
            "type": "object",
            "additionalProperties": {"anyOf": [_HEADER_VALUE, {"type": "array", "items": _HEADER_VALUE}]},
        },
    ),
]


def _body(value: Any) -> str:
    if not isinstance(value, str):
        raise refuse("MP2104", f"a body must be text, found {show(value)}", "put it in quotes")
    return value


Body = Annotated[str, Reads(_body, {"type": "string"})]


def _base64(value: Any) -> bytes:
    if not isinstance(value, str):
        raise refuse("MP2104", f"`body_base64` must be text, found {show(value)}", "put it in quotes")
    try:
        return base64.b64decode("".join(value.split()), validate=True)
    except binascii.Error:
        raise refuse("MP2104", "`body_base64` is not base64", "make it with for example `base64 -w0 FILE`") from None


Base64 = Annotated[bytes, Reads(_base64, {"type": "string", "contentEncoding": "base64"})]


def times_problem(times: list[Any]) -> str | None:
    """What is wrong with the times of a trace [s], or None."""
    if not times:
        return "a trace needs at least one time"
    if len(times) > MOST_TIMES:
        return f"a trace holds at most {MOST_TIMES:,} times, found {len(times):,}"
    before = 0.0
    for number, time in enumerate(times, start=1):
        if isinstance(time, bool) or not isinstance(time, int | float) or not math.isfinite(time) or time < 0:
            return f"time {number} must be a number of seconds, 0 or more, found {show(time)}"
        if time > LONGEST_S:
            return f"time {number} must be at most {LONGEST_S:.0f} seconds, found {show(time)}"
        if time < before:
            return f"time {number} ({time:g}) is earlier than the one before it ({before:g})"
        before = time
    return None


def _trace(value: Any) -> tuple[float, ...] | str:
    if isinstance(value, str) and value.strip():
        return value
    if not isinstance(value, list):
        hint = "write the name of a file with one time a line, or a list of seconds such as [0, 0.1, 0.15]"
        raise refuse("MP2104", f"`trace` must be a file or a list of times, found {show(value)}", hint)
    problem = times_problem(value)
    if problem is not None:
        raise refuse("MP2103", problem, "times are seconds from the start, in rising order")
    return tuple(float(time) for time in value)


Trace = Annotated[
    tuple[float, ...] | str,
    Reads(
        _trace,
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {"type": "array", "items": {"type": "number", "minimum": 0}, "minItems": 1},
            ]
        },
    ),
]


def _call(value: Any) -> str:
    if not isinstance(value, str) or not CALL.fullmatch(value):
        raise refuse("MP2104", f"not a gRPC method: {show(value)}", "write package.Service/Method")
    return value


Call = Annotated[str, Reads(_call, {"type": "string", "pattern": f"^{CALL.pattern}$"})]


class GrpcModel(Model):
    call: Call = Field("grpc.health.v1.Health/Check", description="Method to call, package.Service/Method.")
    messages: list[Body] = Field(
        ["{}"], min_length=1, max_length=100_000, description="Messages as JSON; several where the client streams."
    )
    proto: Text | None = Field(None, description="The .proto file that has the method, relative to the file.")
    descriptor_set: Text | None = Field(None, description="A compiled descriptor set, relative to the file.")
    import_paths: list[Text] = Field([], description="Folders in which imports of `proto` are looked for.")


class LoadPointModel(Model):
    protocol: Annotated[str, word("protocol", PROTOCOLS, later=LATER_PROTOCOLS)] = Field(
        "http1", description="Protocol of requests."
    )
    rate: Rate | None = Field(None, description=f"Offered requests per second; {CLOSED_HINT}.")
    rate_end: Rate | None = Field(None, description="The rate changes linearly to this over the counted time.")
    arrivals: Annotated[str, word("arrivals", ARRIVALS)] = Field("poisson", description="When requests become due.")
    trace: Trace | None = Field(
        None, description="Times at which requests are due [s]: a list, or a file with one a line."
    )
    quantum: Annotated[float, duration_between(0.0, 60.0, "`quantum`")] = Field(
        0.0, description="Due times are put off to multiples of this."
    )
    in_flight: Annotated[int, whole_between(1, 10_000_000, "`in_flight`")] | None = Field(
        None, description="Closed loop: requests under way at a time; else connections x streams."
    )
    think: Annotated[float, duration_between(0.0, 3600.0, "`think`")] = Field(
        0.0, description="Closed loop: pause from a reply to the next request."
    )
    connections: Annotated[int, whole_between(1, MOST_CONNECTIONS, "`connections`")] = Field(
        1, description="Connections kept open."
    )
    max_connections: Annotated[int, whole_between(1, MOST_CONNECTIONS, "`max_connections`")] | None = Field(
        None, description="Open up to so many when due requests find none idle."
    )
    streams: Annotated[int, whole_between(1, 65_535, "`streams`")] = Field(
        1, description="Requests under way at a time on one connection (http2, grpc, udp)."
    )
    pooling: Annotated[str, word("pooling", ("pooled", "pinned"))] = Field(
        "pooled", description="Whether any idle connection takes a due request, or each has its own schedule."
    )
    selection: Annotated[str, word("selection", ("fifo", "lifo", "random"))] = Field(
        "fifo", description="Which idle connection of the pool is next."
    )
    requests_per_connection: Annotated[int, whole_between(1, 10**12, "`requests_per_connection`")] | None = Field(
        None, description="Reopen a connection after so many requests; 1: a new connection for each."
    )
    connection_age: Annotated[float, duration_between(1e-3, LONGEST_S, "`connection_age`")] | None = Field(
        None, description="Reopen a connection that is older."
    )
    follow_redirects: Switch = Field(False, description="Follow redirects to the same host and port.")
    warmup: Annotated[float, duration_between(0.0, 3600.0, "`warmup`")] = Field(
        1.0, description="Load before counting begins."
    )
    duration: Annotated[float, duration_between(1e-2, LONGEST_S, "`duration`")] = Field(
        description="Counted time per arm and round."
    )
    timeout: Annotated[float, duration_between(1e-3, 3600.0, "`timeout`")] = Field(
        10.0, description="Patience with one request."
    )
    generator: Annotated[str, word("load generator", GENERATORS)] = Field(
        OWN, description="Who does the load; another generator than meshperf's own needs `design: continuous`."
    )
    receive_clock: Annotated[str, word("receive clock", ("auto", "kernel", "user"))] = Field(
        "auto", description="When a reply counts as received."
    )
    method: Annotated[str, word("method", METHODS)] = Field("GET", description="HTTP method.")
    path: UrlPath = Field("/", description="Path of the URL.")
    headers: Headers = Field((), description="Request headers, or gRPC metadata; a list of values repeats the header.")
    body: Body = Field("", description="Request body, or message of tcp and udp, sent as UTF-8.")
    body_base64: Base64 = Field(b"", description="The body, where it is no text.")
    body_file: Text | None = Field(None, description="A file that holds the body, relative to the file.")
    message_bytes: Size | None = Field(None, description="Length of a message of tcp and udp, instead of a body.")
    reply_bytes: Size | None = Field(
        None, description="Length of an answer of tcp and udp; 0: none; else that of the message."
    )
    grpc: GrpcModel | None = Field(None, description="What a gRPC load calls; else the standard health service.")
