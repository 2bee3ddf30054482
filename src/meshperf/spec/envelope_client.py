"""One client of an SMP test file: every field of the standard and of our extensions, as a load point and its URLs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from meshperf import __version__
from meshperf.errors import DocumentError
from meshperf.spec.envelope_options import AdditionalOptions, read_additional_options
from meshperf.spec.envelope_request import client_body, client_headers, client_method
from meshperf.spec.envelope_security import client_grpc, client_tls
from meshperf.spec.envelope_values import EnvelopeReading, Fields
from meshperf.spec.experiment_load import LoadPoint
from meshperf.spec.generators import GENERATORS, OWN
from meshperf.spec.load_files import DEFAULT_MESSAGE, message_of, read_trace
from meshperf.spec.load_rules import HTTP_PROTOCOLS, contradictions
from meshperf.spec.quantities import FASTEST_RPS, show
from meshperf.spec.smp_enums import CLIENT_PROTOCOLS
from meshperf.spec.target_url import SCHEMES, url_problem

__all__ = ["CLIENT_KEYS", "Course", "read_client"]

CLIENT_KEYS = (
    "internal", "load_generator", "protocol", "connections", "rps", "headers", "cookies", "body", "content_type",
    "endpoint_urls", "ssl_certificate", "additional_options", "http_version", "method", "body_base64", "header_list",
    "timeout_s", "keepalive", "requests_per_connection", "max_streams", "connection_reuse", "follow_redirects", "tls",
    "grpc", "l4", "targets", "workers", "max_in_flight", "rate_scope", "placement", "generator_version",
)  # fmt: skip
LARGEST_BODY = 64 * 2**20

_PROTOCOLS: Mapping[Any, str] = {
    key: name.removeprefix("PROTOCOL_")
    for number, name in CLIENT_PROTOCOLS.items()
    if number
    for key in (number, name.removeprefix("PROTOCOL_"))
}
_VERSIONS = {"1.0": "http1.0", "1.1": "http1", "1": "http1", "2": "http2", "2.0": "http2"}
_REUSE: Mapping[Any, str] = {0: "", 1: "fifo", 2: "lifo", "UNSPECIFIED": "", "LRU": "fifo", "MRU": "lifo"}
_SCOPES: Mapping[Any, str] = {
    0: "all", 1: "all", 2: "all", 3: "worker", "UNSPECIFIED": "all", "TOTAL": "all", "PER_CLIENT": "all",
    "PER_WORKER": "worker",
}  # fmt: skip
_NAMES = {
    "rate": "rps",
    "in_flight": "max_in_flight",
    "streams": "max_streams",
    "message_bytes": "l4.payload_bytes",
    "reply_bytes": "l4.response_bytes",
    "path": "the path of the URL",
    "arrivals": "arrival",
}
_OPTIONS = ("rate_end", "trace", "quantum", "think", "max_connections", "pooling", "selection", "connection_age")


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What the test says for all of its clients."""

    duration_s: float
    warmup_s: float
    cooldown_s: float
    arrival: str | None
    """`closed`, `constant`, `poisson` or `trace`; None: constant with a rate, else closed."""
    kind: str | None
    staged: bool

    @property
    def has_rates(self) -> bool:
        """Whether rates come from elsewhere than a client's `rps`."""
        return self.staged or self.kind is not None


Urls = tuple[tuple[str, float], ...]


