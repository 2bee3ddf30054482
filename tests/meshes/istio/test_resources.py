from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from graphs import TRIANGLE
from meshperf.meshes.istio.resources import Resource, resources
from meshperf.spec.experiment import Functions


def of_kind(found: Sequence[Resource], kind: str) -> list[Any]:
    return [item for item in found if item["kind"] == kind]


def principals(policy: Any) -> Any:
    return policy["spec"]["rules"][0]["from"][0]["source"]["principals"]


def test_a_plain_arm_is_a_registry_and_mutual_tls(layout_of: Any, arm_of: Any) -> None:
    found = resources(layout_of(), arm_of(defaults="mesh"))
    assert [item["kind"] for item in found] == ["PeerAuthentication", "ServiceEntry", "WorkloadEntry"]
    assert found[0]["spec"] == {"mtls": {"mode": "STRICT"}}
    assert found[0]["metadata"]["namespace"] == "istio-system"  # where it holds for the whole mesh


def test_equal_arms_pin_group_and_resumption_and_keep_the_callers_protocol(layout_of: Any, arm_of: Any) -> None:
    found = resources(layout_of(), arm_of())
    (handshake,) = of_kind(found, "EnvoyFilter")
    (patch,) = handshake["spec"]["configPatches"]
    context = patch["patch"]["value"]["transport_socket"]["typed_config"]
    assert context["common_tls_context"]["tls_params"]["ecdh_curves"] == ["X25519"]
    assert context["disable_stateless_session_resumption"] is True
    (rule,) = of_kind(found, "DestinationRule")
    assert rule["spec"]["trafficPolicy"] == {"connectionPool": {"http": {"useClientProtocol": True}}}


def test_without_mutual_tls_there_is_no_handshake_to_pin(layout_of: Any, arm_of: Any) -> None:
    found = resources(layout_of(), arm_of(mtls="off"))
    assert of_kind(found, "PeerAuthentication")[0]["spec"] == {"mtls": {"mode": "DISABLE"}}
    assert not of_kind(found, "EnvoyFilter")


def test_ports_are_declared_by_the_protocol_of_the_service(layout_of: Any, arm_of: Any) -> None:
    entries = of_kind(resources(layout_of(TRIANGLE), arm_of()), "ServiceEntry")
    protocols = {entry["metadata"]["name"]: entry["spec"]["ports"][0]["protocol"] for entry in entries}
    assert protocols == {"leaf": "GRPC", "middle": "HTTP2", "front": "HTTP"}


def test_an_arm_that_forwards_bytes_has_ports_without_a_protocol_and_no_routes(layout_of: Any, arm_of: Any) -> None:
    found = resources(layout_of(), arm_of(mode="tcp"))
    assert of_kind(found, "ServiceEntry")[0]["spec"]["ports"][0]["protocol"] == "TCP"
    assert not of_kind(found, "DestinationRule")


def test_endpoints_are_found_by_label_and_have_their_services_identity(layout_of: Any, arm_of: Any) -> None:
    found = resources(layout_of(), arm_of())
    selector = of_kind(found, "ServiceEntry")[0]["spec"]["workloadSelector"]["labels"]
    entry = of_kind(found, "WorkloadEntry")[0]
    assert selector.items() <= entry["spec"]["labels"].items()
    assert entry["spec"]["serviceAccount"] == "app"
    assert entry["spec"]["labels"]["security.istio.io/tlsMode"] == "istio"


def test_the_rule_that_admits_stands_in_the_policy_whose_name_comes_last(layout_of: Any, arm_of: Any) -> None:
    policies = of_kind(resources(layout_of(), arm_of(Functions(authorization_rules=12))), "AuthorizationPolicy")
    names = [policy["metadata"]["name"] for policy in policies]
    assert names == sorted(names)
    assert [len(policy["spec"]["rules"]) for policy in policies] == [11, 1]
    assert principals(policies[-1]) == ["meshperf.lab/ns/meshperf/sa/client"]


def test_a_single_rule_is_the_one_that_admits(layout_of: Any, arm_of: Any) -> None:
    (policy,) = of_kind(resources(layout_of(), arm_of(Functions(authorization_rules=1))), "AuthorizationPolicy")
    assert principals(policy) == ["meshperf.lab/ns/meshperf/sa/client"]


def test_every_service_of_a_graph_admits_its_own_callers(layout_of: Any, arm_of: Any) -> None:
    found = resources(layout_of(TRIANGLE), arm_of(Functions(authorization_rules=1)))
    admitted = {
        policy["spec"]["selector"]["matchLabels"]["app"]: principals(policy)
        for policy in of_kind(found, "AuthorizationPolicy")
    }
    assert admitted["leaf"] == ["meshperf.lab/ns/meshperf/sa/middle", "meshperf.lab/ns/meshperf/sa/front"]


@pytest.mark.parametrize(("match", "place"), [("first", 0), ("last", 4)])
def test_the_route_of_the_load_is_where_the_arm_wants_it(layout_of: Any, arm_of: Any, match: str, place: int) -> None:
    found = resources(layout_of(), arm_of(Functions(routes=5, route_match=match)))
    table = of_kind(found, "VirtualService")[0]["spec"]["http"]
    assert len(table) == 5
    assert [index for index, route in enumerate(table) if "route" in route] == [place]
    # Istio moves a route that matches everything to the end, unless it has a condition.
    assert "withoutHeaders" in table[place]["match"][0]


def test_split_retries_and_timeout_are_said_of_the_route_that_the_load_takes(layout_of: Any, arm_of: Any) -> None:
    found = resources(layout_of(), arm_of(Functions(split=(80, 20), retries=3, timeout_s=0.25)))
    (route,) = of_kind(found, "VirtualService")[0]["spec"]["http"]
    assert [part["weight"] for part in route["route"]] == [80, 20]
    assert route["retries"]["attempts"] == 3
    assert route["timeout"] == "0.25s"
    subsets = of_kind(found, "DestinationRule")[0]["spec"]["subsets"]
    assert {part["destination"]["subset"] for part in route["route"]} == {subset["name"] for subset in subsets}


@pytest.mark.parametrize("rate", [0.5, 3.0, 50.0, 20_000.0])
def test_a_rate_limit_lets_in_what_it_says(layout_of: Any, arm_of: Any, rate: float) -> None:
    found = resources(layout_of(), arm_of(Functions(rate_limit=rate), mtls="off"))
    limited, *exempt = of_kind(found, "EnvoyFilter")[0]["spec"]["configPatches"]
    bucket = limited["patch"]["value"]["typed_config"]["token_bucket"]
    interval_s = float(bucket["fill_interval"].removesuffix("s"))
    assert bucket["tokens_per_fill"] / interval_s == pytest.approx(rate, rel=1e-5)
    assert interval_s >= 0.05  # Envoy takes no shorter one
    assert [one["patch"]["operation"] for one in exempt] == ["INSERT_FIRST"] * 2  # for meshperf's own questions


def test_a_route_table_is_not_made_where_none_was_asked_for(layout_of: Any, arm_of: Any) -> None:
    found = resources(layout_of(), arm_of())
    assert not of_kind(found, "VirtualService")
    assert json.loads(json.dumps(found)) == list(found)
