"""Classic histogram buckets as scraped text: Prometheus' exposition format and OpenMetrics.

What it decides: which metrics are latencies. A histogram counts if its name says a unit of time, or has a duration or
latency in it and is known to be in milliseconds (Istio, Linkerd, Envoy). If the names of some say that they are of
requests, only those count, and a note names the others. Every set of labels is a result of its own: a sum over them may
count a request twice (Istio reports each from both sides). Only labels that tell the outcome are summed over, since
that is how errors become known.
What it assumes: `le` is the inclusive upper bound of a bucket, and counters are as of one scrape.
What it refuses: rates and durations. The counters grow since the process began, which is said in every result.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from meshperf.errors import DocumentError, Location
from meshperf.interchange.format import Form, Incoming, Reader
from meshperf.interchange.numbers import plain_number
from meshperf.interchange.quantiles import STANDARD, completed
from meshperf.interchange.text import Line, head_text, lines_of
from meshperf.spec.imported import (
    Bucket,
    Imported,
    ImportNote,
    LatencyOf,
    LatencyOrigin,
    LoopModel,
    NoteKind,
    Source,
)

__all__ = ["MOST_RESULTS", "READERS"]

MOST_RESULTS = 10_000
_BUCKET = re.compile(r'^[a-zA-Z_:][\w:]*_bucket\{[^\n]*\ble="[^"]*"', re.MULTILINE)
_SAMPLE = re.compile(r"([a-zA-Z_:][\w:]*)(\{.*\})?\s+(\S+)(?:\s+-?[\d.]+)?(?:\s+#.*)?\s*")
_LABEL = re.compile(r'\s*([a-zA-Z_]\w*)\s*=\s*"((?:[^"\\\n]|\\.)*)"\s*(,|$)')
_SECONDS = re.compile(r"seconds(_total)?$")
_MILLIS = re.compile(r"(milliseconds|_ms|envoy_\w*_(rq|upstream|downstream|cx)\w*_(time|length_ms))$")
_MICROS = re.compile(r"microseconds$")
_REQUESTS = re.compile(r"request|response|_rq_|http|grpc|rpc|handling|upstream|downstream")
_OUTCOMES = frozenset((
    "code", "status", "status_code", "statuscode", "http_status", "response_code",
    "http_response_status_code", "grpc_status", "grpc_code", "grpc_response_status", "classification", "response_flags",
    "success",
))  # fmt: skip


@dataclass(slots=True)
class _Series:
    """One histogram as exposed: cumulative counts by bound."""

    first: Line
    cumulative: dict[float, int] = field(default_factory=dict)
    total: float | None = None
    count: int | None = None


class _Text:
    form = Form(
        name="prometheus",
        tool="prometheus",
        title="Prometheus histogram buckets as scraped text",
        latency_unit="by the name of the metric",
        latency_origin="unknown: that of the process that was scraped",
        loop="unknown",
        errors="known where a label tells the status; they are among the latencies",
        resolution="the buckets; percentiles are interpolated inside of one",
    )

    def looks_like(self, incoming: Incoming) -> float:
        return 0.9 if _BUCKET.search(head_text(incoming)) else self._typed(incoming)

    @staticmethod
    def _typed(incoming: Incoming) -> float:
        """A long exposition may have its histograms far below."""
        return 0.6 if re.search(r"^# TYPE \S+ (counter|gauge|histogram|summary)", head_text(incoming), re.M) else 0.0

    def read(self, incoming: Incoming) -> Iterator[Imported]:
        lines = lines_of(incoming)
        found = _series(lines)
        units = {name: unit for name, unit in ((name, _unit(name)) for name, _ in found) if unit is not None}
        if not units:
            what = "there is no histogram of a time in the text"
            raise lines[0].broken(what)
        of_requests = {name for name in units if _REQUESTS.search(name)}
        chosen = of_requests or set(units)
        left = sorted(set(units) - chosen)
        groups: dict[tuple[str, tuple[tuple[str, str], ...]], list[tuple[dict[str, str], _Series]]] = {}
        for (name, labels), series in found.items():
            if name in chosen:
                rest = tuple(one for one in labels if one[0].lower() not in _OUTCOMES)
                groups.setdefault((name, rest), []).append((dict(labels), series))
        for (name, rest), members in groups.items():
            yield _result(name, rest, members, units[name], left)


def _series(lines: list[Line]) -> dict[tuple[str, tuple[tuple[str, str], ...]], _Series]:
    found: dict[tuple[str, tuple[tuple[str, str], ...]], _Series] = {}
    for line in lines:
        text = line.text
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        sample = _SAMPLE.fullmatch(text)
        if sample is None:
            raise line.broken("not a sample of a metric")
        base, _, part = sample[1].rpartition("_")
        if part not in ("bucket", "sum", "count"):
            continue
        labels = _labels(sample[2], line)
        bound = labels.pop("le", None)
        if (part == "bucket") != (bound is not None):
            continue
        key = base, tuple(sorted(labels.items()))
        if part != "bucket" and key not in found:
            continue  # a summary's, or a counter that is named so
        series = found.setdefault(key, _Series(first=line))
        if len(found) > MOST_RESULTS:
            raise DocumentError("MP2404", f"there are more than {MOST_RESULTS} histograms", location=_at(line))
        _put(series, part, bound, sample[3], line)
    return found


def _put(series: _Series, part: str, bound: str | None, text: str, line: Line) -> None:
    value = _number(text, line)
    if value < 0 or not math.isfinite(value) or value > 1e18:
        raise line.contradicts(f"a counter cannot be {text[:40]}")
    if part == "sum":
        series.total = value
        return
    if value != int(value):
        raise line.contradicts(f"a count cannot be {text[:40]}")
    if part == "count":
        series.count = int(value)
        return
    edge = _number(bound or "", line)
    if math.isnan(edge) or edge < 0:
        raise line.contradicts(f"a bound of {(bound or '')[:40]} cannot be")
    if edge in series.cumulative:
        raise line.contradicts("the same bucket is here twice: a file holds one scrape")
    series.cumulative[edge] = int(value)


def _number(text: str, line: Line) -> float:
    try:
        return plain_number(text)
    except ValueError:
        raise line.broken(f"not a number: {text[:40]!r}") from None


def _labels(text: str | None, line: Line) -> dict[str, str]:
    labels: dict[str, str] = {}
    inside = "" if text is None else text[1:-1].strip()
    at = 0
    while at < len(inside):
        found = _LABEL.match(inside, at)
        if found is None:
            raise line.broken("the labels cannot be read")
        labels[found[1]] = found[2].replace('\\"', '"').replace("\\n", "\n").replace("\\\\", "\\")
        at = found.end()
    return labels


def _unit(name: str) -> float | None:
    """Seconds in one of the metric's units, by its name."""
    if _MICROS.search(name):
        return 1e-6
    if _MILLIS.search(name):
        return 1e-3
    return 1.0 if _SECONDS.search(name) else None


