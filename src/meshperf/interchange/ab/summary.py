"""ab's text.

Percentiles and times of connections are whole milliseconds, rounded. Its `Time per request (mean)` is concurrency
divided by the rate and no measurement, so the mean of the table of times is taken. A reply counts as failed when it is
of another length than the first one; replies other than 2xx are counted apart and may be the same ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshperf.interchange.documents import numbered
from meshperf.interchange.format import Form, Incoming, Reader
from meshperf.interchange.numbers import plain_number
from meshperf.interchange.text import Line, head_text, lines_of
from meshperf.spec.imported import (
    Imported,
    ImportNote,
    LatencyOf,
    LatencyOrigin,
    LoopModel,
    NoteKind,
    Quantile,
    Source,
)

__all__ = ["READERS"]

_BEGIN = re.compile(r"This is ApacheBench, Version (\S+)")
_FIELD = re.compile(r"([A-Z][A-Za-z0-9 /-]{2,40}):\s+(\S.*)")
_FAILURES = re.compile(
    r"\s*\((?:Connect: (\d{1,18}), )?Receive: (\d{1,18}), Length: (\d{1,18}), Exceptions: (\d{1,18})\)"
)
_FIGURE = r"([0-9]{1,12}(?:\.[0-9]{1,6})?)"
_TOTAL = re.compile(rf"Total:\s+{_FIGURE}\s+{_FIGURE}\s+(?:{_FIGURE}\s+{_FIGURE}\s+)?{_FIGURE}\s*")
_PERCENT = re.compile(r"\s*(\d{1,3})%\s+(\d{1,12})(?:\s+\(longest request\))?\s*")
_HALF_S = 0.5e-3


class _Text:
    form = Form(
        name="ab",
        tool="ab",
        title="ab text",
        latency_unit="ms",
        latency_origin="actual: before it connects",
        loop="closed",
        errors="known: failed requests and replies other than 2xx, which are among the latencies",
        resolution="whole milliseconds, rounded",
    )

    def looks_like(self, incoming: Incoming) -> float:
        head = head_text(incoming)
        if _BEGIN.search(head):
            return 0.95
        return 0.9 if "Concurrency Level:" in head and "Time taken for tests:" in head else 0.0

    def read(self, incoming: Incoming) -> Iterator[Imported]:
        lines = lines_of(incoming)
        begins = [number for number, line in enumerate(lines) if _BEGIN.search(line.text)] or [0]
        for number, begin in enumerate(begins):
            end = begins[number + 1] if number + 1 < len(begins) else len(lines)
            yield _result(lines[begin:end], numbered(number + 1, len(begins)))


def _result(lines: list[Line], place: str | None) -> Imported:
    fields: dict[str, tuple[Line, str]] = {}
    kinds: dict[str, int] = {}
    total: tuple[Line, re.Match[str]] | None = None
    quantiles: dict[float, Quantile] = {}
    longest: float | None = None
    version = _BEGIN.search(lines[0].text)
    for line in lines:
        if (row := _TOTAL.fullmatch(line.text)) is not None:
            total = line, row
        elif (failures := _FAILURES.fullmatch(line.text)) is not None:
            names = ("connect", "receive", "length", "exceptions")
            kinds = {name: int(count or 0) for name, count in zip(names, failures.groups(), strict=True)}
        elif (percent := _PERCENT.fullmatch(line.text)) is not None:
            q, value = int(percent[1]) / 100, int(percent[2]) * 1e-3
            if q == 1:
                longest = value
            elif 0 < q < 1:
                quantiles[q] = Quantile(q=q, value_s=value, low_s=max(value - _HALF_S, 0.0), high_s=value + _HALF_S)
        elif (found := _FIELD.match(line.text)) is not None:
            fields.setdefault(found[1], (line, found[2]))
    requests = _count(fields, "Complete requests")
    if requests is None:
        raise lines[0].broken("the output breaks off before `Complete requests`")
    by_status, by_reason, errors, notes = _errors(fields, kinds)
    if errors is not None and errors > requests:
        raise fields["Complete requests"][0].contradicts(f"{errors} errors in {requests} requests cannot be")
    seconds = _number(fields, "Time taken for tests")
    ok = None if errors is None else requests - errors
    rate = _number(fields, "Requests per second")
    mean = total and float(total[1][2]) * 1e-3
    host, path, port = (fields[name][1] if name in fields else "" for name in _ADDRESS)
    return Imported(
        source=Source(tool="ab", form="text", tool_version=version[1] if version else None, place=place),
        duration_s=seconds,
        protocol="http1" if "Keep-Alive requests" in fields else "http1.0",
        url=f"{'https' if 'SSL/TLS Protocol' in fields else 'http'}://{host}:{port}{path.partition('?')[0]}"
        if host
        else None,
        connections=_count(fields, "Concurrency Level"),
        loop=LoopModel.CLOSED,
        arrivals="closed",
        achieved_rps=rate * ok / requests if rate is not None and ok is not None and requests else rate,
        requests=requests,
        ok=ok,
        errors=errors,
        errors_by_status=by_status,
        errors_by_reason=by_reason,
        bytes_in=_count(fields, "Total transferred"),
        bytes_out=_count(fields, "Total body sent"),
        latency_origin=LatencyOrigin.ACTUAL,
        latency_of=LatencyOf.ALL,
        latency_unit="ms",
        latency_count=requests,
        mean_s=mean,
        stddev_s=None if total is None or total[1][3] is None else float(total[1][3]) * 1e-3,
        min_s=None if total is None else max(float(total[1][1]) * 1e-3 - _HALF_S, 0.0),
        max_s=longest + _HALF_S if longest is not None else None,
        quantiles=tuple(quantiles[q] for q in sorted(quantiles)),
        notes=notes,
    )


_ADDRESS = ("Server Hostname", "Document Path", "Server Port")


def _errors(
    fields: dict[str, tuple[Line, str]], kinds: dict[str, int]
) -> tuple[dict[str, int], dict[str, int], int | None, tuple[ImportNote, ...]]:
    failed, other = _count(fields, "Failed requests"), _count(fields, "Non-2xx responses") or 0
    if failed is None:
        return {}, {}, None, ()
    kinds = {name: count for name, count in kinds.items() if count}
    length = kinds.get("length", 0) if kinds else failed
    errors = failed - length + max(length, other)
    notes: tuple[ImportNote, ...] = ()
    if length:
        text = (
            f"{errors} failed requests are among the latencies; {length} replies count as failed because they were of "
            "another length than the first one"
        )
        figures = {"errors": float(errors), "length": float(length)}
        notes = (ImportNote(kind=NoteKind.FAILURES_IN_LATENCY, text=text, figures=figures),)
    return ({"not 2xx": other} if other else {}), kinds or ({"failed": failed} if failed else {}), errors, notes


def _number(fields: dict[str, tuple[Line, str]], name: str) -> float | None:
    found = fields.get(name)
    if found is None:
        return None
    try:
        value = plain_number(found[1].split()[0])
    except ValueError:
        raise found[0].broken(f"`{name}` must be a number, found {found[1][:40]!r}") from None
    if not 0 <= value < 1e18:
        raise found[0].contradicts(f"`{name}` cannot be {found[1][:40]}")
    return value


def _count(fields: dict[str, tuple[Line, str]], name: str) -> int | None:
    value = _number(fields, name)
    if value is not None and value != int(value):
        raise fields[name][0].broken(f"`{name}` must be a whole number")
    return None if value is None else int(value)


READERS: tuple[Reader, ...] = (_Text(),)
