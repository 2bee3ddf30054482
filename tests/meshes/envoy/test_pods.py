"""Sidecars in pods of their own: explicit ports, and redirection by rules in the pod's own network namespace."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from meshperf.environments.asking import ask
from meshperf.environments.local import LocalSite
from meshperf.experiment.residents import Deployed
from meshperf.meshes.envoy.claims import Observer
from meshperf.spec.experiment import Arm, Functions
from meshperf.spec.graph import Call, Graph, GraphService, digest_of
from meshperf.workloads import counters

Deploy = Callable[..., Deployed]
pytestmark = [pytest.mark.needs_envoy, pytest.mark.needs_native, pytest.mark.needs_netns]

SERVICES = (GraphService(name="back"), GraphService(name="front", calls=(Call(to="back"),)))
PAIR = Graph(name="t", entry="front", services=SERVICES, digest=digest_of("front", SERVICES))


def failed(deployed: Deployed) -> list[str]:
    found = [*deployed.deployment.observe("begin"), *deployed.deployment.observe("end")]
    return [f"{claim.claim}: {claim.evidence}" for claim in found if not claim.held]


def observer(deployed: Deployed) -> Observer:
    assert isinstance(deployed.deployment.observe, Observer)
    return deployed.deployment.observe


@pytest.mark.parametrize("interception", ["explicit", "transparent"])
@pytest.mark.parametrize("graph", [None, PAIR], ids=["one service", "two services"])
def test_all_claims_hold_in_pods(pods: LocalSite, deploy: Deploy, interception: str, graph: Graph | None) -> None:
    arm = Arm(name="envoy", mesh="envoy", mtls="strict", interception=interception, functions=Functions(metrics=True))
    deployed = deploy(pods, arm, graph)
    assert failed(deployed) == []
    assert deployed.deployment.target.network_namespace == pods.namespace("envoy-client")
    kind = deployed.deployment.facts["interception.kind"].value
    assert kind == {"explicit": "explicit port", "transparent": "iptables redirect"}[interception]


def test_redirected_calls_of_a_service_reach_the_next_one_with_its_identity(pods: LocalSite, deploy: Deploy) -> None:
    deployed = deploy(pods, Arm(name="envoy", mesh="envoy", mtls="strict", interception="transparent"), PAIR)
    before = counters(deployed.apps["back"].endpoint)["requests"]
    for _ in range(10):
        assert ask(observer(deployed).proofs.through, "/").status == 200
    assert counters(deployed.apps["back"].endpoint)["requests"] - before == 10
    assert failed(deployed) == []


@pytest.mark.parametrize(
    ("interception", "mtls", "mode"),
    [("explicit", "strict", "http"), ("transparent", "strict", "http"), ("explicit", "off", "tcp")],
)
def test_between_two_clusters_the_load_crosses_the_gateway(
    pods: LocalSite, deploy: Deploy, interception: str, mtls: str, mode: str
) -> None:
    arm = Arm(name="envoy", mesh="envoy", mtls=mtls, mode=mode, interception=interception, clusters=2)
    deployed = deploy(pods, arm, PAIR)
    assert failed(deployed) == []
    assert "gateway" in [deployed.component(process) for process in deployed.deployment.processes]
    (crossed,) = [claim for claim in deployed.deployment.observe("end") if "gateway" in claim.claim]
    assert crossed.held
    assert " 0 came in" not in crossed.evidence


def test_a_caller_that_asks_for_another_name_finds_no_way_through_the_gateway(pods: LocalSite, deploy: Deploy) -> None:
    deployed = deploy(pods, Arm(name="envoy", mesh="envoy", mtls="strict", clusters=2), PAIR)
    gateway = observer(deployed).layout.gateway
    assert gateway is not None
    address = pods.reach("envoy-client", 15443, at=gateway.address)
    plain = ask(address, "/whoami")
    assert plain.reached
    assert not plain.answered
    asked = ask(
        address, "/whoami", tls=observer(deployed).own["client"]
    )  # it asks for `server`, and the entry is `front`
    assert not asked.answered


def test_redirected_calls_do_not_know_of_the_sidecars(pods: LocalSite, deploy: Deploy) -> None:
    deployed = deploy(pods, Arm(name="envoy", mesh="envoy", mtls="strict", interception="transparent"))
    target = deployed.deployment.target.address
    assert target == f"{pods.address('envoy-app')}:8080"
    through = observer(deployed).proofs.through
    assert ask(through, "/whoami").json()["identity"] == "spiffe://meshperf.lab/client"
    claims = {claim.claim: claim for claim in deployed.deployment.observe("begin")}
    assert claims["mtls: a caller outside the mesh is refused"].held


def test_what_is_meant_for_no_callee_does_not_leave_a_redirected_pod(pods: LocalSite, deploy: Deploy) -> None:
    deploy(pods, Arm(name="envoy", mesh="envoy", mtls="strict", interception="transparent"))
    port = 8081  # the service's own questions, which are no business of another pod
    refused = ask(pods.reach("envoy-client", port, at=pods.address("envoy-app")), "/ready")
    assert refused.reached
    assert not refused.answered
    assert ask(pods.reach("envoy-app", port), "/ready").status == 200


def test_without_its_rules_a_redirected_arm_is_caught(pods: LocalSite, deploy: Deploy) -> None:
    deployed = deploy(pods, Arm(name="envoy", mesh="envoy", mtls="strict", interception="transparent"))
    pods.run(["iptables", "-t", "nat", "-F"], host="envoy-app")
    pods.run(["iptables", "-t", "nat", "-F"], host="envoy-client")
    told = failed(deployed)
    assert any(line.startswith("mtls: plaintext is refused: a plaintext request was answered") for line in told)
    assert any(line.startswith("mtls: a caller outside the mesh is refused") for line in told)
    assert any(line.startswith("the workload sees the client sidecar's identity") for line in told)
