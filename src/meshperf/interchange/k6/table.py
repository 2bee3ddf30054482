"""k6's points as CSV (`--out csv=`): files of any size, read in bounded memory."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from meshperf.errors import DocumentError, Location
from meshperf.interchange.format import Form, Incoming, Reader
from meshperf.interchange.json_value import moment
from meshperf.interchange.k6.points import NAMES, Points
from meshperf.interchange.numbers import plain_number
from meshperf.interchange.samples import truncated
from meshperf.interchange.streams import line_batches
from meshperf.interchange.text import head_text
from meshperf.spec.imported import Imported

__all__ = ["READERS"]

_HEADINGS = re.compile(r"\s*metric_name,timestamp,metric_value(,|\r?\n)")
_WANTED = tuple(name.encode() + b"," for name in NAMES)
_NEEDED = ("metric_name", "timestamp", "metric_value")
_EPOCH = ((1e11, 1.0), (1e14, 1e-3), (1e17, 1e-6), (1e20, 1e-9))
"""Up to which number a timestamp is in which unit [s]: k6 writes whole seconds, or what K6_CSV_TIME_FORMAT says."""


class _Table:
    form = Form(
        name="k6-csv",
        tool="k6",
        title="k6 points as CSV (--out csv)",
        latency_unit="ms",
        latency_origin="actual: http_req_duration begins with the sending, without connecting and TLS",
        loop="open where iterations were dropped (arrival-rate executors), else not said",
        errors="known: replies that were not expected; only successes are in the latencies",
        resolution="every latency to a nanosecond, gathered into a histogram of three digits; times often in seconds",
    )

    def looks_like(self, incoming: Incoming) -> float:
        return 0.95 if _HEADINGS.match(head_text(incoming)) else 0.0

    def read(self, incoming: Incoming) -> Iterator[Imported]:
        points = Points(form="points-csv")
        headings: list[str] = []
        for first, lines, ended in line_batches(incoming):
            at, wanted = first, list(lines)
            if not headings:
                headings = _cells(wanted.pop(0), incoming, at)
                at += 1
                if any(name not in headings for name in _NEEDED):
                    raise _wrong(incoming, "MP2402", f"the headings must hold {', '.join(_NEEDED)}", first)
            if not ended and wanted and wanted[0].count(b",") < len(headings) - 1:
                points.cut = truncated(at)
                break
            _gather(points, headings, wanted, at, incoming)
        yield from points.results()


def _gather(points: Points, headings: list[str], lines: Sequence[bytes], first: int, incoming: Incoming) -> None:
    name_first = headings[0] == "metric_name"
    begin: float | None = None
    end = 0.0
    for number, line in enumerate(lines, start=first):
        if name_first and not line.startswith(_WANTED):
            if line.strip() and b"," not in line and not line.endswith(b'"'):
                raise _wrong(incoming, "MP2402", "the line is no row of the table", number)
            continue
        cells = _cells(line, incoming, number)
        if not cells:
            continue
        if len(cells) > len(headings) or len(cells) < 3:
            what = f"the row has {len(cells)} cells, there are {len(headings)} headings"
            raise _wrong(incoming, "MP2402", what, number)
        row = dict(zip(headings, cells, strict=False))
        if row["metric_name"] not in NAMES:
            continue
        try:
            value, time = plain_number(row["metric_value"]), _epoch(row["timestamp"])
        except ValueError:
            raise _wrong(incoming, "MP2402", "`metric_value` or `timestamp` is no number", number) from None
        try:
            points.add(row["metric_name"], value, row)
        except ValueError as problem:
            raise _wrong(incoming, "MP2403", str(problem), number) from None
        begin, end = time if begin is None else min(begin, time), max(end, time)
    if begin is not None:
        whole = begin.is_integer() and end.is_integer()
        points.seen(datetime.fromtimestamp(begin, UTC), datetime.fromtimestamp(end, UTC), whole_seconds=whole)


def _epoch(text: str) -> float:
    """Seconds since 1970. Raises ValueError."""
    if "T" in text:
        found = moment(text)
        if found is None:
            raise ValueError("no time")
        return found.timestamp()
    number = plain_number(text)
    for limit, unit in _EPOCH:
        if 0 <= number < limit:
            return number * unit
    raise ValueError("no time")


def _cells(line: bytes, incoming: Incoming, number: int) -> list[str]:
    try:
        return next(csv.reader([_text(line, incoming, number)]), [])
    except csv.Error as problem:
        raise _wrong(incoming, "MP2402", f"not a row: {problem}", number) from None


def _text(line: bytes, incoming: Incoming, number: int) -> str:
    try:
        return line.decode().rstrip("\r")
    except UnicodeDecodeError:
        raise _wrong(incoming, "MP2402", "the line is not UTF-8 text", number) from None


def _wrong(incoming: Incoming, code: str, what: str, line: int) -> DocumentError:
    return DocumentError(code, what, location=Location(path=incoming.path, line=line))


READERS: tuple[Reader, ...] = (_Table(),)
