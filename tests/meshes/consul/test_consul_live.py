"""A real agent with real sidecars in front of a real workload: what holds, and what is said when it breaks."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from graphs import ECHO, TRIANGLE
from meshperf.environments.asking import ask
from meshperf.environments.local import LocalSite
from meshperf.errors import DeploymentError
from meshperf.meshes import AppAddress, ArmDeployment, envoy_admin, open_mesh
from meshperf.meshes.base import APP_PORT
from meshperf.meshes.consul import agent_config, deployment
from meshperf.meshes.consul.claims import Observer
from meshperf.meshes.consul.entries import configuration_entries
from meshperf.spec.experiment import Arm, Functions, Workload
from meshperf.spec.graph import Graph
from meshperf.spec.records import Claim
from meshperf.workloads import start_echo

pytestmark = [pytest.mark.needs_consul, pytest.mark.needs_envoy, pytest.mark.needs_native]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[LocalSite]:
    with LocalSite.open("test", None, tmp_path / "state") as opened:
        yield opened


def deploy(site: LocalSite, graph: Graph = ECHO, **settings: Any) -> ArmDeployment:
    """An arm with its services; they call nobody, which a mesh cannot see."""
    arm = Arm(name="consul", mesh="consul", mtls="strict", **settings)
    preparation = open_mesh("consul").prepare(site, arm, "consul", graph)
    apps: dict[str, AppAddress] = {}
    for service in graph.services:
        needs = preparation.needs(service.name)
        _, endpoint = start_echo(
            site, Workload(), name=f"consul-{service.name}", host=needs.host, trusted_peer=needs.trusted_peer
        )
        apps[service.name] = AppAddress(host=site.address(needs.host), port=APP_PORT, admin=endpoint.admin)
    return preparation.deploy(apps)


def broken(claims: Iterator[Claim] | Any) -> Mapping[str, str]:
    return {claim.claim: claim.evidence for claim in claims if not claim.held}


def counters_of(deployed: ArmDeployment, workload: str) -> Mapping[str, int]:
    assert isinstance(deployed.observe, Observer)
    return envoy_admin.counters(deployed.observe.layout.workload(workload).admin)


def test_every_claim_holds_and_the_other_arms_tls_is_spoken(site: LocalSite) -> None:
    deployed = deploy(site)
    assert broken(deployed.observe("begin")) == {}
    facts = {name: fact.value for name, fact in {**deployed.facts, **deployed.observed_facts()}.items()}
    assert facts["security.tls_version"] == "TLSv1.3"
    assert facts["security.tls_group"] == "X25519"
    assert facts["security.tls_signature"] == "ecdsa_secp256r1_sha256"
    assert str(facts["security.identity"]).endswith("/svc/client")
    assert facts["proxy.concurrency"] == 1
    assert 1000 < float(str(facts["proxy.header_growth_bytes"])) < 4000  # the caller's whole certificate, twice
    assert 0 < float(str(facts["mesh.first_request_s"])) < 30
    assert facts["hop.app"] == "http1"
    assert broken(deployed.observe("end")) == {}


def test_an_identity_that_no_intention_names_is_denied_by_the_sidecar(site: LocalSite) -> None:
    deployed = deploy(site)
    denied = "http.public_listener.rbac.denied"
    before = counters_of(deployed, "app").get(denied, 0)
    claims = {claim.claim: claim for claim in deployed.observe("begin")}
    assert "refused with status 403" in claims["mtls: a wrong identity is refused"].evidence
    assert counters_of(deployed, "app")[denied] == before + 1


def test_a_graph_with_all_protocols_is_carried_along_its_edges_only(site: LocalSite) -> None:
    deployed = deploy(site, TRIANGLE)
    found = deployed.observe("begin")
    assert broken(found) == {}
    seen = [claim.claim for claim in found if claim.claim.startswith("the workload sees")]
    assert len(seen) == len(list(TRIANGLE.edges()))
    assert len(deployed.processes) == 5


def test_functions_are_in_force(site: LocalSite) -> None:
    functions = Functions(authorization_rules=4, routes=6, route_match="last", split=(1, 3), retries=2, timeout_s=0.5)
    deployed = deploy(site, functions=functions)
    assert broken(deployed.observe("begin")) == {}
    for _ in range(60):
        assert ask(deployed.target.address, "/").status == 200
    client = counters_of(deployed, "client")
    shares = [
        sum(count for name, count in client.items() if f"cluster.{subset}.app." in name and "upstream_rq_total" in name)
        for subset in ("s0", "s1")
    ]
    assert 0 < shares[0] < shares[1]
    told = {claim.claim: claim.evidence for claim in deployed.observe("end")}
    assert told["the sidecar of app holds every request against 4 rules"] == "it has 4 for its callers"
    assert told["rules deny what none of them admits"] == "/meshperf/denied was answered with status 403"
    assert told["the routing table from client to app is as the arm says"] == (
        "load takes number 6 of 7 routes, weights [2500, 7500], 2 retries, timeout 0.5 s"
    )
    assert deployed.facts["proxy.functions"].value == (
        "authorization_rules=4, retries=2, route_match=last, routes=6, split=1/3, timeout_s=0.5"
    )


def test_functions_that_an_arm_says_and_does_not_have_are_caught(site: LocalSite) -> None:
    deployed = deploy(site, functions=Functions(authorization_rules=2, routes=3))
    assert isinstance(deployed.observe, Observer)
    said = Functions(authorization_rules=3, routes=3, route_match="last", retries=1)
    lying = replace(deployed.observe, arm=replace(deployed.observe.arm, functions=said))
    assert set(broken(lying("end"))) == {
        "the sidecar of app holds every request against 3 rules",
        "the routing table from client to app is as the arm says",
    }


def test_metrics_are_scraped_by_a_process_that_is_not_counted(site: LocalSite) -> None:
    deployed = deploy(site, functions=Functions(metrics=True))
    told = {claim.claim: claim for claim in deployed.observe("begin")}
    assert told["metrics are scraped every second"].held
    assert [process.role for process in deployed.processes].count("telemetry") == 1
    assert deployed.facts["proxy.telemetry"].value == "counters, scraped every second"


@pytest.mark.needs_netns
def test_in_namespaces_every_claim_holds_and_an_outside_caller_is_refused(tmp_path: Path) -> None:
    with LocalSite.open("test", None, tmp_path / "state", environment="netns") as pods:
        deployed = deploy(pods, TRIANGLE, functions=Functions(metrics=True))
        assert deployed.target.network_namespace is not None
        found = deployed.observe("begin")
        assert broken(found) == {}
        outside = [claim for claim in found if claim.claim.startswith("mtls: a caller outside the mesh is refused")]
        assert len(outside) == len(TRIANGLE.services)
        assert deployed.observed_facts()["security.mtls"].value == "strict"


@pytest.mark.needs_netns
def test_redirected_connections_hold_every_claim_and_carry_the_functions(tmp_path: Path) -> None:
    functions = Functions(authorization_rules=3, routes=4, split=(1, 1), retries=1, timeout_s=1.0)
    with LocalSite.open("test", None, tmp_path / "state", environment="netns") as pods:
        deployed = deploy(pods, TRIANGLE, interception="transparent", functions=functions, access_log=True)
        assert deployed.target.address.startswith("198.18.")
        found = deployed.observe("begin")
        assert broken(found) == {}
        assert "mtls: a caller outside the mesh is refused at leaf" in {claim.claim for claim in found}
        facts = deployed.facts
        assert facts["interception.kind"].value == "iptables redirect"
        assert deployed.observed_facts()["security.mtls"].value == "strict"


def test_as_it_ships_consul_speaks_an_older_tls(site: LocalSite) -> None:
    deployed = deploy(site, defaults="mesh")
    assert broken(deployed.observe("begin")) == {}
    assert deployed.observed_facts()["security.tls_version"].value == "TLSv1.2"
    assert deployed.facts["mesh.defaults"].value == "mesh"


def test_tcp_mode_passes_bytes_and_still_denies(site: LocalSite) -> None:
    deployed = deploy(site, mode="tcp")
    assert broken(deployed.observe("begin")) == {}
    assert counters_of(deployed, "app")["connect_authz.rbac.denied"] > 0
    assert deployed.observed_facts()["hop.between"].value == "tcp"


def test_workers_and_access_log_are_as_the_arm_says(site: LocalSite) -> None:
    deployed = deploy(site, proxy_concurrency=2, access_log=True)
    assert broken(deployed.observe("begin")) == {}
    ask(deployed.target.address, "/logged")
    for process in deployed.processes[1:]:
        site.stop(process)  # Envoy writes what it has kept of its log when it ends
    (log,) = (site.work_dir / "consul").rglob("access.log")
    assert sum('"path":"/logged"' in line for line in log.read_text().splitlines()) == 2


def test_an_arm_that_says_other_workers_than_it_has_is_caught(site: LocalSite) -> None:
    deployed = deploy(site)
    assert isinstance(deployed.observe, Observer)
    lying = replace(deployed.observe, arm=replace(deployed.observe.arm, proxy_concurrency=3))
    assert set(broken(lying("end"))) == {"the sidecar of client runs 3 workers", "the sidecar of app runs 3 workers"}


def test_load_that_goes_past_the_sidecar_is_caught(site: LocalSite) -> None:
    deployed = deploy(site)
    assert isinstance(deployed.observe, Observer)
    for _ in range(40):
        ask(deployed.observe.apps["app"].address, "/", headers={"x-load": "x" * 500})
    assert set(broken(deployed.observe("end"))) == {"what the application receives comes through its sidecar"}


def test_a_sidecar_that_does_not_accept_its_configuration_is_named(
    site: LocalSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_a_broken_script(*arguments: Any, **settings: Any) -> list[dict[str, Any]]:
        entries = configuration_entries(*arguments, **settings)
        for entry in entries:
            if entry["kind"] == "service-defaults" and entry["name"] == "app":
                script = {"proxy_type": "connect-proxy", "listener": "inbound", "script": "this is no Lua ("}
                entry["envoy_extensions"] = [{"name": "builtin/lua", "arguments": script}]
        return entries

    monkeypatch.setattr(agent_config, "configuration_entries", with_a_broken_script)
    monkeypatch.setattr(deployment, "_FIRST_REQUEST_S", 3.0)
    with pytest.raises(DeploymentError, match="the sidecar of app rejected its configuration") as failed:
        deploy(site)
    assert failed.value.code == "MP5101"
    assert "script load error" in "\n".join(failed.value.log)


def test_an_agent_that_refuses_its_configuration_is_told_with_its_last_lines(site: LocalSite) -> None:
    with pytest.raises(DeploymentError, match="consul-agent ended before it was ready") as failed:
        deploy(site, control_plane={"no_such_setting": "1"})
    assert failed.value.code == "MP5102"
    assert "no_such_setting" in "\n".join(failed.value.log)


def test_a_port_that_is_taken_is_named(site: LocalSite) -> None:
    address = site.address("consul-control")
    with (
        socket.create_server((address, 8500)),
        pytest.raises(DeploymentError, match=f"{address}:8500, which is taken") as failed,
    ):
        deploy(site)
    assert failed.value.code == "MP5103"


def test_an_agent_that_is_never_ready_is_told_with_what_is_missing(
    site: LocalSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployment, "_AGENT_READY_S", 2.0)
    with pytest.raises(DeploymentError, match="consul-agent was not ready within 2 s: its certificate auth") as failed:
        deploy(site, control_plane={"primary_datacenter": "elsewhere"})
    assert failed.value.code == "MP5101"


@pytest.mark.parametrize("which", ["agent", "sidecar"])
def test_a_process_that_is_killed_is_named(site: LocalSite, which: str) -> None:
    deployed = deploy(site)
    victim = next(process for process in deployed.processes if which in process.name)
    os.kill(victim.pid, signal.SIGKILL)
    with pytest.raises(DeploymentError, match=f"{victim.name} ended during the measurement .killed by SIGKILL"):
        for _ in range(200):
            site.check()
            ask(deployed.target.address, "/")


def test_two_residents_stand_side_by_side_and_leave_nothing(tmp_path: Path) -> None:
    with LocalSite.open("test", None, tmp_path / "state") as site:
        one = deploy(site)
        arm = Arm(name="consul", mesh="consul", mtls="strict")
        preparation = open_mesh("consul").prepare(site, arm, "consul#2", ECHO)
        needs = preparation.needs("app")
        _, endpoint = start_echo(
            site, Workload(), name="consul#2-app", host=needs.host, trusted_peer=needs.trusted_peer
        )
        address = AppAddress(host=site.address(needs.host), port=APP_PORT, admin=endpoint.admin)
        other = preparation.deploy({"app": address})
        assert broken(one.observe("begin")) == broken(other.observe("begin")) == {}
        pids = [process.pid for process in (*one.processes, *other.processes)]
        folder = site.work_dir
    assert not folder.exists()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
