"""Real Envoys in front of real services: what holds, and what is caught."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from meshperf.environments.asking import ask
from meshperf.environments.local import LocalSite
from meshperf.errors import ComparisonError, DocumentError
from meshperf.experiment.residents import Deployed, require_claims
from meshperf.meshes.envoy.claims import Observer
from meshperf.spec.experiment import Arm

Deploy = Callable[..., Deployed]

pytestmark = [pytest.mark.needs_envoy, pytest.mark.needs_native]


def broken(deployed: Deployed) -> list[str]:
    return [claim.claim for claim in deployed.deployment.observe("begin") if not claim.held]


def test_a_strict_pair_holds_every_claim_and_says_what_was_agreed(site: LocalSite, deploy: Deploy) -> None:
    deployed = deploy(site, Arm(name="envoy", mesh="envoy", mtls="strict"))
    assert broken(deployed) == []
    facts = {name: fact.value for name, fact in deployed.deployment.observed_facts().items()}
    assert facts["security.mtls"] == "strict"
    assert facts["security.tls_version"] == "TLSv1.3"
    assert facts["security.tls_group"] == "X25519"
    assert facts["security.resumption"] is False
    assert facts["proxy.concurrency"] == 1


def test_a_pair_without_mtls_is_seen_as_such(site: LocalSite, deploy: Deploy) -> None:
    deployed = deploy(site, Arm(name="envoy", mesh="envoy", mtls="off"))
    assert broken(deployed) == []
    assert deployed.deployment.observed_facts()["security.mtls"].value == "off"


def test_tcp_mode_passes_bytes_under_mutual_tls(site: LocalSite, deploy: Deploy) -> None:
    deployed = deploy(site, Arm(name="envoy", mesh="envoy", mtls="strict", mode="tcp"))
    assert broken(deployed) == []
    assert ask(deployed.deployment.target.address, "/").status == 200
    assert deployed.deployment.observed_facts()["security.mtls"].value == "strict"


def test_the_access_log_is_written_where_it_is_switched_on(site: LocalSite, deploy: Deploy) -> None:
    deployed = deploy(site, Arm(name="envoy", mesh="envoy", mtls="strict", access_log=True))
    ask(deployed.deployment.target.address, "/logged")
    assert len(list((site.work_dir / "envoy").rglob("*.access.log"))) == 2


def test_two_workers_are_two_workers(site: LocalSite, deploy: Deploy) -> None:
    deployed = deploy(site, Arm(name="envoy", mesh="envoy", mtls="strict", proxy_concurrency=2))
    assert broken(deployed) == []
    assert deployed.deployment.observed_facts()["proxy.concurrency"].value == 2


TCP_PROXY = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
PLAIN_SERVER = {
    "admin": {"address": {"socket_address": {"address": "{{ server_address }}", "port_value": "@admin@"}}},
    "static_resources": {
        "listeners": [
            {
                "name": "in",
                "address": {"socket_address": {"address": "{{ server_address }}", "port_value": "@in@"}},
                "filter_chains": [
                    {
                        "filters": [
                            {
                                "name": "tcp",
                                "typed_config": {
                                    "@type": TCP_PROXY,
                                    "stat_prefix": "in",
                                    "cluster": "app",
                                },
                            }
                        ]
                    }
                ],
            }
        ],
        "clusters": [
            {
                "name": "app",
                "type": "STATIC",
                "load_assignment": {
                    "cluster_name": "app",
                    "endpoints": [
                        {
                            "lb_endpoints": [
                                {
                                    "endpoint": {
                                        "address": {
                                            "socket_address": {"address": "{{ app_address }}", "port_value": "@app@"}
                                        }
                                    }
                                }
                            ]
                        }
                    ],
                },
            }
        ],
    },
}


def template(tmp_path: Path) -> Path:
    """A server sidecar that forwards whatever comes, without TLS."""
    text = json.dumps(PLAIN_SERVER)
    for mark, name in (("@admin@", "admin_port"), ("@in@", "inbound_port"), ("@app@", "app_port")):
        text = text.replace(f'"{mark}"', f"{{{{ {name} }}}}")
    path = tmp_path / "server.yaml"
    path.write_text(text)
    return path


def test_an_arm_declared_strict_whose_sidecar_takes_plaintext_is_caught(
    site: LocalSite, deploy: Deploy, tmp_path: Path
) -> None:
    arm = Arm(name="envoy", mesh="envoy", mtls="strict", server_bootstrap=template(tmp_path))
    deployed = deploy(site, arm)
    found = {"envoy": deployed.deployment.observe("begin")}
    with pytest.raises(ComparisonError, match="plaintext is refused: a plaintext request was answered") as caught:
        require_claims(found)
    assert caught.value.code == "MP4003"
    assert caught.value.exit_code == 4


def test_a_template_that_asks_for_the_unknown_says_what_there_is(
    site: LocalSite, deploy: Deploy, tmp_path: Path
) -> None:
    path = tmp_path / "client.yaml"
    path.write_text("admin: {{ no_such_thing }}\n")
    with pytest.raises(DocumentError, match="no_such_thing") as refused:
        deploy(site, Arm(name="envoy", mesh="envoy", client_bootstrap=path))
    assert "client_address" in str(refused.value.hint)


PLAIN_CLIENT = json.dumps(PLAIN_SERVER).replace("{{ server_address }}", "{{ client_address }}").replace("@in@", "@out@")


def test_an_arm_whose_load_goes_past_the_server_sidecar_is_caught(
    site: LocalSite, deploy: Deploy, tmp_path: Path
) -> None:
    path = tmp_path / "client.yaml"
    text = PLAIN_CLIENT
    for mark, name in (("@admin@", "admin_port"), ("@out@", "outbound_port"), ("@app@", "app_port")):
        text = text.replace(f'"{mark}"', f"{{{{ {name} }}}}")
    path.write_text(text)
    deployed = deploy(site, Arm(name="envoy", mesh="envoy", mtls="strict", mode="tcp", client_bootstrap=path))
    for _ in range(80):
        ask(deployed.deployment.target.address, "/", headers={"x-load": "x" * 500})
    claims_broken = broken(deployed)
    assert "what the application receives comes through the server sidecar" in claims_broken
    assert "mtls: strict, as every connection between the sidecars shows" in claims_broken
    assert deployed.deployment.observed_facts()["security.mtls"].value == "off"


def test_an_arm_declared_off_that_speaks_tls_is_caught(site: LocalSite, deploy: Deploy) -> None:
    strict = deploy(site, Arm(name="envoy", mesh="envoy", mtls="strict", mode="tcp"))
    assert isinstance(strict.deployment.observe, Observer)
    declared_off = replace(strict.deployment.observe, arm=Arm(name="envoy", mesh="envoy", mtls="off", mode="tcp"))
    assert [claim.claim for claim in declared_off("end") if not claim.held] == [
        "mtls: off, as every connection between the sidecars shows"
    ]
