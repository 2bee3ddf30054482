"""Whether the functions of an arm are in force: read from what the sidecars of client and entry service really hold."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from meshperf.spec.experiment import Functions
from meshperf.spec.records import Claim

__all__ = ["functions_claim"]

_RATE_LIMIT = "envoy.filters.http.local_ratelimit"


def functions_claim(functions: Functions, used: Sequence[str], client: bytes, server: bytes, when: str) -> Claim:
    """One claim over all functions that are switched on.

    Args:
        used: their names.
        client, server: `/config_dump` of the client's sidecar and of the entry service's.
    """
    dumps = _parsed(client), _parsed(server)
    missing = [name for name in used if not _HOLDS[name](functions, *dumps)]
    evidence = f"in the sidecars' configuration: {', '.join(used)}"
    if missing:
        evidence = f"not in the sidecars' configuration as asked for: {', '.join(missing)}"
    return Claim(
        claim="the functions that were switched on are in force", held=not missing, evidence=evidence, when=when
    )


def _parsed(dump: bytes) -> Any:
    try:
        return json.loads(dump)
    except ValueError:
        return {}


def _routes(dump: Any) -> Sequence[Mapping[str, Any]]:
    """The table that the load takes: the longest one of the client's sidecar."""
    return max(_values(dump, "routes"), key=len, default=())


def _taken(dump: Any) -> tuple[int, Mapping[str, Any]]:
    """Place and content of the route that the load takes: the one that matches every path."""
    for place, route in enumerate(_routes(dump)):
        if route.get("match", {}).get("prefix") == "/":
            return place, route.get("route", {})
    return -1, {}


def _authorization(functions: Functions, client: Any, server: Any) -> bool:
    tables = [len(policies) for policies in _values(server, "policies") if isinstance(policies, dict)]
    return max(tables, default=0) == functions.authorization_rules


def _table(functions: Functions, client: Any, server: Any) -> bool:
    return len(_routes(client)) == functions.routes


def _place(functions: Functions, client: Any, server: Any) -> bool:
    wanted = 0 if functions.route_match == "first" else functions.routes - 1
    return _taken(client)[0] == wanted


def _split(functions: Functions, client: Any, server: Any) -> bool:
    parts = _taken(client)[1].get("weighted_clusters", {}).get("clusters", [])
    weights = tuple(part.get("weight", 0) for part in parts)
    # A single part needs no weights, and Istio writes none.
    return weights == functions.split or (len(functions.split) == 1 and not parts)


def _retries(functions: Functions, client: Any, server: Any) -> bool:
    return bool(_taken(client)[1].get("retry_policy", {}).get("num_retries") == functions.retries)


def _timeout(functions: Functions, client: Any, server: Any) -> bool:
    said = str(_taken(client)[1].get("timeout", "")).removesuffix("s")
    try:
        return functions.timeout_s is not None and abs(float(said) - functions.timeout_s) < 1e-6
    except ValueError:
        return False


def _rate_limit(functions: Functions, client: Any, server: Any) -> bool:
    return any(item.get("name") == _RATE_LIMIT for filters in _values(server, "http_filters") for item in filters)


_HOLDS: Mapping[str, Callable[[Functions, Any, Any], bool]] = {
    "authorization_rules": _authorization,
    "routes": _table,
    "route_match": _place,
    "split": _split,
    "retries": _retries,
    "timeout_s": _timeout,
    "rate_limit": _rate_limit,
}


def _values(value: Any, key: str) -> Iterator[Any]:
    """Every value under a key, at any depth."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name == key:
                yield item
            yield from _values(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from _values(item, key)
