"""The options of `meshperf load`, and the load point that they ask for.

What contradicts what is told by the same rules as in a file. Everything that can be refused is refused here or by the
plan, before a name is looked up or a connection opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from meshperf.cli.load_request import body_of, grpc_of, headers_of, message_for, method_of, tls_of
from meshperf.cli.load_values import cpus_of, duration_of, named_values, rate_of, size_of
from meshperf.errors import UsageError
from meshperf.load.url import protocol_of
from meshperf.spec.experiment_load import LoadPoint
from meshperf.spec.generators import GENERATORS, OWN
from meshperf.spec.load_files import read_trace
from meshperf.spec.load_rules import HTTP_PROTOCOLS, contradictions

__all__ = ["LoadOptions", "load_point", "watched"]

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
    watch: tuple[str, ...] = ()
    objectives: tuple[str, ...] = ()
    generator: str = OWN
    workers: int = 1
    cpus: str | None = None
    wait: str = "auto"
    receive_clock: str = "auto"
    seed: int = 1
    allowed: tuple[str, ...] = ()
    no_store: bool = False
    as_json: bool = False


def load_point(urls: Sequence[str], options: LoadOptions) -> LoadPoint:
    """What the options ask for, of URLs that all speak one protocol.

    Raises:
        UsageError: a value cannot be used (MP1001), or options contradict each other (MP1002).
        DocumentError: a file that an option names is not what it should be.
    """
    protocol = _protocol(urls, options)
    body = body_of(options)
    _refuse_contradictions(urls, protocol, body, options)
    trace = read_trace(options.trace) if options.trace is not None else ()
    shape = LoadPoint(
        protocol=protocol,
        arrivals=_arrivals(options),
        rate=rate_of("--rate", options.rate),
        rate_end=rate_of("--rate-end", options.rate_end),
        trace_s=trace,
        quantum_s=duration_of("--quantum", options.quantum, zero=True) or 0.0,
        in_flight=options.in_flight,
        think_s=duration_of("--think", options.think, zero=True) or 0.0,
        warmup_s=duration_of("--warmup", options.warmup, zero=True) or 0.0,
        duration_s=_counted(options, trace),
        timeout_s=duration_of("--timeout", options.timeout) or 10.0,
    )
    return replace(
        shape,
        connections=options.connections,
        max_connections=options.max_connections,
        streams=options.streams or 1,
        pooling=options.pooling or "pooled",
        selection=options.selection or "fifo",
        requests_per_connection=1 if options.no_keepalive else options.requests_per_connection,
        connection_age_s=duration_of("--connection-age", options.connection_age),
        follow_redirects=options.follow_redirects,
        method=method_of(options, body),
        headers=headers_of(protocol, options),
        body=body or message_for(protocol, options),
        reply_bytes=size_of("--reply-bytes", options.reply_bytes),
        grpc=grpc_of(options) if protocol == "grpc" else None,
        tls=tls_of(urls, options),
        receive_clock=options.receive_clock,
        generator=_generator(options),
        workers=options.workers,
        wait=options.wait,
        cpus=cpus_of(options.cpus),
        kind=options.kind,
        kind_options=named_values("--kind-option", options.kind_options),
    )


def watched(options: LoadOptions) -> dict[str, int]:
    """Processes that a test kind looks at, by name.

    Raises:
        UsageError: MP1001, not a name and the number of a process that is there.
    """
    found = {}
    for name, text in named_values("--watch", options.watch).items():
        if not text.isdecimal() or not Path("/proc", text).exists():
            raise UsageError("MP1001", f"--watch {name}: there is no process {text}", hint="write --watch app=1234")
        found[name] = int(text)
    return found


def _generator(options: LoadOptions) -> str:
    name = options.generator.lower()
    if name not in GENERATORS:
        message = f"--generator: there is no load generator {options.generator[:60]!r}"
        raise UsageError("MP1001", message, hint=f"one of: {', '.join(GENERATORS)}")
    return name


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


def _refuse_contradictions(urls: Sequence[str], protocol: str, body: bytes, options: LoadOptions) -> None:
    _refuse_beside_kind(options, len(urls))
    arrivals = _arrivals(options)
    if arrivals == "closed" and options.rate is not None:
        raise UsageError("MP1002", "a closed loop has no offered rate", hint="leave --rate out, or --arrivals constant")
    if options.no_keepalive and options.requests_per_connection not in (None, 1):
        raise UsageError("MP1002", "--no-keepalive and --requests-per-connection contradict each other")
    given: dict[str, Any] = {
        **{key: getattr(options, key) for key in LoadOptions.__slots__},
        "protocol": protocol,
        "arrivals": arrivals,
        "method": method_of(options, body) if protocol in HTTP_PROTOCOLS else options.method,
        "body": body,
        "message_bytes": size_of("--message-bytes", options.message_bytes),
        "reply_bytes": size_of("--reply-bytes", options.reply_bytes),
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


def _refuse_beside_kind(options: LoadOptions, urls: int) -> None:
    if options.kind is None:
        for flag, given in (("--kind-option", options.kind_options), ("--watch", options.watch)):
            if given:
                raise UsageError("MP1002", f"{flag} is for a test kind", hint="add --kind")
        return
    if options.arrivals in ("closed", "trace") or options.trace is not None:
        message = "a test kind offers rates of its own, so its arrivals are constant or poisson"
        raise UsageError("MP1002", message, hint="leave --arrivals and --trace out")
    if options.generator != OWN:
        message = f"a test kind steers the rate, which {options.generator} cannot"
        raise UsageError("MP1002", message, hint="leave --generator out")
    if urls > 1:
        raise UsageError("MP1002", "a test kind is of one URL", hint="test each URL by itself")
    if options.rate_end is not None:
        raise UsageError("MP1002", "a test kind has a shape of its own, and --rate-end another", hint="leave it out")


def _counted(options: LoadOptions, trace: Sequence[float]) -> float:
    """The counted time [s]; of a trace to just after its last time, unless it is given."""
    given = duration_of("--duration", options.duration)
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
