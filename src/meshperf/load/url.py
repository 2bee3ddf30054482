"""From a URL to where it leads: parse, refuse what nobody allowed, resolve.

Load goes only where the user said. A host that is not plainly this machine is refused unless it was allowed by its
name, and before it is looked up: a name that nobody allowed is not even asked for. `localhost` is looked up and must
then be loopback too.
"""

from __future__ import annotations

import socket
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from meshperf.errors import TargetError, UsageError
from meshperf.spec.experiment import is_loopback
from meshperf.spec.redaction import shown_url
from meshperf.spec.target_url import SCHEMES, url_problem

__all__ = ["Endpoint", "endpoint_of", "protocol_of"]

_HINT = "write for example http://host:port/path, grpc://host:port, tcp://host:port or udp://host:port"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a URL leads. `name` is the URL without its query, which may be secret."""

    name: str
    address: str
    """Numeric `ip:port`."""
    host: str
    """As the Host header has it."""
    server_name: str
    path: str
    """With the query; empty where the URL has none."""
    secure: bool


def protocol_of(url: str, asked: str | None = None) -> str:
    """The protocol to speak to a URL: what was asked for, or what the scheme implies.

    Raises:
        UsageError: not a URL (MP1001); its scheme is of another protocol (MP1002).
    """
    _require_url(url)
    scheme = urlsplit(url).scheme
    implied = SCHEMES[scheme].protocol
    if implied is None:
        return asked or "http1"
    if asked is not None and asked != implied:
        raise UsageError(
            "MP1002", f"a {scheme} URL is spoken to in {implied}, and {asked} was asked for", hint="leave one out"
        )
    return implied


def endpoint_of(url: str, *, datagrams: bool = False, allowed: Collection[str] = ()) -> Endpoint:
    """Look a URL's host up, if it may be put under load.

    Args:
        datagrams: it is spoken to over UDP.
        allowed: hosts outside loopback that the user named.

    Raises:
        UsageError: not a URL for load (MP1001), or not allowed (MP1003). TargetError: the name is unknown (MP5301).
    """
    _require_url(url)
    parts = urlsplit(url)
    scheme, host = SCHEMES[parts.scheme], parts.hostname or ""
    named = host in {one.strip("[]").lower() for one in allowed}
    if not (named or is_loopback(host)):
        raise _not_allowed(host)
    found, port = _resolve(host, parts.port or scheme.port or 0, datagrams=datagrams)
    if not (named or is_loopback(found)):
        raise _not_allowed(host)
    literal = f"[{found}]" if ":" in found else found
    return Endpoint(
        name=shown_url(url),
        address=f"{literal}:{port}",
        host=parts.netloc,
        server_name=host,
        path=parts.path + (f"?{parts.query}" if parts.query else ""),
        secure=scheme.secure,
    )


def _require_url(url: str) -> None:
    problem = url_problem(url)
    if problem is not None:
        raise UsageError("MP1001", problem, hint=_HINT)


def _not_allowed(host: str) -> UsageError:
    return UsageError(
        "MP1003",
        f"{host} is outside loopback and was not allowed",
        hint=f"load goes only where you say: add --allow-target {host} (or `allow_targets: [{host}]` to the file)",
    )


def _resolve(host: str, port: int, *, datagrams: bool) -> tuple[str, int]:
    kind = socket.SOCK_DGRAM if datagrams else socket.SOCK_STREAM
    try:
        found = socket.getaddrinfo(host, port, type=kind)
    except (OSError, UnicodeError) as unknown:  # UnicodeError: a label that no name may have
        why = unknown.strerror if isinstance(unknown, OSError) else "not a name"
        raise TargetError(
            "MP5301", f"the name {host} cannot be resolved: {why}", hint="check the spelling and the DNS"
        ) from unknown
    address = found[0][4]
    return str(address[0]), int(address[1])
