"""Where everything of a Consul resident is, on loopback and in namespaces."""

from __future__ import annotations

from pathlib import Path

from graphs import ECHO, TRIANGLE
from meshperf.meshes.consul.layout import Layout
from paper_site import PaperSite


def test_on_loopback_a_service_and_its_sidecar_have_an_address_each(tmp_path: Path) -> None:
    layout = Layout.of(PaperSite(tmp_path), "consul", ECHO)
    app = layout.workload("app")
    assert app.app.rpartition(":")[0] != app.address
    assert app.public == f"{app.address}:20000"
    assert app.admin == f"{app.address}:19000"
    assert layout.namespace is None
    assert layout.outside is None


def test_in_namespaces_they_share_a_pod_and_only_the_pod_reaches_the_admin_interface(tmp_path: Path) -> None:
    layout = Layout.of(PaperSite(tmp_path, "netns"), "consul", ECHO)
    app = layout.workload("app")
    assert app.app == f"{app.address}:8080"
    assert app.host == "consul-app"
    assert app.admin == "127.0.0.1:19000@mp-consul-app"
    assert app.public == f"{app.address}:20000@mp-consul-client"
    assert layout.namespace == "/run/netns/mp-consul-client"
    assert layout.outside == "consul-outsider"


def test_every_edge_has_a_port_of_its_own_at_its_caller(tmp_path: Path) -> None:
    layout = Layout.of(PaperSite(tmp_path), "consul", TRIANGLE)
    assert layout.client.upstreams == {"front": f"{layout.client.address}:15001"}
    front = layout.workload("front")
    assert front.upstreams == {"middle": f"{front.address}:15001", "leaf": f"{front.address}:15002"}
    assert layout.workload("leaf").upstreams == {}
    assert layout.callers == {"front": ["client"], "middle": ["front"], "leaf": ["middle", "front"]}
    assert {(caller.name, callee.name) for caller, callee in layout.edges} == set(TRIANGLE.edges())


def test_twins_never_share_an_address(tmp_path: Path) -> None:
    site = PaperSite(tmp_path)
    one, other = (Layout.of(site, name, TRIANGLE) for name in ("consul", "consul#2"))
    taken = [{layout.agent, *(workload.address for workload in layout.workloads)} for layout in (one, other)]
    assert not taken[0] & taken[1]


def test_redirected_callers_dial_a_virtual_address_for_each_callee(tmp_path: Path) -> None:
    layout = Layout.of(PaperSite(tmp_path, "netns"), "consul", TRIANGLE, transparent=True)
    dialled = {caller.upstreams[callee.name] for caller, callee in layout.edges}
    assert dialled == {f"{service.virtual}:8080" for service in layout.services}
    assert len(dialled) == 3
    assert layout.client.virtual is None
    assert layout.workload("leaf").public == f"{layout.workload('leaf').address}:20000@mp-consul-outsider"
