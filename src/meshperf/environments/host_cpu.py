"""Facts of the processors: what they are, how fast they run, which of their weaknesses the kernel works around."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from meshperf.environments.host_files import HostFiles, Unavailable, digest, observe
from meshperf.spec.records import Fact

__all__ = ["cpu_facts", "cpu_list", "sibling_groups"]

CPUS = "/sys/devices/system/cpu"
WEAKNESSES = f"{CPUS}/vulnerabilities"


def cpu_list(text: str) -> tuple[int, ...]:
    """Cores in the kernel's notation, `0-3,8`, as numbers.

    Raises:
        ValueError: another notation.
    """
    found: list[int] = []
    for part in filter(None, text.strip().split(",")):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return tuple(found)


def cpu_facts(files: HostFiles) -> dict[str, Fact]:
    """Processor facts by their path under `host.`."""
    info = "/proc/cpuinfo"
    cpufreq = f"{CPUS}/cpu*/cpufreq"
    return {
        "host.cpu_model": observe(info, lambda: _model(files)),
        "host.cores": observe(f"{CPUS}/online", lambda: len(_online(files))),
        "host.physical_cores": observe(f"{CPUS}/cpu*/topology", lambda: len(_physical(files))),
        "host.sockets": observe(f"{CPUS}/cpu*/topology", lambda: len({package for package, _ in _physical(files)})),
        "host.smt": observe(f"{CPUS}/smt/active", lambda: bool(files.integer(f"{CPUS}/smt/active"))),
        "host.hypervisor": observe(info, lambda: "hypervisor" in _flags(files)),
        "host.microcode": observe(info, lambda: _named(files, "microcode")),
        "host.governor": observe(f"{cpufreq}/scaling_governor", lambda: _each(files, "cpufreq/scaling_governor")),
        "host.mhz_min": observe(f"{cpufreq}/cpuinfo_min_freq", lambda: _mhz(files, "cpuinfo_min_freq", min)),
        "host.mhz_max": observe(f"{cpufreq}/cpuinfo_max_freq", lambda: _mhz(files, "cpuinfo_max_freq", max)),
        "host.mhz_now": observe(f"{cpufreq}/scaling_cur_freq, else {info}", lambda: _mhz_now(files)),
        "host.turbo": observe(f"{CPUS}/intel_pstate/no_turbo, {CPUS}/cpufreq/boost", lambda: _turbo(files)),
        "host.vulnerabilities_digest": observe(WEAKNESSES, lambda: digest(_weaknesses(files))),
        "host.vulnerable_to": observe(WEAKNESSES, lambda: _vulnerable(files)),
        "host.numa_nodes": observe(
            "/sys/devices/system/node/online", lambda: len(cpu_list(files.text("/sys/devices/system/node/online")))
        ),
    }


def sibling_groups(files: HostFiles) -> frozenset[frozenset[int]]:
    """Hardware threads that share a physical core, groups of two or more; empty where the kernel does not say."""
    groups = set()
    try:
        for core in _online(files):
            groups.add(frozenset(cpu_list(files.text(f"{CPUS}/cpu{core}/topology/thread_siblings_list"))))
    except (Unavailable, ValueError):
        return frozenset()
    return frozenset(group for group in groups if len(group) > 1)


def _online(files: HostFiles) -> tuple[int, ...]:
    online = cpu_list(files.text(f"{CPUS}/online"))
    if not online:
        raise Unavailable(f"{CPUS}/online is empty")
    return online


def _named(files: HostFiles, name: str) -> str:
    value = files.table("/proc/cpuinfo").get(name)
    if value is None:
        raise Unavailable(f"/proc/cpuinfo has no `{name}`")
    return value


def _model(files: HostFiles) -> str:
    table = files.table("/proc/cpuinfo")
    if "model name" in table:
        return re.sub(r"\s+", " ", table["model name"])
    if "CPU implementer" in table and "CPU part" in table:  # ARM names its cores by numbers
        return f"ARM implementer {table['CPU implementer']} part {table['CPU part']}"
    raise Unavailable("/proc/cpuinfo names no model")


def _flags(files: HostFiles) -> list[str]:
    # Only x86 says there whether it runs under a hypervisor; a missing flag elsewhere would prove nothing.
    return _named(files, "flags").split()


def _physical(files: HostFiles) -> set[tuple[int, int]]:
    topology = "topology"
    return {
        (
            files.integer(f"{CPUS}/cpu{core}/{topology}/physical_package_id"),
            files.integer(f"{CPUS}/cpu{core}/{topology}/core_id"),
        )
        for core in _online(files)
    }


def _each(files: HostFiles, name: str) -> str:
    """The different texts that all cores give, joined: one on an evenly configured machine."""
    return ",".join(sorted({files.text(f"{CPUS}/cpu{core}/{name}") for core in _online(files)}))


def _mhz(files: HostFiles, name: str, pick: Callable[[Iterable[int]], int]) -> float:
    return pick(files.integer(f"{CPUS}/cpu{core}/cpufreq/{name}") for core in _online(files)) / 1000


def _mhz_now(files: HostFiles) -> float:
    try:
        values = [files.integer(f"{CPUS}/cpu{core}/cpufreq/scaling_cur_freq") / 1000 for core in _online(files)]
        return round(sum(values) / len(values))
    except Unavailable:
        return round(float(_named(files, "cpu MHz")))


def _turbo(files: HostFiles) -> bool:
    try:
        return files.integer(f"{CPUS}/intel_pstate/no_turbo") == 0
    except Unavailable:
        return files.integer(f"{CPUS}/cpufreq/boost") == 1


def _weaknesses(files: HostFiles) -> str:
    return "\n".join(f"{name}: {files.text(f'{WEAKNESSES}/{name}')}" for name in files.names(WEAKNESSES))


def _vulnerable(files: HostFiles) -> str:
    lines = [line.split(": ", 1) for line in _weaknesses(files).splitlines()]
    return ",".join(name for name, state in lines if state.startswith("Vulnerable")) or "none"
