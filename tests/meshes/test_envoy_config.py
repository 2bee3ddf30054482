"""The bootstrap of a sidecar pair, as data."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from meshperf.meshes.envoy_config import SidecarPair, client_bootstrap, config_digest, server_bootstrap


@pytest.fixture
def pair() -> SidecarPair:
    return _pair("127.9.0", Path("/a"))


def _pair(block: str, folder: Path) -> SidecarPair:
    return SidecarPair(
        client_address=f"{block}.1",
        server_address=f"{block}.2",
        app_address=f"{block}.3",
        app_port=8080,
        mtls=True,
        mode="http",
        access_log=None,
        ca=folder / "ca.crt",
        client_certificate=folder / "client.crt",
        client_key=folder / "client.key",
        client_identity="spiffe://x/client",
        server_certificate=folder / "server.crt",
        server_key=folder / "server.key",
        server_identity="spiffe://x/server",
    )


def test_equal_settings_have_equal_digests_whatever_the_addresses_and_paths(pair: SidecarPair) -> None:
    assert config_digest(pair) == config_digest(_pair("127.77.3", Path("/somewhere/else")))


@pytest.mark.parametrize(
    "change", [{"mtls": False}, {"mode": "tcp"}, {"access_log": Path("/a")}], ids=["mtls", "mode", "access log"]
)
def test_each_setting_changes_the_digest(pair: SidecarPair, change: dict[str, object]) -> None:
    assert config_digest(dataclasses.replace(pair, **change)) != config_digest(pair)


def test_both_sides_pin_tls_1_3_one_curve_and_the_peers_identity(pair: SidecarPair) -> None:
    for bootstrap, peer in ((client_bootstrap(pair), "client"), (server_bootstrap(pair), "server")):
        text = json.dumps(bootstrap)
        other = {"client": "server", "server": "client"}[peer]
        assert '"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"' in text
        assert '"ecdh_curves": ["X25519"]' in text
        assert f'"exact": "spiffe://x/{other}"' in text


def test_without_mtls_no_transport_socket_is_configured(pair: SidecarPair) -> None:
    plain = dataclasses.replace(pair, mtls=False)
    assert "transport_socket" not in json.dumps([client_bootstrap(plain), server_bootstrap(plain)])


def test_a_callers_own_identity_header_is_never_passed_on(pair: SidecarPair) -> None:
    assert "SANITIZE_SET" in json.dumps(server_bootstrap(pair))
    assert '"SANITIZE"' in json.dumps(server_bootstrap(dataclasses.replace(pair, mtls=False)))


def test_everything_listens_on_the_pairs_own_addresses(pair: SidecarPair) -> None:
    for bootstrap, own in ((client_bootstrap(pair), "127.9.0.1"), (server_bootstrap(pair), "127.9.0.2")):
        listener = bootstrap["static_resources"]["listeners"][0]["address"]["socket_address"]["address"]
        assert {listener, bootstrap["admin"]["address"]["socket_address"]["address"]} == {own}
