"""Where everything of a Kuma resident is, explicit and transparent."""

from __future__ import annotations

from pathlib import Path

from graphs import ECHO, TRIANGLE
from meshperf.environments.reaching import parse
from meshperf.meshes.kuma.commands import ADMIN_SOCKET
from meshperf.meshes.kuma.layout import Layout, short_folder
from paper_site import PaperSite


def test_explicit_callers_dial_a_port_of_their_own_pod_for_each_callee(tmp_path: Path) -> None:
    layout = Layout.of(PaperSite(tmp_path, "netns"), "kuma", TRIANGLE, transparent=False)
    assert layout.outbound("client", "front") == ("127.0.0.1", 15001)
    assert layout.outbound("front", "middle") == ("127.0.0.1", 15001)
    assert layout.outbound("front", "leaf") == ("127.0.0.1", 15002)
    assert layout.inbound("leaf") == (layout.workload("leaf").address, 20000)


def test_transparent_callers_dial_virtual_addresses_and_the_services_own_port(tmp_path: Path) -> None:
    layout = Layout.of(PaperSite(tmp_path, "netns"), "kuma", TRIANGLE, transparent=True)
    dialled = {layout.outbound(caller, callee) for caller, callee in TRIANGLE.edges()}
    assert len(dialled) == 3
    assert {port for _, port in dialled} == {8080}
    assert all(address.startswith("198.18.") for address, _ in dialled)
    assert layout.inbound("leaf") == (layout.workload("leaf").address, 8080)


def test_a_pod_that_nobody_admits_calls_the_entry(tmp_path: Path) -> None:
    layout = Layout.of(PaperSite(tmp_path, "netns"), "kuma", TRIANGLE, transparent=False)
    assert layout.unlisted.callees == ("front",)
    assert layout.unlisted not in layout.workloads
    assert "unlisted" not in {caller for callers in layout.callers.values() for caller in callers}


def test_the_socket_of_an_admin_interface_has_a_path_that_the_kernel_takes() -> None:
    longest = "x" * 63
    path = f"/tmp/meshperf-0123456789ab/{short_folder(f'{longest}#2', longest)}/{ADMIN_SOCKET}"
    assert parse(f"unix:{path}").path is not None
    assert short_folder("kuma", "app") != short_folder("kuma#2", "app")


def test_twins_share_no_pod(tmp_path: Path) -> None:
    site = PaperSite(tmp_path, "netns")
    one, other = (Layout.of(site, name, ECHO, transparent=True) for name in ("kuma", "kuma#2"))
    assert not {workload.address for workload in one.workloads} & {workload.address for workload in other.workloads}
