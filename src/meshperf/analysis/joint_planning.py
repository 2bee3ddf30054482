"""One plan for everything that was asked: how long a round counts, and how many rounds, so that the least time passes.

What it decides: of a few lengths of a round, the one with which all resolutions are met soonest, and how many rounds
that takes. Each resolution is met with the power asked for by itself.

Why this way: every metric of every arm is measured in the same rounds, so the hardest of them says how many there are.
The experiment may end early (`stopping`), and then its last interval is made at less than the whole level: the rounds
are enough at that level.

What it refuses: more rounds than allowed. Then the plan has as many as that, and says how many it would take and how
wide the intervals will probably be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from meshperf.analysis.planning import Pilot, half_width_after, rounds_for
from meshperf.analysis.stopping import plan_stopping

__all__ = ["Asked", "JointPlan", "RoundLength", "plan_together"]

_AS_GOOD = 1.05
"""Where the rounds allowed are too few: the shortest round whose intervals are at most so much wider than the best."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A resolution that was asked for. `slices`: of one round of this load point, by choice of a length."""

    pilot: Pilot
    resolution: float
    slices: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundLength:
    """A length that a round may have, as a multiple of the file's `duration`, and the wall time it then takes [s]."""

    scale: float
    round_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JointPlan:
    """The length chosen, and the rounds. `each` and `half_widths`: in the order of what was asked."""

    choice: int
    """Index into the lengths."""
    rounds: int
    """At most; `needed`, or as many as are allowed."""
    needed: int | None
    """None: more than 200."""
    each: tuple[int | None, ...]
    """Rounds that this resolution alone takes."""
    half_widths: tuple[float, ...]
    """Expected after `rounds`, as shares, typical case."""


def plan_together(
    asked: Sequence[Asked], lengths: Sequence[RoundLength], *, most: int, alpha: float = 0.05, power: float = 0.8
) -> JointPlan:
    """Plan one experiment for everything that was asked.

    Args:
        asked: at least one; every `slices` as long as `lengths`.
        lengths: at least one, in rising order of scale.
        most: rounds allowed, at least 3.

    Raises:
        ValueError: nothing asked or nothing to choose from.
    """
    if not asked or not lengths:
        raise ValueError("a plan needs a resolution and a length to choose from")
    fits: list[tuple[float, int]] = []
    needs: list[tuple[tuple[int | None, ...], int | None]] = []
    for choice, length in enumerate(lengths):
        needs.append(_needs(asked, choice, alpha, power))
        needed = needs[choice][1]
        if needed is not None and needed <= most:
            fits.append((needed * length.round_s, choice))
    choice = min(fits)[1] if fits else _sharpest(asked, lengths, most, alpha)
    each, needed = needs[choice]
    rounds = most if needed is None else min(needed, most)
    return JointPlan(
        choice=choice,
        rounds=rounds,
        needed=needed,
        each=each,
        half_widths=tuple(_half_width(one, choice, rounds, alpha) for one in asked),
    )


def _needs(
    asked: Sequence[Asked], choice: int, alpha: float, power: float
) -> tuple[tuple[int | None, ...], int | None]:
    """Rounds for each and for all, at the level that the last look of so many rounds has."""
    each = _each(asked, choice, alpha, power)
    needed = _all(each)
    last = alpha if needed is None else plan_stopping(needed, alpha=alpha).alphas[-1]
    if last == alpha:  # a single look
        return each, needed
    each = _each(asked, choice, last, power)
    return each, _all(each)


def _each(asked: Sequence[Asked], choice: int, alpha: float, power: float) -> tuple[int | None, ...]:
    found = []
    for one in asked:
        plan = rounds_for(one.pilot, one.resolution, power=power, alpha=alpha, slices=(one.slices[choice],))
        found.append(None if plan is None else plan.rounds)
    return tuple(found)


def _all(each: Sequence[int | None]) -> int | None:
    known = [rounds for rounds in each if rounds is not None]
    return max(known) if len(known) == len(each) else None


def _sharpest(asked: Sequence[Asked], lengths: Sequence[RoundLength], most: int, alpha: float) -> int:
    """The shortest length with which the resolution that is missed by most is missed hardly more than with any."""
    missed = [
        max(_half_width(one, choice, most, alpha) / one.resolution for one in asked) for choice in range(len(lengths))
    ]
    return next(choice for choice, by in enumerate(missed) if by <= min(missed) * _AS_GOOD)


def _half_width(one: Asked, choice: int, rounds: int, alpha: float) -> float:
    last = plan_stopping(rounds, alpha=alpha).alphas[-1]
    return half_width_after(one.pilot, rounds, slices=one.slices[choice], alpha=last)
