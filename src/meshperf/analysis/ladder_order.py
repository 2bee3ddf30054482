"""Which arms of an experiment are the steps of a price list, and which of them make up the whole.

What it decides: nothing about figures; it reads the arms alone, so the order is known before anything is measured.

    a step begins at the arm above it in the file that differs in the fewest settings
        (the baseline only where no other arm stands above; of several, the one with the fewest settings switched on,
        and of these the last, which may have been deployed beside it)
    no step takes a proxy away or moves it: one proxy alone begins at the baseline or at the same one, and a pair may
        begin at either of the two
    an arm with the settings of one above it is that arm again, and no step: put one beside each arm to be priced
    the whole is the last arm, against the baseline
    the sum takes, in the file's order, each step that brings a setting of the whole that no earlier one brought,
        with the steps that lead to where it begins; what an arm with fewer proxies than the whole adds counts only
        on the way to the whole

Why this way: an experiment file says it all already. A key of its own would be a second account of the same arms, which
may contradict the first.

What it refuses: arms of several meshes, fewer than three different ones, and arms but the last that differ from all
above in more than two settings: these are compared, but they are no price list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from meshperf.spec.experiment import Arm, Experiment

__all__ = ["LadderOrder", "LadderStep", "ladder_orders", "order_of_arms", "steps_making", "unlike_settings"]

FEWEST_STEPS = 3
MOST_SETTINGS = 2
"""Settings that one step may change: retries come with their timeout."""
_NOT_SETTINGS = frozenset({"name", "cell"})
_PROXIES, _BOTH = "proxies", "both"
_WANTED = ""
"""Stands for an arm that is not of the price list; no arm has an empty name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderStep:
    """One priced thing: from the arm without it to the arm with it."""

    before: str
    after: str
    changes: Mapping[str, str]
    """Settings that it sets, with their values as text: `functions.routes` to `100`."""

    @property
    def name(self) -> str:
        """The arm that has it."""
        return self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderOrder:
    """All steps in the file's order, and those that are held against the whole. Made by hand, it is as good as read."""

    baseline: str
    steps: tuple[LadderStep, ...]
    whole: str
    summed: tuple[str, ...] = ()
    """Names of the steps whose sum is held against `whole` less `baseline`."""
    same: Mapping[str, str] = field(default_factory=dict)
    """Arms that are deployed again beside a step, by the first arm with their settings."""
    unpriced: tuple[str, ...] = ()
    """Settings of the whole that no summed step brings: what they cost is part of the residual."""

    @property
    def chained(self) -> bool:
        """Whether the summed steps lead one after the other to the whole, so that their sum is the whole by itself."""
        at = self.baseline
        for step in (step for step in self.steps if step.name in self.summed):
            if self.same.get(step.before, step.before) != at:
                return False
            at = step.after
        return at == self.whole


def ladder_orders(experiment: Experiment) -> Mapping[str, LadderOrder]:
    """The price list of each cell that is one, by cell; empty for any other experiment."""
    if experiment.is_smp_test:
        return {}
    found = {cell: order_of_arms(arms) for cell, arms in experiment.cells().items()}
    return {cell: order for cell, order in found.items() if order is not None}


def order_of_arms(arms: Sequence[Arm]) -> LadderOrder | None:
    """The steps among arms, the baseline first; None where they are no price list."""
    baseline, *candidates = arms
    if not candidates or len({arm.mesh for arm in candidates}) != 1 or candidates[0].mesh == "none":
        return None
    settings = {arm.name: dict(_settings(arm)) for arm in arms}
    last = candidates[-1].name
    steps: list[LadderStep] = []
    same: dict[str, str] = {}
    for place, arm in enumerate(candidates):
        before = _nearest(arm.name, [one.name for one in candidates[:place]], settings, baseline.name)
        changes = _changes(settings[before], settings[arm.name])
        if not changes:
            same[arm.name] = same.get(before, before)
        elif len(changes) <= MOST_SETTINGS or before == baseline.name:
            steps.append(LadderStep(before=before, after=arm.name, changes=changes))
        elif arm.name != last:
            return None
    if last in same or len(steps) + (last not in {step.name for step in steps}) < FEWEST_STEPS:
        return None
    summed, unpriced = _summed(steps, settings, same, baseline.name, last)
    return LadderOrder(
        baseline=baseline.name, steps=tuple(steps), whole=last, summed=summed, same=same, unpriced=unpriced
    )


