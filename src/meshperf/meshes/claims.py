"""Try out what an arm claims, by real connections: who is refused, who is admitted, whom the workload sees.

A configuration says what should be; a measurement is about what is. So before and after every round a plaintext request
and a request under a wrong identity are sent where mutual TLS is claimed, and the workload is asked (`GET /whoami`) who
called it. A probe never raises because a claim fails: the evidence says what happened.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshperf.spec.records import Claim

__all__ = ["Reply", "ask", "forged_identity_ignored", "identity_seen", "mutual_tls", "refused"]

_TIMEOUT_S = 3.0
_FORGED = "By=spiffe://forged/by;URI=spiffe://forged/caller"
_IDENTITY_HEADER = "x-forwarded-client-cert"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back: an HTTP status with its body, or why there was none."""

    status: int | None = None
    body: bytes = b""
    failure: str = ""

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
    """A client context for a probe: the server's chain is verified, its name is not (a SPIFFE id is no host name)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(ca)
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context


def ask(
    address: str, path: str, *, tls: ssl.SSLContext | None = None, headers: Mapping[str, str] | None = None
) -> Reply:
    """One GET to `ip:port`. No exception for anything the other side does: `failure` says what it was."""
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=_TIMEOUT_S)
    try:
        plain = socket.create_connection((host, int(port)), timeout=_TIMEOUT_S)
        connection.sock = plain if tls is None else tls.wrap_socket(plain, server_hostname="server")
        own = {"host": "probe.meshperf", "connection": "close"}
        connection.request("GET", path, headers={**own, **(headers or {})}, encode_chunked=False)
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


def _short(failure: OSError) -> str:
    reason = getattr(failure, "reason", None)
    return f"{type(failure).__name__}: {reason or failure.strerror or failure}"


def refused(claim: str, address: str, *, when: str, tls: ssl.SSLContext | None = None, who: str) -> Claim:
    """`who` (in words) must not be admitted at `address`."""
    reply = ask(address, "/whoami", tls=tls)
    evidence = (
        f"{who} was answered with status {reply.status}" if reply.answered else f"{who} was refused ({reply.failure})"
    )
    return Claim(claim=claim, held=not reply.answered, evidence=evidence, when=when)


def identity_seen(
    claim: str, address: str, expected: str | None, *, when: str, tls: ssl.SSLContext | None = None
) -> Claim:
    """The workload behind `address` must see exactly `expected` as its caller (None: nobody in particular)."""
    reply = ask(address, "/whoami", tls=tls)
    if reply.status != 200:
        failure = reply.failure or f"status {reply.status}"
        return Claim(claim=claim, held=False, evidence=f"the workload could not be asked: {failure}", when=when)
    seen = reply.json().get("identity", "nothing it could say")
    return Claim(claim=claim, held=seen == expected, evidence=f"the workload saw {seen or 'no identity'}", when=when)


def forged_identity_ignored(address: str, *, when: str, tls: ssl.SSLContext | None = None) -> Claim:
    """A caller that writes the identity header itself must not be believed."""
    claim = "a forged identity header is not believed"
    reply = ask(address, "/whoami", tls=tls, headers={_IDENTITY_HEADER: _FORGED})
    seen = reply.json().get("identity")
    held = reply.status == 200 and "forged" not in str(seen)
    evidence = f"the workload saw {seen or 'no identity'}" if reply.answered else reply.failure
    return Claim(claim=claim, held=held, evidence=evidence, when=when)
