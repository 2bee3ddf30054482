"""Which tests may run beside others: those that measure nothing.

`pytest --phase NAME` runs the tests of one phase, and `packaging/run_tests.py` all of them: two shares of what only
computes at once, on two cores; then two shares of what serves and deploys, and mostly waits; and alone after them what
holds real time to the truth, or runs whole experiments. A test belongs to exactly one phase; what nobody put into a
share is run alone.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import PurePath

__all__ = ["ALONE", "PHASES", "may_hold", "phase_of"]

ALONE = "alone"
_COMPUTING = {
    "computing-1": {"analysis", "properties"},
    "computing-2": {"acceptance", "cli", "experiment", "interchange", "report", "spec", "store"},
}
_SERVING = {"serving-1": {"load", "workloads"}, "serving-2": {"cli", "environments", "meshes"}}
"""Packages by share; the shares of a kind are about as long as one another."""
PHASES = (*_COMPUTING, *_SERVING, ALONE)

_REAL = frozenset({"needs_consul", "needs_envoy", "needs_istio", "needs_native", "needs_netns", "needs_tool"})
"""Markers of tests that other processes are a part of."""
_TIMED = frozenset(
    {
        "test_dispersion.py",
        "test_experiment_by_tool.py",
        "test_generators.py",
        "test_native_arrivals.py",
        "test_native_connections.py",
        "test_native_conversion.py",
        "test_truth.py",
    }
)
"""Files whose tests hold real time to the truth."""


def phase_of(path: PurePath, markers: Collection[str]) -> str:
    """The phase of a test.

    Args:
        path: of its file, below the folder of tests.
        markers: names of its markers.
    """
    package = path.parts[0]
    if "e2e" in markers or path.name in _TIMED:
        return ALONE
    computes = not _REAL.intersection(markers) and any(package in packages for packages in _COMPUTING.values())
    shares = _COMPUTING if computes else _SERVING
    return next((share for share, packages in shares.items() if package in packages), ALONE)


def may_hold(phase: str, path: PurePath) -> bool:
    """Whether a file or folder below the folder of tests may have tests of a phase."""
    return phase == ALONE or path.parts[0] in {**_COMPUTING, **_SERVING}[phase]
