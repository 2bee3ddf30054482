from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from meshperf.errors import UsageError
from meshperf.meshes.istio import settings

PROGRAM = Path("/somewhere/pilot-agent")


def environment(layout: Any, arm: Any) -> dict[str, str]:
    return settings.agent_environment(
        layout, arm, "app", certificates=Path("/c"), envoy=Path("/e"), bootstrap=Path("/b")
    )


def test_equal_arms_speak_tls_1_3_alone_and_repeat_nothing(layout_of: Any, arm_of: Any) -> None:
    found = settings.mesh_configuration(layout_of(), arm_of())
    assert found["meshMTLS"] == {"minProtocolVersion": "TLSV1_3"}
    assert found["defaultHttpRetryPolicy"] == {"attempts": 0}
    assert environment(layout_of(), arm_of())["ECC_SIGNATURE_ALGORITHM"] == "ECDSA"
    for proxy in (found["defaultConfig"], json.loads(environment(layout_of(), arm_of())["PROXY_CONFIG"])):
        assert proxy["proxyHeaders"] == {"requestId": {"disabled": True}}


def test_an_arm_as_istio_ships_keeps_its_own_choices(layout_of: Any, arm_of: Any) -> None:
    arm = arm_of(defaults="mesh")
    found = settings.mesh_configuration(layout_of(), arm)
    assert not {"meshMTLS", "defaultHttpRetryPolicy"} & found.keys()
    assert "ECC_SIGNATURE_ALGORITHM" not in environment(layout_of(), arm)
    # The claims need a few counters, whatever the mesh would leave out.
    assert "upstream_cx_total" in found["defaultConfig"]["proxyStatsMatcher"]["inclusionSuffixes"]


def test_what_only_istios_own_envoy_has_is_off(arm_of: Any) -> None:
    found = settings.istiod_environment(arm_of(), Path("/ca"))
    assert found["PILOT_ENABLE_METADATA_EXCHANGE"] == found["PILOT_ENABLE_ALPN_FILTER"] == "false"


def test_settings_of_the_control_plane_are_variables_or_paths(layout_of: Any, arm_of: Any) -> None:
    told = {
        "PILOT_DEBOUNCE_AFTER": "10ms",
        "meshConfig.defaultConfig.drainDuration": "2s",
        "meshConfig.outboundTrafficPolicy.mode": "ALLOW_ANY",
        "meshConfig.enablePrometheusMerge": "true",
    }
    arm = arm_of(control_plane=told)
    settings.check_control_plane(arm)
    found = settings.mesh_configuration(layout_of(), arm)
    assert found["defaultConfig"]["drainDuration"] == "2s"
    assert json.loads(environment(layout_of(), arm)["PROXY_CONFIG"])["drainDuration"] == "2s"
    assert found["outboundTrafficPolicy"] == {"mode": "ALLOW_ANY"}
    assert found["enablePrometheusMerge"] is True
    assert settings.istiod_environment(arm, Path("/ca"))["PILOT_DEBOUNCE_AFTER"] == "10ms"


@pytest.mark.parametrize("name", ["debounce", "pilot.debounce", "meshConfig.", "meshConfig.a..b"])
def test_other_settings_of_the_control_plane_are_refused_by_name(arm_of: Any, name: str) -> None:
    with pytest.raises(UsageError, match="is no setting of Istio's control plane") as refused:
        settings.check_control_plane(arm_of(control_plane={name: "1"}))
    assert refused.value.code == "MP1008"


def test_an_access_log_is_a_file_that_the_sidecar_may_write(layout_of: Any, arm_of: Any) -> None:
    # /dev/stdout is a log of meshperf's, which Envoy opens anew.
    assert settings.mesh_configuration(layout_of(), arm_of(access_log=True))["accessLogFile"] == "./access.log"
    assert "accessLogFile" not in settings.mesh_configuration(layout_of(), arm_of())


def test_an_agent_knows_itself_and_looks_for_no_cloud(layout_of: Any, arm_of: Any) -> None:
    layout = layout_of()
    found = environment(layout, arm_of(proxy_concurrency=2))
    assert found["INSTANCE_IP"] == layout.pods["app"]
    assert found["SERVICE_ACCOUNT"] == "app"
    assert found["CLOUD_PLATFORM"] == "none"
    assert json.loads(found["PROXY_CONFIG"])["concurrency"] == 2
    assert json.loads(found["ISTIO_METAJSON_LABELS"]) == {"app": "app"}


def test_redirection_spares_the_sidecars_own_connections_and_meshperfs_questions() -> None:
    line = settings.redirection_argv(PROGRAM)
    assert line[line.index("-g") + 1] == str(settings.PROXY_USER[1])
    assert "8081" in line[line.index("-d") + 1].split(",")


def test_istiod_is_dialled_by_agents_only(layout_of: Any) -> None:
    line = settings.istiod_argv(Path("/istiod"), layout_of(), resources=Path("/r"), mesh=Path("/m"))
    bound = {name: line[line.index(name) + 1] for name in line if name.endswith("Addr")}
    assert bound.pop("--secureGRPCAddr") == f"{layout_of().control}:15012"
    assert all(address.startswith("127.0.0.1:") for address in bound.values())


def test_istios_own_start_is_told_not_to_look_for_kubernetes(layout_of: Any) -> None:
    lines = [
        settings.istiod_argv(Path("/istiod"), layout_of(), resources=Path("/r"), mesh=Path("/m"), stock=stock)
        for stock in (True, False)
    ]
    assert ["--registries=" in line for line in lines] == [True, False]


def test_resources_are_written_as_documents_that_json_can_read_back() -> None:
    given: list[dict[str, Any]] = [{"kind": "A", "spec": {"text": "--- \n: #"}}, {"kind": "B"}]
    assert [json.loads(part) for part in settings.written(given).split("\n---\n")] == given
