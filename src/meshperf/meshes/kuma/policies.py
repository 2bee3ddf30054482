"""Resources of one Kuma resident: the mesh, its permissions and policies, one dataplane for each pod.

The policies that Kuma makes for every new mesh (five retries, limits of 1024) stay away where arms are made equal, and
are what `defaults: mesh` is about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from meshperf.meshes.base import APP_PORT
from meshperf.meshes.kuma.layout import Layout, Workload
from meshperf.spec.experiment import Arm

__all__ = ["MESH", "REQUEST_TIMEOUT_S", "Resource", "dataplane", "mesh", "policies"]

Resource = Mapping[str, Any]
MESH = "default"
REQUEST_TIMEOUT_S = 15.0
"""What Kuma's own policy for every mesh says, and what equal arms have in common."""
_PROTOCOLS = {"http1": "http", "http2": "http2", "grpc": "grpc"}
_UNLIMITED = 100_000
_MESH: Resource = {"kind": "Mesh"}


def mesh(arm: Arm) -> Resource:
    """The mesh itself, with an authority that the control plane keeps."""
    resource: dict[str, Any] = {"type": "Mesh", "name": MESH}
    if arm.mtls == "strict":
        backend = {"name": "ca-1", "type": "builtin", "mode": "STRICT"}
        resource["mtls"] = {"enabledBackend": "ca-1", "backends": [backend]}
    if arm.defaults == "equal":
        resource["skipCreatingInitialPolicies"] = ["*"]
    return resource


def policies(layout: Layout, arm: Arm) -> list[Resource]:
    """Everything that is applied after the mesh is there."""
    found: list[Resource] = []
    if arm.mtls == "strict":
        found += [_permission(service.name, layout.callers[service.name]) for service in layout.services]
        if arm.defaults == "equal":
            versions = {"tlsVersion": {"min": "TLS13", "max": "TLS13"}}
            found.append(_policy("MeshTLS", "only-tls-1-3", from_=[_default(versions)]))
    if arm.defaults == "equal":
        names = ("maxConnections", "maxPendingRequests", "maxRequests")
        limits = {"connectionLimits": dict.fromkeys(names, _UNLIMITED)}
        found.append(_policy("MeshCircuitBreaker", "no-limits", to=[_default(limits)], from_=[_default(limits)]))
    return found + _functions(layout, arm)


def dataplane(layout: Layout, arm: Arm, workload: Workload) -> Resource:
    """What one `kuma-dp` says it is."""
    protocol = "tcp" if arm.mode == "tcp" else _PROTOCOLS[workload.protocol or "http1"]
    inbound: dict[str, Any] = {
        "port": workload.inbound_port,
        "tags": {"kuma.io/service": workload.name, "kuma.io/protocol": protocol},
    }
    if not layout.transparent:
        inbound |= {"servicePort": APP_PORT, "serviceAddress": workload.address}
    outbound = []
    for callee in workload.callees:
        address, port = layout.outbound(workload.name, callee)
        outbound.append({"address": address, "port": port, "tags": {"kuma.io/service": callee}})
    networking: dict[str, Any] = {"address": workload.address, "inbound": [inbound], "outbound": outbound}
    return {
        "type": "Dataplane",
        "mesh": MESH,
        "name": f"{workload.name}-1",
        "labels": {"app": workload.name},
        "networking": networking,
    }


def _permission(service: str, callers: Sequence[str]) -> Resource:
    allowed = [
        {"targetRef": {"kind": "MeshSubset", "tags": {"kuma.io/service": caller}}, "default": {"action": "Allow"}}
        for caller in callers
    ]
    target = {"kind": "Dataplane", "labels": {"app": service}}
    return _policy("MeshTrafficPermission", f"callers-of-{service}", target=target, from_=allowed)


def _functions(layout: Layout, arm: Arm) -> list[Resource]:
    wanted, found = arm.functions, list[Resource]()
    conf: dict[str, Any]
    if arm.mode == "http" and (wanted.timeout_s is not None or arm.defaults == "equal"):
        timeout_s = wanted.timeout_s or REQUEST_TIMEOUT_S
        conf = {"http": {"requestTimeout": f"{round(timeout_s * 1000)}ms"}}
        found.append(_policy("MeshTimeout", "request-timeout", to=[_default(conf)]))
    if wanted.retries:
        conf = {"http": {"numRetries": wanted.retries, "retryOn": ["5XX", "Reset", "ConnectFailure"]}}
        found.append(_policy("MeshRetry", "retries", to=[_default(conf)]))
    if wanted.rate_limit is not None:
        conf = {"local": {"http": {"requestRate": {"num": round(wanted.rate_limit), "interval": "1s"}}}}
        target = {"kind": "Dataplane", "labels": {"app": layout.entry}}
        found.append(_policy("MeshRateLimit", "rate-limit", target=target, from_=[_default(conf)]))
    if wanted.routes > 1:
        edges = [(caller, callee) for callee, callers in layout.callers.items() for caller in callers]
        found += [_routes(caller, callee, wanted.routes) for caller, callee in edges]
    if arm.access_log:
        conf = {"backends": [{"type": "File", "file": {"path": "/dev/stdout"}}]}
        found.append(_policy("MeshAccessLog", "access-log", to=[_default(conf)], from_=[_default(conf)]))
    return found


def _routes(caller: str, callee: str, count: int) -> Resource:
    """A table of routes to one callee; Kuma itself puts the exact paths before the prefix that the load takes."""
    exact = [{"type": "Exact", "value": f"/meshperf-route-{index}"} for index in range(count - 1)]
    matches = [*exact, {"type": "PathPrefix", "value": "/"}]
    rules = [{"matches": [{"path": match}], "default": {}} for match in matches]
    service = {"kind": "MeshService", "name": callee}
    return {
        "type": "MeshHTTPRoute",
        "mesh": MESH,
        "name": f"{caller}-to-{callee}",
        "spec": {
            "targetRef": {"kind": "Dataplane", "labels": {"app": caller}},
            "to": [{"targetRef": service, "rules": rules}],
        },
    }


def _policy(
    kind: str,
    name: str,
    *,
    target: Resource = _MESH,
    to: Sequence[Resource] = (),
    from_: Sequence[Resource] = (),
) -> Resource:
    spec: dict[str, Any] = {"targetRef": target}
    if to:
        spec["to"] = list(to)
    if from_:
        spec["from"] = list(from_)
    return {"type": kind, "mesh": MESH, "name": name, "spec": spec}


def _default(conf: Mapping[str, Any]) -> Resource:
    return {"targetRef": _MESH, "default": conf}
