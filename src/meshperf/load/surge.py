"""Arrivals over several stages as one list of times, so that one phase can hold a change of rate without a pause.

Each stage is arithmetic on its own begin: request i of a stage is due at begin + i / rate. Stages that a drain comes
between would let a backlog run off before the next rate begins.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from meshperf.errors import UsageError
from meshperf.load.kinds import Stage
from meshperf.load.plan import Arrivals, Phase

__all__ = ["MOST_ARRIVALS", "surge_phase"]

MOST_ARRIVALS = 2_000_000
"""Of one phase: their times are all held in memory, and handed to the generator as a list."""


def surge_phase(stages: Sequence[Stage], arrivals: Arrivals, *, seed: int, label: str, target: int = 0) -> Phase:
    """One phase of `trace` arrivals that follows all stages.

    Args:
        stages: of constant rates.
        arrivals: `constant`, or `poisson` with times drawn by `seed`.

    Raises:
        UsageError: MP1001, more than `MOST_ARRIVALS` requests; MP1002, arrivals without a rate.
    """
    if arrivals not in (Arrivals.CONSTANT, Arrivals.POISSON):
        raise UsageError("MP1002", f"stages of load have rates: arrivals cannot be {arrivals.value}")
    expected = math.fsum(stage.mean_rate * stage.duration_s for stage in stages)
    if expected > MOST_ARRIVALS:
        raise UsageError(
            "MP1001",
            f"{expected:.3g} requests in one stretch of changing load are too many, at most {MOST_ARRIVALS:,}",
            hint="make the stages shorter, or the rates lower",
        )
    random = np.random.default_rng(seed)
    times: list[float] = []
    begin_s = 0.0
    for stage in stages:
        if arrivals is Arrivals.CONSTANT:
            offsets = np.arange(math.ceil(stage.duration_s * stage.rate - 1e-9)) / stage.rate
        else:
            offsets = np.sort(random.uniform(0.0, stage.duration_s, random.poisson(stage.rate * stage.duration_s)))
        times += (begin_s + offsets).tolist()
        begin_s += stage.duration_s
    return Phase(
        target=target, duration_s=begin_s, arrivals=Arrivals.TRACE, trace_s=tuple(times), seed=seed, label=label
    )  # fmt: skip
