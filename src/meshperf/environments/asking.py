"""One HTTP question over a connection of its own, plain or TLS: how claims are tried and counters are read.

Questions stand beside the measurement and are never part of it. `ask` never raises for what the other side does: a
refused connection or handshake is an answer, and often the one that was hoped for.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshperf.environments.reaching import connect, parse

__all__ = ["Reply", "ask", "mutual_tls"]

TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back: an HTTP status with its body, or why there was none."""

    status: int | None = None
    body: bytes = b""
    failure: str = ""
    reached: bool = True
    """False when there was nobody to connect to."""

    @property
    def answered(self) -> bool:
        return self.status is not None

    def json(self) -> Mapping[str, Any]:
        """The body as a JSON object; empty when it is none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


def mutual_tls(ca: Path, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    """A client context: the server's chain is verified, its name is not (a SPIFFE id is no host name)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(ca)
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context


def ask(
    address: str,
    path: str,
    *,
    tls: ssl.SSLContext | None = None,
    headers: Mapping[str, str] | None = None,
    source_address: str | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Reply:
    """One GET to `ip:port`, or to `ip:port@namespace` from inside a pod.

    Args:
        address: as `Site.reach` writes it.
        source_address: local IP address to call from.
        timeout_s: for connecting, and for every wait after it [s].
    """
    place = parse(address)
    connection = http.client.HTTPConnection(place.ip, place.port, timeout=timeout_s)
    try:
        plain = connect(address, timeout_s=timeout_s, source=source_address)
    except OSError as failure:
        return Reply(failure=_short(failure), reached=False)
    try:
        connection.sock = plain if tls is None else tls.wrap_socket(plain, server_hostname="server")
        # What is dialled, as for any address without a name: a mesh that routes by host knows its virtual addresses.
        own = {"host": f"{place.ip}:{place.port}", "connection": "close"}
        connection.request("GET", path, headers={**own, **(headers or {})})
        reply = connection.getresponse()
        return Reply(status=reply.status, body=reply.read())
    except http.client.RemoteDisconnected:
        return Reply(failure="closed without an HTTP reply")
    except http.client.HTTPException as failure:
        return Reply(failure=f"a reply that is not HTTP ({type(failure).__name__})")
    except OSError as failure:
        return Reply(failure=_short(failure))
    finally:
        connection.close()
        plain.close()


def _short(failure: OSError) -> str:
    reason = getattr(failure, "reason", None)
    return f"{type(failure).__name__}: {reason or failure.strerror or failure}"
