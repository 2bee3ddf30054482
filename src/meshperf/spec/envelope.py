"""SMP test files, the envelope of `test:` and `mesh:`, as experiments on given URLs.

What it decides: each client is a load point and each of its URLs a target, loaded at the client's full rate in a run of
its own. Every field is honoured or refused by name, none is dropped in silence; what is merely done differently here,
such as another load generator, is a note in the experiment.

Why not through protobuf: its JSON reader refuses the files that Meshery writes (snake_case with numbers for enums and
`id:` left empty) or, told to be lenient, drops what it does not know, and it has no line numbers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from meshperf.errors import DocumentError
from meshperf.spec.document import Document, escape, raise_all
from meshperf.spec.experiment import Experiment, LoadPoint, TargetUrl
from meshperf.spec.quantities import FASTEST_RPS, LONGEST_S, nearest, show, words_hint
from meshperf.spec.smp_enums import CLIENT_PROTOCOLS, MESH_ALIASES, MESH_TYPES
from meshperf.units import parse_duration

__all__ = ["experiment_from_envelope", "is_envelope"]

_TEST_KEYS = ("smp_version", "id", "name", "labels", "clients", "duration", "warmup_s")
_CLIENT_KEYS = (
    "internal",
    "load_generator",
    "protocol",
    "connections",
    "rps",
    "headers",
    "cookies",
    "body",
    "content_type",
    "endpoint_urls",
    "ssl_certificate",
    "additional_options",
    "method",
    "timeout_s",
)
_MESH_KEYS = ("type", "version", "labels", "annotations")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def is_envelope(data: Any) -> bool:
    """Whether a document is an SMP test rather than an experiment."""
    return isinstance(data, dict) and "experiment" not in data and ("test" in data or "mesh" in data)


def experiment_from_envelope(document: Document, *, files_beside: bool = True) -> Experiment:
    """The experiment that an SMP test file describes: one round, no arms, `targets` from all clients and URLs.

    Raises:
        DocumentError: every problem of the file.
    """
    reading = _Reading(document)
    experiment = reading.experiment()
    raise_all(reading.problems)
    if experiment is None:  # every path without an experiment has noted a problem
        raise document.error("MP2104", "not an SMP test")
    return experiment


def snake(name: str) -> str:
    """`loadGenerator` as `load_generator`: both spellings of a field name are read."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda match: "_" + match[1].lower(), name)


