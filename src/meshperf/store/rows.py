"""What the store hands out, and how a run becomes a row."""

from __future__ import annotations

import json
import math
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import RowMapping

from meshperf.spec.records import Fact, Facts, RunResult
from meshperf.spec.smp import result_from_document, result_to_document

__all__ = ["ExperimentRow", "RunRow", "experiment_from_row", "result_of", "row_of", "run_from_row", "utc"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentRow:
    """One experiment that was kept. Times are UTC; unknown is None."""

    experiment_id: str
    name: str
    digest: str
    bundle: Path | None
    """Where its bundle lay when it was saved; it may be gone. None: there was none, as after `meshperf load`."""
    saved: datetime
    start_time: datetime | None
    """Of the first run."""
    end_time: datetime | None
    """Of the last run."""
    rounds: int
    arms: tuple[str, ...]
    command: str | None = None
    experiment_text: str | None = field(default=None, repr=False)
    facts: Facts | None = field(default=None, repr=False)
    meshperf: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run in figures: seconds, requests per second, counts of requests. Unknown is None."""

    experiment_id: str
    run_id: str
    arm: str
    twin: int
    round: int
    group: int
    load_point: int
    attempt: int
    start_time: datetime
    end_time: datetime
    measured_s: float
    offered_rps: float | None
    achieved_rps: float | None
    p50_s: float | None
    p90_s: float | None
    p99_s: float | None
    mean_s: float | None
    offered: int
    ok: int
    errors: int
    timeouts: int
    unanswered: int
    not_sent: int
    validity: str
    validity_reasons: tuple[str, ...]


def row_of(experiment_id: str, run: RunResult) -> dict[str, Any]:
    """The row of a run. Its whole document goes along, compressed: most of it is histograms of slices."""
    p50, p90, p99 = (float(value) for value in run.response.quantile([0.5, 0.9, 0.99]))
    document = json.dumps(result_to_document(run), separators=(",", ":"), allow_nan=False)
    return {
        "experiment_id": experiment_id,
        "run_id": run.run_id,
        "arm": run.arm,
        "twin": run.twin,
        "round": run.round,
        "group": run.group,
        "load_point": run.load_point,
        "attempt": run.attempt,
        "start_time": _stored(run.start_time),
        "end_time": _stored(run.end_time),
        "measured_s": run.measured_s,
        "offered_rps": run.offered_rps,
        "achieved_rps": _known(run.achieved_rps),
        "p50_s": _known(p50),
        "p90_s": _known(p90),
        "p99_s": _known(p99),
        "mean_s": _known(run.response.mean()),
        "offered": run.counts.offered,
        "ok": run.counts.ok,
        "errors": run.counts.errors,
        "timeouts": run.counts.timeouts,
        "unanswered": run.counts.unanswered,
        "not_sent": run.counts.not_sent,
        "validity": run.validity.state.value,
        "validity_reasons": list(run.validity.reasons),
        "document": zlib.compress(document.encode()),
    }


def run_from_row(row: RowMapping) -> RunRow:
    """A row without its document."""
    values = {name: row[name] for name in RunRow.__slots__}
    return RunRow(
        **{
            **values,
            "start_time": utc(row["start_time"]),
            "end_time": utc(row["end_time"]),
            "validity_reasons": tuple(row["validity_reasons"]),
        }
    )


def result_of(document: bytes) -> RunResult:
    """The run that a row's document holds."""
    return result_from_document(json.loads(zlib.decompress(document)))


def experiment_from_row(row: RowMapping) -> ExperimentRow:
    """An experiment's row as a record."""
    values = {name: row[name] for name in ExperimentRow.__slots__}
    facts = row["facts"]
    return ExperimentRow(
        **{
            **values,
            "bundle": Path(row["bundle"]) if row["bundle"] else None,
            "saved": utc(row["saved"]),
            "start_time": utc(row["start_time"]),
            "end_time": utc(row["end_time"]),
            "arms": tuple(row["arms"]),
            "facts": None if facts is None else {name: Fact(**fact) for name, fact in facts.items()},
        }
    )


def utc(moment: datetime | None) -> Any:
    """SQLite keeps no zone; everything in the store is UTC. None stays None."""
    return None if moment is None else moment.replace(tzinfo=UTC)


def _stored(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
