"""The bootstrap of sidecars, as data."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from meshperf.meshes.base import AppAddress
from meshperf.meshes.envoy.bootstrap import bootstrap, config_digest
from meshperf.meshes.envoy.layout import Layout
from meshperf.spec.experiment import Arm, Functions
from meshperf.spec.graph import CLIENT, Call, Graph, GraphService, digest_of

LayOut = Callable[..., Layout]
STRICT = Arm(name="a", mesh="envoy", mtls="strict")
SERVICES = (
    GraphService(name="back"),
    GraphService(name="middle", calls=(Call(to="back"),)),
    GraphService(name="front", calls=(Call(to="middle"), Call(to="back"))),
)
CHAIN = Graph(name="t", entry="front", services=SERVICES, digest=digest_of("front", SERVICES))


def configured(arm: Arm, layout: Layout) -> dict[str, dict[str, Any]]:
    app = AppAddress(host="127.9.0.200", port=8080, admin="127.9.0.200:8081")
    return {
        service: bootstrap(arm, layout, sidecar, app if sidecar.callers else None)
        for service, sidecar in layout.sidecars.items()
    }


def digest(laid_out: LayOut, arm: Arm, **where: Any) -> str:
    layout = laid_out(arm, **where)
    return config_digest(layout, list(configured(arm, layout).values()))


def listeners(config: dict[str, Any]) -> dict[str, str]:
    """Addresses by name."""
    found = {}
    for listener in config["static_resources"]["listeners"]:
        at = listener["address"]["socket_address"]
        found[listener["name"]] = f"{at['address']}:{at['port_value']}"
    return found


def test_equal_settings_have_equal_digests_whatever_the_addresses_and_paths(laid_out: LayOut) -> None:
    assert digest(laid_out, STRICT) == digest(laid_out, STRICT, block="127.77.3")


@pytest.mark.parametrize(
    "change",
    [
        {"mtls": "off"},
        {"mode": "tcp"},
        {"access_log": True},
        {"defaults": "mesh"},
        {"interception": "transparent"},
        {"functions": Functions(routes=2)},
        {"functions": Functions(tracing=True)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_each_setting_changes_the_digest(laid_out: LayOut, change: dict[str, Any]) -> None:
    assert digest(laid_out, replace(STRICT, **change), block="127.8.0") != digest(laid_out, STRICT)


def test_both_sides_pin_tls_1_3_one_curve_and_the_peers_identity(laid_out: LayOut) -> None:
    config = configured(STRICT, laid_out(STRICT))
    for service, peer in ((CLIENT, "server"), ("app", "client")):
        text = json.dumps(config[service])
        assert '"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"' in text
        assert '"ecdh_curves": ["X25519"]' in text
        assert f'"exact": "spiffe://meshperf.lab/{peer}"' in text
        assert text.count('"exact"') == 1


def test_as_shipped_neither_version_nor_curve_nor_resumption_is_pinned(laid_out: LayOut) -> None:
    arm = replace(STRICT, defaults="mesh")
    text = json.dumps(configured(arm, laid_out(arm)))
    assert not [word for word in ("tls_params", "max_session_keys", "session_resumption") if word in text]
    assert "require_client_certificate" in text


def test_without_mtls_no_transport_socket_is_configured(laid_out: LayOut) -> None:
    plain = replace(STRICT, mtls="off")
    assert "transport_socket" not in json.dumps(configured(plain, laid_out(plain)))


def test_a_callers_own_identity_header_is_never_passed_on(laid_out: LayOut) -> None:
    plain = replace(STRICT, mtls="off")
    assert '"SANITIZE_SET"' in json.dumps(configured(STRICT, laid_out(STRICT))["app"])
    for config in (configured(STRICT, laid_out(STRICT))[CLIENT], *configured(plain, laid_out(plain)).values()):
        assert '"SANITIZE"' in json.dumps(config)
        assert '"SANITIZE_SET"' not in json.dumps(config)


def test_everything_listens_on_the_sidecars_own_address(laid_out: LayOut) -> None:
    layout = laid_out(STRICT)
    for service, config in configured(STRICT, layout).items():
        own = layout.sidecars[service].address
        at = {config["admin"]["address"]["socket_address"]["address"]}
        assert at | {address.rpartition(":")[0] for address in listeners(config).values()} == {own}


def test_a_pod_has_one_listener_for_each_callee_and_one_for_its_callers(laid_out: LayOut) -> None:
    layout = laid_out(STRICT, CHAIN)
    config = configured(STRICT, layout)
    at = {service: sidecar.address for service, sidecar in layout.sidecars.items()}
    assert listeners(config[CLIENT]) == {"outbound_front": f"{at[CLIENT]}:15101"}
    assert listeners(config["front"]) == {
        "outbound_middle": f"{at['front']}:15101",
        "outbound_back": f"{at['front']}:15102",
        "inbound": f"{at['front']}:15006",
    }
    assert listeners(config["back"]) == {"inbound": f"{at['back']}:15006"}


def test_a_service_admits_exactly_its_callers(laid_out: LayOut) -> None:
    layout = laid_out(STRICT, CHAIN)
    config = configured(STRICT, layout)
    inbound = next(one for one in config["back"]["static_resources"]["listeners"] if one["name"] == "inbound")
    common = inbound["filter_chains"][0]["transport_socket"]["typed_config"]["common_tls_context"]
    admitted = [one["matcher"]["exact"] for one in common["validation_context"]["match_typed_subject_alt_names"]]
    assert admitted == ["spiffe://meshperf.lab/middle", "spiffe://meshperf.lab/front"]


def test_in_a_pod_the_sidecar_calls_its_service_from_an_address_that_nothing_outside_has(laid_out: LayOut) -> None:
    layout = laid_out(STRICT, kind="netns")
    config = configured(STRICT, layout)["app"]
    cluster = config["static_resources"]["clusters"][0]
    assert cluster["upstream_bind_config"]["source_address"]["address"] == "127.0.0.6"
    assert layout.server.admin == ("127.0.0.1", 15000)
    assert listeners(config)["inbound"] == f"{layout.server.address}:15006"


def test_redirected_calls_come_in_on_one_port_and_go_on_under_a_mark(laid_out: LayOut) -> None:
    arm = replace(STRICT, interception="transparent")
    layout = laid_out(arm, kind="netns")
    config = configured(arm, layout)[CLIENT]
    by_name = {one["name"]: one for one in config["static_resources"]["listeners"]}
    assert by_name["outbound_server"]["bind_to_port"] is False
    assert listeners(config)["outbound_server"] == f"{layout.server.address}:8080"
    assert by_name["redirected"]["use_original_dst"] is True
    outbound = next(one for one in config["static_resources"]["clusters"] if one["name"] == "outbound_server")
    assert outbound["upstream_bind_config"]["socket_options"][0]["name"] == 36


def test_the_callers_protocol_is_kept_and_offered(laid_out: LayOut) -> None:
    config = configured(STRICT, laid_out(STRICT))
    assert '"alpn_protocols": ["h2", "http/1.1"]' in json.dumps(config["app"])
    for one in config.values():
        for cluster in one["static_resources"]["clusters"]:
            assert "use_downstream_protocol_config" in json.dumps(cluster)


def test_a_proxy_of_bytes_has_no_word_of_http(laid_out: LayOut) -> None:
    arm = replace(STRICT, mode="tcp")
    text = json.dumps(configured(arm, laid_out(arm)))
    assert "http_connection_manager" not in text
    assert "alpn_protocols" not in text
