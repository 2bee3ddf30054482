"""What wrk prints, and wrk2, which is made of it: one run after another, each from `Running … test @ …` on.

Sizes are in powers of two, times have two decimals, and latencies are whole microseconds, cut off and not rounded.
A line of errors is printed only where there were any, so its absence means none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from meshperf.interchange.printed import Printed, printed_count, printed_size, printed_time
from meshperf.interchange.text import Line
from meshperf.spec.imported import Imported, ImportNote, LatencyOf, LatencyOrigin, LoopModel, NoteKind, Source
from meshperf.spec.redaction import shown_url

__all__ = ["BEGIN", "Run", "imported", "runs_of"]

BEGIN = re.compile(r"^\s*Running (\S+) test @ (\S+)\s*$", re.MULTILINE)
_SHAPE = re.compile(r"\s*([0-9]{1,9}) threads and ([0-9]{1,9}) connections\s*")
_STATS = re.compile(r"\s*Latency\s+(\S+)\s+(\S+)\s+(\S+)\s+\S+%\s*")
_SECTION = re.compile(r"\s*Latency Distribution(?: \(HdrHistogram - (\w+) Latency.*)?\s*")
_QUANTILE = re.compile(r"\s*([0-9]{1,3}(?:\.[0-9]{1,6})?)%\s+(\S+)\s*")
_TOTAL = re.compile(r"\s*([0-9]{1,18}) requests in (\S+), (\S+) read\s*")
_SOCKET = re.compile(r"\s*Socket errors: connect ([0-9]+), read ([0-9]+), write ([0-9]+), timeout ([0-9]+)\s*")
_STATUS = re.compile(r"\s*Non-2xx or 3xx responses: ([0-9]{1,18})\s*")
_RATE = re.compile(r"\s*Requests/sec:\s*(\S+)\s*")
_QUIET = re.compile(
    r"\s*(Thread Stats\s.*|Req/Sec\s.*|Transfer/sec:.*|Thread calibration:.*|Detailed Percentile spectrum:|"
    r"Value\s+Percentile\s.*|[-0-9.]+\s+[01]\.[0-9]+\s+[0-9]+\s+\S+|#\[.*|-{5,}|)\s*"
)
_MOST = 10**15


@dataclass(kw_only=True)
class Run:
    """One run as printed; quantiles by section, `Recorded` for wrk2's own and `` for wrk's."""

    lines: list[Line]
    planned: Printed | None = None
    url: str = ""
    threads: int | None = None
    connections: int | None = None
    moments: tuple[Printed, Printed, Printed] | None = None
    quantiles: dict[str, list[tuple[Line, float, Printed]]] = field(default_factory=dict)
    sections: dict[str, int] = field(default_factory=dict)
    """Where in `lines` each section begins."""
    replies: int | None = None
    duration: Printed | None = None
    read: Printed | None = None
    socket: tuple[int, int, int, int] = (0, 0, 0, 0)
    status: int = 0
    rate: float | None = None
    unknown: int = 0


def runs_of(lines: list[Line]) -> Iterator[Run]:
    """Each run in the output.

    Raises:
        DocumentError: MP2402, a line that cannot be read, or a run that is cut off; MP2403.
    """
    begins = [number for number, line in enumerate(lines) if BEGIN.match(line.text)]
    for number, begin in enumerate(begins):
        end = begins[number + 1] if number + 1 < len(begins) else len(lines)
        yield _run(lines[begin:end])


def imported(run: Run, source: Source, *, origin: LatencyOrigin, loop: LoopModel, arrivals: str) -> Imported:
    """What both tools say alike; quantiles are the caller's, who knows their resolution."""
    replies = run.replies or 0
    connect, read, write, timeouts = run.socket
    broken = connect + read + write
    ok = max(replies - run.status - timeouts, 0)
    errors = run.status + broken + timeouts
    rate = run.rate if not errors else None
    duration = _duration(run)
    reasons = {"connect": connect, "read": read, "write": write, "timeout": timeouts}
    notes = []
    if run.unknown:
        text = f"lines that the tool does not print, perhaps a script's, are left out: {run.unknown}"
        notes.append(ImportNote(kind=NoteKind.DROPPED, text=text))
    if run.status:
        text = f"{run.status} replies other than 2xx and 3xx are among the latencies"
        notes.append(ImportNote(kind=NoteKind.FAILURES_IN_LATENCY, text=text, figures={"errors": float(run.status)}))
    if replies - run.status - timeouts < 0:
        text = f"{run.status} bad replies and {timeouts} timeouts are more than the {replies} replies"
        notes.append(ImportNote(kind=NoteKind.INCONSISTENT, text=text))
    if duration and run.rate is not None and abs(run.rate * duration - replies) > max(0.02 * replies, 1.0):
        text = f"{run.rate:g} requests/s over {duration:g} s are not the {replies} requests"
        notes.append(ImportNote(kind=NoteKind.INCONSISTENT, text=text))
    return Imported(
        source=source,
        duration_s=duration,
        planned_duration_s=None if run.planned is None else run.planned.value,
        protocol="http1",
        http_version="1.1",
        url=shown_url(run.url),
        connections=run.connections,
        threads=run.threads,
        loop=loop,
        arrivals=arrivals,
        achieved_rps=rate if rate is not None else (ok / duration if duration else None),
        requests=ok + errors,
        ok=ok,
        errors=errors,
        timeouts=timeouts,
        errors_by_status={"other than 2xx and 3xx": run.status} if run.status else {},
        errors_by_reason={name: count for name, count in reasons.items() if count},
        bytes_in=None if run.read is None else round(run.read.value),
        latency_origin=origin,
        latency_of=LatencyOf.ALL if run.status else LatencyOf.SUCCESSES,
        latency_unit="stated",
        mean_s=None if run.moments is None else run.moments[0].value,
        stddev_s=None if run.moments is None else run.moments[1].value,
        max_s=None if run.moments is None else run.moments[2].value,
        notes=tuple(notes),
        extra={"requests_per_s": run.rate} if errors and run.rate is not None else {},
    )


