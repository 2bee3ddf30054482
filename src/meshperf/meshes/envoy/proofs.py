"""The functions that an arm switches on, shown at work: an arm that says it has 100 rules really has them.

Each is tried by a request that must come out differently with it (denied, repeated, limited, routed elsewhere), or,
where a try would take too long, read from what the sidecar says is in force and has counted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from meshperf.environments.asking import ask
from meshperf.meshes import claims, envoy_admin
from meshperf.meshes.envoy.counts import leads_to, upstream
from meshperf.meshes.envoy.http_filters import DENIED, FAILS, LIMITED, MISTAKEN, decoy, token_bucket
from meshperf.meshes.envoy.layout import Layout, Sidecar
from meshperf.meshes.envoy.pieces import INBOUND, outbound
from meshperf.meshes.envoy.scraping import Scraping
from meshperf.spec.experiment import Arm
from meshperf.spec.records import Claim

__all__ = ["Proofs"]

_TRIED_UP_TO = 100.0
"""Requests per second: one connection a request does not exceed more, so a higher limit is read and not tried."""
_SPLIT_FROM = 1000
"""Requests below which shares of a split say little."""
_LATE = 50
"""Requests that may be under way while two counters are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proofs:
    """Tries the functions of one arm when it is called with `begin` or `end`."""

    arm: Arm
    layout: Layout
    through: str
    """Where the client's requests go in, as meshperf dials it."""
    scraping: Scraping | None

    def __call__(self, when: str) -> Sequence[Claim]:
        return [Claim(claim=claim, held=held, evidence=told, when=when) for claim, held, told in self._tried(when)]

    def _tried(self, when: str) -> Iterator[tuple[str, bool, str]]:
        wanted = self.arm.functions
        if wanted.authorization_rules:
            yield from self._rules(wanted.authorization_rules)
        if wanted.routes > 1 or wanted.split or wanted.timeout_s is not None:
            yield from self._table()
        if wanted.routes > 1:
            yield self._route()
        if wanted.split and when == "end":
            yield self._split(wanted.split)
        if wanted.retries:
            yield self._retries(wanted.retries)
        if wanted.rate_limit is not None:
            yield self._limit(wanted.rate_limit, when)
        if wanted.tracing:
            yield self._trace()
        if self.arm.access_log:
            yield from self._access_log()
        if self.scraping is not None:
            yield self.scraping.tried(when)

    def _services(self) -> list[Sidecar]:
        return [sidecar for sidecar in self.layout.sidecars.values() if sidecar.callers]

    def _rules(self, count: int) -> Iterator[tuple[str, bool, str]]:
        """Rules in force, a request that none admits, and that every request was held against them."""
        for sidecar in self._services():
            found = {len(one) for one in _found(envoy_admin.configuration(sidecar.admin_reach), "policies")}
            claim = f"the {sidecar.title} holds every request against {count} rules"
            counters = envoy_admin.counters(sidecar.admin_reach)
            judged = sum(counters.get(f"http.{INBOUND}.rbac.{word}", 0) for word in ("allowed", "denied"))
            seen = counters.get(f"http.{INBOUND}.downstream_rq_total", 0) - _limited(counters)
            held = found == {count} and judged >= seen - _LATE and judged > 0
            yield (
                claim,
                held,
                f"it has {', '.join(map(str, sorted(found))) or 'none'}, which judged {judged} of {seen} requests",
            )
        tried = claims.denied("rules deny what none of them admits", self.through, DENIED, when="")
        yield tried.claim, tried.held, tried.evidence

    def _table(self) -> Iterator[tuple[str, bool, str]]:
        """Number of routes, weights and timeout as they are in force, towards every callee."""
        wanted = self.arm.functions
        for sidecar in self.layout.sidecars.values():
            tables = dict(_tables(envoy_admin.configuration(sidecar.admin_reach)))
            for callee in sidecar.callees:
                routes = tables.get(outbound(callee.name), [])
                taken = [route["route"] for route in routes if "route" in route]
                weights = [
                    tuple(int(part.get("weight", 0)) for part in one.get("weighted_clusters", {}).get("clusters", ()))
                    for one in taken
                ]
                timeouts = [_seconds(one.get("timeout")) for one in taken]
                held = len(routes) == wanted.routes and weights == [wanted.split]
                if wanted.timeout_s is not None:
                    held = held and [math.isclose(t, wanted.timeout_s) for t in timeouts] == [True]
                yield (
                    f"the routing table from {sidecar.name} to {callee.name} is as the arm says",
                    held,
                    f"{len(routes)} routes, weights {_joined(weights)}, timeout {_joined(timeouts)} s",
                )

    def _route(self) -> tuple[str, bool, str]:
        last = self.arm.functions.route_match == "last"
        reply = ask(self.through, decoy(1))
        held = reply.answered and (reply.status == MISTAKEN) == last
        told = f"a path of another route was answered with {reply.status}" if reply.answered else reply.failure
        return f"the route that the load takes is the {'last' if last else 'first'}", held, told

    def _split(self, weights: Sequence[int]) -> tuple[str, bool, str]:
        """Shares of the requests that went to each subset, after the load."""
        counters, callee = envoy_admin.counters(self.layout.client.admin_reach), self.layout.server.name
        counts = [
            counters.get(f"cluster.{outbound(callee, index)}.upstream_rq_total", 0) for index in range(len(weights))
        ]
        total, whole = sum(counts), sum(weights)
        claim = f"traffic is split {'/'.join(map(str, weights))}"
        told = f"{'/'.join(map(str, counts))} requests"
        if total < _SPLIT_FROM:
            return claim, total > 0, f"{told}, too few to tell shares"
        shares = [(count / total, weight / whole) for count, weight in zip(counts, weights, strict=True)]
        held = all(abs(seen - meant) <= 5 * math.sqrt(meant * (1 - meant) / total) + 0.002 for seen, meant in shares)
        return claim, held, told

    def _retries(self, count: int) -> tuple[str, bool, str]:
        admin, which = self.layout.client.admin_reach, leads_to(self.layout.server.name)
        before = upstream(envoy_admin.counters(admin), "upstream_rq_retry", which)
        reply = ask(self.through, FAILS)
        made = upstream(envoy_admin.counters(admin), "upstream_rq_retry", which) - before
        claim = f"a request that fails is repeated {count} times"
        told = f"one that fails was repeated {made} times and answered with {reply.status or reply.failure}"
        return claim, made == count and reply.status == 503, told

    def _limit(self, rate: float, when: str) -> tuple[str, bool, str]:
        """Beyond the limit there is 429. After the load it has been counted, and is not tried again."""
        claim = f"the {self.layout.server.title} lets in {rate:g} requests per second"
        bucket = token_bucket(rate)
        if rate <= _TRIED_UP_TO and when == "begin":
            for tried in range(1, 4 * int(bucket["max_tokens"]) + 20):
                reply = ask(self.through, LIMITED)
                if reply.status != 204:
                    told = f"request {tried} in a row was answered with {reply.status or reply.failure}"
                    return claim, reply.status == 429, told
            return claim, False, f"{tried} requests in a row were let in"
        admin = self.layout.server.admin_reach
        buckets = {int(one.get("max_tokens", 0)) for one in _found(envoy_admin.configuration(admin), "token_bucket")}
        counters = envoy_admin.counters(admin)
        asked = counters.get("load.http_local_rate_limit.enabled", 0)
        if when == "begin" and not asked:
            ask(self.through, LIMITED)
            asked = envoy_admin.counters(admin).get("load.http_local_rate_limit.enabled", 0)
        held = buckets == {int(bucket["max_tokens"])} and asked > 0
        return claim, held, f"a bucket of {_joined(sorted(buckets))}, {_limited(counters)} of {asked} requests refused"

    def _trace(self) -> tuple[str, bool, str]:
        headers = ask(self.through, "/whoami").json().get("headers")
        names = set(headers) if isinstance(headers, dict) else set()
        missing = {"traceparent", "x-request-id"} - names
        told = f"{', '.join(sorted(missing))} did not arrive" if missing else "traceparent and x-request-id arrived"
        return "tracing headers are made and passed on", not missing, told

    def _access_log(self) -> Iterator[tuple[str, bool, str]]:
        """Every sidecar on the way of one more request writes one more line."""
        on_the_way = self.layout.on_the_way
        before = [_lines(sidecar) for sidecar in on_the_way]
        ask(self.through, "/whoami")
        for sidecar, had in zip(on_the_way, before, strict=True):
            written = _lines(sidecar) - had
            yield f"the {sidecar.title} writes an access log", written > 0, f"{written} lines for one request"


def _lines(sidecar: Sidecar) -> int:
    return envoy_admin.counters(sidecar.admin_reach).get("filesystem.write_buffered", 0)


def _limited(counters: Mapping[str, int]) -> int:
    return counters.get("load.http_local_rate_limit.rate_limited", 0)


def _tables(value: Any) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Routing tables by name, wherever they stand in a configuration."""
    for table in _found(value, "route_config"):
        hosts = table.get("virtual_hosts", ())
        yield table.get("name", ""), [route for host in hosts for route in host.get("routes", ())]


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


def _seconds(text: Any) -> float:
    """`0.500s` as a number; NaN where there is none."""
    try:
        return float(str(text).removesuffix("s"))
    except ValueError:
        return math.nan


def _joined(values: Sequence[Any]) -> str:
    return ", ".join("/".join(map(str, one)) or "none" if isinstance(one, tuple) else f"{one:g}" for one in values)
