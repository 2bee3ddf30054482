"""The report of single runs, which have no arms to compare: what came back, over time, and whether it may be believed.

What it decides: the order only. Verdict, guards and warnings are the run's own; the answer of a test kind comes from
`analysis`. What it refuses: to set one run against another; that takes a comparison.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from meshperf.report import context, evidence, generator, kinds, prose, wording
from meshperf.report.quantiles import MARKS, deepest
from meshperf.report.tables import Cell, Column, Exhibit, Section, Table, Tone, cells
from meshperf.spec.records import Facts, RunResult, RunSeries
from meshperf.units import Unit

__all__ = ["SERIES_ROWS", "load_facts", "of_run", "title"]

SERIES_ROWS = 60
"""The table beside the chart over time has at most so many rows; the document has every interval."""

_LOAD = "load."


def title(run: RunResult) -> str:
    """The run in a few words."""
    name = wording.clean(run.experiment) or "unnamed"
    arm = wording.clean(run.resident)
    return name if arm in ("", name) else f"{name}: {arm}"


def of_run(run: RunResult, *, rows: int = SERIES_ROWS) -> tuple[Section, ...]:
    """All sections of one run; the answer first, what it was measured with last. `rows`: at most, over time."""
    sections = [_answer(run)]
    if run.kind is not None:
        sections.append(
            Section(
                key="kind",
                title=f"What the {run.kind.kind} test found",
                exhibits=_present(Exhibit(table=kinds.answer(run.kind)), Exhibit(table=kinds.stages(run.kind))),
                points=kinds.rules(run.kind),
            )
        )
    sections.append(
        Section(
            key="percentiles",
            title="Response times",
            sentences=(_origin(run),),
            exhibits=(Exhibit(table=_quantiles(run), chart="percentiles"),),
        )
    )
    series = _over_time(run.series, rows)
    if series.rows:
        sections.append(
            Section(
                key="series",
                title="Over time",
                sentences=("Each interval holds the requests that were due in it, whenever they ended.",),
                exhibits=(Exhibit(table=series, chart="series"),),
            )
        )
    failures = _failures(run)
    if failures.rows:
        sections.append(Section(key="failures", title="What failed", exhibits=(Exhibit(table=failures),)))
    if run.datagrams is not None:
        sections.append(Section(key="datagrams", title="Datagrams", exhibits=(Exhibit(table=_datagrams(run)),)))
    return (
        *sections,
        Section(
            key="generator",
            title="The load generator",
            exhibits=_present(
                Exhibit(table=generator.health([run])),
                Exhibit(table=generator.connections([run])),
                Exhibit(table=evidence.guards([run]), folded=True),
            ),
        ),
        Section(
            key="load",
            title="The load",
            sentences=(f"Load: {context.load_point([run])}.",),
            exhibits=_present(
                Exhibit(table=context.model(run.facts)),
                Exhibit(table=context.facts(load_facts(run.facts), caption="Facts of the load"), folded=True),
            ),
        ),
    )


def load_facts(facts: Facts) -> Facts:
    """The facts that name the model of the load."""
    return {path: fact for path, fact in facts.items() if path.startswith(_LOAD)}


def _present(*exhibits: Exhibit) -> tuple[Exhibit, ...]:
    return tuple(exhibit for exhibit in exhibits if exhibit.table.rows)


def _answer(run: RunResult) -> Section:
    reasons = "; ".join(map(wording.clean, run.validity.reasons))
    verdict = f"The run is {run.validity.state.value}{': ' if reasons else ''}{reasons}."
    return Section(
        key="answer",
        title="The answer",
        sentences=(verdict, *_unfit(run)),
        points=prose.warnings(run.warnings),
        exhibits=(Exhibit(table=_figures(run)),),
    )


def _unfit(run: RunResult) -> tuple[str, ...]:
    return () if run.validity.ok else ("Its figures are shown, and must not be compared or quoted.",)


def _figures(run: RunResult) -> Table:
    counts = run.counts
    rows = [
        ("offered rate", "closed loop" if run.offered_rps is None else f"{run.offered_rps:g}/s"),
        ("achieved rate", f"{run.achieved_rps:.4g}/s" if math.isfinite(run.achieved_rps) else wording.UNKNOWN),
        ("counted time", wording.seconds(run.measured_s)),
        ("requests due", wording.count(counts.offered)),
        ("answered", wording.count(counts.ok)),
        ("errors", wording.count(counts.errors)),
        ("timed out", wording.count(counts.timeouts)),
        ("unanswered at the end", wording.count(counts.unanswered)),
        ("due and never sent", wording.count(counts.not_sent)),
    ]
    if run.censored.total:
        least = wording.quantity(run.censored.minimum(), Unit.SECONDS)
        most = wording.quantity(run.censored.maximum(), Unit.SECONDS)
        rows.append(("those without an end took at least", f"{least} to {most}"))
    verdict = Cell(text=run.validity.state.value, tone=Tone.GOOD if run.validity.ok else Tone.BAD)
    columns = (Column(title="figure"), Column(title="value", figures=True))
    return Table(
        caption="The run in figures",
        columns=columns,
        rows=(cells("verdict on the run", verdict), *(cells(*row) for row in rows)),
    )


def _origin(run: RunResult) -> str:
    if run.offered_rps is None and run.generator.pacing_error.total == 0:
        origin = "their send: a closed loop has no schedule, so a slow reply delays the next request and hides itself"
    else:
        origin = "the moment they were due, so that waiting for a slow reply counts"
    end = "the kernel" if run.generator.receive_clock == "kernel" else "the generator's worker"
    return f"Successful requests, from {origin}; until {end} had the last byte."


def _quantiles(run: RunResult) -> Table:
    limit = deepest(run.response.total)
    kept = [("response time", run.response), ("service time, from the actual send", run.service)]
    rows = [
        cells(
            name,
            wording.count(histogram.total),
            *(
                wording.quantity(float(histogram.quantile(q)), Unit.SECONDS) if q <= limit else "too few"
                for _, q in MARKS
            ),
            wording.quantity(histogram.maximum(), Unit.SECONDS),
        )
        for name, histogram in kept
        if histogram.total or name == "response time"
    ]
    heads = ("times", "requests", *(name for name, _ in MARKS), "max")
    columns = tuple(Column(title=head, figures=head != "times") for head in heads)
    return Table(caption="Response time by quantile", columns=columns, rows=tuple(rows))


def _over_time(series: Sequence[RunSeries], most: int) -> Table:
    """The series in rows of equally many intervals: counts add up, of times the slowest interval stands."""
    intervals = [interval for stretch in _stretches(series) for interval in stretch]
    together = max(1, math.ceil(len(intervals) / most))
    rows = []
    for start in range(0, len(intervals), together):
        group = intervals[start : start + together]
        rows.append(
            cells(
                f"{group[0][0]:g} s",
                *(wording.count(sum(figures.get(name) or 0.0 for _, figures in group)) for name in _COUNTS),
                *(_slowest([figures.get(name) for _, figures in group]) for name in _TIMES),
            )
        )
    heads = ("from", "due", "answered", "failed", *_TIMES)
    columns = tuple(Column(title=head, figures=head != "from") for head in heads)
    note = f"{together} intervals a row; of times the slowest interval stands." if together > 1 else ""
    return Table(caption="The run over time", columns=columns, rows=tuple(rows), note=note)


_COUNTS = ("offered", "ok", "failed")
_TIMES = ("p50", "p90", "p99")
_Interval = tuple[float, dict[str, float | None]]


def _stretches(series: Sequence[RunSeries]) -> list[list[_Interval]]:
    """The begin of every interval and its figures by metric, a list for each stretch of the run."""
    by_begin: dict[float, list[RunSeries]] = {}
    for one in series:
        by_begin.setdefault(one.begin_s, []).append(one)
    return [
        [
            (begin_s + place * of[0].step_s, {one.metric: one.values[place] for one in of if place < len(one.values)})
            for place in range(max(len(one.values) for one in of))
        ]
        for begin_s, of in by_begin.items()
    ]


def _slowest(times: Sequence[float | None]) -> str:
    known = [time for time in times if time is not None]
    return wording.quantity(max(known), Unit.SECONDS) if known else "too few"


def _failures(run: RunResult) -> Table:
    kinds_of = (
        ("reason", run.errors_by_reason),
        ("HTTP status", run.errors_by_status),
        ("gRPC status", run.errors_by_grpc_status),
    )
    rows = [
        cells(f"{kind} {wording.clean(name)}", wording.count(number))
        for kind, counted in kinds_of
        for name, number in sorted(counted.items(), key=lambda item: -item[1])
    ]
    columns = (Column(title="class"), Column(title="requests", figures=True))
    return Table(caption="Failed requests by class", columns=columns, rows=tuple(rows))


def _datagrams(run: RunResult) -> Table:
    of = run.datagrams
    assert of is not None
    counted = (
        ("sent", of.sent),
        ("lost", of.lost),
        ("answered twice", of.duplicates),
        ("answered out of order", of.reordered),
        ("answered after their timeout", of.late),
    )
    rows = tuple(
        cells(name, wording.count(number), wording.share(number / of.sent) if of.sent else wording.UNKNOWN)
        for name, number in counted
    )
    columns = (Column(title="datagrams"), Column(title="number", figures=True), Column(title="share", figures=True))
    return Table(caption="What became of the datagrams", columns=columns, rows=rows)
