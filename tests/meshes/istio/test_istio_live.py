"""A real istiod with real sidecars in front of a real workload: what holds, and what is said when it breaks."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from graphs import ECHO, TRIANGLE
from meshperf.environments.asking import ask
from meshperf.environments.local import LocalSite
from meshperf.errors import DeploymentError
from meshperf.meshes import (
    APP_PORT,
    ROUTE_PROBE,
    AppAddress,
    ArmDeployment,
    ControlledMesh,
    envoy_admin,
    open_mesh,
)
from meshperf.meshes.envoy.http_filters import MISTAKEN, decoy
from meshperf.meshes.istio.observer import Observer
from meshperf.spec.experiment import Functions
from meshperf.spec.graph import Graph
from meshperf.spec.records import Claim
from meshperf.telemetry import read_process
from meshperf.workloads import start_service

pytestmark = [
    pytest.mark.needs_istio,
    pytest.mark.needs_netns,
    pytest.mark.needs_envoy,
    pytest.mark.needs_native,
]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[LocalSite]:
    with LocalSite.open("test", None, tmp_path / "state", environment="netns") as opened:
        yield opened


def deploy(site: LocalSite, arm: Any, graph: Graph = ECHO) -> ArmDeployment:
    preparation = open_mesh("istio").prepare(site, arm, "istio", graph)
    apps: dict[str, AppAddress] = {}
    for service in graph.services:
        needs = preparation.needs(service.name)
        _, endpoint = start_service(
            site,
            graph,
            service.name,
            name=f"istio-{service.name}",
            host=needs.host,
            upstreams={call.to: preparation.upstream(service.name, call.to) for call in service.calls},
            trusted_peer=needs.trusted_peer,
        )
        apps[service.name] = AppAddress(host=site.address(needs.host), port=APP_PORT, admin=endpoint.admin)
    return preparation.deploy(apps)


def broken(claims: Sequence[Claim]) -> Mapping[str, str]:
    return {claim.claim: claim.evidence for claim in claims if not claim.held}


def observer_of(deployed: ArmDeployment) -> Observer:
    assert isinstance(deployed.observe, Observer)
    return deployed.observe


def entrance(site: LocalSite, deployed: ArmDeployment) -> str:
    """Where the client's own program dials, from inside its pod."""
    layout = observer_of(deployed).layout
    return site.reach("istio-client", APP_PORT, at=layout.service(layout.entry).virtual)


def test_every_claim_holds_and_the_other_arms_tls_is_spoken(site: LocalSite, arm_of: Any) -> None:
    deployed = deploy(site, arm_of())
    assert broken(deployed.observe("begin")) == {}
    assert ask(entrance(site, deployed), "/").status == 200
    assert "x-request-id" not in ask(entrance(site, deployed), "/whoami").json()["headers"]
    facts = {name: fact.value for name, fact in {**deployed.facts, **deployed.observed_facts()}.items()}
    assert facts["security.tls_version"] == "TLSv1.3"
    assert facts["security.tls_group"] == "X25519"
    assert facts["security.tls_signature"] == "ecdsa_secp256r1_sha256"
    assert facts["security.resumption"] is False
    assert facts["security.identity"] == "spiffe://meshperf.lab/ns/meshperf/sa/client"
    assert facts["mesh.release"] == "development"
    assert facts["mesh.label"] == "istio-dev, no telemetry"
    assert 100 < float(str(facts["proxy.header_growth_bytes"])) < 1000
    assert 0 < float(str(facts["mesh.first_request_s"])) < 30
    assert broken(deployed.observe("end")) == {}


def test_agent_and_sidecar_are_measured_each_for_itself(site: LocalSite, arm_of: Any) -> None:
    deployed = deploy(site, arm_of())
    names = [process.name for process in deployed.processes]
    assert names == [
        "istio-client-sidecar",
        "istio-client-agent",
        "istio-app-sidecar",
        "istio-app-agent",
        "istio-istiod",
    ]
    assert len({process.pid for process in deployed.processes}) == 5
    for process in deployed.processes:
        assert read_process(process.pid, start_ticks=process.start_ticks).cpu_s is not None


def test_a_graph_with_all_protocols_is_carried(site: LocalSite, arm_of: Any) -> None:
    deployed = deploy(site, arm_of(), TRIANGLE)
    assert broken(deployed.observe("begin")) == {}
    for _ in range(10):
        assert ask(entrance(site, deployed), "/").status == 200
    assert broken(deployed.observe("end")) == {}
    counted = envoy_admin.counters(observer_of(deployed).sidecars["leaf"].admin)
    # Each request of the front asks the leaf once itself and once through the middle, by gRPC.
    assert counted["cluster.inbound|8080||;.upstream_rq_total"] >= 20
    assert counted["cluster.inbound|8080||;.upstream_cx_http2_total"] > 0


