"""vegeta's reports: JSON (nanoseconds), text, and the table for HdrHistogram's plotter (milliseconds).

vegeta is an open loop without limit to its workers; a latency begins when a worker takes a tick. Failures are in the
latencies with everything else; a success is a status from 200 to 399, and status 0 means that there was no reply.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import pairwise

from meshperf.errors import DocumentError, Location
from meshperf.interchange.documents import numbered, numbered_documents
from meshperf.interchange.extras import rest_of
from meshperf.interchange.format import Form, Incoming, Reader
from meshperf.interchange.json_value import Value
from meshperf.interchange.numbers import plain_number
from meshperf.interchange.quantiles import STANDARD
from meshperf.interchange.sniffing import keys_at
from meshperf.interchange.text import Line, head_text, lines_of
from meshperf.interchange.vegeta.digest import digest_quantiles
from meshperf.spec.imported import Imported, ImportNote, LatencyOf, LatencyOrigin, LoopModel, NoteKind, Source
from meshperf.units import parse_duration

__all__ = ["READERS", "is_success"]

_NS = 1e-9
_ORIGIN = "actual: when a worker takes the tick"
_LOOP = "open, with as many workers as it takes"
_DIGEST = "a t-digest: between the percentiles of the output that its centroids span, minimum and maximum"
_PERCENTILE = re.compile(r"([0-9]{1,2}(?:\.[0-9]{1,6})?)(?:st|nd|rd|th)")
_TAKEN = frozenset((
    "latencies", "bytes_in", "bytes_out", "earliest", "latest", "end",
    "requests", "rate", "throughput", "success", "status_codes",
))  # fmt: skip
_ROW = re.compile(r"(Requests|Duration|Latencies|Bytes In|Bytes Out|Success|Status Codes)\s+\[([^\]]*)\]\s*(.*)")
_HDR_HEAD = re.compile(r"\s*Value\(ms\)\s+Percentile\s+TotalCount\s+1/\(1-Percentile\)\s*")
_RATIO = 1e-4
"""How far the ratio of successes may be from that of the codes."""


def is_success(code: str) -> bool:
    """vegeta's own rule."""
    return len(code) == 3 and code.isdecimal() and 200 <= int(code) < 400


class _Json:
    form = Form(
        name="vegeta",
        tool="vegeta",
        title="vegeta JSON report",
        latency_unit="ns",
        latency_origin=_ORIGIN,
        loop=_LOOP,
        errors="known by status, 0 for no reply; failures are among the latencies",
        resolution=_DIGEST,
    )

    def looks_like(self, incoming: Incoming) -> float:
        return 0.95 if {"latencies", "status_codes", "success"} <= keys_at(incoming) else 0.0

    def read(self, incoming: Incoming) -> Iterator[Imported]:
        for document, place in numbered_documents(incoming):
            yield _from_json(Value(document, document.data), place)


def _from_json(root: Value, place: str | None) -> Imported:
    latencies = root.need("latencies")
    low, high = (latencies.need(name).number(scale=_NS) for name in ("min", "max"))
    points = []
    for key, item in latencies.pairs():
        named = _PERCENTILE.fullmatch(key)
        if named is not None and 0 < float(named[1]) < 100:
            points.append((round(float(named[1]) / 100, 12), item.number(scale=_NS)))
    codes = {code: item.count() for code, item in root.need("status_codes").pairs()}
    requests = root.need("requests").count()
    notes = _agreement(codes, requests, root.need("success").number())
    reasons = root.get("errors")
    extra = rest_of(root.data, _TAKEN | {"errors", "duration", "wait"})
    if reasons is not None:
        extra["errors"] = [item.text()[:200] for item in reasons.each()][:200]
    attack, wait = (root.get(name) for name in ("duration", "wait"))
    attack_s = None if attack is None else attack.number(scale=_NS)
    return _record(
        Source(tool="vegeta", form="report-json", place=place),
        codes=codes,
        requests=requests,
        attack_s=attack_s,
        wait_s=0.0 if wait is None else wait.number(scale=_NS),
        start=_time(root, "earliest"),
        end=_time(root, "end"),
        rate=_number(root, "rate"),
        mean_s=_number(latencies, "mean", _NS),
        span=(low, high),
        points=sorted(points),
        sizes=(_size(root, "bytes_in"), _size(root, "bytes_out")),
        notes=notes,
        extra={name: one for name, one in extra.items() if one != []},
    )


