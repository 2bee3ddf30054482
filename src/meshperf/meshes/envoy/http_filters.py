"""How a sidecar handles HTTP: connection manager, routing table, and the functions that an arm switches on.

The functions sit where a mesh has them: routes, splits, retries and timeouts with the caller, authorisation and rate
limits with the callee. Paths below `PROBES` belong to the proofs that a function is at work: the load asks for none
of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from meshperf.meshes.envoy.pieces import INBOUND, NOWHERE, extension, outbound
from meshperf.spec.experiment import Arm, Functions

__all__ = [
    "DENIED",
    "FAILS",
    "LIMITED",
    "MISTAKEN",
    "PROBES",
    "TIMEOUT_S",
    "decoy",
    "inbound_manager",
    "outbound_manager",
    "token_bucket",
]

PROBES = "/meshperf/"
DENIED = f"{PROBES}denied"
"""What the authorisation rules do not admit."""
FAILS = f"{PROBES}fails"
"""What the callee's sidecar answers with 503 where the caller's is to repeat failed requests."""
MISTAKEN = 421
"""What a route that nobody takes answers: a status that the callee never gives, which tells the route."""
TIMEOUT_S = 15.0
"""After how long a request is given up where the arm says nothing."""
LIMITED = f"{PROBES}limited"
"""What the callee's sidecar answers by itself where it limits the rate, until the limit is reached."""
_RATE_LIMIT = "envoy.filters.http.local_ratelimit"
_SAMPLED_PERCENT = 1.0
_WHOAMI = "/whoami"


def outbound_manager(arm: Arm, name: str, log: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The filter of a caller's sidecar towards one callee."""
    return _manager(
        arm, outbound(name), _caller_routes(arm.functions, name), (), log, forward_client_cert_details="SANITIZE"
    )


def inbound_manager(arm: Arm, callers: Sequence[str], log: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The filter of a service's sidecar: it tells the service who called, and nobody else's word counts."""
    strict = arm.mtls == "strict"
    filters = []
    if arm.functions.rate_limit is not None:
        filters.append(_rate_limit(arm.functions.rate_limit))
    if arm.functions.authorization_rules:
        filters.append(_authorization(arm.functions.authorization_rules, callers if strict else ()))
    forwarding: dict[str, Any] = {"forward_client_cert_details": "SANITIZE"}
    if strict:
        forwarding = {
            "forward_client_cert_details": "SANITIZE_SET",
            "set_current_client_cert_details": {"uri": True},
        }
    return _manager(arm, INBOUND, _callee_routes(arm.functions), filters, log, **forwarding)


def decoy(number: int) -> str:
    """A path that nobody asks for, but the proof that the rule or route is there."""
    return f"{PROBES}decoy/{number:06d}"


def token_bucket(rate: float) -> dict[str, Any]:
    """About ten refills a second, and a burst of one second."""
    tokens = max(1, round(rate / 10))
    burst = max(tokens, round(rate))
    return {"max_tokens": burst, "tokens_per_fill": tokens, "fill_interval": f"{tokens / rate:.6f}s"}


def _manager(
    arm: Arm,
    name: str,
    routes: Sequence[dict[str, Any]],
    filters: Sequence[dict[str, Any]],
    log: Sequence[dict[str, Any]],
    **settings: Any,
) -> dict[str, Any]:
    if arm.functions.tracing:
        settings |= {"generate_request_id": True, "tracing": _tracing(name)}
    else:
        settings["generate_request_id"] = arm.defaults == "mesh"
    return extension(
        "envoy.filters.network.http_connection_manager",
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix=name,
        codec_type="AUTO",
        route_config={"name": name, "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": list(routes)}]},
        http_filters=[*filters, extension("envoy.filters.http.router", "filters.http.router.v3.Router")],
        **({"access_log": list(log)} if log else {}),
        **settings,
    )


def _caller_routes(functions: Functions, callee: str) -> list[dict[str, Any]]:
    """The route that the load takes, first or last of a table whose other routes nobody takes."""
    action: dict[str, Any] = {"timeout": _seconds(functions.timeout_s or TIMEOUT_S)}
    if functions.split:
        subsets = [{"name": outbound(callee, index), "weight": weight} for index, weight in enumerate(functions.split)]
        action["weighted_clusters"] = {"clusters": subsets}
    else:
        action["cluster"] = outbound(callee)
    if functions.retries:
        action["retry_policy"] = {
            "retry_on": "5xx,reset,connect-failure",
            "num_retries": functions.retries,
            "retry_back_off": {"base_interval": "0.005s", "max_interval": "0.050s"},
        }
    taken = {"match": {"prefix": "/"}, "route": action}
    others = [
        {"match": {"prefix": decoy(number)}, "direct_response": {"status": MISTAKEN}}
        for number in range(1, functions.routes)
    ]
    return [taken, *others] if functions.route_match == "first" else [*others, taken]


def _callee_routes(functions: Functions) -> list[dict[str, Any]]:
    onwards = {"cluster": INBOUND, "timeout": _seconds(functions.timeout_s or TIMEOUT_S)}
    routes: list[dict[str, Any]] = [{"match": {"prefix": "/"}, "route": onwards}]
    # Questions that meshperf asks beside the load must not eat its tokens, nor be refused by them.
    off = {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": True}
    unlimited = {"typed_per_filter_config": {_RATE_LIMIT: off}} if functions.rate_limit is not None else {}
    if functions.rate_limit is not None:
        routes = [
            {"match": {"path": LIMITED}, "direct_response": {"status": 204}},
            *({"match": match, "route": onwards, **unlimited} for match in ({"path": _WHOAMI}, {"prefix": PROBES})),
            *routes,
        ]
    if functions.retries:
        routes.insert(0, {"match": {"path": FAILS}, "direct_response": {"status": 503}, **unlimited})
    return routes


def _authorization(rules: int, callers: Sequence[str]) -> dict[str, Any]:
    """Rules are tried in the order of their names; the one that admits comes last and asks for a caller's identity."""
    anybody = [{"any": True}]
    admitted = [{"authenticated": {"principal_name": {"exact": caller}}} for caller in callers] or anybody
    policies: dict[str, Any] = {
        f"rule-{number:06d}": {
            "permissions": [{"url_path": {"path": {"prefix": decoy(number)}}}],
            "principals": anybody,
        }
        for number in range(1, rules)
    }
    allowed = {"not_rule": {"url_path": {"path": {"prefix": DENIED}}}}
    policies[f"rule-{rules:06d}"] = {"permissions": [allowed], "principals": admitted}
    return extension(
        "envoy.filters.http.rbac", "filters.http.rbac.v3.RBAC", rules={"action": "ALLOW", "policies": policies}
    )


def _rate_limit(rate: float) -> dict[str, Any]:
    all_of_them = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    return extension(
        _RATE_LIMIT,
        "filters.http.local_ratelimit.v3.LocalRateLimit",
        stat_prefix="load",
        token_bucket=token_bucket(rate),
        filter_enabled=all_of_them,
        filter_enforced=all_of_them,
    )


def _tracing(name: str) -> dict[str, Any]:
    """Trace headers are made and passed on; spans end here, since there is no collector."""
    return {
        "random_sampling": {"value": _SAMPLED_PERCENT},
        "provider": {
            "name": "envoy.tracers.opentelemetry",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
                "service_name": name,
                # It must be told somewhere to export to; there, spans are dropped at once.
                "http_service": {
                    "http_uri": {"uri": "http://nowhere/v1/traces", "cluster": NOWHERE, "timeout": "0.250s"}
                },
            },
        },
    }


def _seconds(value: float) -> str:
    return f"{value:.6f}s"
