"""k6's points as JSON lines (`--out json=`): files of any size, read in bounded memory.

Why it is quick: most of such a file is points of other metrics, and a line that does not name a wanted one is passed
over after a look at its ends. A name with an escape in it is always parsed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from meshperf.errors import DocumentError, Location
from meshperf.interchange.format import Form, Incoming, Reader
from meshperf.interchange.json_value import moment
from meshperf.interchange.k6.points import NAMES, Points
from meshperf.interchange.samples import truncated
from meshperf.interchange.streams import line_batches
from meshperf.interchange.text import head_text
from meshperf.spec.imported import Imported

__all__ = ["READERS"]

_FIRST = re.compile(r'^\s*\{(?=[^\n]*"metric"\s*:)(?=[^\n]*"type"\s*:\s*"(?:Metric|Point)")(?=[^\n]*"data"\s*:)')
_BEGIN = b'{"metric":"'
"""How k6 itself begins the line of a point; what other writers make of it is searched for the names."""
_NAME = len(_BEGIN)
_NAMES = frozenset(name.encode() for name in NAMES)
_WANTED = re.compile(b"|".join(re.escape(name.encode()) for name in NAMES) + rb"|\\u")
_decoded = json.JSONDecoder().raw_decode
"""Without the guess of an encoding and the search for space that `json.loads` begins and ends with."""
_MOST = 10**18
_SECOND = 19
"""Characters of a time up to its whole seconds."""


class _Lines:
    form = Form(
        name="k6-points",
        tool="k6",
        title="k6 points as JSON lines (--out json)",
        latency_unit="ms",
        latency_origin="actual: http_req_duration begins with the sending, without connecting and TLS",
        loop="open where iterations were dropped (arrival-rate executors), else not said",
        errors="known: replies that were not expected; only successes are in the latencies",
        resolution="every latency, gathered into a histogram of three digits",
    )

    def looks_like(self, incoming: Incoming) -> float:
        return 0.95 if _FIRST.match(head_text(incoming)) else 0.0

    def read(self, incoming: Incoming) -> Iterator[Imported]:
        points = Points(form="points-ndjson")
        for first, lines, ended in line_batches(incoming):
            if not ended and not lines[0].rstrip().endswith(b"}"):
                points.cut = truncated(first)
                break
            _gather(points, lines, first, incoming)
        yield from points.results()


def _gather(points: Points, lines: Sequence[bytes], first: int, incoming: Incoming) -> None:
    wanted = _WANTED.search
    times: list[str] = []
    for number, line in enumerate(lines, start=first):
        if line[:1] != b"{" or line[-1:] != b"}":
            if not line.strip():
                continue
            if line.strip()[:1] != b"{" or line.strip()[-1:] != b"}":
                raise _broken(incoming, number, "the line is not a JSON object")
        if line[:_NAME] == _BEGIN:
            name = line[_NAME : line.find(b'"', _NAME)]
            if name not in _NAMES and b"\\" not in name:
                continue
        elif wanted(line) is None:
            continue
        point = _parsed(line, incoming, number)
        if point.get("type") != "Point" or point.get("metric") not in NAMES:
            continue
        try:
            metric, value, tags, time = _parts(point)
            points.add(metric, value, tags)
        except ValueError as problem:
            raise DocumentError("MP2403", str(problem), location=Location(path=incoming.path, line=number)) from None
        except _Misshapen as problem:
            raise _broken(incoming, number, str(problem)) from None
        times.append(time)
    if times:
        begin, end = _span(times, incoming, first)
        points.seen(begin, end, whole_seconds=False)


def _parsed(line: bytes, incoming: Incoming, number: int) -> dict[str, Any]:
    try:
        text = line.decode().strip()
        point, end = _decoded(text)
        if end != len(text):
            raise ValueError("there is more than one object in the line")
    except (ValueError, RecursionError) as problem:
        raise _broken(incoming, number, f"not valid JSON: {str(problem)[:100]}") from None
    found: dict[str, Any] = point  # it begins with a brace
    return found


class _Misshapen(Exception):
    """A point without one of its parts."""


def _parts(point: dict[str, Any]) -> tuple[str, float, dict[str, str], str]:
    data = point.get("data")
    if not isinstance(data, dict):
        raise _Misshapen("the point has no `data`")
    value, time, tags = data.get("value"), data.get("time"), data.get("tags")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Misshapen("`value` must be a number")
    if not isinstance(time, str) or len(time) > 60:
        raise _Misshapen("`time` must be a time")
    if tags is not None and not isinstance(tags, dict):
        raise _Misshapen("`tags` must be a mapping")
    if not abs(value) < _MOST:  # not a number, infinite, or a whole number that no float holds
        raise ValueError("a value that large, or not a number, cannot be")
    return point["metric"], float(value), _texts(tags or {}), time


def _texts(tags: dict[str, Any]) -> dict[str, str]:
    """Tags as k6 writes them, as text; other writers use numbers and booleans. Raises _Misshapen."""
    if all(type(value) is str for value in tags.values()):
        return tags
    texts = {name: value for name, value in tags.items() if value is not None}
    if not all(isinstance(value, str | int | float) for value in texts.values()):
        raise _Misshapen("a tag must be text")
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in texts.items()}


def _span(times: list[str], incoming: Incoming, first: int) -> tuple[datetime, datetime]:
    """The earliest and latest of many times; only those of the first and last second are parsed."""
    zone = "Z" if times[0].endswith("Z") else times[0][-6:]
    candidates = times
    if all(time.endswith(zone) for time in times):
        seconds = [time[:_SECOND] for time in times]
        earliest, latest = min(seconds), max(seconds)
        candidates = list({time for time, second in zip(times, seconds, strict=True) if second in (earliest, latest)})
    found = [moment(time) for time in candidates]
    known = [one for one in found if one is not None]
    if len(known) != len(found):
        raise _broken(incoming, first, "a `time` in the lines from here on is no point in time")
    return min(known), max(known)


def _broken(incoming: Incoming, line: int, what: str) -> DocumentError:
    return DocumentError("MP2402", what, location=Location(path=incoming.path, line=line))


READERS: tuple[Reader, ...] = (_Lines(),)
