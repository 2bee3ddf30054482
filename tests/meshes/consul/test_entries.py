"""What Consul is told for an arm: who may call whom, and what its functions become."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphs import ECHO, TRIANGLE
from meshperf.meshes.consul.entries import configuration_entries, percentages
from meshperf.meshes.consul.layout import Layout
from meshperf.spec.experiment import Arm, Functions
from meshperf.spec.graph import Graph
from paper_site import PaperSite


def entries(graph: Graph = ECHO, **settings: Any) -> dict[tuple[str, str], dict[str, Any]]:
    layout = Layout.of(PaperSite(Path("/nowhere")), "consul", graph)
    arm = Arm(name="consul", mesh="consul", mtls="strict", **settings)
    found = configuration_entries(layout, arm, log_folder="/logs")
    return {(entry["kind"], entry.get("name", "mesh")): entry for entry in found}


def functions(**settings: Any) -> dict[tuple[str, str], dict[str, Any]]:
    return entries(functions=Functions(**settings))


def test_every_service_admits_exactly_its_callers() -> None:
    found = entries(TRIANGLE)
    admitted = {
        name: [(source["name"], source["action"]) for source in entry["sources"]]
        for (kind, name), entry in found.items()
        if kind == "service-intentions"
    }
    assert admitted == {
        "front": [("client", "allow")],
        "middle": [("front", "allow")],
        "leaf": [("middle", "allow"), ("front", "allow")],
    }


def test_a_service_is_spoken_to_in_the_protocol_that_the_graph_names() -> None:
    found = entries(TRIANGLE)
    assert [found["service-defaults", name]["protocol"] for name in ("front", "middle", "leaf")] == [
        "http",
        "http2",
        "grpc",
    ]
    assert entries(mode="tcp")["service-defaults", "app"]["protocol"] == "tcp"


def test_tls_is_pinned_only_where_arms_are_made_equal() -> None:
    only_1_3 = {"tls_min_version": "TLSv1_3", "tls_max_version": "TLSv1_3"}
    assert entries()["mesh", "mesh"]["tls"] == {"incoming": only_1_3, "outgoing": only_1_3}
    assert ("mesh", "mesh") not in entries(defaults="mesh")


def test_the_rule_that_admits_a_request_is_the_last_one() -> None:
    (source,) = functions(authorization_rules=3)["service-intentions", "app"]["sources"]
    assert [rule["http"] for rule in source["permissions"] if rule["action"] == "allow"] == [
        {"path_exact": "/meshperf-rule-0"},
        {"path_exact": "/meshperf-rule-1"},
        {"path_prefix": "/"},
    ]
    assert source["permissions"][0] == {"action": "deny", "http": {"path_prefix": "/meshperf/denied"}}
    assert "action" not in source


@pytest.mark.parametrize(("where", "position"), [("first", 0), ("last", 3)])
def test_the_route_that_is_taken_stands_where_the_arm_says(where: str, position: int) -> None:
    routes = functions(routes=4, route_match=where)["service-router", "app"]["routes"]
    assert len(routes) == 4
    assert [index for index, route in enumerate(routes) if "path_prefix" in route["match"]["http"]] == [position]


def test_retries_and_timeout_belong_to_the_route_that_is_taken() -> None:
    (route,) = functions(retries=2, timeout_s=0.25)["service-router", "app"]["routes"]
    assert route["destination"] == {
        "num_retries": 2,
        "retry_on_connect_failure": True,
        "retry_on": ["5xx", "reset"],
        "request_timeout": "250000000ns",
    }


def test_a_split_is_one_over_subsets_that_hold_all_endpoints() -> None:
    found = functions(split=(1, 3))
    assert found["service-resolver", "app"]["subsets"] == {"s0": {}, "s1": {}}
    assert found["service-splitter", "app"]["splits"] == [
        {"weight": 25.0, "service_subset": "s0"},
        {"weight": 75.0, "service_subset": "s1"},
    ]


def test_without_functions_there_are_no_tables() -> None:
    assert not {kind for kind, _ in entries()} & {"service-router", "service-splitter", "service-resolver"}


@given(st.lists(st.integers(1, 1_000_000), min_size=1, max_size=64))
def test_percentages_add_up_to_a_hundred_and_keep_their_proportions(weights: list[int]) -> None:
    shares = percentages(weights)
    assert round(sum(shares) * 100) == 10_000
    assert all(abs(share - 100 * weight / sum(weights)) <= 0.01 for share, weight in zip(shares, weights, strict=True))


def test_access_logs_go_to_a_file_only_where_they_are_asked_for() -> None:
    assert entries(access_log=True)["proxy-defaults", "global"]["access_logs"]["path"] == "/logs/access.log"
    assert "access_logs" not in entries()["proxy-defaults", "global"]


def test_equal_arms_have_no_limits_at_either_end_and_eject_nobody() -> None:
    found = entries(TRIANGLE)
    for name in ("client", "front", "middle", "leaf"):
        entry = found["service-defaults", name]
        assert entry["max_inbound_connections"] == 100_000
        assert entry["upstream_config"]["defaults"]["passive_health_check"] == {"enforcing_consecutive_5xx": 0}
    assert "upstream_config" not in entries(defaults="mesh")["service-defaults", "app"]
