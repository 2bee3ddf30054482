"""Which of a sidecar's counters speak for the application's requests. The counters are constructed in the forms that
Kuma's documentation has; they were not recorded."""

from __future__ import annotations

import pytest

from meshperf.meshes.kuma.claims import is_hop, spiffe_id, toward

CONSTRUCTED = {
    "cluster.ads_cluster.upstream_cx_total": 1,
    "cluster.access_log_sink.upstream_cx_total": 1,
    "cluster.app.upstream_cx_total": 3,
    "cluster.app-0123456789abcdef.upstream_cx_total": 4,
    "cluster.app.ssl.handshake": 3,
    "cluster.app-0123456789abcdef.ssl.handshake": 4,
    "cluster.app-2.upstream_cx_total": 50,
    "cluster.localhost_8080.upstream_cx_total": 9,
    "cluster.outbound_passthrough_ipv4.upstream_cx_total": 2,
}


def test_connections_to_a_callee_count_whatever_route_took_them() -> None:
    assert toward(CONSTRUCTED, "app", "upstream_cx_total") == 7
    assert toward(CONSTRUCTED, "app", "ssl.handshake") == 7
    assert toward(CONSTRUCTED, "app-2", "upstream_cx_total") == 50


@pytest.mark.parametrize("other", ["ap", "ads", "a.p", "front"])
def test_another_callee_does_not_count(other: str) -> None:
    assert toward(CONSTRUCTED, other, "upstream_cx_total") == 0


@pytest.mark.parametrize(
    ("cluster", "carries"),
    [
        ("app", True),
        ("app-0123456789abcdef", True),
        ("localhost_8080", True),
        ("ads_cluster", False),
        ("access_log_sink", False),
        ("kuma_envoy_admin", False),
        ("inbound_passthrough_ipv4", False),
        ("outbound_passthrough_ipv6", False),
    ],
)
def test_only_the_applications_clusters_are_hops(cluster: str, carries: bool) -> None:
    assert is_hop(cluster) is carries


def test_an_identity_is_mesh_and_service() -> None:
    assert spiffe_id("client") == "spiffe://default/client"
