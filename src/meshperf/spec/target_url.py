"""URLs that may be put under load: their schemes, what each implies, and what is wrong with one.

`grpc://host:port/package.Service/Method`, `tcp://host:port`, `udp://host:port`; `grpcs` and `tls` are the first two
over TLS. `http` and `https` leave the protocol open, so that HTTP/2 and gRPC can be asked for beside the URL too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from meshperf.spec.quantities import show
from meshperf.spec.redaction import shown_url

__all__ = ["SCHEMES", "Scheme", "url_problem"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """What a URL's scheme says. `protocol`: the only one it allows, None for any."""

    protocol: str | None
    secure: bool
    port: int | None
    """Where none is written; None: it must be."""


SCHEMES: Mapping[str, Scheme] = {
    "http": Scheme(protocol=None, secure=False, port=80),
    "https": Scheme(protocol=None, secure=True, port=443),
    "grpc": Scheme(protocol="grpc", secure=False, port=80),
    "grpcs": Scheme(protocol="grpc", secure=True, port=443),
    "tcp": Scheme(protocol="tcp", secure=False, port=None),
    "tls": Scheme(protocol="tcp", secure=True, port=None),
    "udp": Scheme(protocol="udp", secure=False, port=None),
}

_CALL = re.compile(r"/[A-Za-z_][\w.]*/[A-Za-z_]\w*")


def url_problem(url: Any) -> str | None:
    """What is wrong with a URL to be put under load, or None. The text repeats nothing that may be secret."""
    if not isinstance(url, str) or re.search(r"[\x00-\x20\x7f]", url):
        return f"not a URL: {show(shown_url(url) if isinstance(url, str) else url)}"
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:  # its text repeats parts of the URL
        return f"not a URL: {show(shown_url(url))}"
    scheme = SCHEMES.get(parts.scheme)
    if scheme is None:
        return f"the URL's scheme must be one of {', '.join(SCHEMES)}, found {show(shown_url(url))}"
    if parts.username is not None or parts.password is not None:
        return "the URL holds a user name or password; send it as a header instead"
    if not host or port == 0 or (port is None and scheme.port is None):
        return f"the URL names no host and port to connect to: {show(shown_url(url))}"
    if scheme.protocol in ("tcp", "udp") and (parts.path not in ("", "/") or parts.query):
        return f"a {parts.scheme} URL is a host and a port and nothing more: {show(shown_url(url))}"
    if scheme.protocol == "grpc" and parts.path not in ("", "/") and not _CALL.fullmatch(parts.path):
        return f"the path of a {parts.scheme} URL is /package.Service/Method, found {show(shown_url(url))}"
    return None