def test_functions_are_in_force(site: LocalSite, arm_of: Any) -> None:
    functions = Functions(
        authorization_rules=4,
        routes=6,
        route_match="last",
        split=(1, 3),
        retries=2,
        timeout_s=2.5,
        rate_limit=20.0,
        metrics=True,
    )
    deployed = deploy(site, arm_of(functions))
    found = deployed.observe("begin")
    assert broken(found) == {}
    told = {claim.claim: claim.evidence for claim in found}
    assert "refused with status 403" in told["mtls: a wrong identity is refused"]
    assert told["rules deny what none of them admits"].endswith("status 403")
    answers = [ask(entrance(site, deployed), "/").status for _ in range(40)]
    assert {200, 429} == set(answers)
    assert {ask(entrance(site, deployed), "/whoami").status for _ in range(40)} == {200}  # exempt
    assert ask(entrance(site, deployed), decoy(3)).status == MISTAKEN  # the load's own route is the last
    said = replace(functions, routes=7)
    lying = replace(observer_of(deployed), arm=arm_of(said))
    assert list(broken(lying("end"))) == ["the functions that were switched on are in force"]


@pytest.mark.parametrize("settings", [{"mtls": "off"}, {"mode": "tcp"}, {"defaults": "mesh", "access_log": True}])
def test_other_arms_hold_their_claims_too(site: LocalSite, arm_of: Any, settings: dict[str, Any]) -> None:
    deployed = deploy(site, arm_of(**settings))
    assert broken(deployed.observe("begin")) == {}
    assert ask(entrance(site, deployed), "/").status == 200
    assert broken(deployed.observe("end")) == {}
    assert deployed.observed_facts()["security.mtls"].value == settings.get("mtls", "strict")


def test_an_arm_without_mutual_tls_that_says_it_has_it_is_caught(site: LocalSite, arm_of: Any) -> None:
    deployed = deploy(site, arm_of(mtls="off"))
    lying = replace(observer_of(deployed), arm=arm_of())
    found = broken(lying("begin"))
    assert "mtls: plaintext is refused" in found
    assert "mtls: strict, as every connection between sidecars shows" in found
    assert "the workload sees the client's identity" in found


def test_a_pod_without_redirection_is_caught(site: LocalSite, arm_of: Any) -> None:
    deployed = deploy(site, arm_of())
    site.run(["iptables", "-t", "nat", "-F"], host="istio-app")
    found = broken(deployed.observe("end"))
    assert "mtls: plaintext is refused" in found


def test_a_configuration_that_changes_while_load_runs_is_caught(site: LocalSite, arm_of: Any) -> None:
    deployed = deploy(site, arm_of(Functions(retries=1)))
    watched = observer_of(deployed)
    file = watched.plane.folder / "services.yaml"
    file.write_text(file.read_text().replace('"attempts": 1', '"attempts": 4'))
    until = time.monotonic() + 10.0
    while "the configuration of the sidecar of client does not change" not in broken(watched("end")):
        assert time.monotonic() < until, "the change never arrived"


def test_a_filter_that_this_envoy_lacks_is_named_at_once(site: LocalSite, arm_of: Any) -> None:
    began = time.monotonic()
    with pytest.raises(DeploymentError, match="Envoy refuses the configuration") as refused:
        deploy(site, arm_of(control_plane={"PILOT_ENABLE_ALPN_FILTER": "true"}))
    assert refused.value.code == "MP5101"
    assert "istio.alpn" in "".join(refused.value.log)
    assert time.monotonic() - began < 25.0  # not only at its deadline


def test_a_mesh_configuration_that_istiod_does_not_understand_is_told_in_its_words(
    site: LocalSite, arm_of: Any
) -> None:
    with pytest.raises(DeploymentError, match="istio-istiod does not understand") as refused:
        deploy(site, arm_of(control_plane={"meshConfig.discoverySelectors": "7"}))
    assert "cannot unmarshal" in "".join(refused.value.log)


@pytest.mark.parametrize("component", ["istiod", "app-agent", "app-sidecar"])
def test_a_component_that_is_killed_is_named(site: LocalSite, arm_of: Any, component: str) -> None:
    deployed = deploy(site, arm_of())
    process = next(one for one in deployed.processes if one.name == f"istio-{component}")
    os.kill(process.pid, signal.SIGKILL)
    until = time.monotonic() + 10.0
    with pytest.raises(DeploymentError) as gone:
        while time.monotonic() < until:
            site.check()
            time.sleep(0.02)
    assert gone.value.code == "MP5104"
    # An agent ends with its Envoy.
    assert f"istio-{component.replace('sidecar', 'agent')}" in gone.value.message


def test_a_change_reaches_every_sidecar_of_a_studied_control_plane(site: LocalSite, arm_of: Any) -> None:
    mesh = open_mesh("istio")
    assert isinstance(mesh, ControlledMesh)
    up = mesh.deploy_proxies(site, arm_of(), "istio", proxies=2, endpoints=("10.64.0.1:1", "10.64.0.1:2"))
    up.configure(3)
    up.route("hello")
    until = time.monotonic() + 15.0
    waiting = list(up.proxies)
    while waiting:
        assert time.monotonic() < until, waiting
        waiting = [at for at in waiting if ask(at, "/", headers={"host": ROUTE_PROBE}).body != b"hello"]
