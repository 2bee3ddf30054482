"""The resources that Kuma is given, in the forms that its documentation has; none was tried on a real Kuma."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graphs import ECHO, TRIANGLE
from meshperf.meshes.kuma.layout import Layout
from meshperf.meshes.kuma.policies import dataplane, mesh, policies
from meshperf.spec.experiment import Arm, Functions
from meshperf.spec.graph import Graph
from paper_site import PaperSite


def arm(**settings: Any) -> Arm:
    return Arm(**{"name": "kuma", "mesh": "kuma", "mtls": "strict", **settings})


def layout(graph: Graph = ECHO, *, transparent: bool = False) -> Layout:
    return Layout.of(PaperSite(Path("/nowhere"), "netns"), "kuma", graph, transparent=transparent)


def found(one: Arm, graph: Graph = ECHO) -> dict[tuple[str, str], dict[str, Any]]:
    return {(item["type"], item["name"]): dict(item["spec"]) for item in policies(layout(graph), one)}


def test_the_mesh_is_strict_with_an_authority_of_its_own() -> None:
    resource = mesh(arm())
    assert resource["mtls"]["backends"] == [{"name": "ca-1", "type": "builtin", "mode": "STRICT"}]
    assert resource["mtls"]["enabledBackend"] == "ca-1"
    assert "mtls" not in mesh(arm(mtls="off"))


def test_every_service_admits_exactly_its_callers() -> None:
    permissions = {
        name: [one["targetRef"]["tags"]["kuma.io/service"] for one in spec["from"]]
        for (kind, name), spec in found(arm(), TRIANGLE).items()
        if kind == "MeshTrafficPermission"
    }
    assert permissions == {
        "callers-of-front": ["client"],
        "callers-of-middle": ["front"],
        "callers-of-leaf": ["middle", "front"],
    }
    spec = found(arm(), TRIANGLE)["MeshTrafficPermission", "callers-of-leaf"]
    assert spec["targetRef"] == {"kind": "Dataplane", "labels": {"app": "leaf"}}
    assert {one["default"]["action"] for one in spec["from"]} == {"Allow"}


def test_equal_arms_speak_one_tls_and_have_no_policies_that_nobody_asked_for() -> None:
    assert mesh(arm())["skipCreatingInitialPolicies"] == ["*"]
    equal = found(arm())
    assert equal["MeshTLS", "only-tls-1-3"]["from"][0]["default"]["tlsVersion"] == {"min": "TLS13", "max": "TLS13"}
    assert equal["MeshTimeout", "request-timeout"]["to"][0]["default"]["http"]["requestTimeout"] == "15000ms"
    limits = equal["MeshCircuitBreaker", "no-limits"]["to"][0]["default"]["connectionLimits"]
    assert set(limits.values()) == {100_000}


def test_as_it_ships_kuma_makes_its_own_policies() -> None:
    shipped = arm(defaults="mesh")
    assert "skipCreatingInitialPolicies" not in mesh(shipped)
    assert {kind for kind, _ in found(shipped)} == {"MeshTrafficPermission"}


def test_without_mutual_tls_there_is_nothing_to_permit() -> None:
    assert not {kind for kind, _ in found(arm(mtls="off"))} & {"MeshTrafficPermission", "MeshTLS"}


def test_functions_become_policies() -> None:
    functions = Functions(retries=3, timeout_s=0.25, rate_limit=500.0, routes=4, route_match="last")
    made = found(arm(functions=functions, access_log=True))
    assert made["MeshRetry", "retries"]["to"][0]["default"]["http"]["numRetries"] == 3
    assert made["MeshTimeout", "request-timeout"]["to"][0]["default"]["http"]["requestTimeout"] == "250ms"
    rate = made["MeshRateLimit", "rate-limit"]
    assert rate["from"][0]["default"]["local"]["http"]["requestRate"] == {"num": 500, "interval": "1s"}
    assert rate["targetRef"]["labels"] == {"app": "app"}
    rules = made["MeshHTTPRoute", "client-to-app"]["to"][0]["rules"]
    assert len(rules) == 4
    assert rules[-1]["matches"] == [{"path": {"type": "PathPrefix", "value": "/"}}]
    assert made["MeshAccessLog", "access-log"]["to"][0]["default"]["backends"][0]["type"] == "File"


@pytest.mark.parametrize(("service", "protocol"), [("front", "http"), ("middle", "http2"), ("leaf", "grpc")])
def test_a_dataplane_says_the_protocol_that_the_graph_names(service: str, protocol: str) -> None:
    place = layout(TRIANGLE)
    inbound = dataplane(place, arm(), place.workload(service))["networking"]["inbound"][0]
    assert inbound["tags"] == {"kuma.io/service": service, "kuma.io/protocol": protocol}
    assert (
        dataplane(place, arm(mode="tcp"), place.workload(service))["networking"]["inbound"][0]["tags"][
            "kuma.io/protocol"
        ]
        == "tcp"
    )


def test_an_explicit_dataplane_leads_to_the_service_on_another_port() -> None:
    place = layout()
    app = place.workload("app")
    networking = dataplane(place, arm(), app)["networking"]
    assert networking["inbound"][0]["port"] == 20000
    assert (networking["inbound"][0]["serviceAddress"], networking["inbound"][0]["servicePort"]) == (app.address, 8080)
    client = dataplane(place, arm(), place.workload("client"))["networking"]
    assert client["outbound"] == [{"address": "127.0.0.1", "port": 15001, "tags": {"kuma.io/service": "app"}}]


def test_a_redirected_dataplane_has_the_services_own_port_and_virtual_addresses() -> None:
    place = layout(transparent=True)
    inbound = dataplane(place, arm(), place.workload("app"))["networking"]["inbound"][0]
    assert inbound["port"] == 8080
    assert "serviceAddress" not in inbound
    client = dataplane(place, arm(), place.workload("client"))["networking"]
    assert client["outbound"][0]["address"] == place.virtual["app"]
