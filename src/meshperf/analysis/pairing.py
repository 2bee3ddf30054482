"""Which runs meet which: rounds paired between two residents of one group, and what is left out and why.

What it decides: a pair counts when both runs may be compared, are of the same round and group, and of that round's last
attempt.

What it refuses: leaving a run out for its result. What the machine or the generator did (`set_aside`) excludes a round
without a word on the arm. What the arm did itself (`arm_fault`: it failed requests, or did not sustain the load) has no
comparable figures either, but it is the arm's result: it stays in the error share and the objectives, and the pair is
not comparable, or else the rounds in which an arm survived would speak for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from meshperf.analysis.figures import slices_add_up
from meshperf.spec.records import GuardReading, RunResult, Validity, ValidityState

__all__ = [
    "ExcludedPair",
    "OrderedRuns",
    "Pair",
    "Pairing",
    "Resident",
    "arm_fault",
    "excluded_runs",
    "in_order",
    "one_after_the_other",
    "only_guarded",
    "pair_rounds",
    "set_aside",
    "spans_apart",
    "why_excluded",
]

ARM_GUARDS = frozenset({"rate_shortfall", "error_share"})
"""Guards that speak of the arm."""
GENERATOR_GUARDS = frozenset({"busy_share", "client_delay_p99"})
"""Guards that speak of the generator; which of the two is to blame when several break is in the run's state."""
_MADE_AGAIN = "the round was made again"
_NOT_THE_SUM = "its slices do not add up to its histogram"

Span = tuple[datetime, datetime]
"""From and to."""
Resident = tuple[str, int]
"""Arm and twin: ("envoy", 1) is the A/A twin of envoy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two runs of one round and group that may be compared."""

    round: int
    baseline: RunResult
    candidate: RunResult


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcludedPair:
    """Two runs of one round that may not, and why."""

    round: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """All rounds of two residents, in order."""

    pairs: tuple[Pair, ...]
    excluded: tuple[ExcludedPair, ...] = ()


class OrderedRuns(tuple[RunResult, ...]):
    """Runs as `in_order` gives them, or some of those: they need not be checked a second time."""

    __slots__ = ()


def in_order(runs: Sequence[RunResult]) -> OrderedRuns:
    """Each run once, sorted by round, group, attempt and resident, so that no result depends on the order given.

    A run whose slices do not add up to its histogram is marked invalid; a run of an attempt that was made again is
    marked so too. Adding up takes a while, so runs that were in order already are given back as they are.
    """
    if isinstance(runs, OrderedRuns):
        return runs
    once = {run.run_id: run for run in runs}
    last: dict[tuple[int, int, int], int] = {}
    for run in once.values():
        place = (run.load_point, run.round, run.group)
        last[place] = max(last.get(place, 0), run.attempt)
    checked = []
    for run in once.values():
        newest = last[run.load_point, run.round, run.group]
        reasons = [] if slices_add_up(run) else [_NOT_THE_SUM]
        if run.attempt != newest:
            reasons.append(f"{_MADE_AGAIN} (attempt {newest + 1})")
        if reasons:
            state = ValidityState.INVALID if run.validity.ok else run.validity.state
            run = replace(run, validity=Validity(state=state, reasons=(*run.validity.reasons, *reasons)))
        checked.append(run)
    return OrderedRuns(
        sorted(
            checked, key=lambda run: (run.load_point, run.round, run.group, run.attempt, run.arm, run.twin, run.run_id)
        )
    )


def why_excluded(run: RunResult) -> str | None:
    """The reason why a run is not compared; None when it may be. The stored verdict is believed only against a run."""
    reason = set_aside(run) or arm_fault(run) or _claims_broken(run)
    return None if reason is None else f"{run.resident}: {reason}"


def set_aside(run: RunResult) -> str | None:
    """Why a run says nothing about its arm: the machine, the generator, or a round made again. None: it counts."""
    if any(reason.startswith(_MADE_AGAIN) for reason in run.validity.reasons):
        return _stated(run)
    broken = [guard for guard in run.guards if guard.outcome == "invalid"]
    noisy = [guard for guard in broken if guard.guard not in ARM_GUARDS | GENERATOR_GUARDS]
    if noisy:
        return f"the machine was not quiet ({'; '.join(map(_guard_shown, noisy))})"
    if run.validity.state is ValidityState.CLIENT_LIMITED:
        return _stated(run)
    late = [guard for guard in broken if guard.guard in GENERATOR_GUARDS]
    if run.validity.ok and late:
        return f"{ValidityState.CLIENT_LIMITED.value} ({'; '.join(map(_guard_shown, late))})"
    return None


