"""The model of a load is named in the result, from the plan that was carried out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshperf.analysis import packaged_rules
from meshperf.experiment.conditions import load_facts
from meshperf.experiment.load_model import arrival_facts, connection_facts, connection_model
from meshperf.load.plan import (
    Arrivals,
    GrpcCall,
    GrpcKind,
    Phase,
    Pooling,
    Protocol,
    Selection,
    Target,
    TlsSettings,
)
from meshperf.spec.experiment import LoadPoint
from meshperf.spec.records import Facts

TARGET = Target(name="a", address="127.0.0.1:1", host="a", connections=8)
PHASE = Phase(target=0, duration_s=5.0, arrivals=Arrivals.CONSTANT, rate=100.0)


def values(facts: Facts) -> dict[str, object]:
    return {path.removeprefix("load."): fact.value for path, fact in facts.items()}


@pytest.mark.parametrize(
    ("changes", "model"),
    [
        ({}, "pooled, first in first out"),
        ({"selection": Selection.LIFO}, "pooled, last in first out"),
        ({"max_connections": 64}, "pooled, first in first out, growing to 64"),
        ({"max_connections": 8}, "pooled, first in first out"),
        ({"pooling": Pooling.PINNED}, "pinned, each with its own schedule"),
        ({"requests_per_connection": 1}, "pooled, first in first out, a new connection for each request"),
        (
            {"requests_per_connection": 100, "connection_age_s": 2.5},
            "pooled, first in first out, renewed after 100 requests, renewed after 2.5 s",
        ),
    ],
)
def test_the_model_of_the_connections_has_a_name(changes: dict[str, object], model: str) -> None:
    assert connection_model(replace(TARGET, **changes)) == model  # type: ignore[arg-type]


def test_what_is_spoken_is_told_with_its_version() -> None:
    versions = {
        protocol: values(connection_facts(replace(TARGET, protocol=protocol))).get("http_version")
        for protocol in Protocol
    }
    assert versions == {"http1.0": "1.0", "http1": "1.1", "http2": "2", "grpc": "2", "tcp": None, "udp": None}
    call = GrpcCall(kind=GrpcKind.BIDI, messages=(b"a", b"b"))
    told = values(connection_facts(replace(TARGET, protocol=Protocol.GRPC, grpc=call, streams=10)))
    assert (told["grpc_kind"], told["grpc_messages"], told["streams"]) == ("bidi", 2, 10)


def test_settings_of_tls_are_told_and_no_key_is() -> None:
    assert not [name for name in connection_facts(TARGET) if name.startswith("load.tls")]
    tls = TlsSettings(ca_pem="-----BEGIN CA", certificate_pem="-----BEGIN CERT", key_pem="secret", resumption=True)
    facts = connection_facts(replace(TARGET, tls=tls))
    told = values(facts)
    assert told["tls.client_certificate"] is True
    assert told["tls.resumption"] is True
    assert told["tls.versions"] == "1.3 to 1.3"
    assert not [fact for fact in facts.values() if "BEGIN" in str(fact.value) or "secret" in str(fact.value)]


def test_a_closed_loop_tells_what_is_in_flight() -> None:
    closed = Phase(target=0, duration_s=1.0, arrivals=Arrivals.CLOSED, think_s=0.1)
    assert values(arrival_facts([closed], [replace(TARGET, streams=4)])) == {
        "arrivals": "closed",
        "in_flight": 32,
        "think_s": 0.1,
    }
    assert values(arrival_facts([replace(closed, in_flight=5)], [TARGET]))["in_flight"] == 5


def test_one_rate_has_no_stages_and_a_ramp_has() -> None:
    assert values(arrival_facts([PHASE, PHASE], [TARGET])) == {"arrivals": "constant", "quantum_s": 0.0}
    ramp = replace(PHASE, rate_end=500.0)
    assert values(arrival_facts([ramp], [TARGET]))["stages"] == "100/s to 500 for 5 s"
    assert values(arrival_facts([PHASE, ramp], [TARGET]))["stages"] == "100/s for 5 s; 100/s to 500 for 5 s"


def test_a_mix_is_told_in_shares() -> None:
    mixed = replace(PHASE, mix=((0, 3.0), (1, 1.0)))
    assert values(arrival_facts([mixed], [TARGET, replace(TARGET, name="b")]))["mix"] == "a: 0.75, b: 0.25"


def test_every_fact_of_the_model_must_be_equal() -> None:
    """A setting that changes what is measured and has no rule would let two different loads compare."""
    mixed = replace(PHASE, mix=((0, 1.0),), rate_end=200.0)
    tls = TlsSettings(ca_pem="")
    facts = {
        **load_facts(
            LoadPoint(), wait="hybrid", workers=1, targets=(replace(TARGET, tls=tls),), phases=(mixed,),
            receive_clock="kernel",
        ),
        **arrival_facts([Phase(target=0, duration_s=1.0, arrivals=Arrivals.CLOSED)], [TARGET]),
    }  # fmt: skip
    rules = packaged_rules()
    assert {path for path in facts if rules.rule(path).severity not in ("EQ", "CLOSE")} == set()
    assert not rules.is_brought("load.pooling")
    assert rules.is_brought("load.tls.resumption")
    assert rules.is_subject("load.tls.resumption", ("client_library",))


def test_the_plan_decides_over_what_was_asked_for() -> None:
    point = LoadPoint(protocol="http1", connections=1, arrivals="poisson", rate=5.0)
    told = values(
        load_facts(
            point, wait="spin", workers=2, targets=(replace(TARGET, protocol=Protocol.HTTP2),), phases=(PHASE,),
            receive_clock="user",
        )
    )  # fmt: skip
    assert (told["protocol"], told["connections"], told["arrivals"]) == ("http2", 8, "constant")
    assert told["receive_clock"] == "user"
