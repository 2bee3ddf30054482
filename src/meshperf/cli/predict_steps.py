"""Which steps of a price list make up the arm that `meshperf predict` speaks of."""

from __future__ import annotations

from itertools import combinations

from meshperf.analysis import LadderOrder, ladder_orders, steps_making
from meshperf.errors import UsageError
from meshperf.spec.experiment import Arm, Experiment

__all__ = ["named_steps", "order_of", "steps_of_arm"]


def order_of(name: str, experiment: Experiment) -> LadderOrder:
    """The price list that an experiment is.

    Raises:
        UsageError: MP1001, it is none, or one for each cell of a matrix.
    """
    orders = list(ladder_orders(experiment).values())
    if len(orders) != 1:
        found = (
            "is no price list" if not orders else f"holds {len(orders)} price lists, one for each cell of its matrix"
        )
        raise UsageError(
            "MP1001",
            f"{name} {found}",
            hint="foretell from an experiment that switches on one thing after another, as examples/price-list.yaml",
        )
    return orders[0]


def named_steps(order: LadderOrder, text: str) -> tuple[str, ...]:
    """The steps that were named with those that lead to them, in the order of the price list.

    Raises:
        UsageError: MP1001, no such step, or none; MP1002, two that cannot be added up.
    """
    named = [each.strip() for each in text.split(",") if each.strip()]
    there = [step.name for step in order.steps]
    unknown = [each for each in named if each not in there]
    if unknown or not named:
        what = f"no step {unknown[0]!r}" if unknown else "no steps named"
        raise UsageError("MP1001", f"the price list has {what}", hint=f"its steps are: {', '.join(there)}")
    wanted = {step for each in named for step in _way_to(each, order)}
    chosen = tuple(name for name in there if name in wanted)
    changes = {step.name: step.changes.keys() for step in order.steps}
    for one, other in combinations(chosen, 2):
        both = changes[one] & changes[other]
        if both and one not in _way_to(other, order) and other not in _way_to(one, order):
            raise UsageError(
                "MP1002",
                f"`{one}` and `{other}` both set {', '.join(sorted(both))}: no arm is made of both",
                hint="name the one that the arm has",
            )
    return chosen


def _way_to(name: str, order: LadderOrder) -> list[str]:
    """A step and those that lead to it from the baseline, itself first."""
    steps = {step.name: step for step in order.steps}
    way = []
    while name in steps:
        way.append(name)
        name = order.same.get(steps[name].before, steps[name].before)
    return way


def steps_of_arm(order: LadderOrder, experiment: Experiment, arm: Arm | None) -> tuple[str, ...]:
    """The steps that an arm's settings ask for.

    Args:
        experiment: the price list's.
        arm: of the experiment that will be measured; None: it is not known.

    Raises:
        UsageError: MP1001, no arm, or one with a setting that no step prices.
    """
    if arm is None:
        raise UsageError(
            "MP1001",
            "which steps make up the arm? A graph alone does not say",
            hint=f"name them with --steps; the price list has: {_summary(order)}",
        )
    arms = next(arms for arms in experiment.cells().values() if arms[0].name == order.baseline)
    steps, unpriced = steps_making(order, arms, arm)
    if unpriced or not steps:
        raise UsageError(
            "MP1001",
            f"no step prices {', '.join(unpriced) or 'anything'} of the arm {arm.name}",
            hint=f"name the steps with --steps if the rest may be left out; the price list has: {_summary(order)}",
        )
    return steps


def _summary(order: LadderOrder) -> str:
    return ", ".join(step.name for step in order.steps)
