"""The report's data: `data.json` with everything that is shown, `data.csv` with a row for every round of every metric.

Not a number and infinite become null (JSON) or an empty field (CSV): neither has a form that every reader understands.
Response-time curves are carried as they are drawn; the whole histograms stay in the run documents.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from meshperf.analysis.ladder import Ladder
from meshperf.analysis.records import Comparison
from meshperf.report.quantiles import MARKS, curve, deepest
from meshperf.spec.records import Facts, RunResult

__all__ = ["FORMAT", "as_csv", "as_json", "document", "series_csv"]

FORMAT = "meshperf.report.data/1"
_COLUMNS = (
    "kind", "load_point", "metric", "unit", "arm", "against", "round", "baseline", "candidate", "ratio",
    "within_low", "within_high", "excluded",
)  # fmt: skip


def document(
    comparisons: Sequence[Comparison],
    runs: Sequence[RunResult],
    *,
    facts: Facts,
    command: str,
    experiment_text: str,
    ladders: Sequence[Ladder] = (),
    efficiency: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Everything the report shows, as plain JSON values in SI units.

    Args:
        ladders: price lists, where there are any. efficiency: what load points say together, by cell, as JSON values.
    """
    return {
        "format": FORMAT,
        "command": command,
        "experiment_text": experiment_text,
        "facts": _plain(facts),
        "comparisons": _plain(comparisons),
        **({"price_lists": _plain(ladders)} if ladders else {}),
        **({"efficiency": list(efficiency)} if efficiency else {}),
        "runs": [_run(run) for run in runs],
    }


def as_json(of: dict[str, Any]) -> str:
    """One line a JSON text, keys in the order of the records, so that equal data gives equal bytes."""
    return json.dumps(of, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def as_csv(comparisons: Sequence[Comparison]) -> str:
    """Rounds behind every verdict and every noise floor. `unit` holds for baseline and candidate; ratios have none."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for c in comparisons:
        for m in c.metrics:
            for r in m.rounds:
                writer.writerow(_line("comparison", c, m.metric, m.unit.value, m.arm, m.against, r))
        units = {m.metric: m.unit.value for m in c.metrics}
        for f in c.noise_floors:
            for r in f.rounds:
                writer.writerow(_line("noise-floor", c, f.metric, units.get(f.metric, ""), f.arm, f.arm, r))
    return out.getvalue()


def series_csv(runs: Sequence[RunResult]) -> str:
    """Every figure over time, an interval a row; `begin_s` is since the run's first counted request."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("run_id", "metric", "unit", "begin_s", "step_s", "value"))
    for run in runs:
        for one in run.series:
            for place, value in enumerate(one.values):
                begin_s = round(one.begin_s + place * one.step_s, 9)
                row = (run.run_id, one.metric, one.unit, begin_s, one.step_s, "" if value is None else value)
                writer.writerow(row)
    return out.getvalue()


def _line(kind: str, c: Comparison, metric: str, unit: str, arm: str, against: str, r: Any) -> list[object]:
    figures = [_finite(v) for v in (r.baseline, r.candidate, r.ratio, r.within_low, r.within_high)]
    return [kind, c.load_point, metric, unit, arm, against, r.round, *figures, r.excluded or ""]


def _finite(figure: float) -> object:
    return figure if math.isfinite(figure) else ""


def _run(run: RunResult) -> dict[str, Any]:
    limit = deepest(run.response.total)
    return {
        "run_id": run.run_id,
        "arm": run.arm,
        "twin": run.twin,
        "round": run.round,
        "group": run.group,
        "load_point": run.load_point,
        "attempt": run.attempt,
        "start_time": run.start_time.isoformat(),
        "measured_s": run.measured_s,
        "offered_rps": run.offered_rps,
        "achieved_rps": _plain(run.achieved_rps),
        "counts": _plain(run.counts),
        "validity": _plain(run.validity),
        "response_quantiles_s": {name: float(run.response.quantile(q)) for name, q in MARKS if q <= limit},
        "response_curve_nines_s": curve(run.response, points=25),
        "pacing_error_p99_s": _plain(float(run.generator.pacing_error.quantile(0.99))),
        "generator_busy_share": run.generator.busy_share,
        "generator": {
            "receive_clock": run.generator.receive_clock,
            "client_delay_p99_s": _plain(float(run.generator.client_delay.quantile(0.99))),
            "late_read_p99_s": _plain(float(run.generator.late_read.quantile(0.99))),
            "run_queue_share": run.generator.run_queue_share,
            "dispersion_1ms": run.generator.dispersion_1ms,
            "dispersion_10ms": run.generator.dispersion_10ms,
        },
        "datagrams": _plain(run.datagrams),
        "series": _plain(run.series),
        "kind": _plain(run.kind),
    }


def _plain(of: object) -> Any:
    if is_dataclass(of) and not isinstance(of, type):
        return {field.name: _plain(getattr(of, field.name)) for field in fields(of)}
    if isinstance(of, Enum):
        return of.value
    if isinstance(of, float):
        return of if math.isfinite(of) else None
    if isinstance(of, Mapping):
        return {str(key): _plain(item) for key, item in of.items()}
    if isinstance(of, (tuple, list)):
        return [_plain(item) for item in of]
    return of.isoformat() if isinstance(of, datetime) else of
