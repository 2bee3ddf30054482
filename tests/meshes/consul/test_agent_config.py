"""The agent's configuration file: nothing on wildcard addresses, nobody admitted by default, equal digests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graphs import ECHO, TRIANGLE
from meshperf.errors import UsageError
from meshperf.meshes.base import AppAddress
from meshperf.meshes.consul.agent_config import agent_configuration, configuration_digest
from meshperf.meshes.consul.layout import Layout
from meshperf.spec.experiment import Arm
from meshperf.spec.graph import Graph
from paper_site import PaperSite


def configured(
    graph: Graph = ECHO, *, site: PaperSite | None = None, transparent: bool = False, **settings: Any
) -> tuple[dict[str, Any], Layout]:
    layout = Layout.of(site or PaperSite(Path("/nowhere")), "consul", graph, transparent=transparent)
    apps = {
        service.name: AppAddress(host=layout.workload(service.name).app.rpartition(":")[0], port=8080, admin="-")
        for service in graph.services
    }
    arm = Arm(name="consul", mesh="consul", mtls="strict", **settings)
    return agent_configuration(layout, arm, apps, log_folder="/logs"), layout


def test_every_port_is_explicit_and_nothing_listens_on_a_wildcard_address() -> None:
    configuration, layout = configured()
    assert {configuration[key] for key in ("bind_addr", "client_addr", "advertise_addr")} == {layout.agent}
    ports = configuration["ports"]
    assert {name: port for name, port in ports.items() if port > 0} == {
        "http": 8500,
        "grpc": 8502,
        "server": 8300,
        "serf_lan": 8301,
    }
    assert "0.0.0.0" not in json.dumps(configuration)


def test_whoever_no_intention_names_is_denied() -> None:
    assert configured()[0]["default_intention_policy"] == "deny"


def test_a_sidecar_sends_to_its_own_service_and_listens_for_its_callees() -> None:
    configuration, layout = configured(TRIANGLE)
    by_name = {service["name"]: service["connect"]["sidecar_service"] for service in configuration["services"]}
    front = layout.workload("front")
    assert f"{by_name['front']['proxy']['local_service_address']}:8080" == front.app
    assert [(up["destination_name"], up["local_bind_port"]) for up in by_name["front"]["proxy"]["upstreams"]] == [
        ("middle", 15001),
        ("leaf", 15002),
    ]
    assert "local_service_address" not in by_name["client"]["proxy"]


def test_what_an_agent_ships_with_is_left_alone_where_the_arm_says_so() -> None:
    shipped = configured(defaults="mesh")[0]["services"]
    assert all("checks" not in service["connect"]["sidecar_service"] for service in shipped)
    equal = configured()[0]["services"]
    assert all(service["connect"]["sidecar_service"]["checks"] for service in equal)


def test_settings_of_the_control_plane_go_where_their_path_says() -> None:
    settings = {"performance.raft_multiplier": "1", "log_level": "info"}
    configuration, _ = configured(control_plane=settings)
    assert configuration["performance"] == {"raft_multiplier": 1}
    assert configuration["log_level"] == "info"


@pytest.mark.parametrize("path", ["ports.http", "default_intention_policy", "services"])
def test_a_setting_that_the_adapter_rests_on_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match="is a setting that meshperf makes itself") as refused:
        configured(control_plane={path: "1"})
    assert refused.value.code == "MP1008"


def test_the_digest_knows_no_addresses_but_every_setting(tmp_path: Path) -> None:
    def digest(graph: Graph = ECHO, *, crowd: int = 0, **settings: Any) -> str:
        site = PaperSite(tmp_path)
        for number in range(crowd):
            site.address(f"other-{number}")
        configuration, layout = configured(graph, site=site, **settings)
        return configuration_digest(configuration, layout, log_folder="/logs")

    assert digest() == digest(crowd=20)
    assert digest(TRIANGLE) == digest(TRIANGLE, crowd=7)
    assert len({digest(), digest(TRIANGLE), digest(defaults="mesh"), digest(access_log=True)}) == 4


def test_a_redirected_sidecar_learns_its_callees_from_the_intentions() -> None:
    configuration, layout = configured(TRIANGLE, site=PaperSite(Path("/nowhere"), "netns"), transparent=True)
    by_name = {service["name"]: service for service in configuration["services"]}
    front = by_name["front"]["connect"]["sidecar_service"]
    assert front["proxy"]["mode"] == "transparent"
    assert "upstreams" not in front["proxy"]
    virtual = {"address": layout.workload("front").virtual, "port": 8080}
    assert front["tagged_addresses"] == by_name["front"]["tagged_addresses"] == {"virtual": virtual}
    assert "tagged_addresses" not in by_name["client"]
