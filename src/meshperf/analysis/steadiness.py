"""Whether a run had settled, and whether its level jumped: flags on a series, never a reason to leave a run out.

What it decides: two things about a series of logarithms over time. MSER-5: how much of its beginning should be cut to
know its mean best; wanting to cut more than a quarter means that it had not settled. Level shift: whether one step
explains the series, and where.

Why this way: both are flags for a reader who asks why two rounds differ. Interleaved arms meet the same weather, so
their series is the log ratio block by block, in which what is common has dropped out; a run that stood alone is looked
at by itself.

What it assumes: noise that forgets within a few samples. Its memory is measured beside the step and widens the test.

What it refuses: a flag for what is surely there but too small to matter (5 %), or from fewer than thirty samples.

Source: White, Cobb & Spratt (2000) for MSER-5; the critical value of the largest of all splits is Andrews' (1993), 1 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from meshperf.analysis.blocks import BlockPair
from meshperf.analysis.pairing import Pair
from meshperf.analysis.records import MetricComparison
from meshperf.spec.records import Warning, WarningKind

__all__ = [
    "FEWEST_SAMPLES",
    "STEADINESS_METRIC",
    "Flag",
    "LevelShift",
    "Settling",
    "flagged",
    "level_shift",
    "mser5",
    "steadiness_flags",
    "steadiness_warnings",
]

STEADINESS_METRIC = "p50"
"""Whose series is looked at; its rounds carry the flags."""
FEWEST_SAMPLES = 30
MOST_CUT = 0.25
MATTERS = math.log(1.05)
_BATCH = 5
_SURE = 4.0
"""Standard errors: the cut was chosen for being unlike the rest, so two would be nothing."""
_SHOWN = 3
_EDGE = 0.15
_CRITICAL = math.sqrt(12.35)

Values = Sequence[float] | npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """What MSER-5 would cut: the share of the series, and how far the cut part lies from the rest (log amount).

    `error` is the standard error of that distance.
    """

    cut_share: float
    away: float
    error: float

    @property
    def unsettled(self) -> bool:
        return self.cut_share > MOST_CUT and abs(self.away) >= max(MATTERS, _SURE * self.error)


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelShift:
    """The best single step: after which share of the series, how large (log amount), and whether it is surely there."""

    at: float
    size: float
    significant: bool

    @property
    def shifted(self) -> bool:
        return self.significant and abs(self.size) >= MATTERS


def mser5(logs: Values) -> Settling | None:
    """Where the beginning of a series should be cut. None for fewer than thirty samples.

    The cut d minimises  sum (z_j - mean)^2 / (n - d)^2  over the batch means z of five samples after it; at most half
    of the series is cut, since a minimum among the last few batches says nothing.
    """
    x = np.asarray(logs, dtype=np.float64)
    x = x[np.isfinite(x)]
    if x.size < FEWEST_SAMPLES:
        return None
    batches = x[: x.size // _BATCH * _BATCH].reshape(-1, _BATCH).mean(axis=1)
    n = batches.size
    costs = [float(((batches[d:] - batches[d:].mean()) ** 2).sum()) / (n - d) ** 2 for d in range(n // 2 + 1)]
    cut = int(np.argmin(costs))
    if cut == 0:
        return Settling(cut_share=0.0, away=0.0, error=0.0)
    away = float(batches[:cut].mean() - batches[cut:].mean())
    error = float(batches[cut:].std(ddof=1)) * math.sqrt(1 / cut + 1 / (n - cut))
    return Settling(cut_share=cut / n, away=away, error=error)


def level_shift(logs: Values) -> LevelShift | None:
    """The step that explains a series best, tested against noise with a memory. None for fewer than thirty samples."""
    x = np.asarray(logs, dtype=np.float64)
    x = x[np.isfinite(x)]
    n = x.size
    if n < FEWEST_SAMPLES:
        return None
    splits = np.arange(math.ceil(_EDGE * n), math.floor((1 - _EDGE) * n) + 1)
    total = np.cumsum(x)
    before = total[splits - 1] / splits
    after = (total[-1] - total[splits - 1]) / (n - splits)
    weight = np.sqrt(splits * (n - splits) / n)
    best = int(np.argmax(np.abs(after - before) * weight))
    place, size = int(splits[best]), float(after[best] - before[best])
    rest = x - np.where(np.arange(n) < place, before[best], after[best])
    spread = float((rest**2).sum()) / (n - 2)
    if spread == 0.0:
        return LevelShift(at=place / n, size=size, significant=size != 0.0)
    memory = float((rest[1:] * rest[:-1]).sum() / (rest**2).sum())
    memory = min(max(memory + (1 + 3 * memory) / n, 0.0), 0.95)  # the estimate is too small by about that much
    long_run = math.sqrt(spread * (1 + memory) / (1 - memory))
    return LevelShift(at=place / n, size=size, significant=abs(size) * float(weight[best]) / long_run > _CRITICAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One series of one round that was not steady. `name`: of the arm, or `ratio of slices`."""

    round: int
    name: str
    text: str