def _duration(run: Run) -> float | None:
    """Replies by rate have more digits than the printed duration; used where they agree with it."""
    if run.duration is None:
        return None
    if run.rate and run.replies:
        precise = run.replies / run.rate
        if run.duration.low <= precise <= run.duration.high:
            return precise
    return run.duration.value


def _run(lines: list[Line]) -> Run:
    run = Run(lines=lines)
    section = ""
    for number, line in enumerate(lines):
        if (found := BEGIN.match(line.text)) is not None:
            run.planned, run.url = printed_time(found[1]), found[2]
        elif (found := _SECTION.fullmatch(line.text)) is not None:
            section = found[1] or ""
            run.sections[section] = number
        elif (found := _QUANTILE.fullmatch(line.text)) is not None:
            given = run.quantiles.setdefault(section, [])
            given.append((line, _share(line, found[1]), _time(line, found[2])))
        elif not _take(run, line) and _QUIET.fullmatch(line.text) is None:
            run.unknown += 1
    if run.replies is None or run.rate is None:
        missing = "requests in" if run.replies is None else "Requests/sec:"
        raise lines[-1].broken(f"the output is cut off: the line `{missing}` is missing")
    return run


def _take(run: Run, line: Line) -> bool:
    if (found := _SHAPE.fullmatch(line.text)) is not None:
        run.threads, run.connections = int(found[1]), int(found[2])
    elif (found := _STATS.fullmatch(line.text)) is not None:
        run.moments = (_time(line, found[1]), _time(line, found[2]), _time(line, found[3]))
    elif (found := _TOTAL.fullmatch(line.text)) is not None:
        run.replies, run.duration = _count(line, found[1]), _time(line, found[2])
        run.read = printed_size(found[3])
    elif (found := _SOCKET.fullmatch(line.text)) is not None:
        connect, read, write, timeouts = (_count(line, text) for text in found.groups())
        run.socket = (connect, read, write, timeouts)
    elif (found := _STATUS.fullmatch(line.text)) is not None:
        run.status = _count(line, found[1])
    elif (found := _RATE.fullmatch(line.text)) is not None:
        rate = printed_count(found[1])
        if rate is None:
            raise line.broken(f"`Requests/sec` is no number: {found[1][:40]!r}")
        run.rate = rate.value
    else:
        return False
    return True


def _share(line: Line, text: str) -> float:
    percent = float(text)
    if percent > 100:
        raise line.contradicts(f"{text} is no percentage")
    return percent / 100


def _time(line: Line, text: str) -> Printed:
    found = printed_time(text)
    if found is None:
        raise line.broken(f"not a time: {text[:40]!r}")
    return found


def _count(line: Line, text: str) -> int:
    if len(text) > 18 or int(text) > _MOST:
        raise line.contradicts("no run has that many requests")
    return int(text)
