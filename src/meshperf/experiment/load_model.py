"""The model of a load, named: how requests arrive, and what becomes of the connections that carry them.

Two generators that agree on rate and connections may still load a target differently: from a pool or pinned, from a
closed loop with or without thinking, on connections that live for one request or for all. So every setting of the plan
that changes what is measured is a fact of the result, taken from the plan itself and not from what was asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

from meshperf.load.plan import Arrivals, Phase, Pooling, Protocol, Selection, Target, TlsSettings
from meshperf.spec.records import Fact, Facts, FactValue

__all__ = ["HTTP_VERSIONS", "arrival_facts", "connection_facts", "connection_model"]

HTTP_VERSIONS = {Protocol.HTTP1_0: "1.0", Protocol.HTTP1: "1.1", Protocol.HTTP2: "2", Protocol.GRPC: "2"}

_ORDER = {
    Selection.FIFO: "first in first out",
    Selection.LIFO: "last in first out",
    Selection.RANDOM: "any idle one",
}


def connection_model(target: Target) -> str:
    """The model of a target's connections in words: `pooled, first in first out, growing to 64`."""
    pooled = target.pooling is Pooling.POOLED
    words = [f"pooled, {_ORDER[Selection(target.selection)]}" if pooled else "pinned, each with its own schedule"]
    if target.max_connections is not None and target.max_connections > target.connections:
        words.append(f"growing to {target.max_connections}")
    if target.requests_per_connection == 1:
        words.append("a new connection for each request")
    elif target.requests_per_connection is not None:
        words.append(f"renewed after {target.requests_per_connection} requests")
    if target.connection_age_s is not None:
        words.append(f"renewed after {target.connection_age_s:g} s")
    return ", ".join(words)


def connection_facts(target: Target) -> Facts:
    """What the plan says of one target's connections. A policy that is not used has the value `none`."""
    version = HTTP_VERSIONS.get(Protocol(target.protocol))
    values: dict[str, FactValue] = {
        "load.protocol": str(target.protocol),
        "load.connections": target.connections,
        "load.max_connections": target.max_connections or target.connections,
        "load.streams": target.streams,
        "load.pooling": str(target.pooling),
        "load.selection": str(target.selection) if target.pooling is Pooling.POOLED else "none",
        "load.requests_per_connection": target.requests_per_connection or "none",
        "load.connection_age_s": target.connection_age_s if target.connection_age_s is not None else "none",
        "load.connection_model": connection_model(target),
        "load.timeout_s": target.timeout_s,
    }
    if version is not None:
        values["load.http_version"] = version
        values["load.follow_redirects"] = target.follow_redirects
    else:
        values["load.reply_bytes"] = target.reply_bytes if target.reply_bytes is not None else "as many as were sent"
    if target.grpc is not None:
        values["load.grpc_kind"] = str(target.grpc.kind)
        values["load.grpc_messages"] = len(target.grpc.messages)
    if target.tls is not None:
        values |= _tls(target.tls)
    return _facts(values)


def arrival_facts(phases: Sequence[Phase], targets: Sequence[Target]) -> Facts:
    """How requests arrive in the counted phases of one run, which share all but their rate.

    Args:
        phases: the counted ones, in order; at least one.
        targets: those of the plan, for the names in a mix.
    """
    first = phases[0]
    closed = first.arrivals is Arrivals.CLOSED
    values: dict[str, FactValue] = {"load.arrivals": str(first.arrivals)}
    if closed:
        # Over a mix as many as the largest of its targets takes: then none waits for a place.
        streams = max(targets[index].connections * targets[index].streams for index in _shares(first))
        values["load.in_flight"] = first.in_flight if first.in_flight is not None else streams
        values["load.think_s"] = first.think_s
    else:
        values["load.quantum_s"] = first.quantum_s
    if first.arrivals is Arrivals.TRACE:
        values["load.trace_requests"] = len(first.trace_s)
    elif not closed and (len({(phase.rate, phase.rate_end) for phase in phases}) > 1 or first.rate_end is not None):
        values["load.stages"] = "; ".join(map(_stage, phases))
    if first.mix:
        total = sum(weight for _, weight in first.mix)
        values["load.mix"] = ", ".join(f"{targets[index].name}: {weight / total:.4g}" for index, weight in first.mix)
    return _facts(values)


def _shares(phase: Phase) -> list[int]:
    return [index for index, _ in phase.mix] or [phase.target]


def _stage(phase: Phase) -> str:
    end = "" if phase.rate_end is None else f" to {phase.rate_end:g}"
    return f"{phase.rate:g}/s{end} for {phase.duration_s:g} s"


def _tls(tls: TlsSettings) -> dict[str, FactValue]:
    """What was asked of TLS; what was agreed is under `security.tls_*`. No certificate and no key is told."""
    return {
        "load.tls.versions": f"{tls.minimum_version} to {tls.maximum_version}",
        "load.tls.verified": tls.verify,
        "load.tls.resumption": tls.resumption,
        "load.tls.client_certificate": tls.certificate_pem is not None,
        "load.tls.ciphers": ", ".join(tls.cipher_suites) or "the library's order",
        "load.tls.groups": ", ".join(tls.groups) or "the library's order",
    }


def _facts(values: dict[str, FactValue]) -> Facts:
    return {name: Fact(value=value, source="plan") for name, value in values.items()}