def steps_making(order: LadderOrder, arms: Sequence[Arm], wanted: Arm) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The steps that make up an arm, of this price list or of another experiment, as the whole is made of its own.

    Args:
        arms: of the price list, from which `order` was read.
        wanted: the arm to be made up.

    Returns:
        Names of steps in order, and the settings of the arm that no step brings, with their values as text.
    """
    settings = {arm.name: dict(_settings(arm)) for arm in arms} | {_WANTED: dict(_settings(wanted))}
    steps, unpriced = _summed(order.steps, settings, order.same, order.baseline, _WANTED)
    return steps, tuple(f"{key}: {settings[_WANTED][key]}" for key in unpriced)


def unlike_settings(baseline: Arm, arm: Arm, settings: Mapping[str, str]) -> tuple[str, ...]:
    """What an arm sets otherwise than `settings` say, as `key: value`; what they leave out is as in the baseline."""
    expected = {**dict(_settings(baseline)), **settings}
    return tuple(f"{key}: {value}" for key, value in _changes(expected, dict(_settings(arm))).items())


def _nearest(name: str, above: Sequence[str], settings: Mapping[str, Mapping[str, str]], baseline: str) -> str:
    def distance(other: str) -> tuple[int, int]:
        return len(_changes(settings[other], settings[name])), len(_changes(settings[baseline], settings[other]))

    begins = [other for other in reversed(above) if _keeps_proxies(settings[other], settings[name])]
    return min(begins, key=distance, default=baseline)


def _keeps_proxies(before: Mapping[str, str], after: Mapping[str, str]) -> bool:
    """Whether every proxy that is there before is there after: from one side alone to the other is no step."""
    return after[_PROXIES] in (before[_PROXIES], _BOTH)


def _summed(
    steps: Sequence[LadderStep],
    settings: Mapping[str, Mapping[str, str]],
    same: Mapping[str, str],
    baseline: str,
    whole: str,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The steps of the sum, and the settings that they leave unpriced."""
    by_name = {step.name: step for step in steps}
    target = settings[whole]
    chosen: dict[str, None] = {}
    brought: set[str] = set()
    for step in steps:
        fits = all(target[key] == value for key, value in step.changes.items())
        fits = fits and settings[step.name][_PROXIES] == target[_PROXIES]
        if step.name != whole and fits and not brought.issuperset(step.changes):
            for name in (*_leading_to(step, by_name, same), step.name):
                chosen[name] = None
                brought |= {key for key, value in by_name[name].changes.items() if target[key] == value}
    left = _changes({**settings[baseline], **{key: target[key] for key in brought}}, target)
    if left and whole in by_name:
        return (*_leading_to(by_name[whole], by_name, same), whole), ()
    return tuple(step.name for step in steps if step.name in chosen), tuple(left)


def _leading_to(step: LadderStep, by_name: Mapping[str, LadderStep], same: Mapping[str, str]) -> tuple[str, ...]:
    """The steps from the baseline to where `step` begins, in order."""
    names: list[str] = []
    while (before := same.get(step.before, step.before)) in by_name:
        step = by_name[before]
        names.insert(0, step.name)
    return tuple(names)


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in after.items() if before.get(key) != value}


def _settings(of: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every setting of an arm by dotted path, as text; what is not set has its default there."""
    for entry in fields(of):
        value = getattr(of, entry.name)
        if prefix or entry.name not in _NOT_SETTINGS:
            if is_dataclass(value):
                yield from _settings(value, f"{prefix}{entry.name}.")
            else:
                yield f"{prefix}{entry.name}", _text(value)


def _text(value: object) -> str:
    """As it would stand in the file."""
    if isinstance(value, bool) or value is None:
        return "none" if value is None else str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
