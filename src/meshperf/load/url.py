"""From a URL to a target: parse, resolve, and refuse what nobody allowed.

Load goes only where the user said. An address outside loopback is refused unless its host was allowed by name: the
check is on the resolved address, so a name that resolves elsewhere does not slip through.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from meshperf.errors import TargetError, UsageError
from meshperf.load.plan import Target, TlsSettings
from meshperf.spec.redaction import shown_url

__all__ = ["target_from_url"]

_PORTS = {"http": 80, "https": 443}


def target_from_url(
    url: str,
    *,
    connections: int,
    timeout_s: float = 10.0,
    method: str = "GET",
    headers: tuple[tuple[str, str], ...] = (),
    body: bytes = b"",
    tls: TlsSettings | None = None,
    allowed: Collection[str] = (),
) -> Target:
    """A target for `http://` or `https://` URLs. Its name is the URL without the query, which may be secret.

    Args:
        tls: how to speak TLS to an https URL; its `server_name` defaults to the URL's host.
        allowed: hosts outside loopback that the user named.

    Raises:
        UsageError: not such a URL (MP1001), or not allowed (MP1003). TargetError: the name is unknown (MP5301).
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as problem:  # its text repeats parts of the URL, which may be secret
        raise UsageError("MP1001", f"not a URL: {shown_url(url)!r}", hint="write http://host:port/path") from problem
    host = parts.hostname
    if parts.scheme not in _PORTS or not host:
        raise UsageError("MP1001", f"not an http or https URL: {shown_url(url)!r}", hint="write http://host:port/path")
    if parts.username or parts.password:
        raise UsageError(
            "MP1001", "a URL with a password would end up in documents", hint="send an Authorization header instead"
        )
    address = _resolve(host, port or _PORTS[parts.scheme])
    if not ipaddress.ip_address(address[0]).is_loopback and host not in allowed:
        raise UsageError(
            "MP1003",
            f"{host} is outside loopback and was not allowed",
            hint=f"load goes only where you say: add --allow-target {host} (or `allow_targets: [{host}]` to the file)",
        )
    if parts.scheme == "https":
        settings = tls or TlsSettings(ca_pem="")
        if settings.server_name is None:
            settings = replace(settings, server_name=host)
        if settings.verify and not settings.ca_pem:
            settings = replace(settings, ca_pem=_system_authorities())
    else:
        settings = None
    literal = f"[{address[0]}]" if ":" in address[0] else address[0]
    return Target(
        name=shown_url(url),
        address=f"{literal}:{address[1]}",
        host=parts.netloc,
        path=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        method=method,
        headers=headers,
        body=body,
        connections=connections,
        tls=settings,
        timeout_s=timeout_s,
    )


def _system_authorities() -> str:
    """The certificates this system trusts, where the user named none."""
    paths = ssl.get_default_verify_paths()
    for path in (paths.cafile, paths.openssl_cafile):
        if path and Path(path).is_file():
            return Path(path).read_text(encoding="utf-8", errors="replace")
    hint = "name one with --ca, or use --insecure"
    raise UsageError("MP1001", "this system has no file of trusted certificates", hint=hint)


def _resolve(host: str, port: int) -> tuple[str, int]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as unknown:
        raise TargetError(
            "MP5301", f"the name {host} cannot be resolved: {unknown.strerror}", hint="check the spelling and the DNS"
        ) from unknown
    address = found[0][4]
    return str(address[0]), int(address[1])
