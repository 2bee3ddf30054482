"""Questions to a running agent: is its authority there, who is who, which proxies it was made for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshperf.environments.asking import ask
from meshperf.errors import DeploymentError

__all__ = ["Leaf", "agent_ready", "leaf", "spiffe_id", "supported_proxies", "trust_domain", "write_authority"]

_ROOTS = "/v1/connect/ca/roots"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A certificate of Consul's own authority, with its key."""

    certificate: Path
    key: Path


def agent_ready(http: str) -> Callable[[], str | None]:
    """Ready when the certificate authority is: it comes later than the leader, and no proxy works without it."""

    def probe() -> str | None:
        reply = ask(http, _ROOTS, timeout_s=1.0)
        if not reply.answered:
            return f"no answer from its HTTP interface: {reply.failure}"
        return None if reply.json().get("ActiveRootID") else "its certificate authority is not there yet"

    return probe


def trust_domain(http: str) -> str:
    """The trust domain of this agent's identities; a new agent has a new one.

    Raises:
        DeploymentError: the agent does not say it (MP5102).
    """
    return str(_told(http, _ROOTS, "TrustDomain"))


def spiffe_id(domain: str, service: str) -> str:
    """The identity of a service, as Consul forms it."""
    return f"spiffe://{domain}/ns/default/dc/dc1/svc/{service}"


def write_authority(http: str, path: Path) -> None:
    """Write the certificates that a peer's certificate is to be verified with.

    Raises:
        DeploymentError: the agent does not say them (MP5102).
    """
    roots = _told(http, _ROOTS, "Roots")
    path.write_text("".join(root["RootCert"] for root in roots))


def leaf(http: str, service: str, folder: Path) -> Leaf:
    """A certificate for a service's name, as that service's sidecar would get it. The service need not exist.

    Raises:
        DeploymentError: the agent gives none (MP5102).
    """
    path = f"/v1/agent/connect/ca/leaf/{service}"
    found = Leaf(certificate=folder / f"{service}.crt", key=folder / f"{service}.key")
    found.key.touch(mode=0o600)
    found.certificate.write_text(_told(http, path, "CertPEM"))
    found.key.write_text(_told(http, path, "PrivateKeyPEM"))
    return found


def supported_proxies(about: Mapping[str, Any]) -> tuple[str, ...]:
    """Versions of Envoy that this Consul says it was made for, from the reply to `/v1/agent/self`."""
    told = about.get("xDS") or {}
    versions = (told.get("SupportedProxies") or {}).get("envoy") if isinstance(told, dict) else None
    return tuple(str(version) for version in versions or ())


def _told(http: str, path: str, key: str) -> Any:
    reply = ask(http, path)
    value = reply.json().get(key)
    if not value:
        why = reply.failure or f"status {reply.status}: {reply.body[:200].decode(errors='replace')}"
        raise DeploymentError("MP5102", f"the Consul agent does not answer {path}: {why}", hint="is it Consul 1.17?")
    return value
