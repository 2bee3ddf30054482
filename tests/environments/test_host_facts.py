"""Facts of recorded hosts, of an empty one, and of the machine the tests run on."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

import pytest

from meshperf.environments.host_facts import HostReader
from meshperf.environments.host_files import digest

Plant = Callable[[Mapping[str, str]], Path]
DOCS = Path(__file__).parents[2] / "docs/reference/facts.md"


def known(root: Path) -> dict[str, object]:
    return {path: fact.value for path, fact in HostReader(root).facts().items() if fact.known}


def test_a_bare_metal_host_is_described(plant: Plant, host_tree: ModuleType) -> None:
    facts = known(plant(host_tree.BARE_METAL))
    expected = {
        "host.cpu_model": "Example CPU 9000 @ 3.10GHz",
        "host.cores": 4,
        "host.physical_cores": 2,
        "host.sockets": 2,
        "host.smt": True,
        "host.hypervisor": False,
        "host.microcode": "0xab",
        "host.governor": "performance,powersave",
        "host.mhz_min": 800.0,
        "host.mhz_max": 3300.0,
        "host.mhz_now": 2500,
        "host.turbo": False,
        "host.vulnerable_to": "retbleed",
        "host.vulnerabilities_digest": digest("meltdown: Mitigation: PTI\nretbleed: Vulnerable"),
        "host.numa_nodes": 2,
        "host.affinity": "0,2-3",
        "host.scheduling_class": "fifo",
        "host.nice": 5,
        "host.open_files_limit": 1024,
        "host.cgroup_version": "v2",
        "host.cpu_limit_cores": 1.5,
        "host.cpuset": "0-3",
        "host.memory_limit_bytes": 1 << 30,
        "host.memory_bytes": 2 << 20,
        "host.memory_available_bytes_now": 1 << 20,
        "host.swap_bytes": 0,
        "host.transparent_hugepages": "madvise",
        "host.kernel": "5.10.0-example",
        "host.kernel_build": "#1 SMP",
        "host.arch": "x86_64",
        "host.distribution": "Example Linux 7",
        "host.clocksource": "hpet",
        "host.perf_event_paranoid": -1,
        "host.tcp_congestion_control": "cubic",
        "host.default_qdisc": "fq",
        "host.somaxconn": 4096,
        "host.tcp_tw_reuse": 2,
        "host.loopback_mtu_bytes": 65536,
        "host.ip_local_port_range": "32768-60999",
        "host.machine_vendor": "Example Corp",
        "host.machine_type": "Rack 1",
        "host.energy_counters": "package-0",
    }
    assert {path: facts.get(path) for path in expected} == expected


def test_a_limit_of_zero_swap_is_a_value_and_not_unknown(plant: Plant, host_tree: ModuleType) -> None:
    assert HostReader(plant(host_tree.BARE_METAL)).facts()["host.swap_bytes"].known


def test_boot_options_keep_known_names_with_harmless_values_only(plant: Plant, host_tree: ModuleType) -> None:
    facts = known(plant(host_tree.BARE_METAL))
    assert facts["host.boot_options"] == "isolcpus=2,3 mitigations=off"
    assert not any("hunter2" in str(value) or "UUID" in str(value) for value in facts.values())


def test_host_name_and_addresses_are_hashed_unless_asked_for(plant: Plant, host_tree: ModuleType) -> None:
    root = plant(host_tree.BARE_METAL)
    hashed = known(root)
    assert hashed["host.name"] == digest("payroll-db-1")
    assert hashed["host.addresses"] == digest("10.20.30.40")
    assert not any("payroll" in str(value) or "10.20" in str(value) for value in hashed.values())
    plain = HostReader(root, hashed=False).facts()
    assert (plain["host.name"].value, plain["host.addresses"].value) == ("payroll-db-1", "10.20.30.40")


def test_a_hybrid_host_has_its_limits_from_version_one_groups_and_those_above(
    plant: Plant, host_tree: ModuleType
) -> None:
    facts = known(plant(host_tree.HYBRID))
    assert facts["host.cgroup_version"] == "hybrid"
    assert facts["host.cpu_limit_cores"] == 0.5
    assert facts["host.cpuset"] == "0-1"
    assert facts["host.memory_limit_bytes"] == 512 << 20


def test_a_group_without_limits_is_unlimited_and_not_unknown(plant: Plant, host_tree: ModuleType) -> None:
    files = {
        name: text for name, text in host_tree.BARE_METAL.items() if not name.startswith("sys/fs/cgroup/user.slice/")
    }
    facts = known(plant(files))
    assert facts["host.cpu_limit_cores"] == facts["host.memory_limit_bytes"] == "unlimited"


def test_a_container_reads_the_limit_at_its_mount_point(plant: Plant, host_tree: ModuleType) -> None:
    files = {
        **host_tree.BARE_METAL,
        "proc/self/mountinfo": "30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
        "proc/self/cgroup": "0::/docker/abc\n",
        "sys/fs/cgroup/cpu.max": "200000 100000\n",
    }
    assert known(plant(files))["host.cpu_limit_cores"] == 2.0


def test_an_arm_host_is_named_by_its_numbers_and_says_nothing_of_a_hypervisor(
    plant: Plant, host_tree: ModuleType
) -> None:
    info = "processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"
    facts = HostReader(plant({**host_tree.BARE_METAL, "proc/cpuinfo": info})).facts()
    assert facts["host.cpu_model"].value == "ARM implementer 0x41 part 0xd0c"
    assert not facts["host.hypervisor"].known
    assert facts["host.hypervisor"].unavailable == "/proc/cpuinfo has no `flags`"


def test_on_an_empty_host_every_fact_is_there_with_its_reason(tmp_path: Path) -> None:
    facts = HostReader(tmp_path).facts()
    assert facts.keys() == HostReader().facts().keys()
    for path, fact in facts.items():
        if path not in ("host.python", "host.openssl", "host.meshperf"):
            assert not fact.known and fact.value is None
            assert fact.unavailable and str(tmp_path) not in fact.unavailable


@pytest.mark.parametrize("garbage", ["", "x", "\x00\xff", "-1 -1 -1", ":::", "max"])
def test_odd_files_make_facts_unavailable_and_never_raise(plant: Plant, host_tree: ModuleType, garbage: str) -> None:
    facts = HostReader(plant(dict.fromkeys(host_tree.BARE_METAL, garbage))).facts()
    assert all(fact.known or fact.unavailable for fact in facts.values())


def test_this_machine_is_described_without_names_or_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHPERF_CANARY", "canary-value")
    facts = HostReader().facts()
    assert facts["host.kernel"].value == os.uname().release
    assert facts["host.nice"].value == os.nice(0)
    assert facts["host.scheduling_class"].value == {os.SCHED_OTHER: "normal", os.SCHED_BATCH: "batch"}.get(
        os.sched_getscheduler(0)
    )
    assert facts["host.cores"].known and facts["host.memory_bytes"].known
    text = " ".join(str(fact.value) for fact in facts.values())
    assert "canary-value" not in text
    assert not re.search(rf"\b{re.escape(os.uname().nodename)}\b", str(facts["host.name"].value))


def test_every_fact_is_in_the_reference_and_the_reference_names_no_other() -> None:
    described = set(re.findall(r"^\| `(host\.[a-z0-9_.-]+)` \|", DOCS.read_text(), flags=re.MULTILINE))
    plan = {f"host.cpus.{name}" for name in ("generator", "app", "sidecar", "control-plane", "generator_shared")}
    assert described == set(HostReader().facts()) | plan
