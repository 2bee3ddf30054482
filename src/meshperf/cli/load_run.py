"""The phases of `meshperf load` with URLs: options to targets and a load point, one run, one summary."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from rich.console import Console

from meshperf.cli.kept_runs import keep_runs
from meshperf.cli.load_options import LoadOptions, load_point, watched
from meshperf.cli.load_progress import LoadProgress
from meshperf.cli.load_summary import summarise
from meshperf.cli.load_values import weights_of
from meshperf.cli.output import consoles
from meshperf.environments import HostReader
from meshperf.errors import ExitCode, TargetError, UsageError
from meshperf.experiment.single import run_single
from meshperf.load.kinds import Shape
from meshperf.load.shapes import shape_of
from meshperf.load.targets import target_from_url
from meshperf.spec.experiment import LoadPoint, Objective
from meshperf.spec.kinds import ObjectiveReading
from meshperf.spec.objectives import parse_objective
from meshperf.spec.records import RunResult
from meshperf.spec.smp import result_to_document
from meshperf.units import Unit, format_quantity

__all__ = ["finish", "run_load", "show_run", "tell_objectives"]


def run_load(urls: Sequence[str], options: LoadOptions, *, command: str) -> int:
    """Run one load test, print it and keep it.

    Args:
        command: what a reader types to load again, as it may be shown.

    Returns:
        The exit code: 0 valid, 1 an objective was broken, 4 not valid, 130 broken off.

    Raises:
        UsageError: options that make no sense, or a target that was not allowed. TargetError: it cannot be reached.
    """
    point = load_point(urls, options)
    weights = weights_of(options.weights, len(urls))
    objectives = _objectives(options.objectives)
    shape = _shape(point, options)
    watch = watched(options)
    targets = [target_from_url(url, point, allowed=options.allowed) for url in urls]
    to_show, to_tell = consoles()
    with LoadProgress(to_tell, total_s=_total_s(point, shape)) as progress:
        if shape is None:
            run, interrupted = run_single(
                targets,
                point,
                name="load",
                host_facts=HostReader().facts(),
                weights=weights,
                seed=options.seed,
                objectives=objectives,
                on_progress=progress.show,
            )
        else:
            from meshperf.experiment.kinds import run_kind

            run, interrupted = run_kind(
                targets[0],
                shape,
                name="load",
                point=point,
                objectives=objectives,
                host_facts=HostReader().facts(),
                seed=options.seed,
                watch=watch,
                on_progress=progress.show,
            )
    if options.as_json:
        sys.stdout.write(json.dumps(result_to_document(run), indent=2) + "\n")
    else:
        show_run(run, to_show)
    if not options.no_store:
        keep_runs([run], name="load", command=command, to_tell=to_tell)
    return finish(run, interrupted=interrupted, to_tell=to_tell if options.as_json else to_show)


def show_run(run: RunResult, console: Console) -> None:
    """Print a run: its summary, and the answer of a test kind."""
    summarise(run, console)
    if run.kind is not None:
        from meshperf.report import terminal_run

        terminal_run(run, console, only=("kind",))


def _shape(point: LoadPoint, options: LoadOptions) -> Shape | None:
    if point.kind is None:
        return None
    duration_s = None if options.duration is None else point.duration_s
    return shape_of(point.kind, rate=point.rate, duration_s=duration_s, options=point.kind_options)


def _total_s(point: LoadPoint, shape: Shape | None) -> float | None:
    """How long it will take; None where the kind finds its own end."""
    if shape is None:
        return point.warmup_s + point.duration_s + point.cooldown_s
    return None


def finish(run: RunResult, *, interrupted: bool, to_tell: Console) -> int:
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
    held = tell_objectives(run, to_tell)
    if not run.validity.ok:
        return ExitCode.NOT_COMPARABLE
    return ExitCode.OK if held else ExitCode.GATE_FAILED


def tell_objectives(run: RunResult, console: Console) -> bool:
    """Say how each objective stands, and whether all hold.

    To a test kind they are what a stage has to hold; whether that matters is the kind's own: a load and a soak test
    must hold them, the others look for where they break.
    """
    if run.kind is not None:
        return all(part.held for part in (run.kind.load, run.kind.soak) if part is not None)
    for reading in run.objectives:
        console.print(f"objective {reading.objective}: {_how_it_stands(reading)}", markup=False, soft_wrap=True)
    return all(reading.held for reading in run.objectives)


def _how_it_stands(reading: ObjectiveReading) -> str:
    if reading.value is None:
        return "unknown, not known"
    unit = Unit(reading.unit)
    shown = f"{reading.value:.3%}" if unit is Unit.RATIO else format_quantity(reading.value, unit)
    return f"{'held' if reading.held else 'broken'}, {shown}"


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