def read_client(
    reading: EnvelopeReading, data: Any, pointer: str, index: int, course: Course
) -> tuple[LoadPoint, list[Urls]]:
    """A client's load point, and the runs it asks for: each URL alone, or its weighted `targets` together."""
    client = reading.fields(data, pointer, CLIENT_KEYS)
    generator = _generator(reading, client, index)
    runs = _runs(reading, client)
    protocol = _protocol(reading, client, [url for run in runs for url, _ in run])
    options = read_additional_options(reading, client, generator)
    workers = reading.whole(client.get("workers"), client.at("workers"), low=1, high=64) or 1
    rate = _rate(reading, client, workers)
    arrivals = course.arrival or ("trace" if options.trace else "constant" if rate or course.has_rates else "closed")
    body = client_body(reading, client)
    layer4 = _layer4(reading, client)
    streams = reading.whole(client.get("max_streams"), client.at("max_streams"), low=1, high=65_535)
    point = LoadPoint(
        protocol=protocol,
        rate=rate,
        rate_end=options.rate_end,
        arrivals=arrivals,
        trace_s=_trace(reading, client, options),
        quantum_s=options.quantum,
        in_flight=reading.whole(client.get("max_in_flight"), client.at("max_in_flight"), low=1, high=10_000_000),
        think_s=options.think,
        connections=reading.whole(client.get("connections"), client.at("connections"), low=0, high=65_535) or 1,
        max_connections=options.max_connections,
        streams=streams or 1,
        pooling=options.pooling,
        selection=options.selection or _reuse(reading, client) or "fifo",
        requests_per_connection=_requests_per_connection(reading, client, layer4),
        connection_age_s=options.connection_age,
        follow_redirects=bool(reading.switch(client.get("follow_redirects"), client.at("follow_redirects"))),
        warmup_s=course.warmup_s,
        duration_s=course.duration_s,
        cooldown_s=course.cooldown_s,
        timeout_s=reading.number(client.get("timeout_s"), client.at("timeout_s"), default=10.0, low=1e-3, high=3600.0),
        method=client_method(reading, client, body),
        headers=client_headers(reading, client, protocol),
        body=body or _message(protocol, layer4),
        reply_bytes=layer4.reply_bytes,
        grpc=client_grpc(reading, client, protocol),
        tls=client_tls(reading, client),
        receive_clock=options.receive_clock,
        workers=workers,
        wait=options.wait,
        cpus=_placement(reading, client),
        kind=course.kind,
        kind_options=options.kind,
        generator=generator.lower() if generator.lower() in GENERATORS else OWN,
    )
    if point.kind is not None and point.generator != OWN:
        message = f"a test kind steers the rate, which the load generator {point.generator} cannot"
        reading.bad("MP2107", message, client.at("load_generator"), "leave it out, or write `meshperf`")
    _refuse_contradictions(reading, client, point, options, layer4, body, has_rates=course.has_rates)
    _refuse_beside_urls(reading, client, point, runs)
    return point, runs


def _generator(reading: EnvelopeReading, client: Fields, index: int) -> str:
    if reading.switch(client.get("internal"), client.at("internal")):
        message = "`internal` asks for a load generator inside the mesh, which is not available yet"
        reading.bad("MP2107", message, client.at("internal"), "write `internal: false` to load the URLs from here")
    generator = reading.text(client.get("load_generator"), client.at("load_generator"))
    version = reading.text(client.get("generator_version"), client.at("generator_version"))
    if generator.lower() in GENERATORS[1:]:
        reading.notes.append(f"client {index} is loaded by {generator.lower()}, as it asks")
    elif generator and generator.lower() != OWN:
        reading.notes.append(f"client {index} asks for the load generator {generator}; meshperf's own is used")
    elif version and version != __version__:
        reading.notes.append(f"client {index} asks for meshperf {version}; this is {__version__}")
    return generator


def _protocol(reading: EnvelopeReading, client: Fields, urls: list[str]) -> str:
    given, place = client.get("protocol"), client.at("protocol")
    word = reading.word(given, place, _PROTOCOLS, "protocol")
    implied = {SCHEMES[url.partition(":")[0].lower()].protocol for url in urls if not url_problem(url)}
    if len(implied) > 1:
        reading.bad("MP2107", "the URLs of one client must all be of one protocol", client.at("endpoint_urls"))
    only = next(iter(implied)) if len(implied) == 1 else None
    version = _http_version(reading, client)
    if only is not None and word not in (None, only.upper()):
        message = f"the URLs are spoken to in {only}, and the protocol is {word}"
        reading.bad("MP2107", message, place, f"write `protocol: {only.upper()}`, or leave it out")
    if word in (None, "HTTP") and only is None:
        return version or "http1"
    protocol = only or str(word).lower()
    if version is not None:
        message = f"`http_version` has no meaning for {protocol}"
        reading.bad("MP2107", message, client.at("http_version"), "leave it out", key=True)
    return protocol


