"""JMeter's JTL as CSV: a row for every sample, files of any size; one result for each label.

Why by label: transaction controllers write rows of their own about the samples inside them, so a sum over all labels
would count requests twice. A row's time is the start of the sample, or its end where JMeter was told so; both give the
same rate. `elapsed` is in whole milliseconds, from just before the sending until the last byte.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from meshperf.errors import DocumentError, Location
from meshperf.histograms import HIGHEST_S
from meshperf.interchange.format import Form, Incoming, Reader
from meshperf.interchange.json_value import moment
from meshperf.interchange.samples import Samples, Tally, truncated
from meshperf.interchange.streams import Row, Table, column_name
from meshperf.interchange.text import head_text
from meshperf.spec.imported import Imported, ImportNote, LatencyOf, LatencyOrigin, LoopModel, Source
from meshperf.spec.redaction import shown_url

__all__ = ["MOST_LABELS", "READERS"]

MOST_LABELS = 2000
"""A plan has fewer; a file with more has made labels of something that differs for every request."""
_NEEDED = {"timestamp", "elapsed", "label", "success"}
_HALF_S = 0.5e-3
_LONGEST_S = 1e11


@dataclass(slots=True)
class _Label:
    samples: Samples = field(default_factory=Samples)
    tally: Tally = field(default_factory=Tally)
    begin: float = math.inf
    end: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0
    threads: int = 0
    url: str | None = None


class _Jtl:
    form = Form(
        name="jmeter",
        tool="jmeter",
        title="JMeter JTL as CSV",
        latency_unit="ms",
        latency_origin="actual",
        loop="unknown: threads that wait for each reply, unless an open model starts them; the file does not tell",
        errors="known: samples without success; only successes are in the latencies",
        resolution="whole milliseconds in each row",
    )

    def looks_like(self, incoming: Incoming) -> float:
        first = head_text(incoming).lstrip().split("\n", 1)[0]
        names = {column_name(name) for name in first.split(_delimiter(first))}
        return 0.95 if names >= _NEEDED else 0.0

    def read(self, incoming: Incoming) -> Iterator[Imported]:
        first = head_text(incoming).lstrip().split("\n", 1)[0]
        table = Table(incoming, _delimiter(first), needed=sorted(_NEEDED))
        labels: dict[str, _Label] = {}
        for row in table.rows():
            name = row.cells.get("label", "")[:200]
            label = labels.get(name)
            if label is None:
                if len(labels) >= MOST_LABELS:
                    what = f"there are more than {MOST_LABELS} labels"
                    hint = "give samples the same label for the same kind of request"
                    place = Location(path=incoming.path, line=row.number)
                    raise DocumentError("MP2404", what, location=place, hint=hint)
                label = labels[name] = _Label()
            _add(label, row)
        for name, label in labels.items():
            yield _result(name, label, () if table.cut_at is None else (truncated(table.cut_at),))


def _delimiter(first: str) -> str:
    return max(",;\t|", key=first.count)


def _add(label: _Label, row: Row) -> None:
    time, elapsed = _seconds(row), row.need("elapsed") * 1e-3
    if elapsed > HIGHEST_S:
        raise row.contradicts(f"a latency of {elapsed:g} s cannot be")
    success = row.cells.get("success", "").strip().lower()
    if success not in ("true", "false"):
        raise row.broken(f"`success` must be true or false, found {success[:20]!r}")
    if success == "true":
        label.samples.add(elapsed)
        label.tally.ok += 1
    else:
        code = row.cells.get("responsecode", "").strip()
        if code.isdecimal():
            label.tally.failed(label.tally.by_status, code)
        else:
            label.tally.failed(label.tally.by_reason, code or row.cells.get("failuremessage", ""))
    label.begin, label.end = min(label.begin, time), max(label.end, time + elapsed)
    label.bytes_in += row.count_of("bytes") or 0
    label.bytes_out += row.count_of("sentbytes") or 0
    label.threads = max(label.threads, row.count_of("allthreads") or 0)
    if label.url is None:
        url = row.cells.get("url", "").strip()
        label.url = shown_url(url) if "://" in url else None


def _seconds(row: Row) -> float:
    """Since 1970; JMeter writes milliseconds, or what `jmeter.save.saveservice.timestamp_format` says."""
    text = row.cells.get("timestamp", "").strip()
    if re.fullmatch(r"[0-9]{1,17}", text):
        seconds = int(text) * 1e-3
        if seconds >= _LONGEST_S:
            raise row.contradicts("`timeStamp` is no time in milliseconds since 1970")
        return seconds
    found = moment(text.replace("/", "-")) or moment(text.replace("/", "-").replace(",", ".") + "Z")
    if found is None:
        raise row.broken(f"`timeStamp` is no time, found {text[:40]!r}")
    return found.timestamp()


def _result(name: str, label: _Label, notes: tuple[ImportNote, ...]) -> Imported:
    samples, tally = label.samples, label.tally
    duration = label.end - label.begin if label.end > label.begin else None
    return Imported(
        source=Source(tool="jmeter", form="jtl-csv", place=name or None),
        name=name or None,
        start_time=datetime.fromtimestamp(label.begin, UTC),
        end_time=datetime.fromtimestamp(label.end, UTC),
        duration_s=duration,
        url=label.url,
        threads=label.threads or None,
        loop=LoopModel.UNKNOWN,
        achieved_rps=tally.ok / duration if duration else None,
        requests=tally.ok + tally.errors,
        ok=tally.ok,
        errors=tally.errors,
        errors_by_status=tally.by_status,
        errors_by_reason=tally.by_reason,
        bytes_in=label.bytes_in,
        bytes_out=label.bytes_out,
        latency_origin=LatencyOrigin.ACTUAL,
        latency_of=LatencyOf.SUCCESSES,
        latency_unit="ms",
        latency_count=tally.ok,
        mean_s=samples.mean_s,
        stddev_s=samples.stddev_s,
        min_s=samples.min_s,
        max_s=samples.max_s,
        quantiles=samples.quantiles(half_s=_HALF_S),
        response=samples.histogram(),
        notes=notes,
    )


READERS: tuple[Reader, ...] = (_Jtl(),)
