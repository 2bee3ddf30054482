"""A block of loopback addresses for one site, so that two experiments on one machine never meet on a port.

Every host of an experiment gets an address of its own out of 127.x.y.0/24. The block is drawn at random and must be
free: no socket of this machine uses an address in it, and the site holds its `.0` address on one port for as long as it
lives, which no second site can.
"""

from __future__ import annotations

import errno
import ipaddress
import random
import socket
from pathlib import Path

from meshperf.environments.reaching import inside
from meshperf.errors import DeploymentError

__all__ = ["LoopbackBlock", "is_taken"]

RESERVATION_PORT = 1069
TRIES = 64
HOSTS = 254


def is_taken(address: str, port: int, namespace: str | None = None) -> bool:
    """Whether a listener holds the port, found out by trying to bind it, in a network namespace where one is named."""
    return inside(namespace, lambda: _refuses(address, port))


def _refuses(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Without this, connections in TIME_WAIT look like a listener.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
        return False


class LoopbackBlock:
    """254 addresses under one prefix, handed out by host name."""

    def __init__(self, prefix: str, reservation: socket.socket) -> None:
        self.prefix = prefix
        self._reservation = reservation
        self._by_host: dict[str, str] = {}

    @classmethod
    def reserve(cls, chance: random.Random | None = None) -> LoopbackBlock:
        """Find a free block and hold it.

        Raises:
            DeploymentError: MP5103, no free block was found.
        """
        chance = chance or random.SystemRandom()
        used = _prefixes_in_use()
        for _ in range(TRIES):
            # 127.0 is where everybody's own servers are, and Debian puts the host's name on 127.0.1.1.
            prefix = f"127.{chance.randint(1, 254)}.{chance.randint(0, 254)}"
            if prefix in used:
                continue
            reservation = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                reservation.bind((f"{prefix}.0", RESERVATION_PORT))
            except OSError:
                reservation.close()
                continue
            return cls(prefix, reservation)
        raise DeploymentError(
            "MP5103",
            f"no free block of loopback addresses in {TRIES} tries",
            hint="addresses of 127.0.0.0/8 must be usable: is the interface `lo` up?",
        )

    def address(self, host: str) -> str:
        """The address of a host: the same name always gives the same one.

        Raises:
            DeploymentError: MP5103, more hosts than addresses.
        """
        if host not in self._by_host:
            if len(self._by_host) >= HOSTS:
                raise DeploymentError("MP5103", f"an experiment on one machine can have {HOSTS} hosts at most")
            self._by_host[host] = str(ipaddress.IPv4Address(f"{self.prefix}.{len(self._by_host) + 1}"))
        return self._by_host[host]

    def release(self) -> None:
        """Let others have the block. Idempotent."""
        self._reservation.close()


def _prefixes_in_use() -> set[str]:
    """First three numbers of every IPv4 address that a TCP socket of this machine is bound to."""
    try:
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    except OSError:
        return set()  # the bind test still stands
    found = set()
    for line in lines:
        packed = bytes.fromhex(line.split()[1].partition(":")[0])[::-1]  # little-endian words
        found.add(".".join(str(number) for number in packed[:3]))
    return found
