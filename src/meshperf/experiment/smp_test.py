"""An SMP test file: every URL of every client loaded in turn, one result document each.

Two steps, so that nothing is loaded and nothing is written before every URL was looked at: `smp_targets` resolves and
checks them all, `run_targets` loads one after the other and hands each run over as soon as it is done.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from random import Random

from meshperf.experiment.kinds import run_kind
from meshperf.experiment.plan import seed_of
from meshperf.experiment.single import run_single, single_phases
from meshperf.load.generators import require_fit
from meshperf.load.kinds import Shape
from meshperf.load.plan import SessionPlan, Target
from meshperf.load.recording import Progress
from meshperf.load.shapes import shape_of
from meshperf.load.targets import require_open_files, target_from_url
from meshperf.spec.experiment import Experiment, LoadPoint
from meshperf.spec.generators import OWN
from meshperf.spec.records import Fact, Facts, RunResult

__all__ = ["SmpTarget", "run_targets", "smp_targets"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SmpTarget:
    """What one run of an SMP test loads, resolved."""

    targets: tuple[Target, ...]
    weights: tuple[float, ...]
    point: LoadPoint
    load_point: int
    """Index of `point` in the experiment."""
    shape: Shape | None = None
    """Of a test kind; None: one level of load, or stages."""

    @property
    def name(self) -> str:
        """The URL; of several the first, and how many more."""
        more = len(self.targets) - 1
        return self.targets[0].name + (f" and {more} more" if more else "")


def smp_targets(experiment: Experiment, *, allowed: Collection[str]) -> tuple[SmpTarget, ...]:
    """Every URL of the test, in the order in which they are loaded.

    The order is the file's, once for each round; `random` shuffles each round by the seed, and `blocked` does all
    rounds of a URL before the next one's.

    Raises:
        UsageError: a target outside loopback that was not allowed (MP1003), or a client that asks for what cannot be
            (MP1002) or that its load generator cannot do (MP1007). PrerequisiteError: MP3006, that is not installed.
            TargetError: a name is unknown (MP5301). DocumentError: a file that a client names is wrong.
    """
    found = []
    for item in experiment.targets:
        point = experiment.load[item.load_point]
        mix = ((item.url, item.weight), *item.mix)
        targets = tuple(target_from_url(url, point, allowed=allowed) for url, _ in mix)
        plan = SessionPlan(targets=targets, workers=point.workers)
        if point.generator == OWN:
            require_open_files(plan)
        elif point.kind is None:
            require_fit(point.generator, plan, single_phases(point, targets, seed=experiment.seed))
        weights = tuple(weight for _, weight in mix)
        shape = (
            None
            if point.kind is None
            else shape_of(point.kind, rate=point.rate, duration_s=point.duration_s, options=point.kind_options)
        )
        found.append(SmpTarget(targets=targets, weights=weights, point=point, load_point=item.load_point, shape=shape))
    if experiment.order == "blocked":
        return tuple(item for item in found for _ in range(experiment.rounds))
    rounds = [list(found) for _ in range(experiment.rounds)]
    if experiment.order == "random":
        shuffler = Random(seed_of(experiment.seed, "order"))
        for each in rounds:
            shuffler.shuffle(each)
    return tuple(item for each in rounds for item in each)


def run_targets(
    experiment: Experiment,
    targets: Sequence[SmpTarget],
    *,
    experiment_id: str,
    host_facts: Facts,
    on_progress: Callable[[int, str, Progress], None],
    keep: Callable[[RunResult], None],
    keep_broken: Callable[[RunResult], None],
) -> tuple[RunResult, ...]:
    """Load every target. Its position is the run's round.

    Args:
        on_progress: called about four times a second with the run's number (from 0), what is under way in it, and its
            counters.
        keep: called with each finished run, at once.
        keep_broken: called with the run that Ctrl-C broke off.

    Raises:
        TargetError: one cannot be reached, or does not speak the protocol; runs before it were kept.
        KeyboardInterrupt: after `keep_broken`.
    """
    mesh = {"mesh.type": Fact(value=experiment.mesh_type or "none", source="SMP file", observed=False)}
    runs = []
    for number, item in enumerate(targets):
        run, interrupted = _run(experiment, item, host_facts, partial(on_progress, number))
        run = replace(
            run,
            experiment_id=experiment_id,
            arm=item.name,
            round=number,
            load_point=item.load_point,
            facts={**run.facts, **mesh},
        )
        if interrupted:
            keep_broken(run)
            raise KeyboardInterrupt
        keep(run)
        runs.append(run)
    return tuple(runs)


def _run(
    experiment: Experiment, item: SmpTarget, host_facts: Facts, show: Callable[[str, Progress], None]
) -> tuple[RunResult, bool]:
    if item.shape is not None:
        return run_kind(
            item.targets[0],
            item.shape,
            name=experiment.name,
            point=item.point,
            objectives=experiment.objectives,
            host_facts=host_facts,
            seed=experiment.seed,
            on_progress=show,
        )
    return run_single(
        item.targets,
        item.point,
        name=experiment.name,
        host_facts=host_facts,
        weights=item.weights,
        seed=experiment.seed,
        objectives=experiment.objectives,
        on_progress=show,
    )
