"""HdrHistogram's interval logs (`*.hlog`), V2: every interval's histogram, merged by tag.

The log does not name the unit of its histograms. It tells it all the same: every line repeats the interval's maximum,
which by convention is in milliseconds, so the histogram counts in what its own maximum divided by that says. Where the
two are equal, nothing tells the unit, and the log is refused rather than guessed at.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from meshperf.errors import DocumentError, Location
from meshperf.histograms import EMPTY, HIGHEST_S, Histogram, bucket_index
from meshperf.interchange.format import Form, Incoming, Reader
from meshperf.interchange.hdr_v2 import HdrBuckets, decode_hdr_v2
from meshperf.interchange.quantiles import completed
from meshperf.interchange.text import Line, head_text
from meshperf.spec.imported import Bucket, Imported, ImportNote, NoteKind, Source

__all__ = ["READERS"]

_LONGEST_LINE = 4 * 2**20
_MOST_TAGS = 1000
_HEADING = re.compile(r'^\s*"?StartTimestamp"?\s*,\s*"?Interval_Length"?', re.MULTILINE)
_ROW = re.compile(
    r"(?:Tag=([^,\s]{1,200}),)?\s*([0-9]{1,12}(?:\.[0-9]{1,9})?),([0-9]{1,12}(?:\.[0-9]{1,9})?),"
    r"([0-9]{1,18}(?:\.[0-9]{1,9})?),([A-Za-z0-9+/]+={0,2})"
)
_FIRST_ROW = re.compile(r"^(?:Tag=[^,\s]{1,200},)?[0-9.]+,[0-9.]+,[0-9.]+,HIST", re.MULTILINE)
_TIME = re.compile(r"#\[(StartTime|BaseTime): ([0-9]{1,12}(?:\.[0-9]{1,9})?) ")
_UNITS = {6: ("ns", 1e-9), 3: ("us", 1e-6), 9: ("ns", 1e-9)}
_NEAR = 0.12
_YEAR_S = 365 * 86_400


@dataclass(slots=True)
class _Tag:
    """What was read of one tag's intervals."""

    layout: tuple[int, int]
    counts: dict[int, tuple[int, int]] = field(default_factory=dict)
    begin: float = math.inf
    end: float = 0.0
    largest: tuple[int, float] = (0, 0.0)
    intervals: int = 0

    def take(self, histogram: HdrBuckets, start: float, length: float, maximum: float) -> None:
        for low, high, count in histogram.buckets:
            self.counts[low] = (high, self.counts.get(low, (high, 0))[1] + count)
        self.begin, self.end = min(self.begin, start), max(self.end, start + length)
        self.intervals += 1
        if maximum > self.largest[1]:
            self.largest = (histogram.largest, maximum)


class _HdrLog:
    form = Form(
        name="hdr-log",
        tool="hdrhistogram",
        title="HdrHistogram interval log, V2 (*.hlog)",
        latency_unit="detected from each interval's maximum in ms: ns or us",
        latency_origin="unknown",
        loop="unknown",
        errors="unknown",
        resolution="the histogram's bucket, in its own layout",
    )

    def looks_like(self, incoming: Incoming) -> float:
        head = head_text(incoming)
        rows = _FIRST_ROW.search(head) is not None
        if rows:
            return 0.97
        return 0.7 if _HEADING.search(head) is not None else 0.0

    def read(self, incoming: Incoming) -> Iterator[Imported]:
        tags: dict[str | None, _Tag] = {}
        times: dict[str, float] = {}
        notes: list[ImportNote] = []
        for line, ended in _lines(incoming):
            if (found := _TIME.match(line.text)) is not None:
                times[found[1]] = float(found[2])
            elif line.text and not line.text.startswith("#") and _HEADING.match(line.text) is None:
                try:
                    _take(tags, line)
                except DocumentError:
                    if ended or not tags:
                        raise
                    text = "the log breaks off inside its last interval, which is left out"
                    notes.append(ImportNote(kind=NoteKind.TRUNCATED, text=text))
        for name, tag in tags.items():
            if tag.counts:
                yield _record(name, tag, times, notes, Location(path=incoming.path))