class _Reading:
    """One pass over the envelope that collects problems and notes."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[DocumentError] = []
        self.notes: list[str] = []

    def bad(self, code: str, message: str, pointer: str, hint: str | None = None, *, key: bool = False) -> None:
        self.problems.append(self.document.error(code, message, pointer, hint=hint, key=key))

    def experiment(self) -> Experiment | None:
        root, _ = self.fields(self.document.data, "", ("test", "mesh"))
        for key in ("test", "mesh"):
            if root.get(key) is None:
                self.bad("MP2102", f"an SMP test needs the key `{key}`", "", f"{key}: {{…}}")
        test, at = self.fields(root.get("test") or {}, "/test", _TEST_KEYS)
        mesh_type, mesh_version = self.mesh(root.get("mesh") or {})
        duration = self.duration(test.get("duration"), at.get("duration", "/test"))
        warmup = self.number(test.get("warmup_s"), at.get("warmup_s", ""), default=1.0, low=0.0, high=3600.0)
        clients = test.get("clients")
        if not isinstance(clients, list) or not clients:
            code = "MP2102" if clients is None or clients == [] else "MP2104"
            self.bad(code, "`clients` must be a list of at least one client", at.get("clients", "/test"))
            return None
        points: list[LoadPoint] = []
        targets: list[TargetUrl] = []
        for index, client in enumerate(clients):
            pointer = f"{at['clients']}/{index}"
            point, urls = self.client(client, pointer, index, duration, warmup)
            targets += [TargetUrl(url=url, load_point=len(points)) for url in urls]
            points.append(point)
        path = self.document.path
        name = self.text(test.get("name"), at.get("name", "")) or (path.stem if path else "SMP test")
        return Experiment(
            name=name,
            subject=("mesh",),
            load=tuple(points),
            design="continuous",
            rounds=1,
            arms={},
            targets=tuple(targets),
            mesh_type=mesh_type,
            mesh_version=mesh_version,
            labels=self.texts(test.get("labels"), at.get("labels", "")),
            notes=tuple(self.notes),
            path=path,
            digest=self.document.digest,
        )

    def fields(self, data: Any, pointer: str, known: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, str]]:
        """Values by snake_case name, and the pointer of each as it is spelt in the file."""
        if not isinstance(data, dict):
            self.bad("MP2104", "this must be a mapping of keys to values", pointer)
            return {}, {}
        values: dict[str, Any] = {}
        places: dict[str, str] = {}
        for key, value in data.items():
            name, place = snake(key), f"{pointer}/{escape(key)}"
            if name not in known:
                close = nearest(name, known)
                hint = f"did you mean `{close}`?" if close else f"known keys here: {', '.join(known)}"
                self.bad("MP2101", f"unknown key `{key}`", place, hint, key=True)
            elif name in values:
                self.bad("MP2003", f"the key `{name}` is given twice, in two spellings", place, "keep one", key=True)
            else:
                values[name], places[name] = value, place
        return values, places

    def mesh(self, data: Any) -> tuple[str | None, str | None]:
        mesh, at = self.fields(data, "/mesh", _MESH_KEYS)
        for key in ("labels", "annotations"):
            self.texts(mesh.get(key), at.get(key, ""))
        given = mesh.get("type")
        version = mesh.get("version")
        # `version: 1.20` is a number to YAML; what was written is the version
        mark = self.document.marks.get(at.get("version", ""))
        written = mark.text if mark is not None and version is not None else None
        if given is None or given == 0:
            return None, written
        if isinstance(given, bool) or not isinstance(given, int | str):
            self.bad("MP2104", f"a mesh type is a name or number, found {show(given)}", at["type"])
            return None, written
        if isinstance(given, int) or given.isdigit():
            return MESH_TYPES.get(int(given), str(given)), written
        name = MESH_ALIASES.get(given.upper(), given.upper())
        if name not in MESH_TYPES.values():
            self.bad("MP2106", f"unknown mesh type `{given}`", at["type"], words_hint(name, tuple(MESH_TYPES.values())))
        return name, written

    def client(
        self, data: Any, pointer: str, index: int, duration: float, warmup: float
    ) -> tuple[LoadPoint, list[str]]:
        client, at = self.fields(data, pointer, _CLIENT_KEYS)
        self.refusals(client, at)
        self.protocol(client.get("protocol"), at.get("protocol", pointer))
        generator = self.text(client.get("load_generator"), at.get("load_generator", ""))
        if generator and generator.lower() != "meshperf":
            self.notes.append(f"client {index} asks for the load generator {generator}; meshperf's own is used")
        rps = self.number(client.get("rps"), at.get("rps", ""), default=0.0, low=0.0, high=FASTEST_RPS)
        connections = self.number(client.get("connections"), at.get("connections", ""), default=0, low=0, high=65_535)
        if connections != int(connections):
            self.bad("MP2104", "`connections` must be a whole number", at["connections"])
        body = self.text(client.get("body"), at.get("body", ""), lines=True)
        method = self.text(client.get("method"), at.get("method", "")) or ("POST" if body else "GET")
        if not re.fullmatch(r"GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS", method):
            self.bad("MP2104", f"unknown method `{method}`", at["method"])
        timeout = self.number(client.get("timeout_s"), at.get("timeout_s", ""), default=10.0, low=1e-3, high=3600.0)
        point = LoadPoint(
            rate=rps or None,
            arrivals="constant" if rps else "closed",
            connections=int(connections) or 1,
            warmup_s=warmup,
            duration_s=duration,
            timeout_s=timeout,
            method=method,
            headers=self.headers(client, at),
            body=body.encode(),
        )
        return point, self.urls(client.get("endpoint_urls"), at.get("endpoint_urls", pointer))

    def refusals(self, client: Mapping[str, Any], at: Mapping[str, str]) -> None:
        if client.get("internal") not in (None, False):
            message = "`internal` asks for a load generator inside the mesh, which is not available yet"
            self.bad("MP2107", message, at["internal"], "write `internal: false` to load the URLs from here")
        if client.get("ssl_certificate") not in (None, ""):
            message = "the standard does not say what `ssl_certificate` holds, so it is not used"
            self.bad("MP2107", message, at["ssl_certificate"], "leave it out")
        if client.get("additional_options") not in (None, "", "{}"):
            message = "`additional_options` are options of another load generator and cannot be honoured"
            self.bad("MP2107", message, at["additional_options"], "leave it out")

    def protocol(self, given: Any, pointer: str) -> None:
        name = CLIENT_PROTOCOLS.get(given) if isinstance(given, int) and not isinstance(given, bool) else given
        if name is None and isinstance(given, str) and given.isdigit():
            name = CLIENT_PROTOCOLS.get(int(given))
        word = str(name).upper().removeprefix("PROTOCOL_")
        if given is None or word == "HTTP":
            return
        known = [one.removeprefix("PROTOCOL_") for one in CLIENT_PROTOCOLS.values()]
        if word in known and word != "INVALID":
            self.bad("MP2107", f"the protocol {word} is not available yet", pointer, "write `protocol: 1` for HTTP")
        else:
            self.bad("MP2104", f"unknown protocol {show(given)}", pointer, "write `protocol: 1` for HTTP")

    def headers(self, client: Mapping[str, Any], at: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        place = at.get("headers", "")
        pairs = list(self.texts(client.get("headers"), place).items())
        for name, _ in pairs:
            if not _HEADER_NAME.fullmatch(name):
                self.bad("MP2104", f"not a header name: `{name}`", f"{place}/{escape(name)}", key=True)
            elif name.lower() in ("content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"):
                message = f"the header `{name}` is set by the load generator itself"
                self.bad("MP2107", message, f"{place}/{escape(name)}", "leave it out", key=True)
        names = {name.lower() for name, _ in pairs}
        content_type = self.text(client.get("content_type"), at.get("content_type", ""))
        if content_type and "content-type" in names:
            self.bad(
                "MP2107", "both `content_type` and a Content-Type header are given", at["content_type"], "keep one"
            )
        elif content_type:
            pairs.append(("Content-Type", content_type))
        cookies = self.texts(client.get("cookies"), at.get("cookies", ""))
        for name, value in cookies.items():
            if not _HEADER_NAME.fullmatch(name) or ";" in value:
                self.bad("MP2104", f"not a cookie: `{name}`", f"{at['cookies']}/{escape(name)}", key=True)
        if cookies and "cookie" in names:
            self.bad("MP2107", "both `cookies` and a Cookie header are given", at["cookies"], "keep one")
        elif cookies:
            pairs.append(("Cookie", "; ".join(f"{name}={value}" for name, value in cookies.items())))
        return tuple(pairs)

    def urls(self, given: Any, pointer: str) -> list[str]:
        if not isinstance(given, list) or not given:
            code = "MP2102" if given is None or given == [] else "MP2104"
            self.bad(code, "a client needs `endpoint_urls`, a list of at least one URL", pointer)
            return []
        for index, url in enumerate(given):
            problem = url_problem(url)
            if problem:
                self.bad("MP2104", problem, f"{pointer}/{index}", "write for example http://127.0.0.1:8080/")
        return [url for url in given if isinstance(url, str)]

    def duration(self, given: Any, pointer: str) -> float:
        if given is None or given == "":
            self.bad("MP2102", "an SMP test needs a `duration`", pointer, "write for example `duration: 60s`")
            return 1.0
        try:
            seconds = float(parse_duration(str(given)))
        except ValueError as error:
            self.bad("MP2104", f"`duration`: {error}", pointer, "write for example 250ms, 10s or 1h30m")
            return 1.0
        if not 1e-2 <= seconds <= LONGEST_S:
            self.bad("MP2103", f"`duration` must be from 10ms to 7d, found {show(given)}", pointer)
        return seconds

    def number(self, given: Any, pointer: str, *, default: float, low: float, high: float) -> float:
        """A number, or a number in quotes as protobuf's JSON writes 64-bit integers."""
        if given is None or given == "":
            return default
        if isinstance(given, str) and re.fullmatch(r"-?\d{1,18}(\.\d+)?", given):
            given = float(given)
        if isinstance(given, bool) or not isinstance(given, int | float):
            self.bad("MP2104", f"this must be a number, found {show(given)}", pointer)
            return default
        if not math.isfinite(given) or not low <= given <= high:
            self.bad("MP2103", f"this must be from {low:g} to {high:g}, found {show(given)}", pointer)
            return default
        return float(given)

    def text(self, given: Any, pointer: str, *, lines: bool = False) -> str:
        if given is None:
            return ""
        if isinstance(given, bool) or not isinstance(given, str | int):
            self.bad("MP2104", f"this must be text, found {show(given)}", pointer, "put it in quotes")
            return ""
        text = str(given)
        if not lines and _CONTROL.search(text):
            self.bad("MP2104", "this must be one line without control characters", pointer)
            return ""
        return text

    def texts(self, given: Any, pointer: str) -> dict[str, str]:
        if given is None:
            return {}
        if not isinstance(given, dict):
            self.bad("MP2104", f"this must be a mapping of names to text, found {show(given)}", pointer)
            return {}
        return {name: self.text(value, f"{pointer}/{escape(name)}") for name, value in given.items()}


def url_problem(url: Any) -> str | None:
    """What is wrong with a URL to be put under load, or None."""
    if not isinstance(url, str) or re.search(r"[\x00-\x20\x7f]", url):
        return f"not a URL: {show(url)}"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return f"not a URL: {error}"
    if parts.scheme not in ("http", "https"):
        return f"the URL's scheme must be http or https, found {show(url)}"
    if not parts.hostname or port == 0:
        return f"the URL names no host and port to connect to: {show(url)}"
    if parts.username is not None:
        return "the URL holds a user name or password; send it as a header instead"
    return None
