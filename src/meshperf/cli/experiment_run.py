"""The phases of `meshperf run`, in order: bundle, rounds, judgement, report, store, verdict."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console

from meshperf import analysis, report
from meshperf.cli.output import consoles, state_dir
from meshperf.cli.progress import ExperimentProgress
from meshperf.environments import HostReader, sweep
from meshperf.errors import ExitCode, StorageError, UsageError
from meshperf.experiment.bundle import Bundle
from meshperf.experiment.bundle_lock import BundleLock
from meshperf.experiment.judgement import judge_runs
from meshperf.experiment.runner import execute
from meshperf.experiment.smp_test import run_targets
from meshperf.spec.experiment import Experiment
from meshperf.spec.records import RunResult
from meshperf.spec.smp import result_to_document
from meshperf.store import Store

__all__ = ["run_experiment", "run_smp_test"]

_QUICK_ROUNDS, _QUICK_S = 2, 1.0


def run_experiment(
    experiment: Experiment,
    file: Path,
    *,
    out: Path | None,
    resume: Path | None,
    overwrite: bool,
    quick: bool,
    store: bool,
    as_json: bool,
) -> int:
    """Run, judge and report. Returns the exit code."""
    if resume is not None and (out is not None or overwrite or quick):
        raise UsageError("MP1002", "--resume goes on with a bundle as it is; leave --out, --overwrite and --quick away")
    if quick:
        experiment = _quick(experiment)
    to_show, to_tell = consoles()
    for line in sweep(state_dir()):
        to_tell.print(f"swept up after an earlier run: {line}", markup=False)
    with _bundle(experiment, file, out=out, resume=resume, overwrite=overwrite) as bundle:
        to_tell.print(f"results go to {bundle.path}", markup=False)
        try:
            with ExperimentProgress(to_tell) as progress:
                runs = execute(experiment, bundle, state_dir=state_dir(), pilot=quick, listener=progress.show)
        except KeyboardInterrupt:
            to_tell.print(_go_on(bundle.path, file), markup=False)
            raise
        comparisons = judge_runs(experiment, runs, bundle.excluded())
        bundle.write_comparison([analysis.comparison_to_document(comparison) for comparison in comparisons])
        report.write(
            comparisons,
            runs,
            out=bundle.path,
            experiment_text=bundle.experiment_text(),
            command=_command(file),
            facts=bundle.facts() or {},
        )
        bundle.seal()
    if as_json:
        click.echo(json.dumps([analysis.comparison_to_document(comparison) for comparison in comparisons], indent=2))
    else:
        for comparison in comparisons:
            report.terminal(comparison, to_show)
    to_tell.print(f"report: {bundle.path / 'report.html'}", markup=False)
    to_tell.print(f"check it: meshperf verify {shlex.quote(str(bundle.path))}", markup=False)
    if store:
        _store(bundle, experiment, runs, comparisons, file, to_tell)
    return exit_code(comparisons)


def _store(
    bundle: Bundle,
    experiment: Experiment,
    runs: Sequence[RunResult],
    comparisons: Sequence[analysis.Comparison],
    file: Path,
    console: Console,
) -> None:
    """Keep the results in the user's store. The bundle has them already: a broken store must not fail the run."""
    try:
        with closing(Store.open(None)) as kept:
            kept.save(
                bundle.path,
                experiment,
                runs,
                [analysis.comparison_to_document(comparison) for comparison in comparisons],
                command=_command(file),
                experiment_text=bundle.experiment_text(),
                facts=bundle.facts(),
            )
    except StorageError as error:
        console.print(f"not put into the store (the bundle is complete): {error}", markup=False)


def _command(file: Path) -> str:
    return f"meshperf run {shlex.quote(str(file))}"


def _go_on(bundle: Path, file: Path) -> str:
    return f"broken off; finished rounds are kept. Go on with: {_command(file)} --resume {shlex.quote(str(bundle))}"


def exit_code(comparisons: Sequence[analysis.Comparison]) -> int:
    """4 when the arms could not be compared, 1 when an objective was broken, else 0 (inconclusive too)."""
    if any(comparison.comparability.grade == "X" for comparison in comparisons):
        return ExitCode.NOT_COMPARABLE
    broken = (outcome for comparison in comparisons for outcome in comparison.objectives if outcome.outcome == "broken")
    return ExitCode.GATE_FAILED if any(broken) else ExitCode.OK


def run_smp_test(experiment: Experiment, *, allowed: Sequence[str], out: Path | None, as_json: bool) -> int:
    """Run an SMP test file: every URL of every client, one after the other. Returns the exit code."""
    _, to_tell = consoles()
    with ExperimentProgress(to_tell) as progress:
        runs = run_targets(experiment, allowed=allowed, host_facts=HostReader().facts(), listener=progress.show)
    documents = [result_to_document(run) for run in runs]
    text = json.dumps(documents, indent=2) + "\n"
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        beside = out.with_name(f".{out.name}.new")
        beside.write_text(text)
        beside.rename(out)
    if as_json or out is None:
        sys.stdout.write(text)
    for run in runs:
        to_tell.print(
            f"{run.arm}: {run.achieved_rps:.1f}/s, p50 {float(run.response.quantile(0.5)) * 1e3:.3f} ms, "
            f"p99 {float(run.response.quantile(0.99)) * 1e3:.3f} ms, {run.validity.state.value}",
            markup=False,
        )
    return ExitCode.OK if all(run.validity.ok for run in runs) else ExitCode.NOT_COMPARABLE


def _quick(experiment: Experiment) -> Experiment:
    load = tuple(
        replace(point, duration_s=min(point.duration_s, _QUICK_S), warmup_s=min(point.warmup_s, _QUICK_S / 2))
        for point in experiment.load
    )
    return replace(experiment, rounds=min(experiment.rounds, _QUICK_ROUNDS), load=load)


def _bundle(experiment: Experiment, file: Path, *, out: Path | None, resume: Path | None, overwrite: bool) -> Bundle:
    if resume is not None:
        return Bundle.resume(resume, experiment, command=_command(file))
    folder = out or Path("meshperf-out") / f"{experiment.name}-{time.strftime('%Y%m%d-%H%M%S')}"
    if overwrite and (folder / "MANIFEST.json").is_file():
        BundleLock(folder).release()  # says MP5403 when somebody is at work in it
        shutil.rmtree(folder)
    return Bundle.create(folder, experiment, command=_command(file))
