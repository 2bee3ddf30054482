"""Istio's resources of one resident, as data: which services there are, who may call them, how requests are routed.

What a function of an arm means in Istio's words:

    authorization_rules   AuthorizationPolicy: rules for paths that nobody asks for, then the one that admits
    routes, route_match   VirtualService: paths that nobody asks for, before or behind the route of the load
    split                 VirtualService with weights, DestinationRule with as many subsets of the same endpoints
    retries, timeout_s    VirtualService
    rate_limit            EnvoyFilter: Envoy's local rate limit in the sidecar of every service

Paths, statuses and the bucket are those of `mesh: envoy`, so that the same work is done. Where arms are to be alike,
one more EnvoyFilter pins what Istio has no setting for: the key exchange group of mutual TLS, and that no session is
resumed. It sits at the server's side, because what a server does not offer is not agreed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from meshperf.meshes.base import APP_PORT
from meshperf.meshes.envoy.http_filters import DENIED, MISTAKEN, PROBES, decoy, token_bucket
from meshperf.meshes.identities import TRUST_DOMAIN
from meshperf.meshes.istio.layout import NAMESPACE, ROOT_NAMESPACE, Layout, ServicePlace
from meshperf.meshes.none import GROUP
from meshperf.spec.experiment import Arm, Functions

__all__ = ["Resource", "resource", "resources"]

Resource = Mapping[str, Any]

_PORT_PROTOCOLS = {"http1": "HTTP", "http2": "HTTP2", "grpc": "GRPC"}
_RETRIED = "5xx,reset,connect-failure"
_RATE_LIMIT = "envoy.filters.http.local_ratelimit"
_EXTENSIONS = "type.googleapis.com/envoy.extensions."


def resources(layout: Layout, arm: Arm) -> Sequence[Resource]:
    """Everything that istiod is told, in a fixed order."""
    found: list[Resource] = [_peer_authentication(arm)]
    if arm.mtls == "strict" and arm.defaults == "equal":
        found.append(_handshake())
    for service in layout.services:
        found += [_service_entry(service, arm), _workload_entry(service)]
        found += _authorization(layout, service, arm.functions)
        if arm.mode == "http":
            found += [*_routing(service, arm), *_destination(service, arm)]
        if arm.functions.rate_limit is not None:
            found.append(_rate_limit(service.name, arm.functions.rate_limit))
    return found


def resource(api: str, kind: str, name: str, spec: Mapping[str, Any], namespace: str = NAMESPACE) -> Resource:
    """One resource as its file has it. `api`: `networking` or `security`."""
    group = {"networking": "networking.istio.io", "security": "security.istio.io"}[api]
    version = "v1alpha3" if kind == "EnvoyFilter" else "v1"
    return {
        "apiVersion": f"{group}/{version}",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def _peer_authentication(arm: Arm) -> Resource:
    mode = "STRICT" if arm.mtls == "strict" else "DISABLE"
    return resource("security", "PeerAuthentication", "all", {"mtls": {"mode": mode}}, ROOT_NAMESPACE)


def _handshake() -> Resource:
    context = {
        "@type": _EXTENSIONS + "transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": {"tls_params": {"ecdh_curves": [GROUP]}},
        "disable_stateless_session_resumption": True,
        "disable_stateful_session_resumption": True,
    }
    patch = {
        "applyTo": "FILTER_CHAIN",
        "match": {"context": "SIDECAR_INBOUND", "listener": {"filterChain": {"transportProtocol": "tls"}}},
        "patch": {
            "operation": "MERGE",
            "value": {"transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": context}},
        },
    }
    return resource("networking", "EnvoyFilter", "handshake", {"configPatches": [patch]}, ROOT_NAMESPACE)


def _service_entry(service: ServicePlace, arm: Arm) -> Resource:
    protocol = "TCP" if arm.mode == "tcp" else _PORT_PROTOCOLS[service.protocol]
    port = {"number": APP_PORT, "targetPort": APP_PORT, "name": protocol.lower(), "protocol": protocol}
    spec = {
        "hosts": [service.host],
        "addresses": [service.virtual],
        "location": "MESH_INTERNAL",
        "resolution": "STATIC",
        "ports": [port],
        "workloadSelector": {"labels": {"app": service.name}},
    }
    return resource("networking", "ServiceEntry", service.name, spec)


def _workload_entry(service: ServicePlace) -> Resource:
    labels = {"app": service.name, "security.istio.io/tlsMode": "istio"}
    spec = {"address": service.address, "serviceAccount": service.name, "labels": labels}
    entry = resource("networking", "WorkloadEntry", service.name, spec)
    return {**entry, "metadata": {**entry["metadata"], "labels": labels}}


def _authorization(layout: Layout, service: ServicePlace, functions: Functions) -> Sequence[Resource]:
    """Rules of one service.

    Envoy tries rules in the order of their names, and Istio makes the name from that of the policy: so the rule that
    admits the callers stands in a policy whose name comes last.
    """
    if not functions.authorization_rules:
        return ()
    others = [
        {"to": [{"operation": {"paths": [f"{decoy(number)}*"]}}]} for number in range(1, functions.authorization_rules)
    ]
    callers = [f"{TRUST_DOMAIN}/{layout.identity_path(caller)}" for caller in layout.callers[service.name]]
    admitted = [
        {"from": [{"source": {"principals": callers}}], "to": [{"operation": {"notPaths": [f"{DENIED}*"]}}]},
    ]
    selector = {"selector": {"matchLabels": {"app": service.name}}, "action": "ALLOW"}
    names = {f"a-others-of-{service.name}": others, f"z-callers-of-{service.name}": admitted}
    return [
        resource("security", "AuthorizationPolicy", name, {**selector, "rules": rules})
        for name, rules in names.items()
        if rules
    ]


def _routing(service: ServicePlace, arm: Arm) -> Sequence[Resource]:
    """A table of routes for one service; none where nothing but the default was asked for."""
    functions = arm.functions
    wanted = functions.routes > 1 or functions.split or functions.retries or functions.timeout_s is not None
    if not wanted:
        return ()
    common: dict[str, Any] = {}
    if functions.retries:
        common["retries"] = {"attempts": functions.retries, "retryOn": _RETRIED}
    if functions.timeout_s is not None:
        common["timeout"] = _duration(functions.timeout_s)
    taken = {
        # Without a condition that always holds, Istio would move this route to the end of the table.
        "match": [{"uri": {"prefix": "/"}, "withoutHeaders": {"x-meshperf-elsewhere": {}}}],
        "route": _destinations(service, functions),
        **common,
    }
    others = [
        {"match": [{"uri": {"prefix": decoy(number)}}], "directResponse": {"status": MISTAKEN}}
        for number in range(1, functions.routes)
    ]
    table = [taken, *others] if functions.route_match == "first" else [*others, taken]
    return [resource("networking", "VirtualService", service.name, {"hosts": [service.host], "http": table})]


def _destinations(service: ServicePlace, functions: Functions) -> Sequence[Mapping[str, Any]]:
    destination = {"host": service.host, "port": {"number": APP_PORT}}
    if not functions.split:
        return [{"destination": destination}]
    return [
        {"destination": {**destination, "subset": f"part-{number}"}, "weight": weight}
        for number, weight in enumerate(functions.split)
    ]


def _destination(service: ServicePlace, arm: Arm) -> Sequence[Resource]:
    """How a service is called: in its caller's own protocol, where the arms are to be alike; and its subsets."""
    spec: dict[str, Any] = {}
    if arm.defaults == "equal":
        spec["trafficPolicy"] = {"connectionPool": {"http": {"useClientProtocol": True}}}
    if arm.functions.split:
        spec["subsets"] = [{"name": f"part-{number}"} for number in range(len(arm.functions.split))]
    if not spec:
        return ()
    return [resource("networking", "DestinationRule", service.name, {"host": service.host, **spec})]


