"""The phases of `meshperf predict`: find the prices, choose the steps, foretell, write; or read, hold against, show."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from meshperf.analysis import (
    Ladder,
    Prediction,
    check_prediction,
    conditions_of,
    other_conditions,
    predict,
    prediction_to_document,
    price_ladder,
    unlike_settings,
)
from meshperf.cli.judged_bundle import judged_cells, judged_experiment, write_report
from meshperf.cli.kept_prediction import read_prediction
from meshperf.cli.kept_results import KeptExperiment
from meshperf.cli.output import page
from meshperf.cli.outside_bundles import refuse_bundle
from meshperf.cli.predict_steps import named_steps, order_of, steps_of_arm
from meshperf.cli.predict_subject import PredictionSubject, candidate, prediction_subject
from meshperf.errors import ComparisonError, ExitCode, UsageError
from meshperf.experiment.bundle_reading import open_bundle
from meshperf.experiment.durable import storage_errors
from meshperf.report.prediction import (
    assemble_prediction,
    check_document,
    check_sections,
    condition,
    prediction_sections,
    show_check,
    show_prediction,
)
from meshperf.spec.experiment import Experiment
from meshperf.spec.experiment_reading import experiment_from_document
from meshperf.spec.reader import parse_document

__all__ = ["run_check", "run_predict"]

_PLANNED = ("protocol", "rate", "arrivals", "connections")


def run_predict(
    reference: str,
    given: str,
    *,
    steps: str | None,
    arm: str | None,
    load_point: int | None,
    out: Path,
    report: Path | None,
    as_json: bool,
) -> int:
    """Foretell, write the prediction and show it.

    Raises:
        UsageError: MP1001, no price list, no such graph, step, arm or load point, or the file is there already.
        ComparisonError: MP4002, a step has no price.
        StorageError: MP5401 or MP5402, the file cannot be written.
    """
    if out.exists():
        raise _there_already(out)
    refuse_bundle(out.parent)
    if report is not None:
        refuse_bundle(report)
    subject = prediction_subject(given, arm)
    kept = judged_experiment(reference)
    experiment = _experiment_of(kept)
    order = order_of(kept.name, experiment)
    point = _point(kept, load_point)
    runs = [run for run in kept.runs if run.load_point == point]
    ladder = price_ladder(runs, order, subject=experiment.subject)
    chosen = named_steps(order, steps) if steps is not None else steps_of_arm(order, experiment, subject.arm)
    prediction = predict(
        subject.graph,
        ladder,
        chosen,
        made_at=datetime.now(UTC),
        source=f"{kept.name} ({kept.experiment_id}), load point {point + 1}",
        conditions=conditions_of(runs, chosen[-1]),
    )
    document = prediction_to_document(prediction)
    _write_new(out, json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    told = [*_of_prices(ladder), *_of_plan(prediction, subject)]
    if report is not None:
        words = ["meshperf", "predict", reference, "--graph", given, "--steps", ",".join(chosen)]
        command = shlex.join([*words, "--load-point", str(point + 1), "--out", str(out)])
        shown = prediction_sections(prediction, told=told)
        _report(report, assemble_prediction(prediction, shown, data=document, command=command))
    if as_json:
        click.echo(json.dumps(document, indent=1, allow_nan=False))
    else:
        with page() as to_show:
            show_prediction(prediction, to_show, told=told)
    _tell_next(prediction, subject, out, document["sha256"])
    return ExitCode.OK


def run_check(
    reference: str,
    file: Path,
    *,
    arm: str | None,
    load_point: int | None,
    digest: str | None,
    report: Path | None,
    as_json: bool,
) -> int:
    """Hold a prediction against the measurement of its graph, and show it.

    Raises:
        DocumentError: MP2201, no prediction; MP2301, it is not the one of its digest.
        UsageError: MP1001, no telling which arm, or no such arm or load point.
        ComparisonError: MP4001, another graph, measured before the prediction was made, or not comparable; MP4002, no
            comparable run.
    """
    prediction = read_prediction(file, digest)
    kept = judged_experiment(reference)
    experiment = _experiment_of(kept)
    point = _point(kept, load_point)
    cells = judged_cells(kept)
    names = [name for cell in cells for name in cell.arms if name != cell.baseline]
    chosen = candidate(_matching(experiment, prediction, names) if arm is None else names, arm)
    cell = next(cell for cell in cells if chosen in cell.arms)
    comparison = next((one for one in cell.comparisons if one.load_point == point), None)
    if comparison is None:
        raise ComparisonError("MP4002", f"nothing was compared with {cell.baseline} at load point {point + 1}")
    judged = [run for run in kept.runs if run.load_point == point and run.arm in cell.arms]
    others = [run for run in kept.runs if run.load_point != point or run.arm not in cell.arms]
    checks = check_prediction(prediction, comparison, judged, arm=chosen, excluded=(*others, *kept.excluded))
    told = [
        f"the arm sets {each}, which is not among what was foretold"
        for each in unlike_settings(experiment.arms[cell.baseline], experiment.arms[chosen], prediction.settings)
        if prediction.settings
    ]
    run = next(run for run in judged if run.arm == chosen)
    told += [condition(each) for each in other_conditions(prediction.conditions, run)]
    words = ["meshperf", "predict", "--check", str(file), reference, "--arm", chosen]
    command = shlex.join([*words, "--load-point", str(point + 1)])
    document = check_document(
        prediction, checks, arm=chosen, experiment_id=kept.experiment_id, differences=told, command=command
    )
    if report is not None:
        shown = check_sections(prediction, checks, arm=chosen, told=told)
        _report(report, assemble_prediction(prediction, shown, data=document, command=command))
    if as_json:
        click.echo(json.dumps(document, indent=1, allow_nan=False))
        return ExitCode.OK
    with page() as to_show:
        show_check(prediction, checks, to_show, arm=chosen, told=told)
    return ExitCode.OK


def _report(folder: Path, files: Mapping[str, bytes]) -> None:
    click.echo(f"the report is {write_report(files, folder)}", err=True)


def _experiment_of(kept: KeptExperiment) -> Experiment:
    """The experiment, from the bundle where it is there, else as the store has it."""
    if kept.bundle is not None and kept.bundle.exists():
        with open_bundle(kept.bundle) as view:
            return view.experiment()
    return experiment_from_document(parse_document(kept.experiment_text.encode()), files_beside=False)


def _point(kept: KeptExperiment, wanted: int | None) -> int:
    """Index of the load point that was asked for, or of the first."""
    points = sorted({run.load_point for run in kept.runs})
    point = 0 if wanted is None else wanted - 1
    if point not in points:
        there = ", ".join(str(each + 1) for each in points)
        raise UsageError("MP1001", f"{kept.name} has no load point {point + 1}", hint=f"it has: {there or 'none'}")
    return point


def _matching(experiment: Experiment, prediction: Prediction, names: Sequence[str]) -> list[str]:
    """The arms that are set as was foretold; all of them where there is none, or where it is not known."""
    baseline = experiment.arms[experiment.baseline]
    found = [
        name
        for name in names
        if prediction.settings and not unlike_settings(baseline, experiment.arms[name], prediction.settings)
    ]
    return found or list(names)


def _of_prices(ladder: Ladder) -> list[str]:
    return ["The price list is a pilot: its prices have no intervals, and neither has the prediction."] * ladder.pilot


def _of_plan(prediction: Prediction, subject: PredictionSubject) -> list[str]:
    """What of the experiment that will measure it is not as the prices assume."""
    if subject.experiment is None or subject.arm is None:
        return []
    baseline = subject.experiment.cells()[subject.arm.cell][0]
    told = [
        f"the arm {subject.arm.name} sets {each}, which is not among what is foretold"
        for each in unlike_settings(baseline, subject.arm, prediction.settings)
    ]
    first = subject.experiment.load[0]
    for name in _PLANNED:
        priced, planned = prediction.conditions.get(f"load.{name}"), getattr(first, name)
        if priced is not None and priced != planned:
            told.append(f"the prices were measured at load.{name} {priced}, the experiment has {planned}")
    return told


def _tell_next(prediction: Prediction, subject: PredictionSubject, out: Path, digest: str) -> None:
    """Where it is, and what to type to measure and to check it."""
    click.echo(f"\nthe prediction is {out}, SHA-256 {digest}", err=True)
    click.echo("keep the digest where it cannot be changed, a commit for instance; then measure, and check:", err=True)
    folder = f"results/{prediction.graph}"
    if subject.file is None:
        settings = ", ".join(f"{key}: {value}" for key, value in prediction.settings.items())
        click.echo(f"  an experiment with the graph {prediction.graph} and an arm with {settings}", err=True)
    file = "EXPERIMENT.yaml" if subject.file is None else str(subject.file)
    check = ["meshperf", "predict", "--check", str(out), folder]
    if subject.arm is not None:
        check += ["--arm", subject.arm.name]
    click.echo(f"  {shlex.join(['meshperf', 'run', file, '--out', folder])}", err=True)
    click.echo(f"  {shlex.join([*check, '--digest', digest])}", err=True)


def _write_new(path: Path, text: str) -> None:
    """Write a file that was not there.

    Raises:
        UsageError: MP1001, it is there by now.
        StorageError: MP5401 or MP5402.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            raise _there_already(path) from None


def _there_already(path: Path) -> UsageError:
    return UsageError(
        "MP1001",
        f"{path} is there already, and a prediction is never written over another",
        hint="choose another file with --out",
    )
