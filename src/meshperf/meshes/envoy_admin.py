"""What a running Envoy says of itself through its admin interface (loopback only)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from meshperf.environments.asking import ask

__all__ = ["TlsSeen", "configuration", "configuration_digest", "counters", "tls_seen", "workers"]

TlsSeen = Mapping[str, str]
_TLS = re.compile(r"\.ssl\.(versions|ciphers|curves|sigalgs)\.(\S+)$")
_NAMES = {"versions": "tls_version", "ciphers": "tls_cipher", "curves": "tls_group", "sigalgs": "tls_signature"}


def counters(admin: str) -> Mapping[str, int]:
    """All counters and gauges that have been used."""
    reply = ask(admin, "/stats?usedonly&type=Counters")
    lines = (line.rpartition(": ") for line in reply.body.decode(errors="replace").splitlines())
    return {name: int(value) for name, _, value in lines if value.isdigit()}


def tls_seen(admin: str) -> TlsSeen:
    """TLS version, cipher, curve and signature of the handshakes that were made; several are joined by `, `."""
    seen: dict[str, set[str]] = {}
    for name, value in counters(admin).items():
        match = _TLS.search(name)
        if match and value > 0:
            seen.setdefault(_NAMES[match[1]], set()).add(match[2])
    return {name: ", ".join(sorted(values)) for name, values in seen.items()}


def workers(admin: str) -> int | None:
    """Worker threads in force."""
    options = ask(admin, "/server_info").json().get("command_line_options", {})
    count = options.get("concurrency") if isinstance(options, dict) else None
    return int(count) if isinstance(count, int) else None


def configuration(admin: str) -> Mapping[str, Any]:
    """All that is in force, as `/config_dump` has it; empty when it cannot be read."""
    return ask(admin, "/config_dump").json()


def configuration_digest(admin: str) -> str | None:
    """Digest of the configuration in force, without the times at which it was loaded; None when it cannot be read."""
    dump = configuration(admin)
    if not dump.get("configs"):
        return None
    return hashlib.sha256(json.dumps(_without_times(dump), sort_keys=True).encode()).hexdigest()


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_times(item) for key, item in value.items() if key != "last_updated"}
    return [_without_times(item) for item in value] if isinstance(value, list) else value