def _rate_limit(service: str, rate: float) -> Resource:
    """Envoy's own local rate limit, which questions that meshperf asks beside the load are exempt from."""
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    limit = {
        "@type": _EXTENSIONS + "filters.http.local_ratelimit.v3.LocalRateLimit",
        "stat_prefix": "load",
        "token_bucket": token_bucket(rate),
        "filter_enabled": {"runtime_key": "meshperf_rate_limit_on", **always},
        "filter_enforced": {"runtime_key": "meshperf_rate_limit_enforced", **always},
    }
    manager = {"filter": {"name": "envoy.filters.network.http_connection_manager"}}
    limited = {
        "applyTo": "HTTP_FILTER",
        "match": {"context": "SIDECAR_INBOUND", "listener": {"filterChain": manager}},
        "patch": {"operation": "INSERT_BEFORE", "value": {"name": _RATE_LIMIT, "typed_config": limit}},
    }
    off = {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": True}
    exempt = [
        {
            "applyTo": "HTTP_ROUTE",
            "match": {"context": "SIDECAR_INBOUND"},
            "patch": {
                "operation": "INSERT_FIRST",
                "value": {
                    "name": f"question-{number}",
                    "match": match,
                    "route": {"cluster": f"inbound|{APP_PORT}||", "timeout": "0s"},
                    "typed_per_filter_config": {_RATE_LIMIT: off},
                },
            },
        }
        for number, match in enumerate(({"path": "/whoami"}, {"prefix": PROBES}))
    ]
    spec = {"workloadSelector": {"labels": {"app": service}}, "configPatches": [limited, *exempt]}
    return resource("networking", "EnvoyFilter", f"rate-limit-of-{service}", spec)


def _duration(seconds: float) -> str:
    """As protobuf writes one: at most nine decimals."""
    return f"{seconds:.9f}".rstrip("0").rstrip(".") + "s"
