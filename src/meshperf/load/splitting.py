"""One plan for several generators: each gets its own connections and its part of every schedule.

What it decides: who opens how many connections, and when each phase begins. Rates, seeds and in-flight limits stay as
they are: they are those of all generators, and the engine takes its part by number (`SessionPlan.share`). So a request
has the same intended start whoever sends it, and the schedules of all parts together are the schedule of the plan.

What it assumes: clocks of the generators' machines agree about as well as phases have to begin together; nothing here
measures them. What it refuses: a part without a connection for each of its workers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from meshperf.errors import UsageError
from meshperf.load.plan import Phase, SessionPlan, Target

__all__ = ["split"]


def split(
    plan: SessionPlan, phases: Sequence[Phase], generators: int, *, start_unix_s: float | None = None
) -> tuple[tuple[SessionPlan, list[Phase]], ...]:
    """Deal a plan out to generators; `meshperf.load.merge` puts their recordings together again.

    Args:
        plan: for all generators together: `connections` are those of all, `workers` those of each.
        phases: run by every generator, each its part of the schedule.
        generators: how many there are, at least 1.
        start_unix_s: when the first phase begins, by the wall clock; late enough that every generator has opened its
            connections by then. Each later phase begins once all before it have had their whole drain. None: when the
            first phase says; if it says nothing, each generator begins when it gets there.

    Returns:
        Plan and phases of each generator, in the order of their numbers. The first one reads the clocks.

    Raises:
        UsageError: MP1001, no generators, or a plan that is a part already; MP1002, too few connections to deal out.
    """
    if generators < 1:
        raise UsageError("MP1001", f"a plan is split over at least 1 generator, not {generators}")
    if plan.share != (0, 1):
        raise UsageError("MP1001", f"this plan is already part {plan.share[0]} of {plan.share[1]}: split the whole one")
    for target in plan.targets:
        needed = generators * plan.workers
        if target.connections < needed and generators > 1:
            raise UsageError(
                "MP1002",
                f"{target.name} has {target.connections} connections; {generators} generators with {plan.workers} "
                f"worker{'s' if plan.workers > 1 else ''} each need at least {needed}",
                hint="give it more connections, or use fewer generators or workers: each worker needs one of its own",
            )
    together = _begun_together(phases, start_unix_s)
    return tuple(
        (
            replace(
                plan,
                targets=tuple(_dealt(target, number, generators) for target in plan.targets),
                clocks=plan.clocks if number == 0 else {},
                share=(number, generators),
            ),
            list(together),
        )
        for number in range(generators)
    )


def _dealt(target: Target, number: int, generators: int) -> Target:
    most = target.max_connections
    return replace(
        target,
        connections=_part(target.connections, number, generators),
        max_connections=None if most is None else _part(most, number, generators),
    )


def _part(whole: int, number: int, parts: int) -> int:
    """What number `number` gets of `whole` things that are dealt out one by one."""
    return whole // parts + (number < whole % parts)


def _begun_together(phases: Sequence[Phase], start_unix_s: float | None) -> list[Phase]:
    begin = start_unix_s if start_unix_s is not None or not phases else phases[0].start_unix_s
    if begin is None:
        return list(phases)
    together = []
    for phase in phases:
        begin = max(begin, phase.start_unix_s or 0.0)
        together.append(replace(phase, start_unix_s=begin))
        begin += phase.guard_s + phase.lead_in_s + phase.duration_s + phase.drain_s
    return together