def _lines(incoming: Incoming) -> Iterator[tuple[Line, bool]]:
    """Each line, and whether its end is there: a log can break off anywhere."""
    with incoming.stream() as stream:
        number = 0
        while data := stream.readline(_LONGEST_LINE + 1):
            number += 1
            place = Location(path=incoming.path, line=number)
            if len(data) > _LONGEST_LINE:
                raise DocumentError("MP2404", "a line is longer than any histogram", location=place)
            try:
                yield Line(incoming.path, number, data.decode("utf-8-sig").strip()), data.endswith(b"\n")
            except UnicodeDecodeError:
                raise DocumentError("MP2402", "the line is not text", location=place) from None


def _take(tags: dict[str | None, _Tag], line: Line) -> None:
    found = _ROW.fullmatch(line.text)
    if found is None:
        raise line.broken("not a line of an HdrHistogram log: start, length, maximum, histogram")
    try:
        histogram = decode_hdr_v2(found[5])
    except ValueError as error:
        raise line.broken(str(error)) from None
    layout = (histogram.digits, histogram.lowest)
    if found[1] not in tags and len(tags) >= _MOST_TAGS:
        raise DocumentError("MP2404", "the log has more tags than any result", location=Location(path=line.path))
    tag = tags.setdefault(found[1], _Tag(layout))
    if tag.layout != layout:
        raise line.contradicts("the interval's histogram has another layout than those before it")
    tag.take(histogram, float(found[2]), float(found[3]), float(found[4]))


def _record(name: str | None, tag: _Tag, times: dict[str, float], notes: list[ImportNote], place: Location) -> Imported:
    unit, unit_s, note = _unit(tag, place)
    buckets = tuple(
        Bucket(low_s=low * unit_s, high_s=high * unit_s, count=count)
        for low, (high, count) in sorted(tag.counts.items())
    )
    total = sum(bucket.count for bucket in buckets)
    base = times.get("BaseTime")
    if base is None:
        base = times["StartTime"] if times.get("StartTime", 0.0) - tag.begin > _YEAR_S else 0.0
    duration = tag.end - tag.begin
    start, end = _moment(base + tag.begin), _moment(base + tag.end)
    return Imported(
        source=Source(tool="hdrhistogram", form="log", place=name),
        name=name,
        start_time=start,
        end_time=end,
        duration_s=duration or None,
        achieved_rps=total / duration if duration else None,
        requests=total,
        latency_unit=unit,
        latency_count=total,
        min_s=buckets[0].low_s,
        max_s=buckets[-1].high_s,
        quantiles=completed((), buckets),
        buckets=buckets,
        response=_exact(tag) if unit == "ns" else EMPTY,
        notes=(note, *notes),
        extra={"intervals": tag.intervals, "digits": tag.layout[0]},
    )


def _unit(tag: _Tag, place: Location) -> tuple[str, float, ImportNote]:
    largest, maximum = tag.largest
    ratio = largest / maximum if maximum else 0.0
    power = round(math.log10(ratio)) if ratio > 0 else 0
    if power in _UNITS and abs(ratio / 10.0**power - 1) <= _NEAR:
        unit, unit_s = _UNITS[power]
        text = f"the histograms count {unit}: their maximum is {ratio:.6g} times the one that the log names"
        return unit, unit_s, ImportNote(kind=NoteKind.UNIT_DETECTED, text=text)
    what = f"the histogram's maximum is {largest}, the log's {maximum:g}"
    hint = "a log in ns or us with maxima in ms, the default of HdrHistogram's writers, is read"
    raise DocumentError("MP2405", f"nothing tells the unit of the histograms: {what}", location=place, hint=hint)


def _exact(tag: _Tag) -> Histogram:
    """The same counts in our layout, where it is the log's."""
    lows = sorted(tag.counts)
    if tag.layout != (3, 1) or lows[-1] >= HIGHEST_S * 1e9:
        return EMPTY
    counts = np.array([tag.counts[low][1] for low in lows], dtype=np.int64)
    return Histogram(bucket_index(np.array(lows, dtype=np.int64)), counts)


def _moment(seconds: float) -> datetime | None:
    """None for a time since the start of the log only, or one that no calendar has."""
    return datetime.fromtimestamp(seconds, UTC) if _YEAR_S < seconds < 253_402_300_000 else None


READERS: tuple[Reader, ...] = (_HdrLog(),)
