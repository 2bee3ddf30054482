"""What a tool cannot do is refused, with everything at once; what it only does less exactly is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from plans import CALL, CLOSED, PHASE, RICH, TARGET, TLS, asked, plan

from meshperf.errors import UsageError
from meshperf.load.adapters.fitting import notes, planned_s, refuse_unfit
from meshperf.load.adapters.registry import adapter
from meshperf.load.plan import Arrivals, GrpcCall, GrpcKind, Phase, Protocol, Selection, Target

POISSON = replace(PHASE, arrivals=Arrivals.POISSON)


@pytest.mark.parametrize(
    ("name", "target", "phase", "word"),
    [
        ("fortio", TARGET, POISSON, "poisson"),
        ("oha", TARGET, replace(PHASE, arrivals=Arrivals.TRACE, rate=None, trace_s=(0.1,)), "trace"),
        ("wrk", TARGET, PHASE, "hold a rate"),
        ("wrk2", TARGET, CLOSED, "closed loop"),
        ("wrk2", TARGET, PHASE, "less than 11 s"),
        ("oha", TARGET, replace(PHASE, rate_end=200.0), "change its rate"),
        ("oha", TARGET, replace(PHASE, mix=((0, 1.0),)), "mix"),
        ("oha", TARGET, replace(CLOSED, think_s=0.1), "think"),
        ("oha", TARGET, replace(CLOSED, in_flight=3), "in flight"),
        ("oha", TARGET, replace(PHASE, quantum_s=0.01), "quanta"),
        ("wrk", replace(TARGET, protocol=Protocol.HTTP2), CLOSED, "http2"),
        ("k6", CALL, PHASE, "grpc"),
        ("fortio", replace(TARGET, protocol=Protocol.UDP, body=b"x" * 16, reply_bytes=0), PHASE, "answer"),
        ("oha", replace(TARGET, max_connections=9), PHASE, "on demand"),
        ("oha", replace(TARGET, requests_per_connection=7), PHASE, "after 7 requests"),
        ("wrk", replace(TARGET, requests_per_connection=1), CLOSED, "new connection"),
        ("oha", replace(TARGET, connection_age_s=1.0), PHASE, "age"),
        ("oha", replace(TARGET, selection=Selection.LIFO), PHASE, "lifo"),
        ("oha", replace(TARGET, source_address="127.0.0.2"), PHASE, "source address"),
        ("vegeta", replace(TARGET, network_namespace="/run/netns/a"), PHASE, "namespace"),
        ("fortio", replace(TARGET, follow_redirects=True), PHASE, "redirects"),
        ("nighthawk", RICH, PHASE, "body"),
        ("nighthawk", replace(TARGET, tls=TLS), PHASE, "TLS"),
        ("wrk", replace(TARGET, tls=replace(TLS, certificate_pem=None)), CLOSED, "verify"),
        ("h2load", replace(TARGET, tls=replace(TLS, verify=False)), PHASE, "client certificate"),
        ("fortio", replace(TARGET, tls=replace(TLS, server_identity="spiffe://a/b")), PHASE, "SPIFFE"),
        ("fortio", replace(TARGET, tls=replace(TLS, groups=("X25519",))), PHASE, "groups"),
        ("ghz", replace(CALL, grpc=GrpcCall(kind=GrpcKind.BIDI)), PHASE, "bidi"),
        ("fortio", replace(TARGET, headers=(("a", "b\r\nc: d"),)), PHASE, "line breaks"),
    ],
)
def test_what_a_tool_cannot_honour_is_refused_by_name(name: str, target: Target, phase: Phase, word: str) -> None:
    with pytest.raises(UsageError) as refused:
        refuse_unfit(adapter(name), plan(target), phase)
    assert refused.value.code == "MP1007"
    assert refused.value.message.startswith(f"{name} cannot ")
    assert word in refused.value.message
    assert "meshperf's own engine" in (refused.value.hint or "")


def test_everything_that_does_not_fit_is_told_at_once() -> None:
    with pytest.raises(UsageError) as refused:
        refuse_unfit(adapter("wrk"), plan(replace(TARGET, protocol=Protocol.HTTP2, streams=4)), POISSON)
    assert all(word in refused.value.message for word in ("poisson", "http2", "streams"))


def test_a_share_of_a_schedule_is_refused() -> None:
    with pytest.raises(UsageError, match="share a schedule"):
        refuse_unfit(adapter("oha"), plan(share=(0, 2)), PHASE)


@pytest.mark.parametrize(
    ("name", "target", "phase"),
    [
        ("fortio", RICH, PHASE),
        ("fortio", replace(TARGET, tls=TLS), PHASE),
        ("wrk", RICH, CLOSED),
        ("h2load", replace(TARGET, protocol=Protocol.HTTP2, streams=8), PHASE),
        ("oha", replace(TARGET, requests_per_connection=1, follow_redirects=True), PHASE),
        ("k6", RICH, PHASE),
        ("vegeta", replace(TARGET, source_address="127.0.0.2"), PHASE),
        ("ghz", CALL, CLOSED),
        ("wrk2", TARGET, replace(PHASE, duration_s=12.0)),
        ("nighthawk", TARGET, PHASE),
    ],
)
def test_what_a_tool_can_do_is_let_through(name: str, target: Target, phase: Phase) -> None:
    refuse_unfit(adapter(name), plan(target), phase)


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("wrk", {"phase": replace(CLOSED, duration_s=2.5)}, "3 s instead of 2.5 s"),
        ("h2load", {}, "no timeout"),
        ("oha", {"target": RICH}, "process list"),
        ("fortio", {"phase": replace(PHASE, lead_in_s=0.5)}, "no lead-in"),
    ],
)
def test_what_is_done_less_exactly_is_told(name: str, changes: dict[str, Any], words: str) -> None:
    assert any(words in note for note in notes(adapter(name), asked(**changes)))


def test_requests_are_due_for_as_long_as_the_tool_is_told_to_run() -> None:
    longer = replace(PHASE, duration_s=11.2)
    assert planned_s(adapter("wrk2").abilities, longer) == 12.0
    assert planned_s(adapter("oha").abilities, longer) == 11.2