def _agreement(codes: Mapping[str, int], requests: int, success: float) -> list[ImportNote]:
    ok = sum(count for code, count in codes.items() if is_success(code))
    if requests and abs(ok / requests - success) > _RATIO:
        text = f"{ok} of {requests} requests succeeded by their codes, the ratio given is {success:g}"
        return [ImportNote(kind=NoteKind.INCONSISTENT, text=text)]
    return []


def _number(value: Value, name: str, scale: float = 1.0) -> float | None:
    found = value.get(name)
    return None if found is None else found.number(scale=scale)


def _time(value: Value, name: str) -> datetime | None:
    found = value.get(name)
    return None if found is None else found.time()


def _size(root: Value, name: str) -> int | None:
    found = root.get(name)
    return None if found is None else found.need("total").count()


class _Text:
    form = Form(
        name="vegeta-text",
        tool="vegeta",
        title="vegeta text report",
        latency_unit="stated",
        latency_origin=_ORIGIN,
        loop=_LOOP,
        errors="known by status, 0 for no reply; failures are among the latencies",
        resolution=_DIGEST,
    )

    def looks_like(self, incoming: Incoming) -> float:
        head = head_text(incoming)
        return 0.95 if re.search(r"^Requests\s+\[total, rate", head, re.M) and "Latencies" in head else 0.0

    def read(self, incoming: Incoming) -> Iterator[Imported]:
        blocks: list[dict[str, tuple[Line, list[str], list[str]]]] = []
        for line in lines_of(incoming):
            row = _ROW.match(line.text)
            if row is None:
                continue
            if row[1] == "Requests":
                blocks.append({})
            if not blocks:
                raise line.broken("the report begins without its line `Requests`")
            names = [name.strip() for name in row[2].split(",")]
            separator = None if row[1] == "Status Codes" else ","
            blocks[-1][row[1]] = (line, names, [cell.strip() for cell in row[3].split(separator) if cell.strip()])
        for number, block in enumerate(blocks, start=1):
            yield _from_text(block, numbered(number, len(blocks)))


def _from_text(block: dict[str, tuple[Line, list[str], list[str]]], place: str | None) -> Imported:
    first = block["Requests"][0]
    for name in ("Latencies", "Success", "Status Codes"):
        if name not in block:
            raise first.broken(f"the report breaks off before `{name}`")
    latencies, totals = _cells(block, "Latencies"), _cells(block, "Requests")
    line = block["Latencies"][0]
    times = {name: _go_time(line, text) for name, text in latencies.items()}
    if not {"min", "mean", "max"} <= set(times):
        raise line.broken("the latencies must have min, mean and max")
    points = []
    for name, seconds in times.items():
        if re.fullmatch(r"[0-9]{1,2}(\.[0-9]{1,6})?", name) and float(name) > 0:
            points.append((round(float(name) / 100, 12), seconds))
    codes = {}
    line = block["Status Codes"][0]
    for cell in block["Status Codes"][2]:
        code, colon, count = cell.partition(":")
        if not (colon and code.isdecimal() and count.isdecimal() and len(count) < 19):
            raise line.broken(f"not a code with its count: {cell[:40]!r}")
        codes[code] = int(count)
    durations = {name: _go_time(block["Duration"][0], text) for name, text in _cells(block, "Duration").items()}
    requests = round(_float(first, totals.get("total", "")))
    success = _float(block["Success"][0], next(iter(block["Success"][2]), "").rstrip("%")) / 100
    sizes = [round(_float(first, _cells(block, name)["total"])) if "total" in _cells(block, name) else None
             for name in ("Bytes In", "Bytes Out")]  # fmt: skip
    return _record(
        Source(tool="vegeta", form="report-text", place=place),
        codes=codes,
        requests=requests,
        attack_s=durations.get("attack"),
        wait_s=durations.get("wait", 0.0),
        start=None,
        end=None,
        rate=_float(first, totals["rate"]) if "rate" in totals else None,
        mean_s=times["mean"],
        span=(times["min"], times["max"]),
        points=sorted(points),
        sizes=(sizes[0], sizes[1]),
        notes=_agreement(codes, requests, success),
        extra={},
    )


def _cells(block: dict[str, tuple[Line, list[str], list[str]]], name: str) -> dict[str, str]:
    if name not in block:
        return {}
    line, names, cells = block[name]
    if len(names) != len(cells):
        raise line.broken(f"`{name}` names {len(names)} figures and has {len(cells)}")
    return dict(zip(names, cells, strict=True))


