"""h2load's text: counts, status classes, and the moments of the request time; percentiles where a version prints them.

The columns of its tables are read by their headings, so versions with more of them are read alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from meshperf.interchange.documents import numbered
from meshperf.interchange.format import Form, Incoming, Reader
from meshperf.interchange.printed import Printed, printed_time
from meshperf.interchange.quantiles import bounded, in_order
from meshperf.interchange.text import Line, head_text, lines_of
from meshperf.spec.imported import Imported, ImportNote, LatencyOf, LatencyOrigin, LoopModel, NoteKind, Quantile, Source

__all__ = ["READERS"]

_BEGIN = re.compile(r"^\s*starting benchmark\.\.\.\s*$", re.MULTILINE)
_END = re.compile(
    r"^\s*finished in ([0-9.]{1,30}(?:us|ms|s|m|h|min)), ([0-9]{1,15}(?:\.[0-9]{1,6})?) req/s, \S+\s*$", re.MULTILINE
)
_SPAWN = re.compile(r"\s*spawning thread #[0-9]+: ([0-9]{1,9}) total client\(s\)\. .*")
_PROTOCOL = re.compile(r"\s*Application protocol: (\S+)\s*")
_REQUESTS = re.compile(
    r"\s*requests: ([0-9]{1,15}) total, ([0-9]{1,15}) started, ([0-9]{1,15}) done, ([0-9]{1,15}) succeeded, "
    r"([0-9]{1,15}) failed, ([0-9]{1,15}) errored, ([0-9]{1,15}) timeout\s*"
)
_STATUS = re.compile(r"([0-9]{1,15}) ([1-5]xx)")
_TRAFFIC = re.compile(r"\s*traffic: \S+ \(([0-9]{1,18})\) total,.*")
_HEADING = re.compile(r"\s+(min\s+max\s.*)")
_ROW = re.compile(r"\s*(time for request|request)\s*:\s+(.*)")
_PROTOCOLS = {"h2": ("http2", "2"), "h2c": ("http2", "2"), "http/1.1": ("http1", "1.1"), "h3": (None, "3")}
_SAMPLES = 1_000_000
_NEAR = 0.2
_TICK_S = 1e-6


@dataclass(kw_only=True)
class _Run:
    lines: list[Line]
    clients: int = 0
    threads: int = 0
    protocol: str | None = None
    duration: Printed | None = None
    rate: float = 0.0
    counts: tuple[int, ...] = ()
    status: dict[str, int] = field(default_factory=dict)
    bytes_in: int | None = None
    request: dict[str, Printed] = field(default_factory=dict)


class _H2load:
    form = Form(
        name="h2load",
        tool="h2load",
        title="h2load text",
        latency_unit="stated",
        latency_origin="actual",
        loop="closed; --rps is not in the output, so closed only where the mean is clients / rate",
        errors="known: failed (status other than 2xx and 3xx, and broken requests), timeouts among them",
        resolution="half a unit of the last printed digit, and a microsecond above; most versions print no percentile",
    )

    def looks_like(self, incoming: Incoming) -> float:
        head = head_text(incoming)
        begins, ends = _BEGIN.search(head) is not None, _END.search(head) is not None
        if begins and ends:
            return 0.95
        return 0.8 if ends or (begins and "total client(s)" in head) else 0.0

    def read(self, incoming: Incoming) -> Iterator[Imported]:
        runs = list(_runs(lines_of(incoming)))
        for number, run in enumerate(runs, start=1):
            yield _record(run, Source(tool="h2load", form="text", place=numbered(number, len(runs))))


def _runs(lines: list[Line]) -> Iterator[_Run]:
    begins = [number for number, line in enumerate(lines) if _BEGIN.match(line.text)] or [0]
    for number, begin in enumerate(begins):
        end = begins[number + 1] if number + 1 < len(begins) else len(lines)
        run = _Run(lines=lines[begin:end])
        columns: list[str] = []
        for line in run.lines:
            if (found := _HEADING.fullmatch(line.text)) is not None:
                columns = re.split(r"\s{2,}", found[1].strip())
            elif (found := _ROW.fullmatch(line.text)) is not None:
                run.request = _cells(line, columns, found[2].split())
            else:
                _take(run, line)
        if run.duration is None or not run.counts:
            missing = "finished in" if run.duration is None else "requests:"
            raise run.lines[-1].broken(f"the output is cut off: the line `{missing}` is missing")
        yield run


def _take(run: _Run, line: Line) -> None:
    if (found := _SPAWN.fullmatch(line.text)) is not None:
        run.clients += int(found[1])
        run.threads += 1
    elif (found := _PROTOCOL.fullmatch(line.text)) is not None:
        run.protocol = found[1]
    elif (found := _END.fullmatch(line.text)) is not None:
        run.duration, run.rate = printed_time(found[1]), float(found[2])
        if run.duration is None:
            raise line.broken("the duration cannot be read")
    elif (found := _REQUESTS.fullmatch(line.text)) is not None:
        run.counts = tuple(int(text) for text in found.groups())
    elif line.text.lstrip().startswith("status codes:"):
        run.status = {name: int(count) for count, name in _STATUS.findall(line.text)}
    elif (found := _TRAFFIC.fullmatch(line.text)) is not None:
        run.bytes_in = int(found[1])


def _cells(line: Line, columns: list[str], values: list[str]) -> dict[str, Printed]:
    """The row's figures by heading; the last column, a share, is no time."""
    if not columns or len(values) != len(columns):
        raise line.broken("the row of request times does not fit the table's headings")
    cells = {}
    for name, text in zip(columns, values, strict=True):
        figure = printed_time(text)
        if figure is not None:
            cells[name.lower()] = figure
        elif not text.endswith("%"):
            raise line.broken(f"not a time: {text[:40]!r}")
    return cells


