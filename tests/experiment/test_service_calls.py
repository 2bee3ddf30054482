"""Whether services called one another as their graph says, seen from their counters alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from meshperf.experiment.service_calls import CLAIM, ServiceCalls, calls_claim, reached_claim, service_calls
from meshperf.spec.graph import Call, Graph, GraphService, digest_of
from meshperf.spec.graph_reading import packaged_graph


def seen(**requests: int) -> dict[str, ServiceCalls]:
    return {name.replace("_", "-"): ServiceCalls(requests=n, errors=0, under_way=0) for name, n in requests.items()}


def made(*services: GraphService) -> Graph:
    entry = services[-1].name
    return Graph(name="made", entry=entry, services=services, digest=digest_of(entry, services))


TWO_STAGES = made(
    GraphService(name="first"),
    GraphService(name="second"),
    GraphService(name="page", calls=(Call(to="first"), Call(to="second", times=3, stage=1))),
)


def holds(graph: Graph, found: Mapping[str, ServiceCalls]) -> bool:
    return calls_claim(graph, found).held


def test_a_chain_whose_counts_agree_holds_and_says_them_callers_first() -> None:
    claim = calls_claim(packaged_graph("chain"), seen(front=1000, middle=1000, back=1000))
    assert (claim.claim, claim.held, claim.when) == (CLAIM, True, "end")
    assert claim.evidence == "front was asked 1000 times, middle 1000 of 1000, back 1000 of 1000"


@pytest.mark.parametrize("back", [0, 500, 980, 1020, 2000])
def test_calls_that_are_lost_or_doubled_break_the_claim(back: int) -> None:
    claim = calls_claim(packaged_graph("chain"), seen(front=1000, middle=1000, back=back))
    assert not claim.held
    assert f"back {back} of 1000 (allowed: 990 to 1010)" in claim.evidence


def test_an_entry_that_was_never_asked_breaks_the_claim() -> None:
    assert not holds(packaged_graph("chain"), seen(front=0, middle=0, back=0))


def test_what_a_service_expects_follows_from_its_callers_and_not_from_the_entry() -> None:
    assert not holds(packaged_graph("chain"), seen(front=1000, middle=500, back=500))
    broken = calls_claim(packaged_graph("chain"), seen(front=1000, middle=500, back=500)).evidence
    assert "middle 500 of 1000 (" in broken
    assert "back 500 of 500" in broken
    assert "back 500 of 500 (" not in broken


@pytest.mark.parametrize(("ratings", "held"), [(600, True), (667, True), (730, True), (570, False), (770, False)])
def test_shares_may_scatter_as_chance_does(ratings: int, held: bool) -> None:
    # 1000 draws of 2/3: five standard deviations are 75, and 1 % of 667 is allowed besides
    found = seen(productpage=1000, details=1000, reviews=1000, ratings=ratings)
    assert holds(packaged_graph("bookinfo"), found) is held


def test_calls_that_a_failed_stage_keeps_from_being_made_are_allowed_for() -> None:
    found = seen(page=1000, first=1000, second=2400)
    assert not holds(TWO_STAGES, found)
    found["page"] = replace(found["page"], failed=200)
    assert holds(TWO_STAGES, found)
    found["first"] = replace(found["first"], requests=800)
    assert not holds(TWO_STAGES, found), "calls of the first stage are made whatever fails"


def test_repeated_attempts_are_allowed_for_and_only_upwards() -> None:
    found = seen(page=1000, first=1200, second=3000)
    assert not holds(TWO_STAGES, found)
    assert holds(TWO_STAGES, {**found, "page": replace(found["page"], repeated=200)})
    assert holds(TWO_STAGES, {**found, "first": replace(found["first"], errors=200)}), "a proxy repeats what failed"
    fewer = {**found, "first": ServiceCalls(requests=800, errors=200, under_way=0)}
    assert not holds(TWO_STAGES, fewer)


def test_requests_that_were_under_way_at_a_reading_are_allowed_for() -> None:
    found = seen(page=1000, first=1015, second=3045)
    assert not holds(TWO_STAGES, found)
    assert holds(TWO_STAGES, {**found, "page": replace(found["page"], under_way=10)})


def test_failed_calls_are_told_in_the_evidence() -> None:
    found = seen(page=1000, first=1000, second=2997)
    found["page"] = replace(found["page"], failed=1)
    assert calls_claim(TWO_STAGES, found).evidence.endswith("; 1 calls failed")


def test_a_warm_up_needs_to_reach_every_service_and_no_more() -> None:
    graph = packaged_graph("chain")
    assert reached_claim(graph, seen(front=100, middle=90, back=1)).held
    broken = reached_claim(graph, seen(front=100, middle=90, back=0))
    assert (broken.held, broken.when) == (False, "begin")
    assert broken.evidence == "back was never asked, 90 calls were due"
    assert reached_claim(graph, seen(front=0, middle=0, back=0)).held, "without a warm-up nothing was due"
    rare = seen(frontend=10, recommendation=10, checkout=0, shipping=0, productcatalog=20, payment=0, email=0,
                currency=50, cart=10, ad=10)  # fmt: skip
    assert reached_claim(packaged_graph("boutique"), rare).held, "one of twenty buys"


def test_two_readings_become_what_happened_in_between() -> None:
    before = {"requests": 12, "status.200": 10, "calls": 20, "call_failures": 1, "call_retries": 0}
    after = {
        "requests": 113, "status.200": 100, "status.503": 6, "status.301": 1, "grpc_status.0": 50, "grpc_status.13": 3,
        "calls": 220, "call_failures": 5, "call_retries": 7, "call_resends": 2,
    }  # fmt: skip
    assert service_calls(before, after) == ServiceCalls(
        requests=101, errors=10, under_way=2 + 6, calls=200, failed=4, repeated=9
    )
