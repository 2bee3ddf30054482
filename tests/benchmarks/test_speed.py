"""What the table of speed ratios says of turns that are known."""

from __future__ import annotations

import pytest

from benchmarks.findings import bounded
from benchmarks.peers import Report
from benchmarks.pinned import RunFailed
from benchmarks.speed import ROWS, Costs, finding, refuse

HTTP1 = ROWS[0]


def test_the_lowest_turns_are_compared():
    costs = Costs(row=HTTP1, turns={"meshperf": [9e-6, 4e-6], "wrk": [6e-6, 5e-6]})
    found = finding(costs)
    assert found.value == pytest.approx(0.8)
    assert (found.met, found.verdict, found.test) == (True, "met", 6)
    assert finding(Costs(row=HTTP1, turns={"meshperf": [4.1e-6], "wrk": [5e-6]})).verdict == "missed"


def test_a_row_that_failed_says_why_and_is_neither_met_nor_missed():
    costs = Costs(row=HTTP1, turns={"wrk": [5e-6]}, failed={"meshperf": "ended with 1: no HTTP/2"})
    found = finding(costs)
    assert (found.met, found.verdict) == (None, "not measured")
    assert found.note == "meshperf: ended with 1: no HTTP/2"
    assert finding(Costs(row=HTTP1, turns={"meshperf": [5e-6]})).note == "wrk: not installed"
    assert finding(Costs(row=HTTP1, failed={"server": "nobody speaks it"})).note == "nobody speaks it"


def test_every_goal_of_the_issue_has_a_row():
    goals = {(row.name, row.reference): row.goal for row in ROWS}
    assert goals == {
        ("http1", "wrk"): 0.80,
        ("http2 10x10", "h2load"): 1.05,
        ("http2 4x100", "h2load"): 1.05,
        ("grpc 5x10", "ghz"): 0.40,
        ("tls1.3 http1", "wrk"): 1.0,
        ("tcp echo", "fortio"): 0.8,
        ("udp echo", "fortio"): None,
    }


def test_more_requests_than_the_server_answered_are_refused():
    refuse(Report(requests=100, rate=1.0), 100)
    refuse(Report(requests=100, rate=1.0), None)
    with pytest.raises(RunFailed, match="claims 101 requests, the server answered 100"):
        refuse(Report(requests=101, rate=1.0), 100)
    with pytest.raises(RunFailed, match="3 failed"):
        refuse(Report(requests=100, rate=1.0, note="3 failed"), 200)


def test_a_bound_is_inclusive_and_unknown_is_not_met():
    assert bounded("x", 0.8, 0.8).met is True
    assert bounded("x", float("nan"), 0.8).met is False
    assert bounded("x", None, 0.8).met is None
