"""`meshperf compare ID --statistics`: a stored experiment judged again from its rows, without its documents.

What it decides: which pairs there are, by what class, and which rounds were left out, is taken from the judgement that
is stored; the figures are those of the rows.
"""

from __future__ import annotations

import gc
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import click

from meshperf.analysis import (
    STATISTICS_METRICS,
    MetricComparison,
    RunStatistics,
    Terms,
    floor_from_document,
    judge_statistics,
)
from meshperf.cli.compare_options import floor_of, margin_of
from meshperf.errors import ExitCode, UsageError
from meshperf.report import wording
from meshperf.store import Store
from meshperf.store.rows import RunRow

__all__ = ["run_statistics"]

_KIND = "meshperf-compare-statistics"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Point:
    """One judged load point."""

    load_point: int
    grade: str
    runs: int
    metrics: tuple[MetricComparison, ...]


def refuse_others(references: Sequence[str], **options: object) -> None:
    """Refuse what rows cannot serve.

    Raises:
        UsageError: MP1001, several references, or an option that needs facts or documents.
    """
    if len(references) != 1:
        raise UsageError("MP1001", f"`--statistics` takes one stored id, found {len(references)} references")
    given = [
        f"`--{name.removesuffix('s') if name == 'subjects' else name}`" for name, value in options.items() if value
    ]
    if given:
        hint = "rows hold no facts and no histograms: the class is as it was given, and there is no report"
        raise UsageError("MP1001", f"`--statistics` takes no {', '.join(given)}", hint=hint)


def run_statistics(reference: str, *, margins: Sequence[str], absolute_floors: Sequence[str], as_json: bool) -> int:
    """Judge and show. Returns the exit code.

    Args:
        margins, absolute_floors: as written, over those that the experiment was judged by.

    Raises:
        UsageError: MP1001, not an experiment that was judged, or a margin or floor that cannot be used; MP1004, no
            such id.
        StorageError: MP5404, the store cannot be opened.
    """
    shares, amounts = dict(map(margin_of, margins)), dict(map(floor_of, absolute_floors))
    with _without_collector():
        name, identity, points = _points(reference, shares, amounts)
    if as_json:
        click.echo(json.dumps(_document(identity, points), indent=1, allow_nan=False))
    else:
        click.echo("\n".join(_lines(name, points)))
    unfit = any(point.grade == "X" for point in points)
    return ExitCode.NOT_COMPARABLE if unfit else ExitCode.OK


@contextmanager
def _without_collector() -> Iterator[None]:
    """All that is read is kept, so looking for garbage among it only costs time: a tenth of all."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _points(
    reference: str, margins: Mapping[str, float], absolute_floors: Mapping[str, float]
) -> tuple[str, str, list[_Point]]:
    """Name and id of the experiment, and its judged load points."""
    with Store.open() as store:
        kept = store.experiment(reference)
        documents = store.comparisons(kept.experiment_id)
        rows = store.runs(kept.experiment_id)
    if not documents:
        raise UsageError(
            "MP1001", f"{kept.name} was not judged, so its rows have no class", hint="leave the option out"
        )
    points = [_judged(document, rows, margins, absolute_floors) for document in documents]
    return kept.name, kept.experiment_id, points


def _judged(
    document: Mapping[str, Any],
    rows: Sequence[RunRow],
    margins: Mapping[str, float],
    absolute_floors: Mapping[str, float],
) -> _Point:
    arms = {summary["arm"] for summary in document["arms"]}
    runs = [
        _statistics(row)
        for row in rows
        if row.load_point == document["load_point"] and row.twin == 0 and row.arm in arms
    ]
    terms: list[Terms] = []
    left_out: dict[tuple[str, str], dict[int, str]] = {}
    grades = {(pair["arm"], pair["against"]): str(pair["grade"]) for pair in document["pairs"]}
    floors = tuple(map(floor_from_document, document["noise_floors"]))
    for (arm, against), metrics in _by_pair(document).items():
        terms.append(
            Terms(
                arm=arm,
                against=against,
                grade=grades.get((arm, against), str(document["comparability"]["grade"])),
                primary=any(metric["primary"] for metric in metrics),
                margins={**_told(metrics, "margin"), **margins},
                absolute_floors={**_told(metrics, "absolute_floor"), **absolute_floors},
                floors=floors,
                pilot=bool(document["pilot"]),
                family=tuple(document["primary_family"]),
                alpha=float(document["alpha"]),
                metrics=STATISTICS_METRICS,
            )
        )
        left_out[arm, against] = {one["round"]: one["excluded"] for one in metrics[0]["rounds"] if one["excluded"]}
    return _Point(
        load_point=int(document["load_point"]),
        grade=str(document["comparability"]["grade"]),
        runs=len(runs),
        metrics=tuple(judge_statistics(runs, terms, left_out)),
    )


def _by_pair(document: Mapping[str, Any]) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for metric in document["metrics"]:
        found.setdefault((metric["arm"], metric["against"]), []).append(metric)
    return found


def _told(metrics: Sequence[Mapping[str, Any]], key: str) -> dict[str, float]:
    return {str(one["metric"]): float(one[key]) for one in metrics if one.get(key) is not None}


def _statistics(row: RunRow) -> RunStatistics:
    figures = {"p50": row.p50_s, "p90": row.p90_s, "p99": row.p99_s, "mean": row.mean_s}
    return RunStatistics(
        arm=row.arm,
        round=row.round,
        group=row.group,
        attempt=row.attempt,
        start_time=row.start_time,
        end_time=row.end_time,
        requests=row.ok,
        figures={metric: figure for metric, figure in figures.items() if figure is not None},
        excluded=None if row.validity == "valid" else f"{row.arm}: {row.validity}",
    )


def _document(identity: str, points: Sequence[_Point]) -> dict[str, Any]:
    return {
        "kind": _KIND,
        "version": 1,
        "experiment_id": identity,
        "runs": sum(point.runs for point in points),
        "comparisons": [
            {
                "load_point": point.load_point,
                "grade": point.grade,
                "metrics": [_metric(metric) for metric in point.metrics],
            }
            for point in points
        ],
    }


def _metric(of: MetricComparison) -> dict[str, Any]:
    bounds = {name: _finite(getattr(of.ratio, name)) for name in ("value", "low", "high")}
    return {
        "arm": of.arm,
        "against": of.against,
        "metric": of.metric,
        "ratio": bounds,
        "rounds": of.ratio.n,
        "margin": of.margin,
        "absolute_floor": of.absolute_floor,
        "verdict": of.verdict.value,
        "reason": of.reason,
        "rounds_needed": of.rounds_needed,
    }


def _finite(figure: float) -> float | None:
    return figure if math.isfinite(figure) else None


def _lines(name: str, points: Sequence[_Point]) -> Iterator[str]:
    verdicts = Counter(metric.verdict.value for point in points for metric in point.metrics)
    counts = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common())
    runs = wording.plain(wording.count(sum(point.runs for point in points)))
    yield f"{wording.clean(name)}: {runs} runs judged from their stored figures, as they stand: {counts or 'nothing'}"
    for point in points:
        yield ""
        yield f"load point {point.load_point + 1}, class {point.grade}"
        for of in point.metrics:
            ratio = f"{wording.estimate(of.ratio)} ({wording.interval(of.ratio)})"
            arms = f"{wording.clean(of.arm)} against {wording.clean(of.against)}"
            said = of.verdict.value if point.grade in ("A", "B") else f"class {point.grade}, no verdict"
            yield wording.plain(f"- {arms}, {wording.metric_name(of.metric)}: {ratio}, {said}, {of.ratio.n} rounds")
