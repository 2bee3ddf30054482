"""What is measured beside the judged figures and changes how they are read: told as warnings, never judged.

What it decides: which figures a reader needs to correct for. A library arm does its client half inside the load
generator, whose CPU time is in no arm's cost, so its CPU per request is shown once more with that half counted. Slices
of a tenth of a second and a continuous stretch need not agree, so where both were made both ratios are shown.

What it assumes: the generator does the same work for every arm but for what the library adds; so what it uses more than
in the baseline of the same round is the library's.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from meshperf.analysis.figures import cpu_requests, cpu_seconds, figure
from meshperf.analysis.pairing import Pair, pair_rounds
from meshperf.analysis.records import MetricComparison
from meshperf.spec.records import RunResult, Warning, WarningKind

__all__ = ["client_in_generator", "sliced_against_continuous"]

_FUNCTIONS = "client_library.functions"
_GENERATOR = ("generator",)
_CONTROL = {"p50": "p50_s", "p90": "p90_s"}


def client_in_generator(runs: Sequence[RunResult], baseline: str) -> tuple[Warning, ...]:
    """A warning for every arm whose library works in the load generator too. `runs`: of one load point, in order."""
    warnings = []
    for arm in dict.fromkeys(run.arm for run in runs if run.arm != baseline and _has_library(run)):
        pairs = pair_rounds(runs, baseline=(baseline, 0), candidate=(arm, 0)).pairs
        extra = [value for value in map(_generator_extra, pairs) if math.isfinite(value)]
        text = f"{arm}: its client half runs inside the load generator, whose CPU time is not counted for any arm"
        figures: dict[str, float] = {}
        if extra:
            figures["generator_cpu_s_per_request"] = statistics.fmean(extra)
            text += f": {statistics.fmean(extra) * 1e6:.3g} µs per request more than in {baseline}"
        both = [entry for entry in map(_cpu_ratios, pairs) if all(value > 0 for value in entry)]  # NaN is not above 0
        if both:
            without, counted = (math.exp(statistics.fmean(map(math.log, values))) for values in zip(*both, strict=True))
            figures |= {"ratio": without, "ratio_with_generator": counted}
            text += f"; with it, CPU per request would be x{counted:.4g} instead of x{without:.4g}"
        warnings.append(Warning(kind=WarningKind.CLIENT_IN_GENERATOR, text=f"{text}.", figures=figures))
    return tuple(warnings)


def sliced_against_continuous(
    runs: Sequence[RunResult], baseline: str, metrics: Sequence[MetricComparison]
) -> tuple[Warning, ...]:
    """For every arm with a continuous control stretch: its ratios there beside those of the same rounds' slices."""
    warnings = []
    for arm in dict.fromkeys(run.arm for run in runs if run.arm != baseline and run.control):
        pairs = pair_rounds(runs, baseline=(baseline, 0), candidate=(arm, 0)).pairs
        parts: list[str] = []
        figures: dict[str, float] = {}
        for metric, name in _CONTROL.items():
            sliced = {
                entry.round: entry.ratio
                for found in metrics
                if (found.arm, found.against, found.metric) == (arm, baseline, metric)
                for entry in found.rounds
                if entry.excluded is None and entry.ratio > 0
            }
            both = [
                (sliced[pair.round], pair.candidate.control[name] / pair.baseline.control[name])
                for pair in pairs
                if pair.round in sliced
                and pair.candidate.control.get(name, 0.0) > 0
                and pair.baseline.control.get(name, 0.0) > 0
            ]
            if both:
                a, b = (math.exp(statistics.fmean(map(math.log, values))) for values in zip(*both, strict=True))
                parts.append(f"{metric} sliced x{a:.4g}, continuous x{b:.4g}")
                figures |= {f"{metric}_sliced": a, f"{metric}_continuous": b}
        if parts:
            requests = min(
                side.control.get("requests", 0.0)
                for pair in pairs
                if pair.candidate.control and pair.baseline.control
                for side in (pair.baseline, pair.candidate)
            )
            text = (
                f"{arm} against {baseline}: {'; '.join(parts)}. The continuous stretch is short "
                f"({requests:.0f} requests an arm) and is not judged."
            )
            figures["requests"] = requests
            warnings.append(Warning(kind=WarningKind.SLICED_CONTROL, text=text, figures=figures))
    return tuple(warnings)


def _has_library(run: RunResult) -> bool:
    fact = run.facts.get(_FUNCTIONS)
    return fact is not None and fact.known and fact.value != "none"


def _generator_extra(pair: Pair) -> float:
    """CPU seconds per request that the generator used more for the candidate; NaN where it is not known."""
    a, b = (
        cpu_seconds(run, _GENERATOR) / cpu_requests(run) if cpu_requests(run) else math.nan
        for run in (pair.baseline, pair.candidate)
    )
    return b - a


def _cpu_ratios(pair: Pair) -> tuple[float, float]:
    """CPU per request, candidate over baseline: as it is judged, and with the generator's extra counted."""
    a, b = figure(pair.baseline, "cpu_per_request"), figure(pair.candidate, "cpu_per_request")
    return (b / a, (b + _generator_extra(pair)) / a) if a > 0 else (math.nan, math.nan)
