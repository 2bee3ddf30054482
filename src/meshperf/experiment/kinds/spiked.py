"""The spike: one phase that holds before, peak and after, so that what the peak left behind meets the load after it."""

from __future__ import annotations

import itertools

from meshperf.analysis.recovery import judge_spike
from meshperf.experiment.kinds.answer import Answer
from meshperf.experiment.kinds.bench import Bench
from meshperf.experiment.kinds.windows import windows_of
from meshperf.load.kinds import SpikeShape, Stage

__all__ = ["drive_spike"]


def drive_spike(shape: SpikeShape, bench: Bench) -> Answer:
    """Before, peak, after."""
    stages = shape.stages()
    whole_s = sum(stage.duration_s for stage in stages)
    mean = sum(stage.rate * stage.duration_s for stage in stages) / whole_s
    whole = Stage(label="spike", rate=mean, duration_s=whole_s)
    phases = shape.phases(bench.arrivals, seed=bench.seed)
    done = bench.run([whole], "spike, before, peak and after,", phases=phases)
    if not done:
        return Answer(statistic=None, stages=(), counted="the whole spike")
    ran = done[0][0]
    ends = list(itertools.accumulate(stage.duration_s for stage in stages))
    windows = windows_of(
        ran.recording,
        since_s=ran.recording.begin_s,
        stage=lambda moment: next((s.label for s, end in zip(stages, ends, strict=True) if moment < end), "after"),
    )
    outcome = judge_spike(
        windows,
        before_rps=shape.rate,
        peak_rps=shape.peak_rate,
        metric=f"p{shape.quantile * 100:g}",
        band=shape.band,
    )
    return Answer(statistic=outcome, stages=(ran,), counted="the whole spike: before, peak and after", windows=windows)
