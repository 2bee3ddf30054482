"""The request that a client of an SMP test file sends: its method, its headers and cookies, its body."""

from __future__ import annotations

import base64
import binascii

from meshperf.spec.document import escape
from meshperf.spec.envelope_values import EnvelopeReading, Fields
from meshperf.spec.header_rules import HEADER_NAME, header_problem
from meshperf.spec.load_rules import HTTP_PROTOCOLS

__all__ = ["client_body", "client_headers", "client_method"]

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def client_method(reading: EnvelopeReading, client: Fields, body: bytes) -> str:
    """The method that is written; else POST with a body and GET without."""
    method = reading.text(client.get("method"), client.at("method")) or ("POST" if body else "GET")
    if method not in METHODS:
        reading.bad("MP2104", f"unknown method `{method}`", client.at("method"), f"one of: {', '.join(METHODS)}")
    return method


def client_body(reading: EnvelopeReading, client: Fields) -> bytes:
    """`body` as UTF-8, or what `body_base64` stands for."""
    body = reading.text(client.get("body"), client.at("body"), lines=True)
    encoded = reading.text(client.get("body_base64"), client.at("body_base64"), lines=True)
    if body and encoded:
        message = "`body` and `body_base64` both say what is sent"
        reading.bad("MP2107", message, client.at("body_base64"), "keep one", key=True)
    try:
        return base64.b64decode("".join(encoded.split()), validate=True) if encoded else body.encode()
    except (binascii.Error, ValueError):
        reading.bad("MP2104", "`body_base64` is not base64", client.at("body_base64"))
        return b""


def client_headers(reading: EnvelopeReading, client: Fields, protocol: str) -> tuple[tuple[str, str], ...]:
    """All headers in order: the map, the list, metadata of gRPC, the content type, and the cookies as one."""
    place = client.at("headers")
    pairs = []
    for name, value in reading.texts(client.get("headers"), place).items():
        pairs.append((name, value, f"{place}/{escape(name)}"))
    for item, at in reading.items(client.get("header_list"), client.at("header_list")):
        header = reading.fields(item, at, ("name", "value"))
        name = reading.text(header.get("name"), header.at("name"))
        pairs.append((name, reading.text(header.get("value"), header.at("value")), at))
    called = client.get("grpc")
    if protocol == "grpc" and isinstance(called, dict):
        place = f"{client.at('grpc')}/metadata"
        for name, value in reading.texts(called.get("metadata"), place).items():
            pairs.append((name, value, f"{place}/{escape(name)}"))
    for name, value, at in pairs:
        problem = header_problem(name, value)
        if problem is not None:
            code = "MP2107" if HEADER_NAME.fullmatch(name) else "MP2104"
            reading.bad(code, f"the header `{name}`: {problem}", at, "leave it out", key=True)
    names = {name.lower() for name, _, _ in pairs}
    found = [(name, value) for name, value, _ in pairs]
    content_type = reading.text(client.get("content_type"), client.at("content_type"))
    if content_type and "content-type" in names:
        message = "both `content_type` and a Content-Type header are given"
        reading.bad("MP2107", message, client.at("content_type"), "keep one")
    elif content_type and protocol not in HTTP_PROTOCOLS:
        reading.bad("MP2107", f"`content_type` has no meaning for {protocol}", client.at("content_type"), key=True)
    elif content_type:
        found.append(("Content-Type", content_type))
    cookies = reading.texts(client.get("cookies"), client.at("cookies"))
    for name, value in cookies.items():
        if not HEADER_NAME.fullmatch(name) or ";" in value:
            reading.bad("MP2104", f"not a cookie: `{name}`", f"{client.at('cookies')}/{escape(name)}", key=True)
    if cookies and "cookie" in names:
        reading.bad("MP2107", "both `cookies` and a Cookie header are given", client.at("cookies"), "keep one")
    elif cookies:
        found.append(("Cookie", "; ".join(f"{name}={value}" for name, value in cookies.items())))
    return tuple(found)
