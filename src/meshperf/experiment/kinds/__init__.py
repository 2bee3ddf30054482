"""Test kinds driven against one target: load, stress, soak, capacity, spike and sweep."""

from meshperf.experiment.kinds.running import run_kind
from meshperf.experiment.kinds.session import LoadSession

__all__ = ["LoadSession", "run_kind"]
