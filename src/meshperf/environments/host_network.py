"""Facts of the network stack that loopback traffic meets, and who the host is, as digests."""

from __future__ import annotations

import contextlib

from meshperf.environments.host_files import HostFiles, Unavailable, digest, observe
from meshperf.spec.records import Fact

__all__ = ["identity_facts", "network_facts"]

NET = "/proc/sys/net"


def network_facts(files: HostFiles) -> dict[str, Fact]:
    """Network facts by their path under `host.`."""
    texts = {
        "host.tcp_congestion_control": f"{NET}/ipv4/tcp_congestion_control",
        "host.default_qdisc": f"{NET}/core/default_qdisc",
    }
    numbers = {
        "host.somaxconn": f"{NET}/core/somaxconn",
        "host.tcp_tw_reuse": f"{NET}/ipv4/tcp_tw_reuse",
        "host.loopback_mtu_bytes": "/sys/class/net/lo/mtu",
        "host.conntrack_max": f"{NET}/netfilter/nf_conntrack_max",
    }
    ports = f"{NET}/ipv4/ip_local_port_range"
    return {
        **{name: observe(path, lambda path=path: files.text(path)) for name, path in texts.items()},  # type: ignore[misc]
        **{name: observe(path, lambda path=path: files.integer(path)) for name, path in numbers.items()},  # type: ignore[misc]
        "host.ip_local_port_range": observe(ports, lambda: "-".join(files.text(ports).split())),
    }


def identity_facts(files: HostFiles, *, hashed: bool = True) -> dict[str, Fact]:
    """Host name and addresses. Hashed they still tell whether two results come from one host.

    The addresses are hashed as one list: a single IPv4 address could be found again by trying all of them.
    """
    cover = digest if hashed else str
    name = "/proc/sys/kernel/hostname"
    return {
        "host.name": observe(name, lambda: cover(files.text(name))),
        "host.addresses": observe("/proc/net/fib_trie, if_inet6", lambda: cover(",".join(_addresses(files)))),
    }


def _addresses(files: HostFiles) -> list[str]:
    found = set()
    previous = ""
    for line in files.text("/proc/net/fib_trie").splitlines():
        stripped = line.strip()
        if "host LOCAL" in stripped:
            found.add(previous.removeprefix("|-- "))
        previous = stripped
    with contextlib.suppress(Unavailable):  # a kernel without IPv6 has no such file, and no such address
        found |= {line.split()[0] for line in files.text("/proc/net/if_inet6").splitlines() if line.split()[3] != "10"}
    outside = sorted(address for address in found if not address.startswith("127."))
    if not outside:
        raise Unavailable("this host has no address but loopback")
    return outside
