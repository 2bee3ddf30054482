"""The phases of `meshperf run`, in order: bundle, rounds, judgement, report, store, verdict."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from meshperf import analysis, report
from meshperf.cli.output import consoles, state_dir
from meshperf.cli.progress import ExperimentProgress
from meshperf.environments import sweep
from meshperf.errors import ExitCode, StorageError, UsageError
from meshperf.experiment.bundle import Bundle
from meshperf.experiment.bundle_reading import MANIFEST, BundleView
from meshperf.experiment.bundle_replacement import replace_bundle, settle_replacement
from meshperf.experiment.feasibility import require_feasible
from meshperf.experiment.judgement import judge_runs
from meshperf.experiment.planned import execute_planned
from meshperf.experiment.runner import execute
from meshperf.spec.experiment import Experiment
from meshperf.spec.records import RunResult
from meshperf.spec.redaction import shown_text
from meshperf.store import Store

__all__ = ["command_line", "default_folder", "exit_code", "run_experiment"]

_QUICK = "--quick"
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
    command = command_line(file, quick=quick)
    if quick:
        experiment = _quick(experiment)
    require_feasible(experiment)  # before there is a folder: what is refused leaves none
    to_show, to_tell = consoles()
    for line in sweep(state_dir()):
        to_tell.print(f"swept up after an earlier run: {line}", markup=False)
    with _bundle(experiment, file, out=out, resume=resume, overwrite=overwrite, quick=quick) as bundle:
        to_tell.print(f"results go to {bundle.path}", markup=False)
        try:
            with ExperimentProgress(to_tell) as progress:
                if experiment.resolution and not quick:
                    runs = execute_planned(experiment, bundle, state_dir=state_dir(), listener=progress.show)
                else:
                    runs = execute(experiment, bundle, state_dir=state_dir(), pilot=quick, listener=progress.show)
        except KeyboardInterrupt:
            to_tell.print(_go_on(bundle.path, file, quick=quick), markup=False)
            raise
        comparisons = judge_runs(experiment, runs, bundle.excluded(), plan=bundle.plan())
        documents = [analysis.comparison_to_document(comparison) for comparison in comparisons]
        bundle.write_comparison(documents)
        report.write(
            comparisons,
            runs,
            out=bundle.path,
            experiment_text=shown_text(bundle.experiment_text()),
            command=command,
            facts=bundle.facts() or {},
        )
        bundle.seal()
    if as_json:
        click.echo(json.dumps(documents, indent=2))
    else:
        for comparison in comparisons:
            report.terminal(comparison, to_show)
        report.terminal_efficiency(comparisons, runs, to_show)
        report.terminal_ladders(comparisons, runs, to_show, experiment_text=shown_text(bundle.experiment_text()))
    to_tell.print(f"report: {bundle.path / 'report.html'}", markup=False)
    to_tell.print(f"check it: meshperf verify {shlex.quote(str(bundle.path))}", markup=False)
    if store:
        _store(bundle, experiment, runs, documents, command, to_tell)
    return exit_code(comparisons)


def _store(
    bundle: Bundle,
    experiment: Experiment,
    runs: Sequence[RunResult],
    documents: Sequence[Mapping[str, Any]],
    command: str,
    console: Console,
) -> None:
    """Keep the results in the user's store. The bundle has them already: a broken store must not fail the run."""
    try:
        with closing(Store.open(None)) as kept:
            kept.save(
                bundle.path,
                experiment,
                runs,
                documents,
                command=command,
                experiment_text=shown_text(bundle.experiment_text()),
                facts=bundle.facts(),
            )
    except StorageError as error:
        console.print(f"not put into the store (the bundle is complete): {error}", markup=False)


def _go_on(bundle: Path, file: Path, *, quick: bool) -> str:
    if quick:
        return f"broken off; a quick run is not gone on with. Begin it anew with: {command_line(file, quick=True)}"
    return f"broken off; finished rounds are kept. Go on with: {command_line(file)} --resume {shlex.quote(str(bundle))}"


def exit_code(comparisons: Sequence[analysis.Comparison]) -> int:
    """4 when the arms could not be compared, 1 when an objective was broken, else 0 (inconclusive too)."""
    if any(comparison.comparability.grade == "X" for comparison in comparisons):
        return ExitCode.NOT_COMPARABLE
    broken = (outcome for comparison in comparisons for outcome in comparison.objectives if outcome.outcome == "broken")
    return ExitCode.GATE_FAILED if any(broken) else ExitCode.OK


def _quick(experiment: Experiment) -> Experiment:
    load = tuple(
        replace(point, duration_s=min(point.duration_s, _QUICK_S), warmup_s=min(point.warmup_s, _QUICK_S / 2))
        for point in experiment.load
    )
    return replace(experiment, rounds=min(experiment.rounds, _QUICK_ROUNDS), load=load)


def _bundle(
    experiment: Experiment, file: Path, *, out: Path | None, resume: Path | None, overwrite: bool, quick: bool
) -> Bundle:
    command = command_line(file, quick=quick)
    folder = resume or out or default_folder(experiment)
    settle_replacement(folder)
    if resume is not None:
        _refuse_quick(resume, file)
        return Bundle.resume(resume, experiment, command=command)

    def create(folder: Path) -> Bundle:
        return Bundle.create(folder, experiment, command=command)

    return replace_bundle(folder, create) if overwrite else create(folder)


def _refuse_quick(folder: Path, file: Path) -> None:
    """A quick run's rounds are shorter than the experiment says: rounds of both must not stand in one bundle."""
    if (folder / MANIFEST).is_file() and _QUICK in shlex.split(BundleView(folder).manifest().command):
        raise UsageError(
            "MP1002",
            f"{folder} holds a quick run, which cannot be gone on with",
            hint=f"begin anew: {command_line(file)} --out another folder",
        )


def default_folder(experiment: Experiment) -> Path:
    """Where results go when nobody said: a new folder for every run."""
    name = "".join(c if c.isalnum() or c in "-_." else "-" for c in experiment.name).strip("-.")[:80]
    return Path("meshperf-out") / f"{name or 'experiment'}-{time.strftime('%Y%m%d-%H%M%S')}"


def command_line(file: Path, *, quick: bool = False, allowed: Sequence[str] = ()) -> str:
    """What a reader types to measure again: every option that decides what is measured."""
    hosts = [word for host in allowed for word in ("--allow-target", host)]
    return shlex.join(["meshperf", "run", str(file), *([_QUICK] if quick else []), *hosts])