def steadiness_flags(pairs: Sequence[Pair], blocks: Sequence[BlockPair | None]) -> tuple[tuple[Flag, ...], int]:
    """What was not steady in the rounds of a pair of arms, and how many series were long enough to tell.

    Args:
        pairs: the rounds.
        blocks: their slices side by side, None for rounds that were not interleaved.
    """
    told, looked = [], 0
    for pair, sliced in zip(pairs, blocks, strict=True):
        for name, series in _series(pair, sliced):
            settling, shift = mser5(series), level_shift(series)
            looked += settling is not None
            if shift is not None and shift.shifted:
                text = f"x{math.exp(shift.size):.3g} from {100 * shift.at:.0f} % on"
            elif settling is not None and settling.unsettled:
                text = f"the first {100 * settling.cut_share:.0f} % lie at x{math.exp(settling.away):.3g} of the rest"
            else:
                continue
            told.append(Flag(round=pair.round, name=name, text=text))
    return tuple(told), looked


def steadiness_warnings(against: str, flags: Sequence[Flag], looked: int) -> tuple[Warning, ...]:
    """One warning for a pair of arms over its rounds; none when every round was steady or too short to tell.

    Args:
        against: `envoy against baseline`.
        flags, looked: of `steadiness_flags`.
    """
    if not flags:
        return ()
    shown = "; ".join(f"round {flag.round}, {flag.name}: {flag.text}" for flag in flags[:_SHOWN])
    text = f"{against}: {len(flags)} of {looked} series of p50 were not steady; {shown}"
    more = f"; and {len(flags) - _SHOWN} more" if len(flags) > _SHOWN else ""
    figures = {"unsteady": float(len(flags)), "series": float(looked)}
    return (Warning(kind=WarningKind.NOT_STEADY, text=f"{text}{more}.", figures=figures),)


def flagged(metric: MetricComparison, flags: Sequence[Flag]) -> MetricComparison:
    """The metric with its rounds flagged; none of them counts less for it."""
    texts: dict[int, list[str]] = {}
    for flag in flags:
        texts.setdefault(flag.round, []).append(f"{flag.name}: {flag.text}")
    if not texts:
        return metric
    rounds = tuple(
        replace(entry, unsteady="; ".join(texts[entry.round])) if entry.round in texts else entry
        for entry in metric.rounds
    )
    return replace(metric, rounds=rounds)


def _series(pair: Pair, blocks: BlockPair | None) -> list[tuple[str, npt.NDArray[np.float64]]]:
    """Interleaved arms: their log ratio by block. Else: each run by itself, second by second."""
    if blocks is not None:
        return [("ratio of slices", blocks.candidate.log_medians() - blocks.baseline.log_medians())]
    return [
        (run.resident, np.log([value for value in series.values if value is not None and value > 0]))
        for run in (pair.baseline, pair.candidate)
        for series in run.series
        if series.metric == STEADINESS_METRIC
    ]
