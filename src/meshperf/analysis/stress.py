"""What breaks first when the load keeps rising, and when to stop raising it.

What it decides: an objective broke at the lowest step from which on it did not hold again; a step at which it failed
and then held at a higher rate was a stray. So a break is believed when a second step, at a higher rate, failed too, or
when the test ended there.

What it refuses: to blame the target at a step at which the generator was not clean, which ends the test when it happens
again at the same rate, or at which others used the target's cores, which proves nothing either way.
"""

from __future__ import annotations

from collections.abc import Sequence

from meshperf.spec.kinds import ObjectiveBreak, StepOutcome, StepState, StressOutcome

__all__ = ["judge_stress", "stop_reason"]


def stop_reason(steps: Sequence[StepOutcome], *, stop_after: int, stop_failed_share: float) -> str | None:
    """Why no further step should be run; None: go on.

    Args:
        steps: so far, rising.
        stop_after: failed steps in a row that end the test, at least 1.
        stop_failed_share: share of failed requests of one step that ends it at once, in [0, 1].
    """
    last = steps[-1]
    if last.state is StepState.BROKEN_OFF:
        return "broken off"
    if last.state is StepState.CLIENT_LIMITED:
        return f"the generator was not clean at {last.offered_rps:g}/s: {last.reason}"
    if last.requests and last.failed / last.requests > stop_failed_share:
        return f"{last.failed / last.requests:.0%} of the requests failed at {last.offered_rps:g}/s"
    tail = steps[-stop_after:]
    if len(tail) < stop_after or any(step.state not in (StepState.FAILED, StepState.DISTURBED) for step in tail):
        return None
    disturbed = [step.reason for step in tail if step.state is StepState.DISTURBED]
    told = f"{stop_after} step{'s' if stop_after > 1 else ''} in a row broke an objective"
    return f"{told}; disturbed: {disturbed[-1]}" if disturbed else told


def judge_stress(steps: Sequence[StepOutcome], *, busy_limit: float, stopped_by: str) -> StressOutcome:
    """Which objective broke at which rate, and which watched component was first at its limit.

    Args:
        steps: rising; only those that held or failed prove anything, the others are left out.
        busy_limit: share of its cores beyond which a component is at its limit.
        stopped_by: why the test ended.
    """
    judged = sorted(
        (step for step in steps if step.state in (StepState.HELD, StepState.FAILED)), key=lambda step: step.offered_rps
    )
    names = list(dict.fromkeys(reading.objective for step in judged for reading in step.objectives))
    breaks = tuple(_break(name, judged) for name in names)
    broken = [one.broke_at_rps for one in breaks if one.broke_at_rps is not None]
    lowest = min(broken, default=None)
    hot = [
        (step.offered_rps, max(step.busy.items(), key=lambda item: item[1])[0])
        for step in judged
        if step.busy and max(step.busy.values()) > busy_limit
    ]
    return StressOutcome(
        breaks=breaks,
        first_broken=tuple(one.objective for one in breaks if lowest is not None and one.broke_at_rps == lowest),
        first_component=hot[0][1] if hot else None,
        first_component_at_rps=hot[0][0] if hot else None,
        busy_limit=busy_limit,
        stopped_by=stopped_by,
        rule="an objective broke at the lowest step from which on it did not hold again",
    )


def _break(name: str, steps: Sequence[StepOutcome]) -> ObjectiveBreak:
    readings = [(step.offered_rps, one) for step in steps for one in step.objectives if one.objective == name]
    held = [rate for rate, one in readings if one.held]
    last_held = max(held, default=None)
    after = [(rate, one) for rate, one in readings if not one.held and (last_held is None or rate > last_held)]
    if not after:
        return ObjectiveBreak(objective=name, held_at_rps=last_held, broke_at_rps=None, unit=readings[0][1].unit)
    rate, first = after[0]
    return ObjectiveBreak(objective=name, held_at_rps=last_held, broke_at_rps=rate, value=first.value, unit=first.unit)