def _result(
    name: str,
    rest: tuple[tuple[str, str], ...],
    members: list[tuple[dict[str, str], _Series]],
    unit: float,
    left: list[str],
) -> Imported:
    cumulative: dict[float, int] = {}
    edges = set(members[0][1].cumulative)
    errors: dict[str, int] = {}
    ok, known, total_sum, sums = 0, True, 0.0, True
    notes = [_since_start(name)]
    for labels, series in members:
        if set(series.cumulative) != edges:
            raise series.first.contradicts("series of one metric have different buckets")
        count = _whole(series, notes)
        for edge, value in series.cumulative.items():
            cumulative[edge] = cumulative.get(edge, 0) + value
        failed = _failure(labels)
        if failed is None:
            known = False
        elif failed:
            errors[failed] = errors.get(failed, 0) + count
        else:
            ok += count
        sums = sums and series.total is not None
        total_sum += series.total or 0.0
    buckets = _buckets(cumulative, unit)
    requests = sum(bucket.count for bucket in buckets)
    quantiles = completed([], buckets)
    beyond = [q for q in STANDARD if requests * (1 - q) >= 1 and not any(one.q == q for one in quantiles)]
    if beyond and len(buckets) > 1:
        text = f"p{beyond[0] * 100:g} and above lie beyond the last bound, {buckets[-1].low_s * 1e3:g} ms"
        notes.append(ImportNote(kind=NoteKind.COARSE, text=text, figures={"last_bound_s": buckets[-1].low_s}))
    if left:
        text = f"histograms that are not of requests were left out: {', '.join(left[:10])}"
        notes.append(ImportNote(kind=NoteKind.DROPPED, text=text))
    errors = {code: count for code, count in errors.items() if count}
    status = {code: count for code, count in errors.items() if code.isdecimal() and len(code) == 3}
    labels_text = ",".join(f'{key}="{value}"' for key, value in rest)
    return Imported(
        source=Source(tool="prometheus", form="text", place=f"{name}{{{labels_text}}}"[:500] if rest else name),
        name=name,
        loop=LoopModel.UNKNOWN,
        requests=requests,
        ok=ok if known else None,
        errors=sum(errors.values()) if known else None,
        errors_by_status=status,
        errors_by_reason={code: count for code, count in errors.items() if code not in status},
        latency_origin=LatencyOrigin.UNKNOWN,
        latency_of=LatencyOf.ALL if known else LatencyOf.UNKNOWN,
        latency_unit={1.0: "s", 1e-3: "ms", 1e-6: "us"}[unit],
        latency_count=requests,
        mean_s=total_sum * unit / requests if sums and requests else None,
        quantiles=quantiles,
        buckets=buckets,
        notes=tuple(notes),
        extra={"labels": dict(rest)} if rest else {},
    )


