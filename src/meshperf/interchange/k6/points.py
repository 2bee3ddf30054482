"""What the points of k6 add up to: one result for its HTTP requests and one for its gRPC calls.

What it decides: which points count. A point of `http_req_duration` is a request; it failed if k6 says that the reply
was not expected, or, where k6 was told not to say, if its status is 0 or 400 and above. Only successes are in the
latencies. `http_req_failed` is counted beside them and must agree.
What it assumes: `http_req_duration` is sending, waiting and receiving, without connecting, from the actual send.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from meshperf.interchange.samples import Samples, Tally
from meshperf.spec.imported import Imported, ImportNote, LatencyOf, LatencyOrigin, LoopModel, NoteKind, Source
from meshperf.spec.redaction import shown_url

__all__ = ["DURATIONS", "NAMES", "Points", "dropped_note"]

DURATIONS = ("http_req_duration", "grpc_req_duration")
NAMES = (*DURATIONS, "http_req_failed", "dropped_iterations", "vus_max", "data_sent", "data_received")
"""The metrics that are read; all others are passed over."""
_MOST_WORDS = 50
_WHOLE_SECONDS_LEAST = 10.0
"""Span [s] below which times in whole seconds give no rate."""


@dataclass(slots=True)
class _Family:
    samples: Samples = field(default_factory=Samples)
    tally: Tally = field(default_factory=Tally)
    words: dict[str, set[str]] = field(default_factory=lambda: {"url": set(), "method": set(), "proto": set()})


@dataclass(slots=True)
class Points:
    """Points so far; `form` is that of the file."""

    form: str
    families: dict[str, _Family] = field(default_factory=dict)
    said_failed: int = 0
    said_outcomes: int = 0
    dropped: float = 0.0
    arrival_rate: bool = False
    vus: float = 0.0
    data: dict[str, float] = field(default_factory=dict)
    first: datetime | None = None
    last: datetime | None = None
    whole_seconds: bool = True
    cut: ImportNote | None = None
    scenarios: set[str] = field(default_factory=set)

    def add(self, metric: str, value: float, tags: dict[str, str]) -> None:
        """One point. Raises ValueError: a value that cannot be."""
        if metric in DURATIONS:
            self._request(metric, value, tags)
        elif not 0 <= value < 1e18:
            raise ValueError(f"a value of {value:g} cannot be")
        elif metric == "http_req_failed":
            self.said_outcomes += 1
            self.said_failed += value != 0
        elif metric == "dropped_iterations":
            self.arrival_rate = True
            self.dropped += value
        elif metric == "vus_max":
            self.vus = max(self.vus, value)
        else:
            self.data[metric] = self.data.get(metric, 0.0) + value

    def seen(self, begin: datetime, end: datetime, *, whole_seconds: bool) -> None:
        """The span of times of some points."""
        self.first = begin if self.first is None else min(self.first, begin)
        self.last = end if self.last is None else max(self.last, end)
        self.whole_seconds = self.whole_seconds and whole_seconds

    def _request(self, metric: str, value: float, tags: dict[str, str]) -> None:
        family = self.families.get(metric)
        if family is None:
            family = self.families[metric] = _Family()
        status, expected = tags.get("status", ""), tags.get("expected_response", "")
        if metric == "grpc_req_duration":
            ok = status in ("0", "")
        elif expected:
            ok = expected == "true"
        else:
            ok = not status or (len(status) == 3 and status.isdecimal() and int(status) < 400)
        if ok:
            family.samples.add(value * 1e-3)
            family.tally.ok += 1
        elif not 0 <= value < 3.6e6:
            raise ValueError(f"a latency of {value:g} ms cannot be")
        elif metric == "grpc_req_duration":
            family.tally.failed(family.tally.by_grpc_status, status)
        elif status not in ("", "0"):
            family.tally.failed(family.tally.by_status, status)
        else:
            family.tally.failed(family.tally.by_reason, tags.get("error") or f"code {tags.get('error_code') or 0}")
        for name, words in family.words.items():
            word = tags.get(name)
            if word and len(words) < _MOST_WORDS:
                words.add(word)
        scenario = tags.get("scenario")
        if scenario and len(self.scenarios) < _MOST_WORDS:
            self.scenarios.add(scenario)

    def results(self) -> Iterator[Imported]:
        """One for each kind of request in the points."""
        for metric, family in self.families.items():
            yield self._result(metric, family)

    def _result(self, metric: str, family: _Family) -> Imported:
        samples, tally = family.samples, family.tally
        requests = tally.ok + tally.errors
        duration, notes = self._duration(family)
        grpc = metric == "grpc_req_duration"
        if not grpc and self.said_outcomes and (self.said_failed, self.said_outcomes) != (tally.errors, requests):
            text = (
                f"`http_req_failed` tells {self.said_failed} failures of {self.said_outcomes} requests, "
                f"the points of `{metric}` {tally.errors} of {requests}"
            )
            notes.append(ImportNote(kind=NoteKind.INCONSISTENT, text=text))
        if self.dropped:
            notes.append(dropped_note(self.dropped))
        if self.cut is not None:
            notes.append(self.cut)
        words = {name: next(iter(found)) if len(found) == 1 else None for name, found in family.words.items()}
        proto = words["proto"] or ""
        known = bool(tally.errors) or self.said_outcomes > 0 or grpc or self.form == "points-ndjson"
        extra: dict[str, object] = {"vus_max": self.vus} if self.vus else {}
        if self.scenarios:
            extra["scenarios"] = sorted(self.scenarios)
        one_kind = len(self.families) == 1
        return Imported(
            source=Source(tool="k6", form=self.form, place=None if one_kind else metric),
            start_time=self.first,
            end_time=self.last,
            duration_s=duration,
            protocol="grpc" if grpc else {"HTTP/1.0": "http1.0", "HTTP/1.1": "http1", "HTTP/2.0": "http2"}.get(proto),
            http_version=proto.removeprefix("HTTP/") or None,
            method=words["method"],
            url=shown_url(words["url"]) if words["url"] else None,
            loop=LoopModel.OPEN if self.arrival_rate else LoopModel.UNKNOWN,
            achieved_rps=tally.ok / duration if duration else None,
            requests=requests,
            ok=tally.ok if known else None,
            errors=tally.errors if known else None,
            errors_by_status=tally.by_status,
            errors_by_reason=tally.by_reason,
            errors_by_grpc_status=tally.by_grpc_status,
            bytes_in=round(self.data["data_received"]) if one_kind and "data_received" in self.data else None,
            bytes_out=round(self.data["data_sent"]) if one_kind and "data_sent" in self.data else None,
            latency_origin=LatencyOrigin.ACTUAL,
            latency_of=LatencyOf.SUCCESSES,
            latency_unit="ms",
            latency_count=tally.ok,
            mean_s=samples.mean_s,
            stddev_s=samples.stddev_s,
            min_s=samples.min_s,
            max_s=samples.max_s,
            quantiles=samples.quantiles(),
            response=samples.histogram(),
            notes=tuple(notes),
            extra=extra,
        )

    def _duration(self, family: _Family) -> tuple[float | None, list[ImportNote]]:
        """From the first point to the last [s]; points carry the times of replies, so the first request is added."""
        if self.first is None or self.last is None:
            return None, []
        span = (self.last - self.first) / timedelta(seconds=1)
        if not self.whole_seconds:
            return (span + (family.samples.mean_s or 0.0)) or None, []
        if span < _WHOLE_SECONDS_LEAST:
            text = "times are in whole seconds and too near to one another for a rate"
            return None, [ImportNote(kind=NoteKind.COARSE, text=text, figures={"span_s": span})]
        text = f"times are in whole seconds: duration and rate are within {100 / span:.2g} %"
        return span, [ImportNote(kind=NoteKind.COARSE, text=text, figures={"span_s": span})]


def dropped_note(count: float) -> ImportNote:
    """Iterations that were due and never begun: no latency tells of them."""
    text = f"{count:.0f} iterations were due and not begun, because no VU was free; they are in no latency"
    return ImportNote(kind=NoteKind.DROPPED, text=text, figures={"dropped_iterations": count})
