"""Delay on the link between pods, by the kernel's netem, where it has it.

Only ever set inside namespaces that a site made: on the pod's own end of its cable, so that it holds back what the pod
sends and nothing else.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence

from meshperf.errors import DeploymentError

__all__ = ["available", "set_delay"]

WITHIN_S = 5.0
_QUEUE_PACKETS = 100_000
"""More than a pod sends in any delay we set; netem drops what does not fit, and its default of 1000 is soon full."""

Run = Callable[[Sequence[str], str, float], str]


def available(run: Run, switch: str) -> bool:
    """Try netem out on the loopback device of the switch, which carries nothing."""
    if program() is None:
        return False
    try:
        run([_tc(), "qdisc", "replace", "dev", "lo", "root", "netem", "delay", "0us"], switch, WITHIN_S)
        run([_tc(), "qdisc", "del", "dev", "lo", "root"], switch, WITHIN_S)
    except DeploymentError:
        return False  # the kernel knows no such discipline
    return True


def set_delay(run: Run, pod: str, seconds: float) -> None:
    """Delay what a pod sends, or stop doing so.

    Raises:
        DeploymentError: MP5102, `tc` failed.
    """
    if seconds > 0:
        figures = ["netem", "limit", str(_QUEUE_PACKETS), "delay", f"{round(seconds * 1e6)}us"]
        run([_tc(), "qdisc", "replace", "dev", "eth0", "root", *figures], pod, WITHIN_S)
    else:
        run([_tc(), "qdisc", "replace", "dev", "eth0", "root", "noqueue"], pod, WITHIN_S)


def program() -> str | None:
    """Path of `tc`."""
    return shutil.which("tc", path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"]))


def _tc() -> str:
    found = program()
    assert found is not None
    return found