def _go_time(line: Line, text: str) -> float:
    if text == "0s":
        return 0.0
    try:
        return parse_duration(text)
    except ValueError:
        raise line.broken(f"not a time: {text[:40]!r}") from None


def _float(line: Line, text: str) -> float:
    try:
        value = plain_number(text)
    except ValueError:
        raise line.broken(f"not a number: {text[:40]!r}") from None
    if not 0 <= value < 1e18:
        raise line.contradicts(f"{text[:40]} cannot be")
    return value


def _record(
    source: Source,
    *,
    codes: Mapping[str, int],
    requests: int,
    attack_s: float | None,
    wait_s: float,
    start: datetime | None,
    end: datetime | None,
    rate: float | None,
    mean_s: float | None,
    span: tuple[float, float],
    points: list[tuple[float, float]],
    sizes: tuple[int | None, int | None],
    notes: list[ImportNote],
    extra: Mapping[str, object],
) -> Imported:
    failed = {code: count for code, count in codes.items() if not is_success(code)}
    silent = failed.pop("0", 0)
    ok = sum(count for code, count in codes.items() if is_success(code))
    duration = None if attack_s is None else attack_s + wait_s
    return Imported(
        source=source,
        start_time=start,
        end_time=end,
        duration_s=duration,
        loop=LoopModel.OPEN,
        offered_rps=rate,
        achieved_rps=ok / duration if duration else None,
        requests=requests,
        ok=ok,
        errors=sum(failed.values()) + silent,
        errors_by_status=failed,
        errors_by_reason={"no reply": silent} if silent else {},
        bytes_in=sizes[0],
        bytes_out=sizes[1],
        latency_origin=LatencyOrigin.ACTUAL,
        latency_of=LatencyOf.ALL,
        latency_unit="ns" if source.form == "report-json" else "stated",
        latency_count=requests,
        mean_s=mean_s,
        min_s=span[0],
        max_s=span[1],
        quantiles=digest_quantiles(points, *span),
        notes=tuple(notes),
        extra=dict(extra),
    )


class _HdrPlot:
    form = Form(
        name="vegeta-hdrplot",
        tool="vegeta",
        title="vegeta hdrplot",
        latency_unit="ms",
        latency_origin=_ORIGIN,
        loop=_LOOP,
        errors="unknown",
        resolution=_DIGEST,
    )

    def looks_like(self, incoming: Incoming) -> float:
        first = head_text(incoming).lstrip().split("\n", 1)[0]
        return 0.95 if _HDR_HEAD.fullmatch(first) else 0.0

    def read(self, incoming: Incoming) -> Iterator[Imported]:
        points: dict[float, float] = {}
        low = high = None
        total, last = 0, (0.0, 0.0)
        for line in lines_of(incoming):
            if not line.text.strip() or _HDR_HEAD.fullmatch(line.text):
                continue
            cells = line.text.split()
            if len(cells) != 4:
                raise line.broken("a row must have four figures")
            value, q, count = (_float(line, cell) for cell in cells[:3])
            value *= 1e-3
            if q > 1 or q < last[0] or value < last[1] * (1 - 1e-9):
                raise line.contradicts("percentiles and values must rise, up to 1")
            last, total = (q, value), max(total, round(count))
            low = value if low is None else low
            high = value
            if 0 < q < 1:
                points[q] = value
        if low is None or high is None or last[0] < 1:
            what = "the table breaks off before the percentile 1"
            raise DocumentError("MP2402", what, location=Location(path=incoming.path))
        yield Imported(
            source=Source(tool="vegeta", form="hdrplot"),
            loop=LoopModel.OPEN,
            requests=total,
            latency_origin=LatencyOrigin.ACTUAL,
            latency_of=LatencyOf.ALL,
            latency_unit="ms",
            latency_count=total,
            min_s=low,
            max_s=high,
            quantiles=digest_quantiles(_with_standard(points), low, high),
        )


def _with_standard(points: dict[float, float]) -> list[tuple[float, float]]:
    """The rows, and the usual quantiles where they fall between two of them, interpolated."""
    rows = sorted(points.items())
    between = dict(rows)
    for (q_low, low), (q_high, high) in pairwise(rows):
        for q in STANDARD:
            if q_low < q < q_high:
                between[q] = low + (high - low) * (q - q_low) / (q_high - q_low)
    return sorted(between.items())


READERS: tuple[Reader, ...] = (_Json(), _Text(), _HdrPlot())
