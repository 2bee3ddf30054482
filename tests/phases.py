"""Which tests may run beside others: those that compute, and measure nothing.

`pytest --phase NAME` runs the tests of one phase, and `packaging/run_tests.py` all phases: the two shares of what
computes at once, on two cores, and alone after them whatever opens sockets, starts processes that are measured, or
makes namespaces. A test belongs to exactly one phase; what is not known to compute only is run alone.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import PurePath

__all__ = ["ALONE", "PHASES", "may_hold", "phase_of"]

FIRST_SHARE, SECOND_SHARE, ALONE = PHASES = ("computing-1", "computing-2", "alone")

_SHARES = {
    FIRST_SHARE: {"analysis", "properties"},
    SECOND_SHARE: {"acceptance", "cli", "experiment", "interchange", "report", "spec", "store"},
}
"""Packages by share, about as long as one another."""
_DISTURBED = frozenset(
    {"e2e", "needs_consul", "needs_envoy", "needs_istio", "needs_native", "needs_netns", "needs_tool"}
)
"""Markers of tests that real processes and real time are a part of."""


def phase_of(path: PurePath, markers: Collection[str]) -> str:
    """The phase of a test.

    Args:
        path: of its file, below the folder of tests.
        markers: names of its markers.
    """
    if _DISTURBED.intersection(markers):
        return ALONE
    return next((share for share, packages in _SHARES.items() if path.parts[0] in packages), ALONE)


def may_hold(phase: str, path: PurePath) -> bool:
    """Whether a file or folder below the folder of tests may have tests of a phase."""
    return phase == ALONE or path.parts[0] in _SHARES[phase]
