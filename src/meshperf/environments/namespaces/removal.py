"""Taking namespaces away: who is still inside, and the mounts that keep their names.

A namespace lives as long as something holds it: a process, a socket, or the mount on its name under /run/netns. The
mount is taken off lazily and as often as there is one, so that a name can be removed whatever state a broken run left
it in; the kernel frees devices, addresses, routes and rules with the namespace.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterable
from pathlib import Path

from meshperf.environments.namespaces.naming import is_ours
from meshperf.environments.processes import Identity, start_ticks
from meshperf.environments.reaching import NAMESPACES

__all__ = ["inhabitants", "remove"]

_PROC = Path("/proc")
_MNT_DETACH = 2
_MOST_MOUNTS = 16

_libc = ctypes.CDLL(None, use_errno=True)


def inhabitants(namespaces: Iterable[str]) -> set[Identity]:
    """Processes inside these namespaces, except the one that asks; names that are not ours have none.

    They are going to be ended, so the network of this machine is nobody's pod, whatever is mounted on a name: neither
    the namespace of the one that asks, nor its parent's, nor that of the first process is ever looked into.
    """
    wanted = {identity for name in namespaces if is_ours(name) and (identity := _identity(NAMESPACES / name))}
    own = _identity(_PROC / "self" / "ns" / "net")
    if own is None:
        return set()  # where we are ourselves cannot be told, so nobody is taken for a pod's
    wanted -= {own, *filter(None, (_identity(_PROC / other / "ns" / "net") for other in ("1", str(os.getppid()))))}
    # A name whose mount was lost is an ordinary file; processes are never in one.
    found = set()
    for entry in _PROC.iterdir() if wanted else ():
        if entry.name.isdigit() and int(entry.name) != os.getpid() and _identity(entry / "ns" / "net") in wanted:
            ticks = start_ticks(int(entry.name))
            if ticks is not None:
                found.add((int(entry.name), ticks))
    return found


def remove(namespaces: Iterable[str]) -> tuple[str, ...]:
    """Remove those of the names that are ours and there; returns the ones that were removed.

    Raises:
        OSError: one cannot be removed; the others are gone.
    """
    removed, failures = [], []
    for name in filter(is_ours, namespaces):
        path = NAMESPACES / name
        try:
            _unmount(path)
            path.unlink()
            removed.append(name)
        except FileNotFoundError:
            continue
        except OSError as failure:
            failures.append(failure)
    if failures:
        raise failures[0]
    return tuple(removed)


def _unmount(path: Path) -> None:
    for _ in range(_MOST_MOUNTS):
        if _libc.umount2(os.fsencode(path), _MNT_DETACH) != 0:
            number = ctypes.get_errno()
            if number == errno.EINVAL:
                return  # nothing is mounted there any more
            raise OSError(number, os.strerror(number), str(path))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        seen = path.stat()
    except OSError:
        return None  # gone, or another user's: not ours
    return seen.st_dev, seen.st_ino