def arm_fault(run: RunResult) -> str | None:
    """What the arm did itself that leaves it without comparable figures; None when there is nothing."""
    if set_aside(run) is not None:
        return None
    if not run.validity.ok:
        return _stated(run)
    broken = [guard for guard in run.guards if guard.outcome == "invalid"]
    return f"{ValidityState.INVALID.value} ({'; '.join(map(_guard_shown, broken))})" if broken else None


def _claims_broken(run: RunResult) -> str | None:
    broken = dict.fromkeys(f"{claim.claim}: {claim.evidence}" for claim in run.claims if not claim.held)
    return f"a claim did not hold ({'; '.join(broken)})" if broken else None


def _stated(run: RunResult) -> str:
    return run.validity.state.value + (f" ({'; '.join(run.validity.reasons)})" if run.validity.reasons else "")


def _guard_shown(guard: GuardReading) -> str:
    unit = "" if guard.unit == "1" else f" {guard.unit}"
    value, limit = ("unknown" if v is None else f"{v:.3g}{unit}" for v in (guard.value, guard.invalid_above))
    return f"{guard.guard} {value}, more than {limit}"


def excluded_runs(runs: Sequence[RunResult]) -> tuple[str, ...]:
    """One line for every run that is not compared: round, resident and reason."""
    lines = []
    for run in runs:
        reason = why_excluded(run)
        if reason is not None:
            lines.append(f"round {run.round}, {reason}")
    return tuple(lines)


def only_guarded(run: RunResult) -> bool:
    """Whether nothing but a guard keeps this run out: its figures are whole, and its claims held."""
    whole = run.response.total > 0 and not any(
        reason.startswith((_MADE_AGAIN, _NOT_THE_SUM)) for reason in run.validity.reasons
    )
    return whole and set_aside(run) is not None and _claims_broken(run) is None


def one_after_the_other(pairs: Sequence[Pair]) -> bool:
    """Whether all runs of one side ended before the first of the other began, in two rounds or more.

    Such rounds were paired by number only: whatever drifted meanwhile is in the difference.
    """
    a, b = (
        [(run.start_time, run.end_time) for run in side]
        for side in ([pair.baseline for pair in pairs], [pair.candidate for pair in pairs])
    )
    return spans_apart(a, b)


def spans_apart(baseline: Sequence[Span], candidate: Sequence[Span]) -> bool:
    """The same of spans of time, one a round on either side."""
    if len(baseline) < 2:
        return False
    return any(
        max(end for _, end in first) <= min(start for start, _ in second)
        and first[0][0] < second[0][0]  # of runs without a known time nothing is said
        for first, second in ((baseline, candidate), (candidate, baseline))
    )


def pair_rounds(
    runs: Sequence[RunResult], *, baseline: Resident, candidate: Resident, with_guarded: bool = False
) -> Pairing:
    """Pair two residents round by round.

    Args:
        runs: of one load point, as `in_order` gives them.
        with_guarded: count the runs too that nothing but a guard keeps out.
    """
    places: dict[tuple[int, int, int], dict[Resident, RunResult]] = {}
    for run in runs:
        resident = (run.arm, run.twin)
        if resident in (baseline, candidate):
            places.setdefault((run.round, run.group, run.attempt), {})[resident] = run
    pairs: dict[int, Pair] = {}
    excluded: dict[int, ExcludedPair] = {}
    for (number, _, _), found in places.items():
        if candidate not in found or baseline not in found:
            if candidate in found and candidate[0] != baseline[0]:
                excluded.setdefault(number, ExcludedPair(round=number, reason=f"no run of {baseline[0]} in its group"))
            continue
        reasons = [
            why
            for run in (found[baseline], found[candidate])
            if (why := why_excluded(run)) is not None and not (with_guarded and only_guarded(run))
        ]
        if reasons:
            excluded[number] = ExcludedPair(round=number, reason="; ".join(reasons))
        else:
            pairs.setdefault(number, Pair(round=number, baseline=found[baseline], candidate=found[candidate]))
    return Pairing(
        pairs=tuple(pairs[number] for number in sorted(pairs)),
        excluded=tuple(excluded[number] for number in sorted(excluded) if number not in pairs),
    )
