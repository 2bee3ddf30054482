"""The search for the highest rate that holds the objectives: which rate to try next, and what the tries say.

What it decides: grow by a factor until a rate fails (or shrink until one holds), bisect until the two are as close as
asked for, then confirm: pairs of steps, one at the rate that held, one at the rate that failed. The answer is an
interval. Its upper end is the lowest rate that was confirmed to fail. Its lower end is what came back per second at
the rate that was confirmed to hold, in the worst of the confirming steps: a target that answers 99 % of 1005/s and
thereby holds a throughput objective of 99 % has not been shown to do more than 995/s. The estimate is what the full
target answered above the boundary, if that lies in the interval (its throughput was the limit), else the middle.

Why this way: one stray failure must not move the answer, so a failing rate is tried again before it is believed, and
one of five confirmations may go astray. Where more of them do, the boundary is not as sharp as the search took it to
be: the interval is widened on that side and confirmed anew, and what lies in between is grey.

What it refuses: to blame the target while the generator is not clean, or while others use the target's cores. A rate
at which that was so three times is a ceiling of the search; when nothing below it fails, the answer is "at least", and
the limit is the generator, or the machine.

What it assumes: a rate that holds lets every lower rate hold. The state is a pure function of the steps handed in.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from meshperf.spec.kinds import CapacityOutcome, StepOutcome, StepState

__all__ = ["CapacitySearch", "Try"]

TRIES = 2
"""Failures at one rate before they are believed."""
UNCLEAN_TRIES = 3
"""Steps at one rate with an unclean generator or a disturbed target before that rate becomes a ceiling."""
UNCLEAN = {StepState.CLIENT_LIMITED: "generator", StepState.DISTURBED: "machine"}
BUSY = 0.8
"""Busy share from which a component is called the limit."""
FULL = 0.98
"""A full target may answer less than it did just before; below this share of it that is collapse, not capacity."""
MOVES = 10
"""How often the boundary may be moved while it is confirmed."""
STRAYS = 5
"""One confirmation in so many may go astray."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """The next step. `label`: search, below or above."""

    rate: float
    label: str


@dataclass(slots=True)
class _Tally:
    """The confirmations at one rate."""

    held: list[StepOutcome] = field(default_factory=list)
    failed: list[StepOutcome] = field(default_factory=list)
    unclean: int = 0

    @property
    def judged(self) -> int:
        return len(self.held) + len(self.failed)


@dataclass(slots=True, kw_only=True)
class CapacitySearch:
    """Ask `next`, run that rate, hand the step to `add`; until `next` is None. All rates are requests per second."""

    start_rate: float
    least_rate: float
    max_rate: float
    growth: float
    resolution: float
    """Relative distance of the two rates that are confirmed."""
    confirmations: int
    low: float | None = None
    """The highest rate that held."""
    high: float | None = None
    """The lowest rate that failed."""
    ceiling: float | None = None
    """The lowest rate at which nothing could be said about the target."""
    strays: int = 0
    _blamed: Counter[str] = field(default_factory=Counter)
    _seen: dict[float, Counter[StepState]] = field(default_factory=dict)
    _held: list[StepOutcome] = field(default_factory=list)
    _failed: list[StepOutcome] = field(default_factory=list)
    _last: float | None = None
    _below: _Tally = field(default_factory=_Tally)
    _above: _Tally = field(default_factory=_Tally)
    _moves: int = 0
    _over: bool = False

    def next(self) -> Try | None:
        """The next step to run; None when the search is over."""
        if self._over:
            return None
        if self._last is not None:
            return Try(rate=self._last, label="search")
        rate = self._search_rate()
        if rate is not None:
            return Try(rate=rate, label="search")
        return None if self.low is None else self._confirmation()

    def add(self, step: StepOutcome) -> None:
        """Take in what a step showed; steps must come in the order in which they were asked for."""
        if step.state in UNCLEAN:
            self._blamed[UNCLEAN[step.state]] += 1
        if step.state is StepState.BROKEN_OFF:
            self._over = True
        elif step.label == "below":
            self._confirmed(self._below, step)
            self._move_down()
        elif step.label == "above":
            self._confirmed(self._above, step)
            self._move_up()
        elif step.label == "search":
            self._searched(step)

    def outcome(self) -> CapacityOutcome:
        """What the steps so far say."""
        allowed = self._allowed()
        low = self._low_rps()
        sure_below = len(self._below.held) >= self.confirmations - allowed
        sure_above = self.high is None or len(self._above.failed) >= self.confirmations - allowed
        ended = self._over or self.next() is not None
        limiting, busy = self._limiting()
        return CapacityOutcome(
            low_rps=low,
            high_rps=self.high,
            estimate_rps=self._estimate(low),
            answer=self._answer(low),
            limiting=limiting,
            limiting_busy=busy,
            confirmed_below=len(self._below.held),
            asked_below=self._below.judged,
            confirmed_above=len(self._above.failed),
            asked_above=self._above.judged,
            strays=self.strays,
            broken_objectives=tuple(name for name, _ in self._broken().most_common()),
            confirmed=sure_below and sure_above and not ended and low is not None,
            rule=(
                f"growth by {self.growth:g}, bisection to {self.resolution:.2%}, {self.confirmations} pairs of steps "
                f"below and above of which {allowed} may go astray; a failing rate is tried twice; the lower end is "
                "what came back per second at the rate that held"
            ),
        )

    def _search_rate(self) -> float | None:
        """The next rate of growth, shrinking or bisection; None: time to confirm, or nothing holds."""
        top = min((one for one in (self.high, self.ceiling) if one is not None), default=None)
        if self._below.judged or self._above.judged or self._moves:
            return None
        if self.low is None:
            if top is None:
                return min(self.start_rate, self.max_rate)
            return max(self.least_rate, top / self.growth) if top > self.least_rate else None
        if top is None:
            return min(self.max_rate, self.low * self.growth) if self.low < self.max_rate else None
        return math.sqrt(self.low * top) if top / self.low > 1 + self.resolution * (1 + 1e-9) else None

    def _searched(self, step: StepOutcome) -> None:
        rate = step.offered_rps
        seen = self._seen.setdefault(rate, Counter())
        seen[step.state] += 1
        self._last = None
        if step.state is StepState.HELD:
            self.strays += seen[StepState.FAILED]
            self.low = rate
            self._held.append(step)
        elif seen[StepState.FAILED] >= TRIES:
            self.high = rate
            self._failed.append(step)
        elif sum(seen[state] for state in UNCLEAN) >= UNCLEAN_TRIES:
            self.ceiling = rate
        else:
            self._last = rate

    def _confirmation(self) -> Try | None:
        """Below and above in turn, until there are enough of both."""
        above_wanted = self.confirmations if self.high is not None else 0
        if self._below.judged < self.confirmations and (
            self._below.judged <= self._above.judged or self._above.judged >= above_wanted
        ):
            return Try(rate=self.low or 0.0, label="below")
        if self._above.judged < above_wanted:
            return Try(rate=self.high or 0.0, label="above")
        if self._below.judged < self.confirmations:
            return Try(rate=self.low or 0.0, label="below")
        return None

    def _confirmed(self, tally: _Tally, step: StepOutcome) -> None:
        if step.state is StepState.HELD:
            tally.held.append(step)
        elif step.state is StepState.FAILED:
            tally.failed.append(step)
        else:
            tally.unclean += 1
            self._unclean(tally)

    def _unclean(self, tally: _Tally) -> None:
        """The generator was not clean too often: no answer about the target at this rate."""
        if tally.unclean <= self.confirmations:
            return
        if tally is self._above:
            self.ceiling, self.high = self.high, None
            self._above = _Tally()
        else:
            self._over = True

    def _move_down(self) -> None:
        """The rate that held in the search does not hold often enough: confirm a lower one."""
        if self.low is None or len(self._below.failed) <= self._allowed():
            return
        self._held.clear()
        if self._clearly(self._below.failed, self._below) or self.high is None:
            self.high, self._above = self.low, _Tally(failed=self._below.failed, held=self._below.held)
        self._below = _Tally()
        self.low = self.low / self._widening()
        if self.low < self.least_rate:
            self.low, self._over = None, True

    def _move_up(self) -> None:
        """The rate that failed in the search holds too often: confirm a higher one."""
        if self.high is None or len(self._above.held) <= self._allowed():
            return
        if self._clearly(self._above.held, self._above):
            self.low, self._below = self.high, _Tally(held=self._above.held, failed=self._above.failed)
        self._failed.clear()
        self._above = _Tally()
        self.high = self.high * self._widening()
        if self.high > min(self.max_rate, self.ceiling or math.inf):
            self.high = None

    def _clearly(self, steps: Sequence[StepOutcome], tally: _Tally) -> bool:
        """Whether all the evidence at a rate is on one side, so that the rate changes sides instead of turning grey."""
        return len(steps) == tally.judged

    def _widening(self) -> float:
        self._moves += 1
        self._over = self._over or self._moves > MOVES
        return float(1 + self.resolution * 2 ** ((self._moves - 1) // 2))

    def _allowed(self) -> int:
        return self.confirmations // STRAYS

    def _low_rps(self) -> float | None:
        steps = self._below.held or self._held
        if self.low is None or not steps:
            return None
        came_back = [min(step.offered_rps, step.achieved_rps or 0.0) for step in steps if step.offered_rps <= self.low]
        if not self._below.held:
            return max(came_back, default=None)
        # What a full target answers is a measurement of its capacity too, and less kind than a rate it just held.
        full = sorted(step.achieved_rps or 0.0 for step in self._above.failed)[self._allowed() :]
        return min(*came_back, max(full[0] if full else self.low, self.low * FULL))

    def _estimate(self, low: float | None) -> float | None:
        """What a full target answered, where that tells its capacity; else the middle of the interval."""
        if not low or not self.high:
            return None
        full = [step.achieved_rps or 0.0 for step in self._above.failed]
        if full and low * FULL <= (typical := statistics.median(full)) <= self.high:
            return max(low, typical)
        return math.sqrt(low * self.high)

    def _answer(self, low: float | None) -> str:
        if low is not None:
            return "interval" if self.high is not None else "at-least"
        return "below" if self.high is not None else "none"

    def _broken(self) -> Counter[str]:
        failing = self._above.failed or self._failed
        return Counter(one.objective for step in failing for one in step.objectives if not one.held)

    def _limiting(self) -> tuple[str, float | None]:
        """The busiest watched component where the boundary failed, or the generator where nothing else did."""
        if self.high is None:
            unclean = self.ceiling is not None or not self._held
            return (self._blamed.most_common(1)[0][0] if unclean and self._blamed else "unknown"), None
        failing = self._above.failed or self._failed
        busy: dict[str, list[float]] = {}
        for step in failing:
            for name, share in step.busy.items():
                busy.setdefault(name, []).append(share)
        mean = {name: math.fsum(shares) / len(shares) for name, shares in busy.items()}
        if not mean:
            return "unknown", None
        name = max(mean, key=mean.__getitem__)
        return (name if mean[name] >= BUSY else "unknown"), mean[name]
