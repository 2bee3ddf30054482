"""In which order everything is measured: groups of residents, rounds, starting order and the order of slices.

What it decides: who is deployed together, and when whose slice runs. Why this way: the machine's noise is strongly
autocorrelated, so arms must meet within a fraction of a second (slices in seeded random order inside blocks), and
identical deployments differ, so every round deploys everything afresh in random order. Everything follows from the
experiment and its seed: the same plan can be made again, by anyone.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from meshperf.experiment.offered import counted_phase
from meshperf.load.plan import Phase
from meshperf.spec.experiment import Arm, Experiment, LoadPoint

__all__ = ["Group", "Plan", "Resident", "RoundPlan", "make_plan", "seed_of", "slice_phases"]

GUARD_S = 0.005
"""Idle time between slices [s], after the last reply: lets queues empty before the next arm starts."""
LEAD_IN_S = 0.010
"""Sent but not counted at the start of a slice [s]: sleeping cores and cold caches make it slow."""
SLICE_FLOOR_S, SLICE_CEILING_S = 0.1, 1.0
"""Bounds of a slice that is chosen here [s]: lead-in and guard are at most 15 % of it; arms meet within a second."""
_CANDIDATES_PER_GROUP = 2
_DRAIN_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Resident:
    """One deployment of an arm inside a round; `twin` 1 is the A/A twin of the same arm."""

    arm: Arm
    twin: int = 0

    @property
    def name(self) -> str:
        return self.arm.name if self.twin == 0 else f"{self.arm.name}#{self.twin + 1}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Residents that are up at the same time: the baseline, at most two candidates, and their twins."""

    index: int
    residents: tuple[Resident, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundPlan:
    """One fresh deployment of one group. Rounds count from 1; `start_order` are indexes into the group's residents."""

    round: int
    group: Group
    start_order: tuple[int, ...]
    seed: int

    @property
    def key(self) -> str:
        """Name of this round and group in bundles and messages."""
        return f"r{self.round:02d}" if self.group.index == 0 else f"r{self.round:02d}-g{self.group.index + 1}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Every round of every group, in the order in which they are run."""

    groups: tuple[Group, ...]
    rounds: tuple[RoundPlan, ...]


def make_plan(experiment: Experiment) -> Plan:
    """Lay out the experiment's groups and rounds. Pure: the same experiment gives the same plan."""
    together = [chunk for arms in experiment.cells().values() for chunk in _chunks(arms)]
    groups = tuple(
        Group(index=index, residents=tuple(_residents(arms, experiment.aa))) for index, arms in enumerate(together)
    )
    rounds = []
    for number in range(1, experiment.rounds + 1):
        order = list(groups)
        Random(seed_of(experiment.seed, "groups", number)).shuffle(order)
        for group in order:
            seed = seed_of(experiment.seed, "round", number, group.index)
            starts = list(range(len(group.residents)))
            Random(seed).shuffle(starts)
            rounds.append(RoundPlan(round=number, group=group, start_order=tuple(starts), seed=seed))
    return Plan(groups=groups, rounds=tuple(rounds))


def _chunks(arms: Sequence[Arm]) -> list[Sequence[Arm]]:
    """The baseline of a cell with every two of its candidates; alone where it has none."""
    baseline, *candidates = arms
    starts = range(0, max(1, len(candidates)), _CANDIDATES_PER_GROUP)
    return [[baseline, *candidates[start : start + _CANDIDATES_PER_GROUP]] for start in starts]


def _residents(arms: Sequence[Arm], aa: Sequence[str]) -> list[Resident]:
    return [Resident(arm=arm) for arm in arms] + [Resident(arm=arm, twin=1) for arm in arms if arm.name in aa]


def seed_of(*parts: int | str) -> int:
    """A seed of 53 bits (exact in JSON) from what it is for; unlike sums of seeds, no two uses coincide."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 11


def slice_phases(
    round_plan: RoundPlan, point: LoadPoint, *, load_point: int, slice_s: float, attempt: int = 0
) -> tuple[tuple[Phase, ...], int]:
    """The slices of one round at one load point: blocks in which every resident comes once, in random order.

    Returns:
        The phases, each labelled `block:resident index`, and the number of blocks. Counted time per resident is at
        least the load point's `duration_s`, in whole slices.
    """
    blocks = max(1, math.ceil(point.duration_s / slice_s - 1e-9))
    order = Random(seed_of(round_plan.seed, "slices", load_point, attempt))
    phases = []
    for block in range(blocks):
        residents = list(range(len(round_plan.group.residents)))
        order.shuffle(residents)
        phases += [
            counted_phase(
                point,
                resident,
                slice_s,
                lead_in_s=LEAD_IN_S,
                guard_s=GUARD_S,
                drain_s=_DRAIN_S,
                seed=seed_of(round_plan.seed, "arrivals", load_point, attempt, block, resident),
                label=str(block),
            )
            for resident in residents
        ]
    return tuple(phases), blocks
