"""Known truth: how often is a step in a history found, how far from its place, and how often does noise raise an alarm?

Every history is a series of log ratios with a known step, through the product's own `change_points` and
`level_change`; nothing here decides anything. Noise is normal, heavy-tailed (Student's t, three degrees of freedom) or
skewed (exponential), each of standard deviation one, in which steps are told. Asked for: false alarms in at most 5 %
plus three sampling errors; the place inside its 95 % set in at least 93 % (less three) of the histories whose step is
two deviations or more; the size inside its 95 % interval in as many, wherever a step is found more often than not.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.findings import Finding, Outcome, show_findings, show_table
from meshperf.analysis.changepoints import ChangePoint, change_points
from meshperf.analysis.level_change import level_change

Floats = npt.NDArray[np.float64]
NOISES: dict[str, Callable[[np.random.Generator, int], Floats]] = {
    "normal": lambda rng, count: rng.normal(size=count),
    "heavy": lambda rng, count: rng.standard_t(3, size=count) / math.sqrt(3),
    "skewed": lambda rng, count: rng.exponential(size=count) - 1,
}
COUNTS = (10, 20, 40)
STEPS = (0.0, 1.0, 2.0, 3.0)
CERTAIN = 2.0
ALPHA = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Many histories of one kind."""

    noise: str
    count: int
    step: float
    histories: int
    found: float
    """Share with at least one change."""
    more: float
    """Share with more changes than there are."""
    off: float
    """Median distance of the nearest change from its place, in results; NaN for none."""
    inside: float
    """Share of the histories with a change whose set of places holds the true one; NaN for none."""
    size: float
    """Share of them whose interval of the size holds the true one; NaN for none."""


def tally(noise: str, count: int, step: float, *, histories: int, shuffles: int, seed: int) -> Tally:
    """The step lies at two thirds of the series."""
    place = 2 * count // 3
    found: list[tuple[ChangePoint, ...]] = []
    sizes: list[bool] = []
    for number in range(histories):
        rng = np.random.default_rng([seed, number, count])
        values = NOISES[noise](rng, count)
        values[place:] += step
        found.append(change_points(values.tolist(), seed=number, alpha=ALPHA, permutations=shuffles))
        if step and found[-1]:
            sizes.append(_holds(values.tolist(), found[-1], place, step))
    some = [each for each in found if each]
    nearest = [_nearest(each, place) for each in some] if step else []
    return Tally(
        noise=noise,
        count=count,
        step=step,
        histories=histories,
        found=len(some) / histories,
        more=sum(len(each) > (1 if step else 0) for each in found) / histories,
        off=float(np.median([abs(one.index - place) for one in nearest])) if nearest else math.nan,
        inside=float(np.mean([one.earliest <= place <= one.latest for one in nearest])) if nearest else math.nan,
        size=float(np.mean(sizes)) if sizes else math.nan,
    )


def _nearest(changes: Sequence[ChangePoint], place: int) -> ChangePoint:
    return min(changes, key=lambda one: abs(one.index - place))


def _holds(values: Sequence[float], changes: Sequence[ChangePoint], place: int, step: float) -> bool:
    """Whether the interval of the change nearest to the true one holds its size."""
    borders = [0, *(one.index for one in changes), len(values)]
    at = borders.index(_nearest(changes, place).index)
    size = level_change(values, changes[at - 1], begin=borders[at - 1], end=borders[at + 1])
    return size.low <= math.exp(step) <= size.high


def findings(tallies: Sequence[Tally]) -> tuple[Finding, ...]:
    """What was asked for, at its worst."""
    quiet = [each for each in tallies if not each.step]
    worst = max(quiet, key=lambda each: each.found)
    limit = ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / worst.histories)
    sure = [each for each in tallies if each.step >= CERTAIN and each.noise == "normal" and math.isfinite(each.inside)]
    least = min(sure, key=lambda each: each.inside)
    lower = _least(least)
    common = [each for each in tallies if each.found > 0.5 and math.isfinite(each.size)]
    sized = min(common, key=lambda each: each.size - _least(each))
    return (
        Finding(
            what=f"histories without a change in which one is seen ({worst.noise}, {worst.count} results)",
            figure=f"{worst.found:.1%}",
            value=worst.found,
            limit=f"at most {limit:.1%}",
            met=worst.found <= limit,
        ),
        Finding(
            what=f"sets of places that hold the true one (normal, step {least.step:g}, {least.count} results)",
            figure=f"{least.inside:.1%}",
            value=least.inside,
            limit=f"at least {lower:.1%}",
            met=least.inside >= lower,
        ),
        Finding(
            what=f"intervals of the size that hold it ({sized.noise}, step {sized.step:g}, {sized.count} results)",
            figure=f"{sized.size:.1%}",
            value=sized.size,
            limit=f"at least {_least(sized):.1%}",
            met=sized.size >= _least(sized),
        ),
    )


def _least(of: Tally) -> float:
    """93 %, less three sampling errors of the histories in which a change was found."""
    return 0.93 - 3 * math.sqrt(0.93 * 0.07 / (of.histories * max(of.found, 1e-9)))


def main(arguments: Sequence[str] = ()) -> Outcome:
    parser = argparse.ArgumentParser(prog="python -m benchmarks history", description=__doc__)
    parser.add_argument("--histories", type=int, default=1000, help="of each kind")
    parser.add_argument("--shuffles", type=int, default=199)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(list(arguments))
    tallies = [
        tally(noise, count, step, histories=options.histories, shuffles=options.shuffles, seed=options.seed)
        for noise in NOISES
        for count in COUNTS
        for step in STEPS
    ]
    print(f"{options.histories} histories a row, {options.shuffles} shuffles, seed {options.seed}, alpha {ALPHA}")
    heads = ("noise", "results", "step [sd]", "change seen", "too many", "median off", "place in set", "size held")
    show_table([heads, *(_cells(each) for each in tallies)])
    found = findings(tallies)
    show_findings(found)
    return Outcome(findings=found, data={"tallies": [_row(each) for each in tallies]})


def _cells(of: Tally) -> tuple[str, ...]:
    off = "-" if math.isnan(of.off) else f"{of.off:g}"
    inside = "-" if math.isnan(of.inside) else f"{of.inside:.1%}"
    size = "-" if math.isnan(of.size) else f"{of.size:.1%}"
    return (of.noise, str(of.count), f"{of.step:g}", f"{of.found:.1%}", f"{of.more:.1%}", off, inside, size)


def _row(of: Tally) -> dict[str, object]:
    return {name: getattr(of, name) for name in of.__slots__}
