"""The functions that an arm switches on, shown in force: an arm that says it has 100 rules really has them.

What can be tried by a request is tried (denied, logged). The rest is read from the configuration that the sidecars say
is in force, which is what Consul made of its entries, not what meshperf wrote into them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from meshperf.environments.asking import ask
from meshperf.meshes import claims, envoy_admin
from meshperf.meshes.consul.entries import DENIED, percentages
from meshperf.meshes.consul.layout import Layout
from meshperf.spec.experiment import Arm
from meshperf.spec.records import Claim

__all__ = ["proofs", "routes_in_force", "rules_in_force"]

_LAYER_7 = "consul-intentions-layer7-"


def proofs(arm: Arm, layout: Layout, through: str, when: str) -> Iterator[Claim]:
    """Claims about the functions of one arm.

    Args:
        through: where the client's requests go in, as meshperf dials it.
    """
    wanted = arm.functions
    if wanted.authorization_rules:
        for service in layout.services:
            found = rules_in_force(envoy_admin.configuration(service.admin))
            yield Claim(
                claim=f"the sidecar of {service.name} holds every request against {wanted.authorization_rules} rules",
                held=found == [wanted.authorization_rules] * len(layout.callers[service.name]),
                evidence=f"it has {', '.join(map(str, found)) or 'none'} for its callers",
                when=when,
            )
        yield claims.denied("rules deny what none of them admits", through, DENIED, when=when)
    if wanted.routes > 1 or wanted.split or wanted.retries or wanted.timeout_s is not None:
        for caller in layout.workloads:
            tables = routes_in_force(envoy_admin.configuration(caller.admin)) if caller.upstreams else {}
            for callee in caller.upstreams:
                yield _table(arm, caller.name, callee, tables.get(callee, ()), when)
    if arm.access_log:
        before = _lines(layout.client.admin)
        ask(through, "/whoami")
        written = _lines(layout.client.admin) - before
        told = f"{written} lines for one request"
        yield Claim(claim="the sidecar of client writes an access log", held=written > 0, evidence=told, when=when)


def rules_in_force(configuration: Mapping[str, Any]) -> list[int]:
    """How many rules a sidecar holds the requests of each of its callers against."""
    return [
        len(policy.get("permissions", ()))
        for policies in _found(configuration, "policies")
        for name, policy in policies.items()
        if name.startswith(_LAYER_7)
    ]


def routes_in_force(configuration: Mapping[str, Any]) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """By callee, the routes of a caller's sidecar, in the order in which they are tried."""
    tables: dict[str, list[Mapping[str, Any]]] = {}
    for table in _found(configuration, "route_config"):
        hosts = table.get("virtual_hosts", ())
        tables[str(table.get("name", ""))] = [route for host in hosts for route in host.get("routes", ())]
    return tables


def _table(arm: Arm, caller: str, callee: str, routes: Sequence[Mapping[str, Any]], when: str) -> Claim:
    wanted = arm.functions
    taken = next((index for index, route in enumerate(routes) if route.get("match", {}).get("prefix") == "/"), None)
    action = routes[taken].get("route", {}) if taken is not None else {}
    weights = [part.get("weight") for part in action.get("weighted_clusters", {}).get("clusters", ())]
    retries = action.get("retry_policy", {}).get("num_retries", 0)
    timeout_s = _seconds(action.get("timeout"))
    expected_weights = [round(share * 100) for share in percentages(wanted.split)] if wanted.split else []
    held = weights == expected_weights and retries == wanted.retries
    if wanted.routes > 1:
        # Consul adds one of its own at the end, for what no route matches.
        position = 0 if wanted.route_match == "first" else wanted.routes - 1
        held = held and len(routes) == wanted.routes + 1 and taken == position
    if wanted.timeout_s is not None:
        held = held and timeout_s is not None and math.isclose(timeout_s, wanted.timeout_s)
    place = f"number {taken + 1} of {len(routes)} routes" if taken is not None else f"none of {len(routes)} routes"
    return Claim(
        claim=f"the routing table from {caller} to {callee} is as the arm says",
        held=held,
        evidence=f"load takes {place}, weights {weights or 'none'}, {retries} retries, timeout {timeout_s or 'none'} s",
        when=when,
    )


def _lines(admin: str) -> int:
    return envoy_admin.counters(admin).get("filesystem.write_buffered", 0)


def _seconds(text: Any) -> float | None:
    try:
        return float(str(text).removesuffix("s"))
    except ValueError:
        return None


def _found(value: Any, key: str) -> Iterator[Any]:
    """Every value under a key in a JSON tree."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name == key:
                yield item
            else:
                yield from _found(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from _found(item, key)
