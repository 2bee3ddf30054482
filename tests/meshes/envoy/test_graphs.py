"""A graph of services, each with its sidecar: who sees whom, and what happens when one sidecar is gone."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest

from meshperf.environments.asking import ask
from meshperf.environments.local import LocalSite
from meshperf.errors import DeploymentError
from meshperf.experiment.residents import Deployed
from meshperf.spec.experiment import Arm
from meshperf.spec.graph import Call, Graph, GraphService, digest_of
from meshperf.workloads import counters

Deploy = Callable[..., Deployed]
pytestmark = [pytest.mark.needs_envoy, pytest.mark.needs_native]

SERVICES = (
    GraphService(name="back"),
    GraphService(name="middle", calls=(Call(to="back"),)),
    GraphService(name="front", calls=(Call(to="middle"), Call(to="back"))),
)
CHAIN = Graph(name="t", entry="front", services=SERVICES, digest=digest_of("front", SERVICES))


def strict(**settings: str) -> Arm:
    return Arm(name="envoy", mesh="envoy", mtls="strict", **settings)  # type: ignore[arg-type]


def failed(deployed: Deployed) -> list[str]:
    return [f"{claim.claim}: {claim.evidence}" for claim in deployed.deployment.observe("begin") if not claim.held]


def test_every_pod_has_a_sidecar_and_every_edge_its_identities(site: LocalSite, deploy: Deploy) -> None:
    deployed = deploy(site, strict(), CHAIN)
    found = deployed.deployment.observe("begin")
    assert [claim.claim for claim in found if not claim.held] == []
    claims = {claim.claim for claim in found}
    assert claims >= {
        "front sees the identity of client",
        "middle sees the identity of front",
        "back sees the identity of front",
        "back sees the identity of middle",
        "mtls: plaintext is refused by back",
        "mtls: back is refused by middle",
        "what the back sidecar receives comes from its callers' sidecars",
    }
    assert [deployed.component(process) for process in deployed.deployment.processes] == [
        "back-sidecar",
        "middle-sidecar",
        "front-sidecar",
        "client-sidecar",
    ]


@pytest.mark.parametrize("mode", ["http", "tcp"])
def test_the_calls_of_services_go_through_the_sidecars(site: LocalSite, deploy: Deploy, mode: str) -> None:
    deployed = deploy(site, strict(mode=mode), CHAIN)
    deployed.deployment.observe("begin")
    before = {name: counters(app.endpoint)["requests"] for name, app in deployed.apps.items()}
    for _ in range(20):
        assert ask(deployed.deployment.target.address, "/").status == 200
    made = {name: counters(app.endpoint)["requests"] - before[name] for name, app in deployed.apps.items()}
    assert made == {"front": 20, "middle": 20, "back": 40}
    assert counters(deployed.apps["front"].endpoint).get("call_failures", 0) == 0
    assert [claim.claim for claim in deployed.deployment.observe("end") if not claim.held] == []


def test_bytes_are_forwarded_along_the_whole_graph(site: LocalSite, deploy: Deploy) -> None:
    deployed = deploy(site, strict(mode="tcp"), CHAIN)
    assert failed(deployed) == []
    facts = deployed.deployment.observed_facts()
    assert facts["hop.between"].value == "tcp"
    assert facts["proxy.header_growth_bytes"].value == 0


def test_a_sidecar_that_was_killed_is_named(site: LocalSite, deploy: Deploy) -> None:
    deployed = deploy(site, strict(), CHAIN)
    middle = next(one for one in deployed.deployment.processes if one.name.endswith("middle-sidecar"))
    os.kill(middle.pid, signal.SIGKILL)
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            site.check()
        except DeploymentError as ended:
            assert ended.code == "MP5104"
            assert "envoy-middle-sidecar ended during the measurement (killed by SIGKILL)" in str(ended)
            return
        time.sleep(0.02)
    pytest.fail("the end of the sidecar was not noticed")


def test_a_sidecar_that_is_missing_breaks_the_claims_of_its_edges(site: LocalSite, deploy: Deploy) -> None:
    deployed = deploy(site, strict(), CHAIN)
    missing = next(one for one in deployed.deployment.processes if one.name.endswith("middle-sidecar"))
    site.stop(missing)
    told = failed(deployed)
    assert any(line.startswith("middle sees the identity of front") for line in told)
    assert any("nobody listens there" in line for line in told)
    assert not any(line.startswith("back sees the identity of front") for line in told)


def test_a_configuration_that_envoy_refuses_is_shown_with_its_reason(site: LocalSite, deploy: Deploy, tmp_path) -> None:  # type: ignore[no-untyped-def]
    template = tmp_path / "server.yaml"
    template.write_text("static_resources: {listeners: [{name: in, no_such_field: 1}]}\n")
    with pytest.raises(DeploymentError) as refused:
        deploy(site, Arm(name="envoy", mesh="envoy", server_bootstrap=template))
    assert refused.value.code == "MP5102"
    assert "envoy-server-sidecar ended before it was ready" in str(refused.value)
    assert "no_such_field" in "\n".join(refused.value.log)
