"""An experiment that is asked for a resolution, run: pilot, plan, rounds, and the look that ends it.

What it decides: nothing that is not in the plan. The plan is in the bundle before the first round that counts; a run
that is taken up again reads it and does not plan again, so that nobody can plan until a plan pleases.

Why this way: the pilot is an experiment of its own, by the very loop of any other, in a bundle inside the bundle. So it
is kept whole, checked by `verify` as any bundle is, taken up again where it was broken off, and cannot be mixed up with
the rounds that count.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from meshperf.analysis import comparison_to_document
from meshperf.experiment.bundle import Bundle
from meshperf.experiment.bundle_reading import EXPERIMENT, MANIFEST, PILOT, BundleView
from meshperf.experiment.events import Event, Listener
from meshperf.experiment.judgement import judge_runs
from meshperf.experiment.kept_templates import with_kept_templates
from meshperf.experiment.planned.making import make_run_plan, pilot_experiment, planned_experiment
from meshperf.experiment.runner import execute
from meshperf.spec.experiment import Experiment
from meshperf.spec.records import Fact, RunResult
from meshperf.spec.run_plan import RunPlan

__all__ = ["execute_planned", "plan_sentence"]


def execute_planned(
    experiment: Experiment, bundle: Bundle, *, state_dir: Path, listener: Listener
) -> tuple[RunResult, ...]:
    """Run the pilot unless it was, plan unless there is a plan, and make the rounds that are still missing.

    Returns:
        All runs of the bundle's finished rounds; none of the pilot's.

    Raises:
        ComparisonError, DocumentError: as `make_run_plan` and `execute` say.
        DeploymentError, PrerequisiteError, StorageError: as their layers say; what is finished is kept.
    """
    began = time.monotonic()
    plan = bundle.plan()
    if plan is None:
        plan = _plan(experiment, bundle, state_dir, listener)
    listener(_told(plan, time.monotonic() - began))

    def enough(made: int) -> bool:
        if plan.alpha_at(made) is None or made == plan.rounds:
            return False
        found = judge_runs(experiment, bundle.runs(), bundle.excluded(), plan=plan)
        return any(comparison.planned is not None and comparison.planned.early for comparison in found)

    return execute(
        planned_experiment(experiment, plan),
        bundle,
        state_dir=state_dir,
        listener=listener,
        slice_s=plan.slice_s,
        enough=enough,
    )


def _plan(experiment: Experiment, bundle: Bundle, state_dir: Path, listener: Listener) -> RunPlan:
    pilot = _pilot(experiment, bundle, state_dir, listener)
    manifest = hashlib.sha256((pilot.path / MANIFEST).read_bytes()).hexdigest()
    plan = make_run_plan(experiment, pilot.runs(), pilot.excluded(), manifest=manifest)
    facts = pilot.facts()
    if facts is not None and bundle.facts() is None:
        # The rounds that count must be made under the facts that the plan was made under.
        bundle.write_facts({**facts, "design.rounds": Fact(value=plan.rounds, source="plan")})
    bundle.write_plan(plan)
    return plan


def _pilot(experiment: Experiment, bundle: Bundle, state_dir: Path, listener: Listener) -> BundleView:
    """The pilot's bundle, complete: as it is there already, taken up again, or begun."""
    kept = bundle.pilot()
    if kept is not None and kept.manifest().complete:
        return kept
    folder = bundle.path / PILOT
    pilot = pilot_experiment(with_kept_templates(experiment, bundle.path))

    def hear(event: Event) -> None:
        listener(replace(event, pilot=True))

    text = (bundle.path / EXPERIMENT).read_bytes()
    opened = (
        Bundle.create(folder, pilot, command=bundle.command, text=text)
        if kept is None
        else Bundle.resume(folder, pilot, command=bundle.command)
    )
    with opened as own:
        runs = execute(pilot, own, state_dir=state_dir, listener=hear, pilot=True)
        own.write_comparison([comparison_to_document(one) for one in judge_runs(pilot, runs, own.excluded())])
        own.seal()
    return BundleView(folder)


def _told(plan: RunPlan, elapsed_s: float) -> Event:
    return Event(
        stage="plan",
        round=0,
        rounds=plan.rounds,
        elapsed_s=elapsed_s,
        left_s=plan.rounds * plan.round_s,
        note=plan_sentence(plan),
    )


def plan_sentence(plan: RunPlan) -> str:
    """What was planned, in a sentence; where the file allows too few rounds, what that will mean."""
    asked = _widths(plan.resolution)
    length = "" if plan.scale == 1 else f" of {plan.scale:g} times the duration"
    looks = ", ".join(map(str, plan.looks[:-1]))
    early = f"; it may end after round {looks}" if looks else ""
    minutes = f"about {plan.rounds * plan.round_s / 60:.1f} min"
    if plan.needed is not None and plan.needed <= plan.most:
        return f"for {asked}: {plan.rounds} rounds{length}, {minutes}{early}"
    takes = "more than 200" if plan.needed is None else str(plan.needed)
    all_of_it = "" if plan.needed is None else f", about {plan.needed * plan.round_s / 60:.0f} minutes"
    expected: dict[str, float] = {}
    for metric in plan.metrics:
        expected[metric.metric] = max(expected.get(metric.metric, 0.0), metric.half_width)
    return (
        f"{asked} needs {takes} rounds{length}{all_of_it}; the file allows {plan.most}, {minutes}: "
        f"the half-width will be about {_widths(expected)}{early}"
    )


def _widths(shares: Mapping[str, float]) -> str:
    return ", ".join(f"{metric} +/-{share * 100:.3g} %" for metric, share in shares.items())
