"""An SMP test file: every URL of every client loaded in turn, one result document each."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace

from meshperf.experiment.events import Event, Listener, figures
from meshperf.experiment.single import run_single
from meshperf.load.plan import TlsSettings
from meshperf.load.recording import Progress
from meshperf.load.url import target_from_url
from meshperf.spec.experiment import Experiment
from meshperf.spec.records import Fact, Facts, RunResult

__all__ = ["run_targets"]


def run_targets(
    experiment: Experiment, *, allowed: Collection[str], host_facts: Facts, listener: Listener
) -> tuple[RunResult, ...]:
    """Load every target of an SMP test, in the file's order.

    All targets are resolved and checked before the first one is loaded.

    Raises:
        UsageError: a target outside loopback that was not allowed (MP1003). TargetError: one cannot be reached.
    """
    targets = []
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
        targets.append((target, point, item))
    began = time.monotonic()
    runs = []
    for number, (target, point, item) in enumerate(targets):

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
            target, point, name=experiment.name, host_facts=host_facts, seed=experiment.seed, on_progress=show
        )
        mesh = {"mesh.type": Fact(value=experiment.mesh_type or "none", source="SMP file", observed=False)}
        runs.append(replace(run, arm=item.url, load_point=item.load_point, facts={**run.facts, **mesh}))
        if interrupted:
            raise KeyboardInterrupt
    return tuple(runs)
