"""Transport security between sidecars: what each side shows, whom it admits, and what is pinned so that arms are alike.

Envoy as a client stops at TLS 1.2 by itself, takes any curve and resumes sessions. With `defaults: equal` version,
curve and resumption are pinned, so that every arm and the client library pay the same handshake; with `defaults:
mesh` they are left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from meshperf.meshes.envoy.pieces import EXTENSIONS
from meshperf.meshes.identities import Identity

__all__ = ["CURVE", "towards_callee", "towards_callers"]

CURVE = "X25519"
_SOCKET = "envoy.transport_sockets.tls"


def towards_callee(own: Identity, authority: Path, *, callee: str, sni: str, pinned: bool) -> dict[str, Any]:
    """The transport socket of a caller's sidecar: it speaks to this identity only."""
    context: dict[str, Any] = {
        "@type": f"{EXTENSIONS}transport_sockets.tls.v3.UpstreamTlsContext",
        "sni": sni,
        "common_tls_context": _common(own, authority, (callee,), pinned=pinned),
    }
    if pinned:
        context["max_session_keys"] = 0
    return {"name": _SOCKET, "typed_config": context}


def towards_callers(
    own: Identity, authority: Path, *, callers: Sequence[str], http: bool, pinned: bool
) -> dict[str, Any]:
    """The transport socket of a service's sidecar: it admits exactly these identities."""
    common = _common(own, authority, callers, pinned=pinned)
    if http:
        common["alpn_protocols"] = ["h2", "http/1.1"]
    context: dict[str, Any] = {
        "@type": f"{EXTENSIONS}transport_sockets.tls.v3.DownstreamTlsContext",
        "require_client_certificate": True,
        "common_tls_context": common,
    }
    if pinned:
        context |= {"disable_stateless_session_resumption": True, "disable_stateful_session_resumption": True}
    return {"name": _SOCKET, "typed_config": context}


def _common(own: Identity, authority: Path, peers: Sequence[str], *, pinned: bool) -> dict[str, Any]:
    parameters = {
        "tls_minimum_protocol_version": "TLSv1_3",
        "tls_maximum_protocol_version": "TLSv1_3",
        "ecdh_curves": [CURVE],
    }
    return {
        **({"tls_params": parameters} if pinned else {}),
        "tls_certificates": [
            {"certificate_chain": {"filename": str(own.certificate)}, "private_key": {"filename": str(own.key)}}
        ],
        "validation_context": {
            "trusted_ca": {"filename": str(authority)},
            "match_typed_subject_alt_names": [{"san_type": "URI", "matcher": {"exact": peer}} for peer in peers],
        },
    }
