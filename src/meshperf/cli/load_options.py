"""The options of `meshperf load`, and the load point that they ask for.

What contradicts what is told by the same rules as in a file. Everything that can be refused is refused here or by the
plan, before a name is looked up or a connection opened. Headers, cookies and metadata may be credentials, so a wrong
one is named by its number and not repeated.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from meshperf.errors import UsageError
from meshperf.load.url import protocol_of
from meshperf.spec.experiment_load import ClientTls, GrpcRequest, LoadPoint
from meshperf.spec.header_rules import header_problem
from meshperf.spec.load_files import DEFAULT_MESSAGE, message_of, read_trace
from meshperf.spec.load_rules import HTTP_PROTOCOLS, contradictions
from meshperf.spec.quantities import FASTEST_RPS
from meshperf.spec.target_url import SCHEMES
from meshperf.units import parse_duration, parse_size

__all__ = ["LoadOptions", "load_point", "weights_of"]

_LARGEST_BODY = 64 * 2**20
_FLAGS = {
    "messages": "--message",
    "import_paths": "--import-path",
    "path": "the path of the URL",
    "headers": "--header",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """The options of the verb, as click hands them over."""

    weights: str | None = None
    protocol: str | None = None
    rate: float | None = None
    rate_end: float | None = None
    arrivals: str | None = None
    trace: Path | None = None
    quantum: str | None = None
    in_flight: int | None = None
    think: str | None = None
    duration: str | None = None
    warmup: str = "1s"
    timeout: str = "10s"
    connections: int = 16
    max_connections: int | None = None
    streams: int | None = None
    pooling: str | None = None
    selection: str | None = None
    requests_per_connection: int | None = None
    no_keepalive: bool = False
    connection_age: str | None = None
    method: str | None = None
    headers: tuple[str, ...] = ()
    cookies: tuple[str, ...] = ()
    content_type: str | None = None
    body: str | None = None
    body_file: Path | None = None
    body_base64: str | None = None
    follow_redirects: bool = False
    message_bytes: str | None = None
    reply_bytes: str | None = None
    call: str | None = None
    messages: tuple[str, ...] = ()
    metadata: tuple[str, ...] = ()
    proto: Path | None = None
    import_paths: tuple[Path, ...] = ()
    descriptor_set: Path | None = None
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    server_name: str | None = None
    server_identity: str | None = None
    insecure: bool = False
    tls_min: str | None = None
    tls_max: str | None = None
    ciphers: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    alpn: tuple[str, ...] = ()
    resumption: bool = False
    kind: str | None = None
    kind_options: tuple[str, ...] = ()
    objectives: tuple[str, ...] = ()
    workers: int = 1
    cpus: str | None = None
    wait: str = "auto"
    receive_clock: str = "auto"
    seed: int = 1
    allowed: tuple[str, ...] = ()
    as_json: bool = False


def load_point(urls: Sequence[str], options: LoadOptions) -> LoadPoint:
    """What the options ask for, of URLs that all speak one protocol.

    Raises:
        UsageError: a value cannot be used (MP1001), or options contradict each other (MP1002).
        DocumentError: a file that an option names is not what it should be.
    """
    protocol = _protocol(urls, options)
    body = _body(options)
    _refuse_contradictions(protocol, body, options)
    trace = read_trace(options.trace) if options.trace is not None else ()
    shape = LoadPoint(
        protocol=protocol,
        arrivals=_arrivals(options),
        rate=_rate("--rate", options.rate),
        rate_end=_rate("--rate-end", options.rate_end),
        trace_s=trace,
        quantum_s=_duration("--quantum", options.quantum, zero=True) or 0.0,
        in_flight=options.in_flight,
        think_s=_duration("--think", options.think, zero=True) or 0.0,
        warmup_s=_duration("--warmup", options.warmup, zero=True) or 0.0,
        duration_s=_counted(options, trace),
        timeout_s=_duration("--timeout", options.timeout) or 10.0,
    )
    return replace(
        shape,
        connections=options.connections,
        max_connections=options.max_connections,
        streams=options.streams or 1,
        pooling=options.pooling or "pooled",
        selection=options.selection or "fifo",
        requests_per_connection=1 if options.no_keepalive else options.requests_per_connection,
        connection_age_s=_duration("--connection-age", options.connection_age),
        follow_redirects=options.follow_redirects,
        method=_method(options, body),
        headers=_headers(protocol, options),
        body=body or _message(protocol, options),
        reply_bytes=_size("--reply-bytes", options.reply_bytes),
        grpc=_grpc(options) if protocol == "grpc" else None,
        tls=_tls(urls, options),
        receive_clock=options.receive_clock,
        workers=options.workers,
        wait=options.wait,
        cpus=_cpus(options.cpus),
    )


def weights_of(text: str | None, urls: int) -> tuple[float, ...]:
    """One weight for each URL.

    Raises:
        UsageError: MP1001, not numbers above 0; MP1002, not as many as URLs.
    """
    if text is None:
        return (1.0,) * urls
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = (math.nan,)
    if not all(math.isfinite(weight) and weight > 0 for weight in found):
        raise UsageError("MP1001", f"--weights must be numbers above 0, found {text!r}", hint="write --weights 3,1")
    if len(found) != urls:
        raise UsageError("MP1002", f"there are {len(found)} weights and {urls} URLs", hint="give one for each URL")
    return found


def _flag(key: str, value: str = "", /) -> str:
    flag = _FLAGS.get(key, f"--{key.replace('_', '-')}")
    return f"{flag} {value}" if value else flag


def _protocol(urls: Sequence[str], options: LoadOptions) -> str:
    found = {protocol_of(url, options.protocol): url for url in urls}
    if len(found) > 1:
        raise UsageError(
            "MP1002", f"the URLs speak {' and '.join(found)}, and a load test has one protocol", hint="load them apart"
        )
    return next(iter(found))


def _arrivals(options: LoadOptions) -> str:
    if options.arrivals is not None:
        return options.arrivals
    if options.trace is not None:
        return "trace"
    return "constant" if options.rate is not None or options.kind is not None else "closed"


def _refuse_contradictions(protocol: str, body: bytes, options: LoadOptions) -> None:
    arrivals = _arrivals(options)
    if arrivals == "closed" and options.rate is not None:
        raise UsageError("MP1002", "a closed loop has no offered rate", hint="leave --rate out, or --arrivals constant")
    if options.no_keepalive and options.requests_per_connection not in (None, 1):
        raise UsageError("MP1002", "--no-keepalive and --requests-per-connection contradict each other")
    given: dict[str, Any] = {
        **{key: getattr(options, key) for key in LoadOptions.__slots__},
        "protocol": protocol,
        "arrivals": arrivals,
        "method": _method(options, body) if protocol in HTTP_PROTOCOLS else options.method,
        "body": body,
        "message_bytes": _size("--message-bytes", options.message_bytes),
        "reply_bytes": _size("--reply-bytes", options.reply_bytes),
        "headers": options.headers + options.cookies,
        "requests_per_connection": 1 if options.no_keepalive else options.requests_per_connection,
        # a kind has rates of its own
        **({"stages": True} if options.kind is not None else {}),
    }
    if protocol == "grpc" and given["headers"]:
        raise UsageError("MP1002", "--header and --cookie are for HTTP", hint="write --metadata 'name: value'")
    if options.content_type is not None and protocol not in HTTP_PROTOCOLS:
        raise UsageError("MP1002", f"--content-type has no meaning for {protocol}", hint="leave it out")
    found = next(contradictions(given, _flag), None)
    if found is not None:
        raise UsageError("MP1002", found.message, hint=found.hint)


def _rate(flag: str, rate: float | None) -> float | None:
    if rate is None:
        return None
    if not math.isfinite(rate) or rate <= 0:
        raise UsageError(
            "MP1001",
            f"{flag} must be a number greater than 0, found {rate:g}",
            hint="for as many requests as possible write --arrivals closed and leave --rate out",
        )
    if rate > FASTEST_RPS:
        raise UsageError("MP1001", f"{flag} must be at most {FASTEST_RPS:.0f} requests per second, found {rate:g}")
    return rate


def _counted(options: LoadOptions, trace: Sequence[float]) -> float:
    """The counted time [s]; of a trace to just after its last time, unless it is given."""
    given = _duration("--duration", options.duration)
    if not trace:
        return 10.0 if given is None else given
    last = trace[-1]
    if given is not None and given <= last:
        raise UsageError(
            "MP1002",
            f"--duration ends at {given:g} s, and the trace at {last:g} s",
            hint="leave --duration out, or shorten the trace",
        )
    return given if given is not None else max(0.01, last + 0.001)


def _duration(flag: str, text: str | None, *, zero: bool = False) -> float | None:
    if text is None:
        return None
    try:
        value = float(parse_duration(text))
    except ValueError as problem:
        raise UsageError("MP1001", f"{flag}: {problem}") from problem
    if value == 0.0 and not zero:
        raise UsageError("MP1001", f"{flag} must be longer than 0")
    if value > 7 * 86_400:
        raise UsageError("MP1001", f"{flag} must be at most 168h, found {text}")
    return value


def _size(flag: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        value = int(parse_size(text))
    except ValueError as problem:
        raise UsageError("MP1001", f"{flag}: {problem}") from problem
    if value > _LARGEST_BODY:
        raise UsageError("MP1001", f"{flag} must be at most 64MiB, found {text}")
    return value


def _body(options: LoadOptions) -> bytes:
    named = {"--body": options.body, "--body-file": options.body_file, "--body-base64": options.body_base64}
    given = [flag for flag, value in named.items() if value is not None]
    if len(given) > 1:
        raise UsageError("MP1002", f"{' and '.join(given)} all say what is sent", hint="keep one")
    if options.body_base64 is not None:
        try:
            return base64.b64decode("".join(options.body_base64.split()), validate=True)
        except binascii.Error:
            raise UsageError(
                "MP1001", "--body-base64 is not base64", hint="make it with for example `base64 -w0 FILE`"
            ) from None
    if options.body_file is not None:
        return _read("--body-file", options.body_file)
    return (options.body or "").encode()


def _read(flag: str, path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_BODY + 1)
    except OSError as problem:
        raise UsageError("MP1001", f"{flag}: {path} cannot be read: {problem.strerror}") from problem
    if len(data) > _LARGEST_BODY:
        raise UsageError("MP1001", f"{flag}: {path} is larger than 64MiB")
    return data


def _method(options: LoadOptions, body: bytes) -> str:
    method = options.method or ("POST" if body else "GET")
    if not method.isascii() or not method.isalpha():
        raise UsageError("MP1001", f"not a method: {method!r}", hint="write for example --method PUT")
    return method.upper()


def _message(protocol: str, options: LoadOptions) -> bytes:
    if protocol not in ("tcp", "udp"):
        return b""
    size = _size("--message-bytes", options.message_bytes)
    return message_of(DEFAULT_MESSAGE if size is None else size)


def _headers(protocol: str, options: LoadOptions) -> tuple[tuple[str, str], ...]:
    flag, texts = ("--metadata", options.metadata) if protocol == "grpc" else ("--header", options.headers)
    pairs = [_pair(flag, text, number, ":") for number, text in enumerate(texts, start=1)]
    names = {name.lower() for name, _ in pairs}
    if options.content_type is not None:
        if "content-type" in names:
            raise UsageError("MP1002", "--content-type and a Content-Type header are given", hint="keep one")
        pairs.append(("Content-Type", options.content_type))
    cookies = [_pair("--cookie", text, number, "=") for number, text in enumerate(options.cookies, start=1)]
    if cookies:
        if "cookie" in names:
            raise UsageError("MP1002", "--cookie and a Cookie header are given", hint="keep one")
        pairs.append(("Cookie", "; ".join(f"{name}={value}" for name, value in cookies)))
    return tuple(pairs)


def _pair(flag: str, text: str, number: int, mark: str) -> tuple[str, str]:
    """Name and value. The text is not repeated in the error: it may be a credential."""
    name, found, value = text.partition(mark)
    name, value = name.strip(), value.strip()
    what = {"--cookie": "cookie", "--metadata": "metadatum"}.get(flag, "header")
    if not found or (mark == "=" and ";" in value):
        hint = f"write {flag} '{'name=value' if mark == '=' else 'name: value'}'"
        raise UsageError("MP1001", f"{flag} number {number} is not a {what}", hint=hint)
    problem = header_problem(name, value)
    if problem is not None:
        raise UsageError("MP1001", f"{flag} number {number}: {problem}", hint="leave it out")
    return name, value


def _grpc(options: LoadOptions) -> GrpcRequest:
    messages = tuple(
        _read("--message", Path(text[1:])).decode("utf-8", errors="replace") if text.startswith("@") else text
        for text in options.messages
    )
    plain = GrpcRequest()
    return GrpcRequest(
        call=(options.call or plain.call).lstrip("/"),
        messages=messages or plain.messages,
        proto=options.proto,
        descriptor_set=options.descriptor_set,
        import_paths=options.import_paths,
    )


def _tls(urls: Sequence[str], options: LoadOptions) -> ClientTls | None:
    if (options.cert is None) != (options.key is None):
        raise UsageError("MP1002", "--cert and --key go together")
    if options.insecure and (options.server_identity is not None or options.ca is not None):
        raise UsageError(
            "MP1002", "--insecure verifies nothing, and --ca and --server-identity say what to verify", hint="keep one"
        )
    tls = ClientTls(
        ca=options.ca,
        certificate=options.cert,
        key=options.key,
        server_name=options.server_name,
        server_identity=options.server_identity,
        verify=not options.insecure,
        minimum_version=options.tls_min or "1.2",
        maximum_version=options.tls_max or "1.3",
        cipher_suites=options.ciphers,
        groups=options.groups,
        alpn=options.alpn,
        resumption=options.resumption,
    )
    if tls.minimum_version > tls.maximum_version:
        raise UsageError("MP1002", f"--tls-min {tls.minimum_version} is above --tls-max {tls.maximum_version}")
    if tls == ClientTls():
        return None
    if not any(SCHEMES[urlsplit(url).scheme].secure for url in urls):
        raise UsageError("MP1002", "there are TLS options, and no URL is spoken to over TLS", hint="write https://…")
    return tls


def _cpus(text: str | None) -> tuple[int, ...]:
    if text is None:
        return ()
    parts = text.split(",")
    if not all(part.strip().isdecimal() and int(part) < 8192 for part in parts):
        raise UsageError("MP1001", f"--cpus must be core numbers, found {text!r}", hint="write --cpus 0,1")
    return tuple(int(part) for part in parts)
