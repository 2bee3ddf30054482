"""Ask a running service: what it counted since its start, and whom it takes a caller for.

Standard library only, over one short connection each: these are questions beside the measurement, never part of it.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from meshperf.errors import TargetError
from meshperf.workloads.echo import Endpoint

__all__ = ["counters", "whoami"]

TIMEOUT_S = 5.0


def counters(endpoint: Endpoint) -> Mapping[str, int]:
    """What the service did since its start.

    Returns:
        requests, bytes_in and bytes_out (on the sockets: heads, bodies, TLS records), connections, connections_open,
        tls_handshakes, tls_failures, `status.200` and so on for every status that was answered, and
        started_monotonic_ns, the origin of its stalls on CLOCK_MONOTONIC.

    Raises:
        TargetError: it does not answer (MP5301) or answers something else (MP5302).
    """
    answer = _ask(endpoint.admin, "/counters", tls=None, headers={}, source=None)
    found = {name: value for name, value in answer.items() if isinstance(value, int)}
    for status, count in answer.get("by_status", {}).items():
        found[f"status.{status}"] = count
    return found


def whoami(
    address: str,
    *,
    client_ca: Path | None = None,
    certificate: Path | None = None,
    key: Path | None = None,
    headers: Mapping[str, str] | None = None,
    source_address: str | None = None,
) -> Mapping[str, Any]:
    """Ask the service at `address` (`ip:port`, its own or a proxy's in front of it) who it takes the caller for.

    Args:
        client_ca: certificates that the server's chain must end in; given, the connection is TLS. The server's name
            is not checked: a SPIFFE id is no host name.
        certificate, key: the caller's own, for mutual TLS.
        headers: sent with the request, for trying whether a forged one passes.
        source_address: local IP address to call from.

    Returns:
        identity and identity_source (`tls`, `header` or None), tls_version, tls_cipher, tls_group, peer, headers (as
        they arrived, names in lower case), method, target.

    Raises:
        TargetError: not reached (MP5301), no such answer (MP5302), or the handshake failed (MP5303).
    """
    context = None
    if client_ca is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(client_ca)
        if certificate is not None:
            context.load_cert_chain(certificate, key)
    return _ask(address, "/whoami", tls=context, headers=headers or {}, source=source_address)


def _ask(
    address: str, path: str, *, tls: ssl.SSLContext | None, headers: Mapping[str, str], source: str | None
) -> Mapping[str, Any]:
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=TIMEOUT_S)
    try:
        plain = socket.create_connection((connection.host, connection.port), TIMEOUT_S, (source, 0) if source else None)
        try:
            connection.sock = tls.wrap_socket(plain) if tls is not None else plain
        except BaseException:
            plain.close()
            raise
        connection.request("GET", path, headers={"Connection": "close", **headers})
        reply = connection.getresponse()
        answer = json.loads(reply.read())
        status = reply.status
    except ssl.SSLError as error:
        # In TLS 1.3 a refused client certificate shows only when the first answer is read.
        raise TargetError("MP5303", f"no TLS with {address}: {error.reason or error}") from error
    except (http.client.HTTPException, ValueError) as error:
        raise TargetError("MP5302", f"{address}{path} gives no JSON answer: {error or type(error).__name__}") from error
    except OSError as error:
        raise TargetError("MP5301", f"no answer from {address}{path}: {error}") from error
    finally:
        connection.close()
    if status != http.client.OK or not isinstance(answer, dict):
        raise TargetError("MP5302", f"{address}{path} answers {status}, not 200 with a JSON object")
    return answer
