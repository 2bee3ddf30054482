"""The commands of `ip` that make a switch and a pod, and what the link between them is, as facts."""

from __future__ import annotations

import ctypes
import fcntl
import socket
import struct
from collections.abc import Callable, Sequence

from meshperf.environments.host_files import Unavailable, observe
from meshperf.environments.reaching import inside
from meshperf.spec.records import Fact, Facts, FactValue

__all__ = ["facts", "plug", "pod", "switch"]

_SIOCETHTOOL = 0x8946
_SIOCGIFMTU = 0x8921
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


def plug(number: int, pod_namespace: str) -> Sequence[str]:
    """Inside the switch's namespace: a cable whose other end is `eth0` of the pod."""
    port = f"v{number}"
    return (
        f"link add {port} type veth peer name eth0 netns {pod_namespace}",
        f"link set {port} addrgenmode none master br0 up",
    )


def pod(address: str, gateway: str) -> Sequence[str]:
    """Inside the pod's namespace. The gateway does not exist: packets to it end there."""
    return (
        "link set lo up",
        "link set eth0 addrgenmode none up",
        f"addr add {address} dev eth0",
        f"route add default via {gateway} dev eth0 onlink",
    )


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
    }


def _mtu() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            answer = fcntl.ioctl(asking, _SIOCGIFMTU, struct.pack("16si12x", b"br0", 0))
        except OSError as error:
            raise Unavailable(f"the bridge's MTU: {error.strerror}") from None
    return int(struct.unpack("16si12x", answer)[1])


def _offloads() -> str:
    on = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for name, number in _OFFLOADS.items():
            question = _EthtoolValue(number, 0)
            # struct ifreq: the name, then a pointer to what is asked and will be answered.
            request = struct.pack("16sP16x", b"br0", ctypes.addressof(question))
            try:
                fcntl.ioctl(asking, _SIOCETHTOOL, request)
            except OSError as error:
                raise Unavailable(f"the bridge's offloads: {error.strerror}") from None
            if question.data:
                on.append(name)
    return ", ".join(on) or "none"
