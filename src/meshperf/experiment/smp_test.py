"""An SMP test file: every URL of every client loaded in turn, one result document each.

Two steps, so that nothing is loaded and nothing is written before every URL was looked at: `smp_targets` resolves and
checks them all, `run_targets` loads one after the other and hands each run over as soon as it is done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from meshperf.experiment.events import Event, Listener, figures
from meshperf.experiment.single import run_single
from meshperf.load.plan import Target, TlsSettings
from meshperf.load.recording import Progress
from meshperf.load.url import target_from_url
from meshperf.spec.experiment import Experiment, LoadPoint
from meshperf.spec.records import Fact, Facts, RunResult

__all__ = ["SmpTarget", "run_targets", "smp_targets"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SmpTarget:
    """One URL of an SMP test, resolved."""

    target: Target
    point: LoadPoint
    load_point: int
    """Index of `point` in the experiment."""


def smp_targets(experiment: Experiment, *, allowed: Collection[str]) -> tuple[SmpTarget, ...]:
    """Every URL of the test, in the file's order.

    Raises:
        UsageError: a target outside loopback that was not allowed (MP1003). TargetError: a name is unknown (MP5301).
    """
    found = []
    for item in experiment.targets:
        point = experiment.load[item.load_point]
        target = target_from_url(
            item.url,
            connections=point.connections,
            timeout_s=point.timeout_s,
            method=point.method,
            headers=point.headers,
            body=point.body,
            tls=TlsSettings(ca_pem="") if item.url.startswith("https:") else None,
            allowed=allowed,
        )
        found.append(SmpTarget(target=target, point=point, load_point=item.load_point))
    return tuple(found)


def run_targets(
    experiment: Experiment,
    targets: Sequence[SmpTarget],
    *,
    experiment_id: str,
    host_facts: Facts,
    listener: Listener,
    keep: Callable[[RunResult], None],
    keep_broken: Callable[[RunResult], None],
) -> tuple[RunResult, ...]:
    """Load every target. Its position is the run's round.

    Args:
        keep: called with each finished run, at once.
        keep_broken: called with the run that Ctrl-C broke off.

    Raises:
        TargetError: one cannot be reached, or does not speak the protocol; runs before it were kept.
        KeyboardInterrupt: after `keep_broken`.
    """
    began = time.monotonic()
    mesh = {"mesh.type": Fact(value=experiment.mesh_type or "none", source="SMP file", observed=False)}
    runs = []
    for number, item in enumerate(targets):

        def show(stage: str, progress: Progress, number: int = number) -> None:
            listener(
                Event(
                    stage=stage,
                    round=number + 1,
                    rounds=len(targets),
                    elapsed_s=time.monotonic() - began,
                    left_s=None,
                    **figures(progress, progress.elapsed_s),
                )
            )

        run, interrupted = run_single(
            item.target,
            item.point,
            name=experiment.name,
            host_facts=host_facts,
            seed=experiment.seed,
            on_progress=show,
        )
        run = replace(
            run,
            experiment_id=experiment_id,
            arm=item.target.name,
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
