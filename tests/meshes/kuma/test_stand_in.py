"""The adapter's own steps, with real Envoys in real pods, against a constructed stand-in for Kuma's programs.

What holds here holds for the adapter: the order of starting, tokens, permissions, the admin interface on a socket, the
child of kuma-dp, the denial, the claims. It proves nothing about Kuma, and the adapter stays unproven.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from graphs import ECHO, TRIANGLE
from meshperf.environments.local import LocalSite
from meshperf.errors import DeploymentError
from meshperf.meshes import identities
from meshperf.meshes.base import APP_PORT, AppAddress, ArmDeployment
from meshperf.meshes.binaries import Binary
from meshperf.meshes.kuma import deployment
from meshperf.meshes.kuma.mesh import Installation
from meshperf.meshes.programs import find_envoy
from meshperf.spec.experiment import Arm, Workload
from meshperf.spec.graph import Graph
from meshperf.workloads import start_echo

pytestmark = [pytest.mark.needs_netns, pytest.mark.needs_envoy, pytest.mark.needs_native]

SOURCE = Path(__file__).parent / "stand_in" / "programs.py"


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """The three programs, each a copy of the stand-in under its name, and certificates for whoever may be there."""
    folder = tmp_path / "kuma"
    for place in ("applied", "places"):
        (folder / "shared" / place).mkdir(parents=True)
    monkeypatch.setattr(identities, "TRUST_DOMAIN", "default")
    authority = identities.Authority(folder / "shared" / "certificates")
    for name in ("client", "unlisted", "app", "front", "middle", "leaf"):
        authority.issue(name)
    text = f"#!{sys.executable}\n{SOURCE.read_text()}"

    def program(name: str) -> Binary:
        path = folder / name
        path.write_text(text)
        path.chmod(0o755)
        return Binary(name=name, path=path, origin="option", version="2.14.3", build=None, sha256=name)

    return Installation(
        control_plane=program("kuma-cp"),
        dataplane=program("kuma-dp"),
        kumactl=program("kumactl"),
        envoy=find_envoy(),
    )


@pytest.fixture
def site(tmp_path: Path) -> Iterator[LocalSite]:
    with LocalSite.open("test", None, tmp_path / "state", environment="netns") as opened:
        yield opened


def deploy(site: LocalSite, installation: Installation, graph: Graph = ECHO, **settings: Any) -> ArmDeployment:
    arm = Arm(**{"name": "kuma", "mesh": "kuma", "mtls": "strict", "interception": "explicit", **settings})
    preparation = deployment.prepared(site, arm, "kuma", graph, installation=installation)
    apps: dict[str, AppAddress] = {}
    for service in graph.services:
        needs = preparation.needs(service.name)
        _, endpoint = start_echo(
            site, Workload(), name=f"kuma-{service.name}", host=needs.host, trusted_peer=needs.trusted_peer
        )
        apps[service.name] = AppAddress(host=site.address(needs.host), port=APP_PORT, admin=endpoint.admin)
    return preparation.deploy(apps)


def broken(deployed: ArmDeployment, when: str) -> dict[str, str]:
    return {claim.claim: claim.evidence for claim in deployed.observe(when) if not claim.held}


def test_every_claim_holds_and_the_arm_says_that_it_is_unproven(site: LocalSite, installation: Installation) -> None:
    deployed = deploy(site, installation)
    assert broken(deployed, "begin") == {}
    facts = {name: fact.value for name, fact in {**deployed.facts, **deployed.observed_facts()}.items()}
    assert facts["mesh.proven"] is False
    assert "unproven" in str(facts["mesh.label"])
    assert facts["security.identity"] == "spiffe://default/client"
    assert facts["security.key_type"] == "ECDSA P-256"
    assert facts["security.tls_version"] == "TLSv1.3"
    assert facts["hop.between"] == "http1"
    assert broken(deployed, "end") == {}


def test_agent_and_envoy_are_measured_each_for_itself_and_the_denied_one_is_gone(
    site: LocalSite, installation: Installation
) -> None:
    deployed = deploy(site, installation)
    assert [process.name for process in deployed.processes] == [
        "kuma-client-sidecar",
        "kuma-client-agent",
        "kuma-app-sidecar",
        "kuma-app-agent",
        "kuma-kuma-cp",
    ]
    assert len({process.pid for process in deployed.processes}) == 5
    assert not [line for line in Path("/proc").glob("[0-9]*/cmdline") if _names(line, "unlisted-1")]
    tried = next(claim for claim in deployed.observe("end") if claim.claim == "mtls: a wrong identity is refused")
    assert tried.evidence == "a sidecar that no permission names was answered with status 403, before the load"


def _names(path: Path, word: str) -> bool:
    try:
        return word in path.read_text()
    except OSError:  # it has just ended
        return False


def test_a_graph_is_carried_along_its_edges(site: LocalSite, installation: Installation) -> None:
    deployed = deploy(site, installation, TRIANGLE)
    assert broken(deployed, "begin") == {}
    commands = (installation.kumactl.path.parent / "shared" / "commands").read_text().splitlines()
    assert commands[0].startswith("config control-planes add")
    assert [line.split()[0] for line in commands[1:3]] == ["apply", "apply"]
    tokens = [line.split("kuma.io/service=")[1].split()[0] for line in commands[3:]]
    assert tokens == ["leaf", "middle", "front", "client", "unlisted"]


def test_a_permission_that_admits_everybody_is_caught(
    site: LocalSite, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployment, "_DENIED_WITHIN_S", 0.3)
    made = deployment.policies

    def lax(*arguments: Any) -> list[Any]:
        found = made(*arguments)
        for one in found:
            if one["type"] == "MeshTrafficPermission":
                everybody = {"kind": "MeshSubset", "tags": {"kuma.io/service": "unlisted"}}
                one["spec"]["from"].append({"targetRef": everybody, "default": {"action": "Allow"}})
        return found

    monkeypatch.setattr(deployment, "policies", lax)
    deployed = deploy(site, installation)
    assert broken(deployed, "begin") == {
        "mtls: a wrong identity is refused": (
            "a sidecar that no permission names was answered with status 200, before the load"
        )
    }


def test_a_command_that_fails_is_told_with_its_last_lines(site: LocalSite, installation: Installation) -> None:
    installation.kumactl.path.write_text("#!/bin/sh\necho 'Error: no control plane' >&2\nexit 1\n")
    with pytest.raises(DeploymentError, match="config control-planes add") as failed:
        deploy(site, installation)
    assert failed.value.code == "MP5102"
    assert "no control plane" in "\n".join(failed.value.log)


def test_a_control_plane_that_ends_is_named(site: LocalSite, installation: Installation) -> None:
    installation.control_plane.path.write_text("#!/bin/sh\necho 'panic: no interface'\nexit 2\n")
    with pytest.raises(DeploymentError, match=r"kuma-kuma-cp ended before it was ready \(exit code 2\)") as failed:
        deploy(site, installation)
    assert "panic: no interface" in "\n".join(failed.value.log)
