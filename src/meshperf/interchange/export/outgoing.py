"""A result on its way out: one view of it, whether meshperf measured it or read it from another tool's file.

Why one view: a format is then written by one rule, and an exported run can be held against an imported one. A failure
is every request that was due and got no good answer: errors, timeouts, unanswered and never sent alike.

What it refuses: the times of a result in which every request failed. They are how fast it failed, and no format would
say so beside the number.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from meshperf.histograms import EMPTY, Histogram
from meshperf.interchange.quantiles import STANDARD
from meshperf.spec.imported import Imported, LatencyOf, LatencyOrigin, LoopModel, Quantile, Source
from meshperf.spec.records import RunResult
from meshperf.spec.smp_write import known, mesh_type_name

__all__ = ["Outgoing", "deviation_s", "names_of", "of_imported", "of_run", "quantiles_of", "time_word"]

_HTTP_VERSIONS = {"http1.0": "1.0", "http1": "1.1", "http2": "2", "grpc": "2"}
_TIME_WORDS = {LatencyOrigin.INTENDED: "response_time", LatencyOrigin.ACTUAL: "service_time"}
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A result to be written. `run`: the measured run that `record` is a view of; None for one that was imported."""

    record: Imported
    """As every format shows it."""
    whole: Imported
    """The same with the times of failures, where a result has no others."""
    run: RunResult | None = None

    @property
    def title(self) -> str:
        """The result in a few words, for people."""
        if self.run is not None:
            point = f", load point {self.run.load_point + 1}" if self.run.load_point else ""
            return f"{self.run.experiment} {self.run.resident}, round {self.run.round + 1}{point}"
        source = self.record.source
        return " ".join(word for word in (self.record.name or source.file or source.tool, source.place) if word)

    @property
    def name(self) -> str:
        """What a file of it may be called, without a suffix: never empty, no separator in it."""
        source = self.record.source
        parts = (self.run.run_id,) if self.run is not None else (source.tool, source.file, source.place)
        return _UNSAFE.sub("-", "-".join(part for part in parts if part)).strip("-.")[:_LONGEST_NAME] or "result"


def of_imported(record: Imported) -> Outgoing:
    """A result of another tool."""
    if record.ok != 0 or record.latency_of is LatencyOf.SUCCESSES:
        return Outgoing(record=record, whole=record)
    untimed = replace(
        record, mean_s=None, stddev_s=None, min_s=None, max_s=None, quantiles=(), buckets=(), response=EMPTY,
        latency_count=None,
    )  # fmt: skip
    return Outgoing(record=untimed, whole=record)


def of_run(run: RunResult) -> Outgoing:
    """A run that meshperf measured."""
    counts, response = run.counts, run.response
    protocol = _word(known(run.facts, "load.protocol"))
    arrivals = _word(known(run.facts, "load.arrivals"))
    version = _word(known(run.facts, "mesh.version"))
    answered = response.total > 0
    record = Imported(
        source=Source(tool=run.generator.name, form="result", tool_version=run.generator.version or None),
        name=run.experiment,
        start_time=run.start_time,
        end_time=run.end_time,
        duration_s=run.measured_s,
        planned_duration_s=_number(known(run.facts, "load.duration_s")),
        protocol=protocol,
        http_version=_HTTP_VERSIONS.get(protocol or ""),
        method=_word(known(run.facts, "load.method")),
        mesh=mesh_type_name(known(run.facts, "mesh.type")),
        mesh_version=None if version == "none" else version,
        connections=_whole(known(run.facts, "load.connections")),
        threads=run.generator.workers,
        streams=_whole(known(run.facts, "load.streams")),
        loop=LoopModel.CLOSED if run.offered_rps is None or arrivals == "closed" else LoopModel.OPEN,
        arrivals=arrivals,
        offered_rps=run.offered_rps,
        achieved_rps=counts.ok / run.measured_s if run.measured_s > 0 else None,
        requests=counts.offered,
        ok=counts.ok,
        errors=counts.errors + counts.timeouts + counts.unanswered + counts.not_sent,
        timeouts=counts.timeouts,
        errors_by_status=run.errors_by_status,
        errors_by_reason=run.errors_by_reason,
        errors_by_grpc_status=run.errors_by_grpc_status,
        bytes_in=counts.bytes_in,
        bytes_out=counts.bytes_out,
        latency_origin=LatencyOrigin.INTENDED,
        latency_of=LatencyOf.SUCCESSES,
        latency_unit="s",
        latency_count=response.total,
        mean_s=response.mean() if answered else None,
        stddev_s=deviation_s(response) if answered else None,
        min_s=response.minimum() if answered else None,
        max_s=response.maximum() if answered else None,
        quantiles=quantiles_of(response),
        response=response,
    )
    return Outgoing(record=record, whole=record, run=run)


def quantiles_of(histogram: Histogram) -> tuple[Quantile, ...]:
    """The usual quantiles with the bounds of their buckets, as far as at least one request lies beyond them."""
    found = []
    for q in STANDARD:
        if histogram.total * (1 - q) >= 1:
            low, high = histogram.bracket(q)
            found.append(Quantile(q=q, value_s=float(histogram.quantile(q)), low_s=low, high_s=high))
    return tuple(found)


def deviation_s(histogram: Histogram) -> float:
    """Standard deviation [s] of the bucket middles; NaN for no values."""
    if not histogram.total:
        return float("nan")
    away = histogram.values_s() - histogram.mean()
    return float(np.sqrt((away * away * histogram.count).sum() / histogram.total))


def time_word(record: Imported) -> str:
    """What the record's times are: `response_time`, `service_time`, or `unclassified_time` where nobody said."""
    return _TIME_WORDS.get(record.latency_origin, "unclassified_time")


def names_of(results: Sequence[Outgoing]) -> tuple[str, ...]:
    """A name for each result that no other of them has, fit for a file; `-2` and so on follow where two are alike."""
    found: list[str] = []
    taken: set[str] = set()
    for result in results:
        name, number = result.name, 1
        while name.lower() in taken:
            number += 1
            name = f"{result.name}-{number}"
        taken.add(name.lower())
        found.append(name)
    return tuple(found)


def _word(value: object) -> str | None:
    return None if value is None else str(value)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number.is_integer() else None
