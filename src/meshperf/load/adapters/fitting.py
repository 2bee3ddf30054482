"""Whether another load generator can do what a phase asks for: refused, or noted in the result, or done.

Refused is whatever would load the target otherwise than asked, so that two arms or two runs would differ without
anybody seeing it. Noted is what only changes how exactly the tool does it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from math import ceil

from meshperf.errors import UsageError
from meshperf.load.adapters.base import Abilities, Adapter, Asked
from meshperf.load.plan import Arrivals, GrpcKind, Phase, Pooling, Selection, SessionPlan, Target, TlsSettings

__all__ = ["is_address", "notes", "planned_s", "refuse_unfit", "whole_seconds"]


def refuse_unfit(adapter: Adapter, plan: SessionPlan, phase: Phase) -> None:
    """Refuse a phase that the tool would run otherwise than asked.

    Raises:
        UsageError: MP1007, with everything that it cannot do.
    """
    target = plan.targets[phase.target]
    problems = [
        *_arrivals(adapter.abilities, phase),
        *_connections(adapter.abilities, target, phase),
        *_request(adapter.abilities, target),
        *(_tls(adapter.abilities, target.tls) if target.tls is not None else ()),
    ]
    if plan.share != (0, 1):
        problems.append("share a schedule with other generators")
    if problems:
        raise UsageError(
            "MP1007",
            f"{adapter.name} cannot {'; it cannot '.join(problems)}",
            hint="leave that out, or leave `generator` (--generator) out: meshperf's own engine can",
        )


def _arrivals(able: Abilities, phase: Phase) -> Iterator[str]:
    if phase.arrivals in (Arrivals.POISSON, Arrivals.TRACE):
        yield f"send {phase.arrivals} arrivals (write `arrivals: constant` or `closed`)"
    elif phase.arrivals is Arrivals.CLOSED and not able.closed:
        yield "run a closed loop (give it a rate)"
    elif phase.arrivals is Arrivals.CONSTANT and not able.paced:
        yield "hold a rate (write `arrivals: closed`)"
    if phase.rate_end is not None and phase.rate_end != phase.rate:
        yield "change its rate while it runs"
    if phase.quantum_s:
        yield "send in quanta"
    if phase.think_s:
        yield "think between requests"
    if phase.mix:
        yield "mix several targets"
    if phase.duration_s < able.least_s:
        yield f"run for less than {able.least_s:g} s (here: {phase.duration_s:g} s)"


def _connections(able: Abilities, target: Target, phase: Phase) -> Iterator[str]:
    if target.protocol not in able.protocols:
        yield f"speak {target.protocol}"
    if target.streams > 1 and not able.streams:
        yield "use streams"
    if phase.in_flight not in (None, target.connections * target.streams):
        yield "have another number of requests in flight than connections x streams"
    if target.max_connections not in (None, target.connections):
        yield "open connections on demand"
    if target.requests_per_connection not in (None, 1):
        yield f"renew connections after {target.requests_per_connection} requests"
    if target.requests_per_connection == 1 and not able.new_connections:
        yield "open a new connection for each request"
    if target.connection_age_s is not None:
        yield "renew connections at an age"
    if target.selection is not Selection.FIFO:
        yield f"choose connections {target.selection}"
    if target.network_namespace is not None:
        yield "enter a network namespace"
    if target.source_address is not None and not able.source_address:
        yield "bind a source address"


def _request(able: Abilities, target: Target) -> Iterator[str]:
    if target.body and not able.body:
        yield "send a body"
    if target.method not in ("GET", "POST" if target.body or target.grpc else "GET") and not able.method:
        yield f"send {target.method}"
    if target.headers and not able.headers:
        yield "send headers"
    if target.follow_redirects and not able.redirects:
        yield "follow redirects"
    if target.reply_bytes not in (None, len(target.body)) and not able.reply_bytes:
        yield "wait for an answer of another length than the message"
    if target.grpc is not None and target.grpc.kind is not GrpcKind.UNARY:
        yield f"make {target.grpc.kind} calls"
    if any("\n" in part or "\r" in part or "\0" in part for pair in target.headers for part in pair):
        yield "send headers with line breaks"


def _tls(able: Abilities, tls: TlsSettings) -> Iterator[str]:
    if not able.tls:
        yield "speak TLS"
        return
    if tls.verify and not able.verifies:
        yield "verify the server's certificate (say `insecure` if it need not)"
    if tls.server_identity is not None:
        yield "verify a SPIFFE id"
    if tls.certificate_pem is not None and not able.client_certificate:
        yield "show a client certificate"
    if tls.cipher_suites or tls.groups or tls.alpn:
        yield "be told ciphers, groups or ALPN names"
    if tls.minimum_version == tls.maximum_version == "1.2" or tls.minimum_version == "1.3" != tls.maximum_version:
        yield "be told TLS versions"
    if tls.resumption:
        yield "be told to resume sessions"
    if tls.verify and not able.server_name and tls.server_name is not None and not is_address(tls.server_name):
        yield "verify a name that is not the address"


def notes(adapter: Adapter, asked: Asked) -> Iterator[str]:
    """What is done, and not quite as asked: sentences for the result."""
    able, target, phase = adapter.abilities, asked.target, asked.phase
    if able.whole_seconds and not phase.duration_s.is_integer():
        yield f"it runs for whole seconds: {whole_seconds(phase.duration_s)} s instead of {phase.duration_s:g} s"
    if not able.timeout:
        yield f"it has no timeout for a request; {target.timeout_s:g} s were asked for"
    if target.headers and not able.hidden_headers:
        yield "it takes headers as arguments: they can be read in the process list while it runs"
    if target.body and not able.hidden_body:
        yield "it takes the body as an argument: it can be read in the process list while it runs"
    if target.pooling is not Pooling.POOLED or asked.rate is not None:
        yield f"its connections are its own: {adapter.model}"
    if asked.phase.lead_in_s >= 0.1:
        yield f"it has no lead-in; {asked.phase.lead_in_s:g} s were asked for"


def whole_seconds(duration_s: float) -> int:
    """The whole seconds that a tool is run for, so that nothing is missing."""
    return max(1, ceil(duration_s - 1e-9))


def planned_s(able: Abilities, phase: Phase) -> float:
    """How long the tool is told to run [s]."""
    return float(whole_seconds(phase.duration_s)) if able.whole_seconds else phase.duration_s


def is_address(name: str) -> bool:
    """Whether a host is a numeric address."""
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
