"""The kinds with a plateau: load and soak. All stages run in one go, so that nothing but their rate changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from meshperf.analysis.drift import judge_drift
from meshperf.analysis.leak import judge_memory, leak_verdict, restarts, slope_of_cpu, slope_of_quantile
from meshperf.experiment.kinds.answer import Answer
from meshperf.experiment.kinds.bench import Bench
from meshperf.experiment.kinds.steps import Ran
from meshperf.experiment.kinds.watching import Watch
from meshperf.experiment.kinds.windows import windows_of
from meshperf.load.kinds import LoadShape, SoakShape
from meshperf.spec.kinds import LoadOutcome, SlopeOutcome, SoakOutcome, StepOutcome, StepState, UsageSample, Window

__all__ = ["drive_load", "drive_soak"]

_DRIFTS = ("p50", "p90")


def drive_load(shape: LoadShape, bench: Bench) -> Answer:
    """Ramp up, plateau, ramp down."""
    done = bench.run(shape.stages(), "load")
    windows = _windows([ran for ran, _ in done])
    plateau = next(((ran, step) for ran, step in done if step.label == "plateau"), None)
    if plateau is None:
        return Answer(statistic=None, stages=(), counted="the plateau", windows=windows)
    ran, step = plateau
    steady = [window for window in windows if window.stage == "plateau"]
    drifts = (judge_drift(steady, metric, margin=shape.drift_margin) for metric in _DRIFTS)
    return Answer(
        statistic=LoadOutcome(
            offered_rps=step.offered_rps,
            achieved_rps=step.achieved_rps,
            held=step.state is StepState.HELD,
            objectives=step.objectives,
            drift=tuple(drift for drift in drifts if drift is not None),
        ),
        stages=(ran,),
        counted="the plateau, without the ramps",
        windows=windows,
    )


def drive_soak(shape: SoakShape, bench: Bench, watch: Watch) -> Answer:
    """Plateau and peaks in turn. `watch` has been reading since before the soak and is read once more here."""
    done = bench.run(shape.stages(), "soak")
    plateaus = [(ran, step) for ran, step in done if step.label == "plateau"]
    windows = _windows([ran for ran, _ in done])
    if not plateaus:
        return Answer(statistic=None, stages=(), counted="the plateau", windows=windows)
    begin_s = done[0][0].recording.begin_s
    usage = watch.samples(origin_monotonic_s=bench.origin_monotonic_s + begin_s)
    settled_s = shape.settle_share * (done[-1][0].recording.end_s - begin_s)
    calm = [one for one in usage if one.t_s >= settled_s and _on_plateau(one, plateaus, begin_s)]
    calm += [one for one in usage if not one.alive and one not in calm]
    steady = [w for w in windows if w.stage == "plateau" and w.begin_s >= settled_s]
    slopes = _slopes(shape, bench, calm, steady)
    steps = [step for _, step in plateaus]
    broken = [step for step in steps if step.state is not StepState.HELD]
    return Answer(
        statistic=SoakOutcome(
            slopes=slopes,
            leak=leak_verdict(slopes, tuple(bench.pids)),
            peaks=sum(step.label == "peak" for _, step in done),
            restarts=restarts(usage),
            held=not broken,
            objectives=(broken or steps)[0].objectives,
            rule=(
                f"slopes over the plateau, peaks left out, from {settled_s:.6g} s on "
                f"(the first {shape.settle_share:.0%} settles)"
            ),
        ),
        stages=[ran for ran, _ in plateaus],
        counted="all of the plateau, without the peaks",
        windows=windows,
        usage=usage,
    )


def _slopes(
    shape: SoakShape, bench: Bench, usage: Sequence[UsageSample], steady: Sequence[Window]
) -> tuple[SlopeOutcome, ...]:
    found: list[SlopeOutcome | None] = []
    for name in bench.pids:
        found.append(judge_memory(usage, name, limit=shape.leak_bytes_per_s))
        found.append(slope_of_cpu(usage, name))
    found += [slope_of_quantile(steady, metric) for metric in ("p50", "p99")]
    return tuple(slope for slope in found if slope is not None)


def _on_plateau(sample: UsageSample, plateaus: Sequence[tuple[Ran, StepOutcome]], begin_s: float) -> bool:
    moment_s = sample.t_s + begin_s
    return any(ran.recording.begin_s <= moment_s <= ran.recording.end_s for ran, _ in plateaus)


def _windows(rans: Sequence[Ran]) -> list[Window]:
    if not rans:
        return []
    since_s = rans[0].recording.begin_s
    found: list[Window] = []
    for ran in rans:
        label = ran.stage.label
        part = windows_of(ran.recording, since_s=since_s, stage=lambda _: "")
        found += [replace(window, stage=label) for window in part]
    return found
