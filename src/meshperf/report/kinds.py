"""The answer of a test kind as tables: its statistic with the interval, the rule it was decided by, and every stage."""

from __future__ import annotations

from meshperf.report import wording
from meshperf.report.tables import Cell, Column, Table, Tone, cells
from meshperf.spec.kinds import (
    Bounded,
    CapacityOutcome,
    KindOutcome,
    KneeOutcome,
    LoadOutcome,
    SoakOutcome,
    SpikeOutcome,
    StepState,
    StressOutcome,
)
from meshperf.units import Unit

__all__ = ["answer", "rules", "stages"]

_TONES = {
    "held": Tone.GOOD, "steady": Tone.GOOD, "no leak": Tone.GOOD, "unaffected": Tone.GOOD, "recovered": Tone.GOOD,
    "broken": Tone.BAD, "drifting": Tone.BAD, "leak": Tone.BAD, "not recovered": Tone.BAD, "failed": Tone.BAD,
    "inconclusive": Tone.OPEN, "client-limited": Tone.OPEN, "disturbed": Tone.OPEN,
}  # fmt: skip
_UNITS = {str(unit) for unit in Unit}
_PER_HOUR = 3600.0

_Row = tuple[Cell, ...]


def answer(of: KindOutcome) -> Table:
    """What the test was made for: figure, interval, verdict."""
    rows: list[_Row] = []
    for part in (of.load, of.stress, of.soak, of.capacity, of.spike, of.sweep):
        if isinstance(part, LoadOutcome):
            rows += _load(part)
        elif isinstance(part, StressOutcome):
            rows += _stress(part)
        elif isinstance(part, SoakOutcome):
            rows += _soak(part)
        elif isinstance(part, CapacityOutcome):
            rows += _capacity(part)
        elif isinstance(part, SpikeOutcome):
            rows += _spike(part)
        elif isinstance(part, KneeOutcome):
            rows += _knee(part)
    heads = ("question", "figure", "interval", "verdict")
    columns = tuple(Column(title=head, figures=head in ("figure", "interval")) for head in heads)
    notes = [] if of.complete else [f"It ended before its time: {wording.clean(of.ended) or 'no reason was recorded'}."]
    notes += [f"The steps ended by: {wording.clean(of.stress.stopped_by)}."] if of.stress is not None else []
    return Table(caption=f"The answer of the {of.kind} test", columns=columns, rows=tuple(rows), note=" ".join(notes))


def rules(of: KindOutcome) -> tuple[str, ...]:
    """The sentences that the answer was decided by, each once."""
    parts = (of.stress, of.soak, of.capacity, of.spike, of.sweep)
    texts = [part.rule for part in parts if part is not None]
    texts += [drift.rule for drift in of.load.drift] if of.load is not None else []
    texts += [slope.rule for slope in of.soak.slopes] if of.soak is not None else []
    return tuple(dict.fromkeys(wording.clean(text) for text in texts if text))


def stages(of: KindOutcome) -> Table:
    """Every stage in order: what was offered, what came back, and whether it held."""
    rows = []
    for step in of.steps:
        broken = [wording.clean(reading.objective) for reading in step.objectives if not reading.held]
        detail = "; ".join((*broken, *([wording.clean(step.reason)] if step.reason else [])))
        state = "not judged" if step.state is StepState.UNJUDGED else step.state.value
        rows.append(
            cells(
                wording.clean(step.label) + (", counted" if step.counted else ""),
                _rate(step.offered_rps),
                _rate(step.achieved_rps),
                wording.seconds(step.duration_s),
                wording.quantity(step.p50_s, Unit.SECONDS),
                wording.quantity(step.p99_s, Unit.SECONDS),
                wording.count(step.failed),
                _busiest(dict(step.busy)),
                Cell(text=state, detail=detail, tone=_TONES.get(state, Tone.PLAIN)),
            )
        )
    heads = ("stage", "offered", "achieved", "duration", "p50", "p99", "failed", "busiest component", "outcome")
    columns = tuple(
        Column(title=head, figures=head not in ("stage", "busiest component", "outcome"), aside=head == "outcome")
        for head in heads
    )
    return Table(caption="Every stage", columns=columns, rows=tuple(rows), note=_counted(of))


def _counted(of: KindOutcome) -> str:
    return f"The run's own figures are those of: {wording.clean(of.counted)}." if of.counted else ""


def _load(of: LoadOutcome) -> list[_Row]:
    rows = [_row("rate held on the plateau", _rate(of.achieved_rps), f"of {_rate(of.offered_rps)}", _held(of.held))]
    rows += [
        _row(f"{one.metric} from begin to end", _share(one.change.value), _interval(one.change), one.verdict)
        for one in of.drift
    ]
    return rows


