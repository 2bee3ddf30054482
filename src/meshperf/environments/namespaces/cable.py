"""A second bridge, and the program that joins the two by a cable which delays: two clusters with a link between them.

    near pods ── br0 ── tap0 ═ meshperf-link ═ tap1 ── br1 ── far pods

One network for all: only how long a frame takes from one side to the other differs. It works for every mesh and every
protocol because it knows none of them, and without netem, which many kernels lack. The program is a process like any
other, so what it uses is measured and told.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from meshperf.errors import PrerequisiteError

__all__ = ["BRIDGE", "argv", "second_bridge"]

BRIDGE = "br1"
_ENDS = ("tap0", "tap1")


def second_bridge() -> Sequence[str]:
    """Commands of `ip` inside the switch's namespace."""
    return (
        f"link add {BRIDGE} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
        f"link set {BRIDGE} addrgenmode none up",
        *(f"tuntap add dev {end} mode tap" for end in _ENDS),
        f"link set {_ENDS[0]} addrgenmode none master br0 up",
        f"link set {_ENDS[1]} addrgenmode none master {BRIDGE} up",
    )


def argv(delay_s: float) -> list[str]:
    """The program that carries frames, inside the switch's namespace.

    Raises:
        PrerequisiteError: MP3002, it is not installed.
    """
    program = Path(__file__).parents[2] / "_bin" / "meshperf-link"
    if not os.access(program, os.X_OK):
        raise PrerequisiteError(
            "MP3002",
            "the program meshperf-link is not installed with this meshperf",
            hint="install meshperf from a wheel for this platform, or run `make build` in its source tree",
        )
    left, right = _ENDS
    return [str(program), "--left", left, "--right", right, "--delay", f"{round(delay_s * 1e9)}ns"]
