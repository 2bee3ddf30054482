"""Making a named network namespace, by three system calls on a short-lived thread.

The name is a file under /run/netns with the namespace mounted on it, as iproute2 does it, so that `ip netns` sees pods
too. The mount is the last step: what breaks off before leaves a file without a namespace, which `removal` knows.
"""

from __future__ import annotations

import ctypes
import os
import threading

from meshperf.environments.reaching import NAMESPACES

__all__ = ["create"]

_CLONE_NEWNET = 0x40000000
_MS_BIND = 4096

_libc = ctypes.CDLL(None, use_errno=True)


def create(name: str) -> None:
    """Make a network namespace of that name, with nothing in it but a loopback device that is down.

    Raises:
        FileExistsError: the name is taken. OSError: the kernel refused it.
    """
    NAMESPACES.mkdir(mode=0o755, parents=True, exist_ok=True)
    path = NAMESPACES / name
    os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0))
    failures: list[OSError] = []

    def make() -> None:
        try:
            _checked(_libc.unshare(_CLONE_NEWNET))
            own = f"/proc/self/task/{threading.get_native_id()}/ns/net"
            _checked(_libc.mount(own.encode(), os.fsencode(path), b"none", ctypes.c_ulong(_MS_BIND), None))
        except OSError as failure:
            failures.append(failure)

    maker = threading.Thread(target=make, name=f"make {name}", daemon=True)
    maker.start()
    maker.join()
    if failures:
        path.unlink()
        raise failures[0]


def _checked(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
