"""The bootstrap configuration of a sidecar, from what a real `consul connect envoy -bootstrap` printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphs import ECHO
from meshperf.errors import DeploymentError
from meshperf.meshes.consul.bootstrap import PROXY_USER, bootstrap_argv, completed, redirection_argv, sidecar_argv
from meshperf.meshes.consul.layout import Layout, Workload
from paper_site import PaperSite

PRINTED = (Path(__file__).parent / "recorded" / "client-bootstrap.json").read_text()


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout.of(PaperSite(tmp_path), "consul", ECHO)


@pytest.fixture
def client(layout: Layout) -> Workload:
    return layout.client


def test_a_sidecar_dials_from_its_own_address(client: Workload) -> None:
    config = completed(PRINTED, client, equal=True)
    source = config["cluster_manager"]["upstream_bind_config"]["source_address"]
    assert source == {"address": client.address, "port_value": 0}
    assert config["stats_flush_on_admin"] is True


def test_the_rest_of_what_consul_printed_stays(client: Workload) -> None:
    config = completed(PRINTED, client, equal=False)
    assert config["dynamic_resources"]["ads_config"]["api_type"] == "DELTA_GRPC"
    assert config["node"]["id"] == "client-sidecar-proxy"
    assert len(config["layered_runtime"]["layers"]) == 1
    assert "overload_manager" not in config


def test_equal_arms_share_a_key_exchange_and_have_no_limit_on_connections(client: Workload) -> None:
    config = completed(PRINTED, client, equal=True)
    assert config["layered_runtime"]["layers"][-1]["static_layer"] == {
        "envoy.reloadable_features.pqc_default_ecdh_curves": False
    }
    (monitor,) = config["overload_manager"]["resource_monitors"]
    assert monitor["typed_config"]["max_active_downstream_connections"] >= 100_000


@pytest.mark.parametrize("printed", ["", "Failed looking up sidecar proxy info for app", "{}", "[1]"])
def test_what_is_no_configuration_is_told_with_its_last_lines(printed: str, client: Workload) -> None:
    with pytest.raises(DeploymentError, match="printed no bootstrap configuration") as failed:
        completed(printed, client, equal=True)
    assert failed.value.code == "MP5102"
    assert list(failed.value.log) == printed.splitlines()


def test_command_lines_name_every_address(layout: Layout, client: Workload) -> None:
    asked = bootstrap_argv(Path("/bin/consul"), layout, client)
    assert asked[asked.index("-http-addr") + 1] == f"{layout.agent}:8500"
    assert asked[asked.index("-grpc-addr") + 1] == f"{layout.agent}:8502"
    assert asked[asked.index("-admin-bind") + 1] == client.admin
    started = sidecar_argv(Path("/bin/envoy"), Path("/c.json"), concurrency=2)
    assert started[started.index("--concurrency") + 1] == "2"
    assert "--disable-hot-restart" in started


def test_rules_of_redirection_leave_the_sidecar_and_the_counters_port_alone(layout: Layout, client: Workload) -> None:
    line = redirection_argv(Path("/bin/consul"), layout, client)
    options = dict(zip(line[3::2], line[4::2], strict=True))
    assert options["-proxy-uid"] == str(PROXY_USER[0])
    assert options["-proxy-inbound-port"] == "20000"
    assert options["-exclude-inbound-port"] == "8081"
    assert options["-exclude-outbound-cidr"] == f"{client.address}/32"
