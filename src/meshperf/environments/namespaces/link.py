"""The commands of `ip` that make a switch and a pod, and what the link between them is, as facts."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import ipaddress
import socket
import struct
from collections.abc import Callable, Sequence

from meshperf.environments.host_files import HostFiles, Unavailable, observe
from meshperf.environments.reaching import inside
from meshperf.spec.records import Fact, Facts, FactValue

__all__ = ["carries", "facts", "name_servers", "plug", "pod", "switch"]

_SIOCETHTOOL = 0x8946
_SIOCGIFMTU = 0x8921
_HAS_LINK = 0x0A
_SETTINGS = {
    "somaxconn": "core/somaxconn",
    "tcp_congestion_control": "ipv4/tcp_congestion_control",
    "ip_local_port_range": "ipv4/ip_local_port_range",
    "tcp_tw_reuse": "ipv4/tcp_tw_reuse",
}
"""Per namespace; the `host.` facts of the same names are the machine's own."""
_OFFLOADS = {"checksum": 0x16, "tso": 0x1E, "gso": 0x23, "gro": 0x2B}
"""By the number that asks the kernel for it (ETHTOOL_GTXCSUM and so on)."""


class _EthtoolValue(ctypes.Structure):
    """What ethtool asks and gets for one setting."""

    _fields_ = (("command", ctypes.c_uint32), ("data", ctypes.c_uint32))


def switch() -> Sequence[str]:
    """Inside the switch's namespace: a bridge without an address, that learns but does not take part in multicast."""
    return (
        "link set lo up",
        "link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
        # Without an IPv6 link address nobody speaks on the link unasked.
        "link set br0 addrgenmode none up",
    )


def plug(number: int, bridge: str = "br0") -> Sequence[str]:
    """Inside the switch's namespace, after the pod is configured: its cable is put into a bridge."""
    return (f"link set v{number} addrgenmode none master {bridge} up",)


def pod(
    number: int, switch_namespace: str, address: str, gateway: str, name_servers: Sequence[str] = ()
) -> Sequence[str]:
    """Inside the pod's namespace: its end of the cable. The gateway does not exist: packets to it end there.

    Args:
        name_servers: this machine's. Nobody answers for them in a pod; a program that asks is told so at once instead
            of waiting for seconds while it starts.
    """
    return (
        "link set lo up",
        f"link add eth0 type veth peer name v{number} netns {switch_namespace}",
        "link set eth0 addrgenmode none up",
        f"addr add {address} dev eth0",
        f"route add default via {gateway} dev eth0 onlink",
        *(f"route add unreachable {server}" for server in name_servers),
    )


def name_servers(files: HostFiles | None = None) -> tuple[str, ...]:
    """IPv4 addresses outside loopback that this machine resolves names with."""
    try:
        lines = (files or HostFiles()).text("/etc/resolv.conf").splitlines()
    except Unavailable:
        return ()
    found = []
    for words in (line.split() for line in lines):
        if len(words) > 1 and words[0] == "nameserver":
            with contextlib.suppress(ValueError):  # IPv6, which pods do not speak among one another, or nonsense
                address = ipaddress.IPv4Address(words[1])
                found += [] if address.is_loopback else [str(address)]
    return tuple(dict.fromkeys(found))


def facts(kind: str, switch_namespace: str | None) -> Facts:
    """What the network of pods is. Offloads are those of the bridge, which has what all of its ports have."""

    def of_bridge(read: Callable[[], FactValue]) -> Fact:
        if switch_namespace is None:
            return Fact(source="bridge", unavailable="the bridge is not there yet")
        return observe("bridge", lambda: inside(switch_namespace, read))

    return {
        "environment.kind": Fact(value=kind, source="environment", observed=False),
        "network.pods": Fact(value="namespaces", source="environment", observed=False),
        "network.link": Fact(value="veth pairs on a bridge", source="environment", observed=False),
        "network.mtu_bytes": of_bridge(_mtu),
        "network.offloads": of_bridge(_offloads),
        # A new namespace begins with the kernel's own values, whatever was tuned on the machine.
        **{
            f"network.{name}": _of_namespace(switch_namespace, f"/proc/sys/net/{path}")
            for name, path in _SETTINGS.items()
        },
    }


def _of_namespace(namespace: str | None, path: str) -> Fact:
    def read() -> str:
        return " ".join(inside(namespace, lambda: HostFiles().text(path)).split())

    return observe(path, read) if namespace else Fact(source=path, unavailable="there is no pod yet")


def _mtu() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            answer = fcntl.ioctl(asking, _SIOCGIFMTU, struct.pack("16si12x", b"br0", 0))
        except OSError as error:
            raise Unavailable(f"the bridge's MTU: {error.strerror}") from None
    return int(struct.unpack("16si12x", answer)[1])


def _offloads() -> str:
    try:
        on = [name for name, number in _OFFLOADS.items() if _ethtool("br0", number)]
    except OSError as error:
        raise Unavailable(f"the bridge's offloads: {error.strerror}") from None
    return ", ".join(on) or "none"


def carries(device: str) -> bool:
    """Whether a device of the thread's network carries packets now.

    Asking is what counts: the kernel notes late that a cable was plugged in, and until then drops what is sent, so that
    the first connection of a pod would take a second. When it is asked this way it catches up at once.

    Raises:
        OSError: no such device.
    """
    return bool(_ethtool(device, _HAS_LINK))


def _ethtool(device: str, number: int) -> int:
    question = _EthtoolValue(number, 0)
    # struct ifreq: the name, then a pointer to what is asked and will be answered.
    request = struct.pack("16sP16x", device.encode(), ctypes.addressof(question))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        fcntl.ioctl(asking, _SIOCETHTOOL, request)
    return int(question.data)
