"""Bytes on the network interfaces of a process's pod: whole frames, whoever in the pod sent or received them.

What it decides: the sum over all interfaces but loopback of the network namespace that a process lives in.

Why this way: `/proc/<pid>/net/dev` shows the namespace of that process, so nothing has to enter it. A pod has one
interface, to the bridge; what passes between the application and its own sidecar stays on the pod's loopback.

What it refuses: the machine's own interfaces. A process that lives in the same namespace as meshperf has no pod, and
what passes there is anybody's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["InterfaceReading", "read_interfaces"]

_LOOPBACK = "lo"
_RECEIVED, _SENT = 0, 8
"""Columns of bytes in /proc/net/dev."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceReading:
    """Bytes that the interfaces of a pod have received and sent until now; None with the reason."""

    bytes_in: int | None = None
    bytes_out: int | None = None
    unavailable: str = ""


def read_interfaces(pid: int, *, proc: Path = Path("/proc")) -> InterfaceReading:
    """Read the counters of the pod that a process lives in. Never raises for a process that is gone."""
    try:
        if (proc / str(pid) / "ns" / "net").readlink() == (proc / "self" / "ns" / "net").readlink():
            return InterfaceReading(unavailable="it has no pod: its network is the machine's own")
        lines = (proc / str(pid) / "net" / "dev").read_text().splitlines()
        rows = {
            name.strip(): list(map(int, rest.split())) for name, _, rest in (row.partition(":") for row in lines[2:])
        }
        counted = [row for name, row in rows.items() if name != _LOOPBACK]
        return InterfaceReading(
            bytes_in=sum(row[_RECEIVED] for row in counted), bytes_out=sum(row[_SENT] for row in counted)
        )
    except OSError as error:
        return InterfaceReading(unavailable=f"the interfaces of process {pid}: {error.strerror}")
    except (ValueError, IndexError):
        return InterfaceReading(unavailable=f"/proc/{pid}/net/dev has an unexpected form")
