"""Ending an experiment early without calling chance a difference: looks fixed beforehand, each with a level of its own.

What it decides: at which rounds the results may be looked at, the level of each look, and whether a look ends it.

Why this way: an experiment that is judged after every round at 5 % and ends when it likes the answer is wrong about
three times as often as it says. Here the 5 % are divided among the looks beforehand, four fifths of it kept for the
last one, and a look decides only at its own share. The chance that any look errs is at most the sum of the shares,
whatever the looks have in common and however few rounds there are: nothing is approximated. Every interval is given at
the level of the look it was made at, so intervals keep what they promise too (docs/adr/0006-early-stopping.md).

What it assumes: what `intervals` does, at every look.

What it refuses: looks that were not planned, and a level raised afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meshperf.analysis.intervals import COMPANION_ROUNDS
from meshperf.analysis.records import Comparison, MetricComparison, Verdict

__all__ = ["StoppingPlan", "may_stop", "plan_stopping"]

FINAL_SHARE = 0.8
DECIDED = frozenset({Verdict.BETTER, Verdict.WORSE, Verdict.EQUIVALENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppingPlan:
    """Looks in rising order, the last after all rounds, and the level of each; the levels add up to `alpha`."""

    looks: tuple[int, ...]
    alphas: tuple[float, ...]
    alpha: float

    @property
    def rounds(self) -> int:
        """The most that are made."""
        return self.looks[-1]

    def alpha_at(self, rounds: int) -> float | None:
        """Level of the look after so many rounds that count; None where none is planned."""
        return dict(zip(self.looks, self.alphas, strict=True)).get(rounds)


def plan_stopping(
    rounds: int, *, looks: Sequence[int] | None = None, alpha: float = 0.05, final_share: float = FINAL_SHARE
) -> StoppingPlan:
    """Divide the level among looks.

    Args:
        rounds: planned, at least 3.
        looks: after how many rounds to look; None: from the sixth, where the companion begins, every second or so, at
            most five in all. The last is always made.
        alpha: of all looks together.
        final_share: of it for the last look, in (0, 1).

    Raises:
        ValueError: fewer than three rounds, or a look outside of [3, rounds].
    """
    if rounds < 3 or any(not 3 <= look <= rounds for look in looks or ()):
        raise ValueError("an experiment that may end early has at least 3 rounds, and looks after 3 or later")
    if looks is None:
        step = max(2, math.ceil((rounds - COMPANION_ROUNDS) / 4))
        looks = range(COMPANION_ROUNDS, rounds, step) if rounds > COMPANION_ROUNDS else ()
    early = sorted({look for look in looks if look < rounds})
    if not early:
        return StoppingPlan(looks=(rounds,), alphas=(alpha,), alpha=alpha)
    each = alpha * (1 - final_share) / len(early)
    return StoppingPlan(looks=(*early, rounds), alphas=(*[each] * len(early), alpha - each * len(early)), alpha=alpha)


def may_stop(
    comparisons: Sequence[Comparison], *, resolution: Mapping[str, float] | None = None, alpha: float
) -> tuple[bool, str]:
    """Whether what a look found is enough: (answer, why).

    Args:
        comparisons: of this look, judged with `compare(…, alpha=plan.alpha_at(rounds))`.
        resolution: by metric, the half-width wanted, as a share; the ratio of every metric named must be as sharp.
        alpha: of this look; comparisons judged at a higher one are no answer.

    Raises:
        ValueError: a comparison was judged at another level.
    """
    if any(abs(comparison.alpha - alpha) > 1e-12 for comparison in comparisons):
        raise ValueError("a look is judged at the level planned for it")
    wanted = resolution or {}
    asked = [
        metric
        for comparison in comparisons
        for metric in comparison.metrics
        if metric.primary or (metric.metric in wanted and metric.against == comparison.baseline)
    ]
    if not asked:
        return False, "nothing was judged"
    wide = [m for m in asked if m.metric in wanted and not _sharp_enough(m, wanted[m.metric])]
    if wide:
        return False, f"not yet as sharp as asked for: {_named(wide)}"
    undecided = [] if wanted else [m for m in asked if m.verdict not in DECIDED]
    if undecided:
        return False, f"undecided: {_named(undecided)}"
    return True, "as sharp as asked for" if wanted else "all primary metrics are decided"


def _sharp_enough(metric: MetricComparison, wanted: float) -> bool:
    low, high = metric.ratio.low, metric.ratio.high
    return low > 0 and math.sqrt(high / low) - 1 <= wanted  # NaN is never sharp


def _named(metrics: Sequence[MetricComparison]) -> str:
    return ", ".join(dict.fromkeys(f"{metric.metric} of {metric.arm}" for metric in metrics))
