"""Whether an experiment can be done at all here, asked before anything is deployed, and about how long it will take.

A mesh refuses an arm that it cannot be, and a load generator what it cannot send. Both know it from the experiment
alone, and a user would rather hear it now than in the second round.
"""

from __future__ import annotations

from meshperf.environments.namespaces import require_namespaces
from meshperf.experiment.offered import counted_phase, steady_phase
from meshperf.experiment.plan import Plan
from meshperf.load.generators import require_fit
from meshperf.load.plan import SessionPlan, Target
from meshperf.load.targets import requested
from meshperf.meshes import open_mesh
from meshperf.spec.experiment import Experiment
from meshperf.spec.generators import OWN

__all__ = ["expected_s", "require_feasible"]

_WALL_PER_COUNTED = 1.35
"""Guess before any round was timed: wall time of a round over its counted time (lead-in, guards, drains)."""
_DEPLOY_S = 4.0
"""Guess before any round was timed: deployment and claims of one group."""


def require_feasible(experiment: Experiment) -> None:
    """Refuse what a mesh or a load generator cannot do, and what is missing.

    Raises:
        UsageError: MP1007, MP1008. PrerequisiteError: a binary, a generator or a right of this user is missing.
    """
    if experiment.environment == "netns":
        require_namespaces()
    _require_generators(experiment)
    graph = experiment.workload.as_graph()
    for arm in experiment.arms.values():
        open_mesh(arm.mesh).check(arm, graph, experiment.environment)


def expected_s(experiment: Experiment, plan: Plan) -> float:
    """Wall-clock seconds of one round of all groups, as far as can be said before one was done."""
    residents = sum(len(group.residents) for group in plan.groups)
    counted = sum(point.duration_s + point.warmup_s for point in experiment.load) * residents
    return counted * _WALL_PER_COUNTED + _DEPLOY_S * len(plan.groups)


def _require_generators(experiment: Experiment) -> None:
    for point in experiment.load:
        if point.generator != OWN:
            # Any address does: what can be said of a target without it is looked at, the rest when it is there.
            target = requested(Target(name="workload", address="127.0.0.1:1", host="workload"), point, name="workload")
            phases = [counted_phase(point, 0, point.duration_s, seed=0, label="0")]
            if point.warmup_s:
                phases.append(steady_phase(point, 0, point.warmup_s, seed=0, label="0"))
            require_fit(point.generator, SessionPlan(targets=(target,)), phases)
