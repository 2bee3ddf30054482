"""What a person reads of a run: whole lines, every class of failure, and what was agreed on the wire."""

from __future__ import annotations

import datetime as dt
import io
from dataclasses import replace

import pytest
from rich.console import Console

from meshperf.cli.load_summary import summarise
from meshperf.histograms import Histogram
from meshperf.spec.records import (
    Counts,
    DatagramCounts,
    DesignLabels,
    Fact,
    GeneratorHealth,
    RunResult,
    Validity,
    ValidityState,
)

BEGUN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
TIMES = Histogram.from_values([0.001] * 900 + [0.010] * 100)


def facts(**values: object) -> dict[str, Fact]:
    known = {
        "protocol": "http1",
        "arrivals": "constant",
        "connections": 16,
        "connection_model": "pooled, first in first out",
        **values,
    }
    return {
        name if "." in name else f"load.{name}": Fact(value=value, source="plan")  # type: ignore[arg-type]
        for name, value in known.items()
    }


RUN = RunResult(
    run_id="r",
    experiment_id="e",
    experiment="load",
    arm="load",
    start_time=BEGUN,
    end_time=BEGUN,
    measured_s=2.0,
    offered_rps=500.0,
    counts=Counts(offered=1000, sent=1000, ok=1000),
    response=TIMES,
    facts=facts(),
    design=DesignLabels(design="single"),
)


def told(run: RunResult, width: int = 80) -> list[str]:
    written = io.StringIO()
    summarise(run, Console(file=written, width=width, highlight=False))
    return [line.rstrip() for line in written.getvalue().splitlines()]


def test_rates_model_and_percentiles_come_first() -> None:
    lines = told(RUN)
    assert lines[:3] == [
        "500.0 replies/s (500/s offered), 1,000 ok in 2.00 s",
        "open loop, constant arrivals; http1, 16 connections, pooled, first in first out",
        "response time, from when it was due",
    ]
    bars = {line.split()[0]: line.count("▇") for line in lines if line.startswith(" p")}
    assert bars == {"p50": 3, "p75": 3, "p90": 3, "p99": 30}
    assert lines[-1] == "verdict on the run: valid"


@pytest.mark.parametrize("width", [40, 80])
def test_a_line_is_whole_at_any_width(width: int) -> None:
    reason = "the load generator sent its requests 3 ms late at p99, more than 1 ms"
    run = replace(RUN, validity=Validity(state=ValidityState.CLIENT_LIMITED, reasons=(reason,)))
    lines = told(run, width)
    assert f"verdict on the run: client-limited: {reason}" in lines
    assert "response time, from when it was due" in lines


def test_a_closed_loop_is_named_with_what_is_under_way() -> None:
    run = replace(
        RUN, offered_rps=None, facts=facts(arrivals="closed", in_flight=32, think_s=0.005, streams=4, protocol="http2")
    )
    assert told(run)[1] == (
        "closed loop, 32 under way, thinking 5 ms; http2, 16 connections x 4 streams, pooled, first in first out"
    )
    assert "response time, from its send" in told(run)


def test_every_class_of_failure_is_told() -> None:
    run = replace(
        RUN,
        counts=Counts(offered=1000, sent=990, ok=900, errors=60, timeouts=20, unanswered=10, not_sent=10),
        errors_by_reason={"reset": 10},
        errors_by_status={"503": 30},
        errors_by_grpc_status={"14": 19, "99": 1},
    )
    assert told(run)[2] == (
        "failed: 60 errors, 20 timeouts, 10 unanswered at the end, 10 due but never sent "
        "(reset: 10, status 503: 30, gRPC 14 UNAVAILABLE: 19, gRPC 99: 1)"
    )


def test_datagrams_connections_and_tls_have_a_line_each() -> None:
    run = replace(
        RUN,
        datagrams=DatagramCounts(sent=1000, lost=5, duplicates=2, reordered=3, late=1),
        connections={
            "opened": 18,
            "reopened": 5,
            "retired": 4,
            "grown": 2,
            "failed": 1,
            "tls_handshakes": 22,
            "tls_resumed": 6,
        },
        connect=Histogram.from_values([1e-4] * 22),
        handshake=Histogram.from_values([2e-3] * 22),
        facts=facts(**{"security.tls_version": "1.3", "security.tls_alpn": "h2"}),
    )
    lines = told(run)
    assert "datagrams: 1,000 sent, 5 lost (0.500%), 2 duplicates, 3 reordered, 1 late" in lines
    connections = next(line for line in lines if line.startswith("connections: "))
    expected = "connections: 18 opened (2 for due requests), 5 opened anew (4 because the plan says so), 1 failed, "
    assert connections.startswith(expected + "connect p50 100 us, p99 ")
    tls = next(line for line in lines if line.startswith("TLS: "))
    assert tls.startswith("TLS: 22 handshakes, 6 resumed (1.3, h2), handshake p50 2 ms")


def test_the_generator_says_how_truthful_it_was() -> None:
    health = GeneratorHealth(
        pacing_error=Histogram.from_values([1e-3] * 100),
        client_delay=Histogram.from_values([1e-5] * 100),
        late_read=Histogram.from_values([2e-5] * 100),
        receive_clock="kernel",
        dispersion_1ms=0.25,
        busy_share=0.125,
    )
    lines = told(replace(RUN, generator=health))
    assert "pacing error p99 1 ms, of it the generator's own 10 us" in lines
    assert "replies waited 20 us at p99 until they were read; kernel receive times" in lines
    assert "dispersion of what was sent, in 1 ms: 0.25 (a Poisson process has 1)" in lines
    assert "generator busy 12% of its cores, wait: hybrid" in lines