def _http_version(reading: EnvelopeReading, client: Fields) -> str | None:
    if "http_version" not in client:
        return None
    given, place = client.get("http_version"), client.at("http_version")
    version = str(given).upper().removeprefix("HTTP").lstrip("/_")
    if version in ("3", "3.0"):
        reading.bad("MP2107", "HTTP/3 is not available yet", place, "write `http_version: 2`")
        return None
    if version not in _VERSIONS:
        reading.bad("MP2104", f"unknown HTTP version {show(given)}", place, "one of: 1.0, 1.1, 2")
    return _VERSIONS.get(version)


def _rate(reading: EnvelopeReading, client: Fields, workers: int) -> float | None:
    rps = reading.number(client.get("rps"), client.at("rps"), default=0.0, low=0.0, high=FASTEST_RPS)
    scope = reading.word(client.get("rate_scope"), client.at("rate_scope"), _SCOPES, "rate scope")
    rate = rps * workers if scope == "worker" else rps
    if rate > FASTEST_RPS:
        message = f"{workers} workers of {rps:g} are more than {FASTEST_RPS:.0f} requests per second"
        reading.bad("MP2103", message, client.at("rps"))
    return rate or None


def _trace(reading: EnvelopeReading, client: Fields, options: AdditionalOptions) -> tuple[float, ...]:
    if not isinstance(options.trace, str):
        return options.trace or ()
    path = reading.document.path
    if not reading.files_beside or path is None:
        return ()
    try:
        return read_trace(path.parent / options.trace)
    except DocumentError as wrong:
        reading.problems.append(wrong)
        return ()


def _reuse(reading: EnvelopeReading, client: Fields) -> str | None:
    return reading.word(client.get("connection_reuse"), client.at("connection_reuse"), _REUSE, "connection reuse")


def _requests_per_connection(reading: EnvelopeReading, client: Fields, layer4: _Layer4) -> int | None:
    given = reading.whole(
        client.get("requests_per_connection"), client.at("requests_per_connection"), low=1, high=10**12
    )
    if layer4.messages_per_connection is not None:
        return layer4.messages_per_connection
    if reading.switch(client.get("keepalive"), client.at("keepalive")) is not False:
        return given
    if given not in (None, 1):
        message = f"`keepalive: false` is one request a connection, and `requests_per_connection` is {given}"
        reading.bad("MP2107", message, client.at("requests_per_connection"), "keep one", key=True)
    return 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer4:
    """What a client says of messages of TCP and UDP."""

    message_bytes: int | None = None
    reply_bytes: int | None = None
    messages_per_connection: int | None = None


def _layer4(reading: EnvelopeReading, client: Fields) -> _Layer4:
    if client.get("l4") is None:
        return _Layer4()
    known = ("payload_bytes", "response_bytes", "echo", "messages_per_connection")
    given = reading.fields(client.get("l4"), client.at("l4"), known)
    echo = reading.switch(given.get("echo"), given.at("echo"))
    reply = reading.whole(given.get("response_bytes"), given.at("response_bytes"), low=0, high=LARGEST_BODY)
    if echo and reply is not None:
        message = "an echo is as long as the message, and `response_bytes` says how long an answer is"
        reading.bad("MP2107", message, given.at("response_bytes"), "keep one", key=True)
    return _Layer4(
        message_bytes=reading.whole(given.get("payload_bytes"), given.at("payload_bytes"), low=1, high=LARGEST_BODY),
        reply_bytes=0 if echo is False and reply is None else reply,
        messages_per_connection=reading.whole(
            given.get("messages_per_connection"), given.at("messages_per_connection"), low=1, high=10**12
        ),
    )


def _message(protocol: str, layer4: _Layer4) -> bytes:
    return message_of(layer4.message_bytes or DEFAULT_MESSAGE) if protocol in ("tcp", "udp") else b""


def _placement(reading: EnvelopeReading, client: Fields) -> tuple[int, ...]:
    if client.get("placement") is None:
        return ()
    given = reading.fields(client.get("placement"), client.at("placement"), ("cpus", "node", "inside_mesh"))
    if "node" in given:
        reading.bad("MP2107", "a load generator on another node is not available yet", given.at("node"), key=True)
    if reading.switch(given.get("inside_mesh"), given.at("inside_mesh")):
        reading.bad("MP2107", "a load generator inside the mesh is not available yet", given.at("inside_mesh"))
    cpus = [
        reading.whole(item, place, low=0, high=8191)
        for item, place in reading.items(given.get("cpus"), given.at("cpus"))
    ]
    return tuple(cpu for cpu in cpus if cpu is not None)


