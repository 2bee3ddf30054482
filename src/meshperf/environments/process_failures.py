"""What is said of a process that failed: how it ended, its last lines, and whether an address was taken."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Sequence
from pathlib import Path

from meshperf.errors import DeploymentError

__all__ = ["LOG_LINES", "WHO_LISTENS", "died", "how_ended", "last_lines", "not_ready"]

LOG_LINES = 20
WHO_LISTENS = "another process listens there; `ss -ltnp` shows which one"
_ADDRESS_IN_USE = re.compile(r"address (is )?already in use|EADDRINUSE|os error 98|cannot bind", re.I)


def how_ended(status: int) -> str:
    """The exit code, or the signal of a negative one, in words."""
    return f"exit code {status}" if status >= 0 else f"killed by {signal.Signals(-status).name}"


def not_ready(code: str, what: str, *, log: Sequence[str], taken: Sequence[str]) -> DeploymentError:
    """The error for a process that is gone by now.

    Args:
        taken: which of its addresses somebody holds; since it is gone, that is somebody else.
    """
    if taken or _ADDRESS_IN_USE.search("\n".join(log)):
        where = f"address {', '.join(taken)} is taken" if taken else "an address is taken"
        return DeploymentError("MP5103", f"{what}: {where}", log=log, hint=WHO_LISTENS)
    return DeploymentError(code, what, log=log, hint="its last lines say why" if log else "it wrote nothing")


def died(name: str, status: int, log: Sequence[str]) -> DeploymentError:
    """The error for a process that was up and ended by itself, or was ended from outside."""
    hint = "its last lines say why" if log else "it wrote nothing"
    if status == -signal.SIGKILL:
        hint = "somebody killed it, or the kernel did for want of memory (`dmesg` tells)"
    return DeploymentError("MP5104", f"{name} ended during the measurement ({how_ended(status)})", log=log, hint=hint)


def last_lines(log: Path) -> tuple[str, ...]:
    """The last lines of a log, at most 20 of at most 500 characters; a missing log has none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - (1 << 15)))
            text = file.read().decode(errors="replace")
    except OSError:
        return ()
    return tuple(line[:500] for line in text.splitlines()[-LOG_LINES:])