def _stress(of: StressOutcome) -> list[_Row]:
    rows = []
    for one in of.breaks:
        first = " (first)" if one.objective in of.first_broken else ""
        between = f"held at {_rate(one.held_at_rps)}" if one.held_at_rps is not None else "never held"
        broke = one.broke_at_rps
        rows.append(
            _row(
                f"{wording.clean(one.objective)} breaks at{first}",
                "did not break" if broke is None else _rate(broke),
                between,
                "held" if broke is None else "broken",
            )
        )
    where = f"at {_rate(of.first_component_at_rps)}" if of.first_component is not None else ""
    busy = f"first component busy more than {wording.share(of.busy_limit)}"
    return [*rows, _row(busy, wording.clean(of.first_component or "none"), where, "")]


def _soak(of: SoakOutcome) -> list[_Row]:
    rows = [_row("memory over the whole plateau", "", "", of.leak), _row("objectives", "", "", _held(of.held))]
    for one in of.slopes:
        name = f"{wording.clean(one.quantity)} of {wording.clean(one.component)}, an hour"
        per_hour = [None if v is None else v * _PER_HOUR for v in (one.slope.value, one.slope.low, one.slope.high)]
        unit = one.slope.unit.removesuffix("/s")
        low, high = per_hour[1:]
        bounds = f"{_figure(low, unit)} to {_figure(high, unit)}" if None not in (low, high) else "no interval"
        rows.append(_row(name, _figure(per_hour[0], unit), bounds, one.verdict))
    rows += [
        _row(f"{wording.clean(name)} found gone", wording.count(n), "", "") for name, n in of.restarts.items() if n
    ]
    return rows


def _capacity(of: CapacityOutcome) -> list[_Row]:
    ends = f"{_rate(of.low_rps)} to {_rate(of.high_rps)}" if of.low_rps and of.high_rps else "open"
    confirmed = f"below {of.confirmed_below} of {of.asked_below}, above {of.confirmed_above} of {of.asked_above}"
    figure = of.estimate_rps if of.estimate_rps is not None else of.low_rps
    broken = wording.listing(list(of.broken_objectives)) if of.broken_objectives else "none"
    return [
        _row("highest rate that holds", _rate(figure), ends, of.answer),
        _row("confirmations", "", confirmed, "confirmed" if of.confirmed else "not confirmed"),
        _row("limited by", wording.clean(of.limiting), wording.share(of.limiting_busy), ""),
        _row("objectives that broke above it", broken, "", ""),
        _row("steps that failed once only", wording.count(of.strays), "", ""),
    ]


def _spike(of: SpikeOutcome) -> list[_Row]:
    recovery = of.recovery
    burst = of.errors
    share = burst.failed / burst.requests if burst.requests else None
    lasted = "none" if burst.duration_s is None else f"over {wording.seconds(burst.duration_s)}"
    return [
        _row(
            "time to recover after the peak",
            wording.quantity(None if recovery is None else recovery.value, Unit.SECONDS),
            "" if recovery is None else _interval(recovery),
            of.verdict,
        ),
        _row(f"{of.metric} before the peak", wording.quantity(of.level_s, Unit.SECONDS), "", ""),
        _row(f"highest {of.metric} of a window", wording.quantity(of.peak_quantile_s, Unit.SECONDS), "", ""),
        _row("longest response", wording.quantity(of.highest_s, Unit.SECONDS), "", ""),
        _row("failed from the peak on", wording.count(burst.failed), f"{wording.share(share)}, {lasted}", ""),
    ]


def _knee(of: KneeOutcome) -> list[_Row]:
    ends = [_rate(end) for end in (of.low_rps, of.high_rps) if end is not None]
    return [_row(f"knee of {of.metric} against rate", _rate(of.knee_rps), " to ".join(ends), of.verdict)]


def _row(question: str, figure: str, interval: str, verdict: str) -> _Row:
    told = wording.clean(verdict)
    return cells(question, figure, interval, Cell(text=told, tone=_TONES.get(told, Tone.PLAIN)))


def _held(held: bool) -> str:
    return "held" if held else "broken"


def _interval(of: Bounded) -> str:
    if of.low is None or of.high is None:
        return "no interval"
    return f"{_figure(of.low, of.unit)} to {_figure(of.high, of.unit)}"


def _figure(figure: float | None, unit: str) -> str:
    if figure is None:
        return wording.UNKNOWN
    if unit == Unit.RATIO:
        return wording.share(figure, sign=True)
    if unit == Unit.BYTES:
        figure = float(round(figure))  # there are no parts of a byte
    return wording.quantity(figure, Unit(unit)) if unit in _UNITS else f"{figure:.4g} {wording.clean(unit)}"


def _share(figure: float) -> str:
    return wording.share(figure, sign=True)


def _rate(figure: float | None) -> str:
    return wording.UNKNOWN if figure is None else f"{figure:.5g}/s"


def _busiest(busy: dict[str, float]) -> str:
    if not busy:
        return "not watched"
    name, share = max(busy.items(), key=lambda item: item[1])
    return f"{wording.clean(name)} {wording.share(share)}"
