"""Was a planned experiment ended as it was planned? What `verify` looks at beside every digest and figure.

What it decides: whether the plan follows from the pilot, and whether the experiment ended at the first look that ended
it. A plan that was made until it pleased, or an experiment that went on past a look because of what it showed, would
keep no error rate.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from meshperf.errors import ComparisonError, DocumentError
from meshperf.experiment.bundle_reading import MANIFEST, PILOT, PLAN, BundleView
from meshperf.experiment.document_differences import differences
from meshperf.experiment.judgement import judge_runs
from meshperf.experiment.planned.making import make_run_plan
from meshperf.spec.experiment import Experiment
from meshperf.spec.records import RunResult
from meshperf.spec.run_plan import RunPlan, plan_to_document

__all__ = ["plan_contradictions"]


def plan_contradictions(
    view: BundleView, experiment: Experiment, runs: Sequence[RunResult], *, complete: bool
) -> Iterator[tuple[str, str, str]]:
    """File, JSON pointer and sentence for everything that does not fit together.

    Args:
        runs: all of the finished rounds. complete: the bundle says that it ended.

    Raises:
        DocumentError: the plan, or a document of the pilot, cannot be read.
    """
    plan = view.plan()
    counted = any(not run.design.pilot for run in runs)
    if plan is None:
        if experiment.resolution and counted:
            yield PLAN, "", "a resolution is asked for and rounds were counted, but there is no plan"
        return
    if not experiment.resolution:
        yield PLAN, "", "there is a plan, but the experiment asks for no resolution"
        return
    yield from _made_anew(view, experiment, plan)
    yield from _ended(view, experiment, runs, plan, complete=complete)


def _made_anew(view: BundleView, experiment: Experiment, plan: RunPlan) -> Iterator[tuple[str, str, str]]:
    pilot = view.pilot()
    if pilot is None:
        yield PLAN, "", "there is a plan, but not the pilot that it was made from"
        return
    manifest = hashlib.sha256((pilot.path / MANIFEST).read_bytes()).hexdigest()
    try:
        again = make_run_plan(experiment, pilot.runs(), pilot.excluded(), manifest=manifest)
    except (ComparisonError, DocumentError) as error:
        yield PLAN, "", f"no plan follows from the pilot: {error.message}"
        return
    for pointer, sentence in differences(plan_to_document(plan), plan_to_document(again)):
        yield PLAN, pointer, sentence.replace("the slices say", f"the runs in {PILOT}/ say")


def _ended(
    view: BundleView, experiment: Experiment, runs: Sequence[RunResult], plan: RunPlan, *, complete: bool
) -> Iterator[tuple[str, str, str]]:
    numbers = sorted({run.round for run in runs})
    made = len(numbers)
    if made > plan.rounds:
        yield PLAN, "/rounds", f"{plan.rounds} rounds were planned, and {made} were made"
        return
    for look in (look for look in plan.looks if look < made):
        kept = set(numbers[:look])
        if _ends(experiment, [run for run in runs if run.round in kept], plan):
            yield PLAN, "/looks", f"the look after round {look} ended the experiment, but {made} rounds were made"
    if complete and made < plan.rounds and not _ends(experiment, runs, plan):
        yield PLAN, "/rounds", f"{plan.rounds} rounds were planned, {made} were made, and no look ended them"


def _ends(experiment: Experiment, runs: Sequence[RunResult], plan: RunPlan) -> bool:
    found = judge_runs(experiment, runs, plan=plan)
    return any(comparison.planned is not None and comparison.planned.early for comparison in found)
