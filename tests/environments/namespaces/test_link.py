"""What a pod is told about the machine's name servers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from meshperf.environments.host_files import HostFiles
from meshperf.environments.local import LocalSite
from meshperf.environments.namespaces import link

PIECES = "# nameserver 192.0.2.1\nsearch example\nnameserver 192.0.2.2\nnameserver 192.0.2.2\nnameserver 127.0.0.53\n"


def test_only_name_servers_that_a_packet_would_be_sent_to_count(plant: Callable[[Mapping[str, str]], Path]) -> None:
    root = plant({"etc/resolv.conf": f"{PIECES}nameserver fd00::1\nnameserver\nnameserver nonsense\n"})
    assert link.name_servers(HostFiles(root)) == ("192.0.2.2",)


def test_a_machine_that_resolves_no_names_has_no_name_servers(tmp_path: Path) -> None:
    assert link.name_servers(HostFiles(tmp_path)) == ()


@pytest.mark.needs_netns
def test_a_program_that_asks_a_name_server_is_told_at_once(pods: LocalSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "name_servers", lambda: ("192.0.2.2",))
    assert "unreachable 192.0.2.2" in pods.run(["ip", "route"], host="a")
