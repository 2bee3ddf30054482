"""How meshperf itself dials what an experiment started: `ip:port`, `ip:port@namespace` for what lives in a pod, or
`unix:/path` for what listens on a socket in the file system, which belongs to no network.

The one place where such an address is taken apart and a connection to it is made. A socket belongs for good to the
network namespace of the thread that created it, so a short-lived thread enters the namespace, creates and connects the
socket, and hands it over; the thread that asked never leaves its own network, and an exception cannot strand it in
another one. A thread costs some 100 µs, which only questions beside the measurement pay.
"""

from __future__ import annotations

import ctypes
import errno
import ipaddress
import os
import re
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

__all__ = ["NAMESPACES", "Place", "connect", "connecting_took_s", "inside", "parse"]

NAMESPACES = Path("/run/netns")
"""Where named network namespaces stand, by the convention of iproute2."""
_UNIX = "unix:"
_LONGEST_PATH = 107
"""The kernel keeps the path of a socket in 108 bytes with a zero at the end."""
_CLONE_NEWNET = 0x40000000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

_libc = ctypes.CDLL(None, use_errno=True)
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An address taken apart. `namespace` is the name of a network namespace; None: the caller's own network."""

    ip: str
    port: int
    namespace: str | None = None
    path: Path | None = None
    """Of a socket in the file system; `ip` and `port` then say nothing."""

    @property
    def is_loopback(self) -> bool:
        return self.path is not None or ipaddress.ip_address(self.ip).is_loopback

    def __str__(self) -> str:
        if self.path is not None:
            return f"{_UNIX}{self.path}"
        dialled = f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"
        return dialled if self.namespace is None else f"{dialled}@{self.namespace}"


def parse(address: str) -> Place:
    """Take `ip:port`, `[ipv6]:port` or either with `@namespace`, or `unix:/path` apart.

    Raises:
        ValueError: not such an address; names of hosts are none.
    """
    if address.startswith(_UNIX):
        path = Path(address.removeprefix(_UNIX))
        if not path.is_absolute() or len(os.fsencode(path)) > _LONGEST_PATH:
            raise ValueError(f"{address!r} is no absolute path of at most {_LONGEST_PATH} bytes")
        return Place(ip="127.0.0.1", port=0, path=path)
    dialled, at, namespace = address.partition("@")
    named, _, port = dialled.rpartition(":")
    ip = named[1:-1] if named.startswith("[") and named.endswith("]") else named
    try:
        ipaddress.ip_address(ip)
    except ValueError:
        raise ValueError(f"{address!r} is no address of the form ip:port or ip:port@namespace") from None
    if not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{address!r} has no port from 0 to 65535")
    if at and not _NAME.fullmatch(namespace):
        raise ValueError(f"{address!r} has no name of a network namespace after the @")
    return Place(ip=ip, port=int(port), namespace=namespace if at else None)


def connecting_took_s(address: str, *, timeout_s: float = 15.0) -> float | None:
    """How long the handshake of a TCP connection took, measured inside the namespace [s]; None: there was none."""
    place = parse(address)

    def measured() -> float:
        began = time.monotonic()
        with socket.create_connection((place.ip, place.port), timeout=timeout_s):
            return time.monotonic() - began

    try:
        return measured() if place.namespace is None else inside(place.namespace, measured)
    except OSError:
        return None


def connect(address: str, *, timeout_s: float, source: str | None = None) -> socket.socket:
    """Open a TCP connection, from inside the namespace that the address names.

    Args:
        timeout_s: for connecting, and left on the socket for every wait after it [s].
        source: local IP address to call from.

    Raises:
        ValueError: the address cannot be taken apart. OSError: no connection, or the namespace is gone.
    """
    place = parse(address)
    if place.path is not None:
        return _connect_path(place.path, timeout_s)
    origin = (source, 0) if source else None
    return inside(
        place.namespace,
        lambda: socket.create_connection((place.ip, place.port), timeout=timeout_s, source_address=origin),
    )


def _connect_path(path: Path, timeout_s: float) -> socket.socket:
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        found.settimeout(timeout_s)
        found.connect(str(path))
    except BaseException:
        found.close()
        raise
    return found


def inside(namespace: str | None, work: Callable[[], _Result]) -> _Result:
    """Do something on a thread that is in the network namespace; None: at once, in the caller's own network.

    Raises:
        OSError: the namespace is gone or may not be entered. Whatever `work` raises.
    """
    if namespace is None:
        return work()
    try:
        door = (NAMESPACES / namespace).open("rb")
    except FileNotFoundError:
        raise FileNotFoundError(errno.ENOENT, f"the network namespace {namespace} is gone") from None
    results: list[_Result] = []
    failures: list[BaseException] = []

    def visit() -> None:
        try:
            _enter(door.fileno(), namespace)
            results.append(work())
        except BaseException as failure:  # of any kind: raised again below, on the thread that asked
            failures.append(failure)

    with door:
        visitor = threading.Thread(target=visit, name=f"in {namespace}", daemon=True)
        visitor.start()
        visitor.join()
    if failures:
        raise failures[0]
    return results[0]


def _enter(descriptor: int, namespace: str) -> None:
    """Move the calling thread, and only that, into a namespace."""
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"cannot enter the network namespace {namespace}: {os.strerror(number)}")
