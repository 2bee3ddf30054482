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
    "computing-1": {"analysis", "interchange", "properties", "spec"},
    "computing-2": {"acceptance", "cli", "experiment", "report", "store"},
}
_SERVING = {
    "serving-1": {"e2e/test_bad_input.py", "e2e/test_mesh_faults.py", "load"},
    "serving-2": {"cli", "e2e/test_kill_pods.py", "environments", "meshes", "workloads"},
}
"""Packages, and files of others, by share; the shares of a kind are about as long as one another."""
PHASES = (*_COMPUTING, *_SERVING, ALONE)

_REAL = frozenset({"e2e", "needs_consul", "needs_envoy", "needs_istio", "needs_native", "needs_netns", "needs_tool"})
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
    if path.name in _TIMED:
        return ALONE
    parts = {path.parts[0], path.as_posix()}
    computes = not _REAL.intersection(markers) and any(parts & share for share in _COMPUTING.values())
    shares = _COMPUTING if computes else _SERVING
    return next((name for name, share in shares.items() if parts & share), ALONE)


def may_hold(phase: str, path: PurePath) -> bool:
    """Whether a file or folder below the folder of tests may have tests of a phase."""
    packages = {PurePath(each).parts[0] for each in {**_COMPUTING, **_SERVING}.get(phase, ())}
    return phase == ALONE or path.parts[0] in packages
