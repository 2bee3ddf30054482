"""Facts of memory, kernel, process limits and machine type."""

from __future__ import annotations

import platform
import re
from pathlib import Path

from meshperf.environments.host_files import HostFiles, Unavailable, observe
from meshperf.spec.records import Fact

__all__ = ["SAFE_TOKENS", "kernel_facts", "machine_facts", "memory_facts", "process_facts"]

# fmt: off
SAFE_TOKENS = frozenset((
    "amd_pstate", "audit", "cgroup_no_v1", "clocksource", "hugepages", "idle", "intel_idle.max_cstate",
    "intel_pstate", "irqaffinity", "isolcpus", "l1tf", "maxcpus", "mds", "mitigations", "nohz", "nohz_full",
    "nopti", "nosmt", "nospectre_v1", "nospectre_v2", "nr_cpus", "numa_balancing", "preempt",
    "processor.max_cstate", "psi", "pti", "rcu_nocbs", "retbleed", "skew_tick", "spec_store_bypass_disable",
    "spectre_v2", "systemd.unified_cgroup_hierarchy", "threadirqs", "transparent_hugepage", "tsc",
))
# fmt: on
"""Boot options that change timing. The whole line is never kept: people put passwords and addresses there."""
_SAFE_VALUE = re.compile(r"[A-Za-z0-9_.,:+-]{0,128}")
_POLICIES = {0: "normal", 1: "fifo", 2: "round-robin", 3: "batch", 5: "idle", 6: "deadline", 7: "ext"}


def memory_facts(files: HostFiles) -> dict[str, Fact]:
    """Memory facts by their path under `host.`; sizes in bytes."""
    source = "/proc/meminfo"
    pages = "/sys/kernel/mm/transparent_hugepage/enabled"
    return {
        "host.memory_bytes": observe(source, lambda: _meminfo(files, "MemTotal")),
        "host.memory_available_bytes_now": observe(source, lambda: _meminfo(files, "MemAvailable")),
        "host.swap_bytes": observe(source, lambda: _meminfo(files, "SwapTotal")),
        "host.transparent_hugepages": observe(pages, lambda: _chosen(files.text(pages))),
    }


def kernel_facts(files: HostFiles) -> dict[str, Fact]:
    """Kernel and distribution facts by their path under `host.`."""
    kernel = "/proc/sys/kernel"
    clock = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
    paranoid = f"{kernel}/perf_event_paranoid"
    return {
        "host.kernel": observe(f"{kernel}/osrelease", lambda: files.text(f"{kernel}/osrelease")),
        "host.kernel_build": observe(f"{kernel}/version", lambda: files.text(f"{kernel}/version")),
        "host.arch": observe(f"{kernel}/arch", lambda: _architecture(files)),
        "host.distribution": observe("/etc/os-release", lambda: _distribution(files)),
        "host.boot_options": observe("/proc/cmdline", lambda: _boot_options(files.text("/proc/cmdline"))),
        "host.clocksource": observe(clock, lambda: files.text(clock)),
        "host.perf_event_paranoid": observe(paranoid, lambda: files.integer(paranoid)),
    }


def process_facts(files: HostFiles) -> dict[str, Fact]:
    """What the kernel allows this process and what it started, by their path under `host.`."""
    return {
        "host.affinity": observe("/proc/self/status", lambda: files.table("/proc/self/status")["Cpus_allowed_list"]),
        "host.scheduling_class": observe("/proc/self/stat", lambda: _policy(files.text("/proc/self/stat"))),
        "host.nice": observe("/proc/self/stat", lambda: int(_stat(files.text("/proc/self/stat"))[16])),
        "host.open_files_limit": observe("/proc/self/limits", lambda: _limit(files, "Max open files")),
    }


def machine_facts(files: HostFiles) -> dict[str, Fact]:
    """Machine type and energy counters by their path under `host.`."""
    dmi = "/sys/class/dmi/id"
    return {
        "host.machine_vendor": observe(f"{dmi}/sys_vendor", lambda: files.text(f"{dmi}/sys_vendor")),
        "host.machine_type": observe(f"{dmi}/product_name", lambda: files.text(f"{dmi}/product_name")),
        "host.energy_counters": observe("/sys/class/powercap", lambda: _energy(files)),
    }


def _meminfo(files: HostFiles, name: str) -> int:
    number, unit = files.table("/proc/meminfo")[name].split()
    if unit != "kB":
        raise ValueError(f"unit {unit!r}")
    return int(number) * 1024


def _architecture(files: HostFiles) -> str:
    try:
        return files.text("/proc/sys/kernel/arch")
    except Unavailable:  # kernels before 6.1; the interpreter knows it too, but only of this machine
        if files.root != Path("/"):
            raise
        return platform.machine()


def _chosen(text: str) -> str:
    """The choice in brackets: `always [madvise] never`."""
    return text[text.index("[") + 1 : text.index("]")]


def _distribution(files: HostFiles) -> str:
    table = {name: value.strip("\"'") for name, value in files.table("/etc/os-release", "=").items()}
    return table.get("PRETTY_NAME") or f"{table['NAME']} {table.get('VERSION_ID', '')}".strip()


def _boot_options(text: str) -> str:
    """Known-safe options only, sorted; `none` when there is none of them."""
    kept = []
    for token in text.split():
        name, _, value = token.partition("=")
        if name in SAFE_TOKENS and _SAFE_VALUE.fullmatch(value):
            kept.append(token)
    return " ".join(sorted(kept)) or "none"


def _stat(text: str) -> list[str]:
    """Fields from the third on: the second is a name that may hold spaces and brackets."""
    return text[text.rindex(")") + 2 :].split()


def _policy(text: str) -> str:
    number = int(_stat(text)[38])
    return _POLICIES.get(number, f"policy {number}")


def _limit(files: HostFiles, name: str) -> int | str:
    for line in files.text("/proc/self/limits").splitlines():
        if line.startswith(name):
            soft = line[len(name) :].split()[0]
            return soft if soft == "unlimited" else int(soft)
    raise Unavailable(f"/proc/self/limits has no `{name}`")


def _energy(files: HostFiles) -> str:
    """Names of the counters that can really be read: since 2020 most kernels let only root."""
    readable = []
    for zone in files.names("/sys/class/powercap"):
        if files.at(f"/sys/class/powercap/{zone}/energy_uj").exists():
            files.integer(f"/sys/class/powercap/{zone}/energy_uj")
            readable.append(files.text(f"/sys/class/powercap/{zone}/name"))
    if not readable:
        raise Unavailable("/sys/class/powercap has no energy counter")
    return ",".join(sorted(readable))
