"""The phases of `meshperf load` with URLs: options to targets and a load point, one run, one summary."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from rich.console import Console

from meshperf.analysis import try_objectives
from meshperf.cli.load_options import LoadOptions, load_point, weights_of
from meshperf.cli.load_progress import LoadProgress
from meshperf.cli.load_summary import summarise
from meshperf.cli.output import consoles
from meshperf.environments import HostReader
from meshperf.errors import ExitCode, TargetError, UsageError
from meshperf.experiment.single import run_single
from meshperf.load.targets import target_from_url
from meshperf.spec.experiment import Objective
from meshperf.spec.objectives import parse_objective
from meshperf.spec.records import RunResult
from meshperf.spec.smp import result_to_document
from meshperf.units import format_quantity

__all__ = ["finish", "run_load"]


def run_load(urls: Sequence[str], options: LoadOptions) -> int:
    """Run one load test and print it.

    Returns:
        The exit code: 0 valid, 1 an objective was broken, 4 not valid, 130 broken off.

    Raises:
        UsageError: options that make no sense, or a target that was not allowed. TargetError: it cannot be reached.
    """
    point = load_point(urls, options)
    weights = weights_of(options.weights, len(urls))
    objectives = _objectives(options.objectives)
    targets = [target_from_url(url, point, allowed=options.allowed) for url in urls]
    to_show, to_tell = consoles()
    total_s = point.warmup_s + point.duration_s + point.cooldown_s
    with LoadProgress(to_tell, total_s=total_s) as progress:
        run, interrupted = run_single(
            targets,
            point,
            name="load",
            host_facts=HostReader().facts(),
            weights=weights,
            seed=options.seed,
            on_progress=progress.show,
        )
    if options.as_json:
        sys.stdout.write(json.dumps(result_to_document(run), indent=2) + "\n")
    else:
        summarise(run, to_show)
    return finish(run, objectives, interrupted=interrupted, to_tell=to_tell if options.as_json else to_show)


def finish(run: RunResult, objectives: Sequence[Objective], *, interrupted: bool, to_tell: Console) -> int:
    """Say how the objectives stand, and what the run's exit code is.

    Raises:
        TargetError: MP5302, requests failed and not one succeeded.
    """
    if interrupted:
        return ExitCode.INTERRUPTED
    if not run.response.total and run.counts.errors:
        classes = {**run.errors_by_reason, **run.errors_by_status, **run.errors_by_grpc_status}
        reasons = ", ".join(f"{name} {count}" for name, count in classes.items())
        raise TargetError("MP5302", f"not one reply was a success: {reasons}", hint="see above")
    outcomes = try_objectives(run.arm, [run], objectives)
    for outcome in outcomes:
        found = "not known" if outcome.value is None else format_quantity(outcome.value, outcome.unit)
        to_tell.print(f"objective {outcome.objective}: {outcome.outcome}, {found}", markup=False, soft_wrap=True)
    if not run.validity.ok:
        return ExitCode.NOT_COMPARABLE
    return ExitCode.OK if all(outcome.outcome == "held" for outcome in outcomes) else ExitCode.GATE_FAILED


def _objectives(texts: Sequence[str]) -> tuple[Objective, ...]:
    found = []
    for text in texts:
        try:
            objective = parse_objective(text)
        except ValueError as problem:
            raise UsageError("MP1001", f"--objective: {problem}") from problem
        if objective.metric in ("cpu_per_request", "memory"):
            message = f"--objective: {objective.metric} is of processes, and a load test sees the target from outside"
            raise UsageError("MP1002", message, hint="bound a response time or `errors`")
        found.append(objective)
    return tuple(found)