def _since_start(name: str) -> ImportNote:
    text = (
        f"`{name}` counts since the process began, so these are not the figures of one run; scrape before and after a "
        "run and import the differences"
    )
    return ImportNote(kind=NoteKind.SINCE_START, text=text)


def _whole(series: _Series, notes: list[ImportNote]) -> int:
    """The count of a series, its buckets checked. Raises MP2402, MP2403."""
    edges = sorted(series.cumulative)
    if edges[-1] != math.inf:
        raise series.first.broken('the buckets have no `le="+Inf"`: some are missing')
    last = 0
    for edge in edges:
        if series.cumulative[edge] < last:
            raise series.first.contradicts(f"the bucket up to {edge:g} holds less than the one below it")
        last = series.cumulative[edge]
    if series.count is not None and series.count != last:
        text = f"the buckets hold {last} requests, `_count` says {series.count}"
        notes.append(ImportNote(kind=NoteKind.INCONSISTENT, text=text))
    return last


def _buckets(cumulative: dict[float, int], unit: float) -> tuple[Bucket, ...]:
    found = []
    low, before = 0.0, 0
    for edge in sorted(cumulative):
        found.append(Bucket(low_s=low * unit, high_s=edge * unit, count=cumulative[edge] - before))
        low, before = edge, cumulative[edge]
    return tuple(found)


def _failure(labels: dict[str, str]) -> str | None:
    """What failed, by the labels: empty for a success, None where they do not tell."""
    words = {key.lower(): value.strip() for key, value in labels.items() if key.lower() in _OUTCOMES}
    grpc = next((words[key] for key in ("grpc_response_status", "grpc_status", "grpc_code") if words.get(key)), None)
    for key, word in words.items():
        if key in ("classification", "success") and word:
            return "" if word.lower() in ("success", "true") else word
    if grpc is not None and grpc not in ("0", "OK"):
        return f"grpc {grpc}"
    codes = [word for key, word in words.items() if word and not key.startswith("grpc") and key != "response_flags"]
    if not codes:
        return "" if grpc is not None else None
    code = codes[0]
    if re.fullmatch(r"[1-5](\d\d|xx)", code, re.IGNORECASE):
        return "" if code[0] in "123" else code
    if code.lower() in ("ok", "0"):
        return ""
    return code


def _at(line: Line) -> Location:
    return Location(path=line.path, line=line.number)


READERS: tuple[Reader, ...] = (_Text(),)
