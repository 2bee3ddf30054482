"""Which counters belong to which direction of a sidecar."""

from __future__ import annotations

from meshperf.meshes.envoy.counts import everything, from_callers, leads_to, to_callees, to_service, upstream

COUNTERS = {
    "cluster.inbound.upstream_cx_total": 1,
    "cluster.outbound_cart.upstream_cx_total": 10,
    "cluster.outbound_cart_0.upstream_cx_total": 100,
    "cluster.outbound_cart_1.upstream_cx_total": 200,
    "cluster.outbound_cart-db.upstream_cx_total": 1000,
    "cluster.outbound_cart.upstream_cx_http1_total": 7,
    "cluster.nowhere.upstream_cx_total": 5,
    "listener.admin.downstream_cx_total": 50,
    "listener.127.9.0.1_15006.downstream_cx_total": 3,
    "listener.127.9.0.1_15006.worker_0.downstream_cx_total": 1,
    "listener.127.9.0.1_15006.worker_1.downstream_cx_total": 2,
}


def test_each_direction_has_its_own_sum() -> None:
    assert upstream(COUNTERS, "upstream_cx_total", to_service) == 1
    assert upstream(COUNTERS, "upstream_cx_total", to_callees) == 1310
    assert upstream(COUNTERS, "upstream_cx_total", everything) == 1316


def test_a_callee_has_its_subsets_and_not_a_service_of_a_longer_name() -> None:
    assert upstream(COUNTERS, "upstream_cx_total", leads_to("cart")) == 310
    assert upstream(COUNTERS, "upstream_cx_total", leads_to("cart-db")) == 1000


def test_the_admin_interface_is_no_caller_and_workers_are_not_counted_twice() -> None:
    assert from_callers(COUNTERS, "downstream_cx_total") == 3
