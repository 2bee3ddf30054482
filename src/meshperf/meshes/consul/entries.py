"""Consul's configuration entries of one resident: TLS, protocols, intentions, and what the arm's functions ask for.

Nobody may call anybody but along the edges of the graph: the agent's policy is to deny, and every service has an
intention that names its callers. Where functions need a table (routes, rules), what nobody asks for matches paths of
its own, so that the table is searched and the load still goes where it goes without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from meshperf.meshes.consul.layout import Layout, Workload
from meshperf.spec.experiment import Arm, Functions

__all__ = ["DENIED", "MOST_RULES", "REQUEST_TIMEOUT_S", "TLS_1_3", "configuration_entries", "percentages"]

DENIED = "/meshperf/denied"
"""What no rule admits, where there are rules."""
MOST_RULES = 200
"""Consul excludes every earlier rule in each later one, so n rules become n²/2 conditions in the sidecar."""
REQUEST_TIMEOUT_S = 15.0
"""Envoy's own, which Consul leaves in force where no route says another one."""
TLS_1_3 = {"tls_min_version": "TLSv1_3", "tls_max_version": "TLSv1_3"}
_PROTOCOLS = {"http1": "http", "http2": "http2", "grpc": "grpc"}
_UNLIMITED = 100_000
_LIMITS = {"max_connections": _UNLIMITED, "max_pending_requests": _UNLIMITED, "max_concurrent_requests": _UNLIMITED}
_NO_EJECTION = {"enforcing_consecutive_5xx": 0}
_SHARES = 10_000
"""Hundredths of a percent: Consul's own grain of a split."""


def configuration_entries(layout: Layout, arm: Arm, *, log_folder: str) -> list[dict[str, Any]]:
    """All entries, in an order in which each finds what it refers to.

    Args:
        log_folder: where access logs go, if the arm asks for them.
    """
    entries: list[dict[str, Any]] = [_proxy_defaults(arm, log_folder)]
    if arm.defaults == "equal":
        entries.append({"kind": "mesh", "tls": {"incoming": TLS_1_3, "outgoing": TLS_1_3}})
    entries += [_service_defaults(workload, arm) for workload in layout.workloads]
    for service in layout.services:
        entries += _routing(service.name, arm.functions)
        entries.append(_intentions(service.name, layout.callers[service.name], arm.functions))
    return entries


def percentages(weights: Sequence[int]) -> list[float]:
    """Weights as percentages that add up to exactly 100, each a multiple of 0.01; what rounding leaves over goes to
    the first ones."""
    total = sum(weights)
    shares = [weight * _SHARES // total for weight in weights]
    for index in range(_SHARES - sum(shares)):
        shares[index] += 1
    return [share / 100 for share in shares]


def _proxy_defaults(arm: Arm, log_folder: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"kind": "proxy-defaults", "name": "global"}
    if arm.access_log:
        entry["access_logs"] = {"enabled": True, "type": "file", "path": f"{log_folder}/access.log"}
    return entry


def _service_defaults(workload: Workload, arm: Arm) -> dict[str, Any]:
    protocol = "tcp" if arm.mode == "tcp" else _PROTOCOLS[workload.protocol or "http1"]
    entry: dict[str, Any] = {"kind": "service-defaults", "name": workload.name, "protocol": protocol}
    if arm.defaults == "equal":
        entry["max_inbound_connections"] = _UNLIMITED
        entry["upstream_config"] = {"defaults": {"limits": _LIMITS, "passive_health_check": _NO_EJECTION}}
    return entry


def _routing(service: str, functions: Functions) -> list[dict[str, Any]]:
    """Resolver, splitter and router of a service, as far as they are needed."""
    entries: list[dict[str, Any]] = []
    if functions.split:
        subsets = [f"s{index}" for index in range(len(functions.split))]
        # A subset without a filter holds all endpoints.
        entries.append({"kind": "service-resolver", "name": service, "subsets": {name: {} for name in subsets}})
        splits = [
            {"weight": weight, "service_subset": name}
            for weight, name in zip(percentages(functions.split), subsets, strict=True)
        ]
        entries.append({"kind": "service-splitter", "name": service, "splits": splits})
    destination = _destination(functions)
    if functions.routes > 1 or destination:
        taken: dict[str, Any] = {"match": {"http": {"path_prefix": "/"}}}
        if destination:
            taken["destination"] = destination
        others = [
            {"match": {"http": {"path_exact": f"/meshperf-route-{index}"}}} for index in range(functions.routes - 1)
        ]
        routes = [taken, *others] if functions.route_match == "first" else [*others, taken]
        entries.append({"kind": "service-router", "name": service, "routes": routes})
    return entries


def _destination(functions: Functions) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    if functions.retries:
        found |= {
            "num_retries": functions.retries,
            "retry_on_connect_failure": True,
            "retry_on": ["5xx", "reset"],
        }
    if functions.timeout_s is not None:
        found["request_timeout"] = f"{round(functions.timeout_s * 1e9)}ns"
    return found


def _intentions(service: str, callers: Sequence[str], functions: Functions) -> dict[str, Any]:
    sources: list[dict[str, Any]] = []
    for caller in callers:
        if functions.authorization_rules:
            paths = [f"/meshperf-rule-{index}" for index in range(functions.authorization_rules - 1)]
            rules = [{"path_exact": path} for path in paths] + [{"path_prefix": "/"}]
            permissions = [{"action": "deny", "http": {"path_prefix": DENIED}}]
            permissions += [{"action": "allow", "http": rule} for rule in rules]
            sources.append({"name": caller, "permissions": permissions})
        else:
            sources.append({"name": caller, "action": "allow"})
    return {"kind": "service-intentions", "name": service, "sources": sources}