def _runs(reading: EnvelopeReading, client: Fields) -> list[Urls]:
    """What is loaded together: every URL alone, or the weighted targets in one run."""
    plain = [
        _url(reading, url, place)
        for url, place in reading.items(client.get("endpoint_urls"), client.at("endpoint_urls"))
    ]
    if client.get("targets") is None:
        if not plain and (client.get("endpoint_urls") in (None, []) or isinstance(client.get("endpoint_urls"), str)):
            message = "a client needs `endpoint_urls`, a list of at least one URL"
            reading.bad("MP2102", message, client.at("endpoint_urls"))
        return [((url, 1.0),) for url in plain if url]
    weighted: list[tuple[str, float]] = []
    for item, place in reading.items(client.get("targets"), client.at("targets")):
        target = reading.fields(item, place, ("url", "weight"))
        weight = reading.number(target.get("weight"), target.at("weight"), default=1.0, low=1e-9, high=1e9)
        weighted.append((_url(reading, target.get("url"), target.at("url")), weight))
    if not weighted:
        reading.bad("MP2103", "`targets` must name at least one URL", client.at("targets"))
    if plain and [url for url, _ in weighted] != plain:
        message = "`endpoint_urls` and `targets` do not name the same URLs"
        reading.bad("MP2107", message, client.at("endpoint_urls"), "leave `endpoint_urls` out", key=True)
    return [tuple(weighted)] if weighted else []


def _url(reading: EnvelopeReading, url: Any, place: str) -> str:
    problem = url_problem(url)
    if problem:
        reading.bad("MP2104", problem, place, "write for example http://127.0.0.1:8080/")
        return ""
    return str(url)


def _refuse_contradictions(
    reading: EnvelopeReading,
    client: Fields,
    point: LoadPoint,
    options: AdditionalOptions,
    layer4: _Layer4,
    body: bytes,
    *,
    has_rates: bool,
) -> None:
    written = options.model_fields_set
    given: dict[str, Any] = {
        **{name: getattr(options, name) for name in _OPTIONS if name in written},
        "protocol": point.protocol,
        "arrivals": point.arrivals,
        "rate": point.rate,
        "stages": has_rates,
        "in_flight": point.in_flight,
        "connections": point.connections,
        "streams": point.streams,
        "selection": point.selection if client.get("connection_reuse") else options.selection,
        "requests_per_connection": point.requests_per_connection,
        "follow_redirects": point.follow_redirects,
        "method": point.method if point.protocol in HTTP_PROTOCOLS else client.get("method"),
        "headers": point.headers,
        "body": body,
        "message_bytes": layer4.message_bytes,
        "reply_bytes": layer4.reply_bytes,
        "grpc": client.get("grpc"),
    }
    for found in contradictions(given, _smp_name):
        field = _NAMES.get(found.key, found.key).partition(".")[0]
        place = client.at("additional_options") if found.key in written else client.at(field)
        code = "MP2102" if found.missing else "MP2107"
        reading.bad(code, found.message, place, found.hint)


def _refuse_beside_urls(reading: EnvelopeReading, client: Fields, point: LoadPoint, runs: list[Urls]) -> None:
    """What the URLs leave no meaning to."""
    urls = [url for run in runs for url, _ in run if url]
    if point.tls is not None and urls and not any(SCHEMES[url.partition(":")[0].lower()].secure for url in urls):
        field = "tls" if client.get("tls") is not None else "ssl_certificate"
        reading.bad("MP2107", f"`{field}`, and no URL is spoken to over TLS", client.at(field), "write https://…")
    if point.kind is not None and any(len(run) > 1 for run in runs):
        message = "a test kind is of one URL, and `targets` names several"
        reading.bad("MP2107", message, client.at("targets"), "write `endpoint_urls`: each is tested by itself")


def _smp_name(key: str, value: str = "", /) -> str:
    name = _NAMES.get(key, key)
    if key == "arrivals" and value:
        value = {"closed": "CLOSED", "trace": "OPEN_TRACE"}.get(value, value)
    return f"`{name}: {value}`" if value else f"`{name}`"