def _record(run: _Run, source: Source) -> Imported:
    total, started, done, ok, errors, errored, timeouts = run.counts
    duration = run.duration.value if run.duration is not None else None
    if run.duration is not None and run.rate and run.duration.low <= ok / run.rate <= run.duration.high:
        duration = ok / run.rate
    loop = _loop(run)
    status = {name: count for name, count in run.status.items() if name in ("4xx", "5xx") and count}
    reasons = {"broken": errored - timeouts, "timeout": timeouts}
    protocol, version = _PROTOCOLS.get(run.protocol or "", (None, None))
    return Imported(
        source=source,
        duration_s=duration,
        protocol=protocol,
        http_version=version,
        connections=run.clients or None,
        threads=run.threads or None,
        loop=loop,
        arrivals="closed" if loop is LoopModel.CLOSED else None,
        achieved_rps=run.rate if not errors else (ok / duration if duration else None),
        requests=ok + errors,
        ok=ok,
        errors=errors,
        timeouts=timeouts,
        errors_by_status=status,
        errors_by_reason={name: count for name, count in reasons.items() if count > 0},
        bytes_in=run.bytes_in,
        latency_origin=LatencyOrigin.ACTUAL,
        latency_of=LatencyOf.SUCCESSES if errors == errored else LatencyOf.UNKNOWN,
        latency_unit="stated",
        mean_s=_value(run, "mean"),
        stddev_s=_value(run, "sd"),
        min_s=_value(run, "min"),
        max_s=_value(run, "max"),
        quantiles=_quantiles(run),
        notes=tuple(_notes(run)),
        extra={"total": total, "started": started, "done": done},
    )


def _notes(run: _Run) -> Iterator[ImportNote]:
    _, started, done, ok, errors, _, _ = run.counts
    if done > _SAMPLES:
        text = f"h2load keeps a random sample of {_SAMPLES} of {done} request times"
        yield ImportNote(kind=NoteKind.SAMPLED, text=text)
    if started > ok + errors:
        text = f"requests under way at the end are in no figure: {started - ok - errors}"
        yield ImportNote(kind=NoteKind.DROPPED, text=text, figures={"requests": float(started - ok - errors)})
    if ok + errors < done or ok + errors > max(started, run.counts[0]):
        text = f"{ok} successes and {errors} failures do not fit {done} requests done of {started} started"
        yield ImportNote(kind=NoteKind.INCONSISTENT, text=text)


def _loop(run: _Run) -> LoopModel:
    """Closed where the clients were busy all the time, by Little's law; with `--rps` they would have waited."""
    mean = _value(run, "mean")
    if mean and run.rate and run.clients and abs(mean - run.clients / run.rate) <= _NEAR * run.clients / run.rate:
        return LoopModel.CLOSED
    return LoopModel.UNKNOWN


def _value(run: _Run, name: str) -> float | None:
    found = run.request.get(name)
    return None if found is None else found.value


def _quantiles(run: _Run) -> tuple[Quantile, ...]:
    found = []
    for name, figure in run.request.items():
        match = re.fullmatch(r"p([0-9]{1,2}(?:\.[0-9]{1,4})?)", name)
        q = 0.5 if name == "median" else float(match[1]) / 100 if match else 0.0
        if 0 < q < 1:
            found.append(bounded(q, figure.value, [(figure.low, figure.high + _TICK_S)]))
    return in_order(found)


READERS: tuple[Reader, ...] = (_H2load(),)
