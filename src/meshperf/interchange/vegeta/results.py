"""vegeta's single results: as JSON lines, read in bounded memory; and its binary form, which only vegeta reads.

The binary form is that of Go's own encoding, with types and no versions; `vegeta encode` makes JSON lines of it, so it
is not read a second time here. Whoever may start a process (the command line) does that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from meshperf.errors import DocumentError, Location
from meshperf.interchange.format import Form, Incoming, Reader
from meshperf.interchange.json_value import moment
from meshperf.interchange.samples import Samples, Tally, truncated
from meshperf.interchange.streams import line_batches
from meshperf.interchange.text import head_text
from meshperf.interchange.vegeta.report import is_success
from meshperf.spec.imported import Imported, ImportNote, LatencyOf, LatencyOrigin, LoopModel, Source
from meshperf.spec.redaction import shown_url

__all__ = ["BINARY", "READERS", "is_binary"]

BINARY = "vegeta-binary"
_FIRST = re.compile(r'^\s*\{(?=[^\n]*"attack"\s*:)(?=[^\n]*"seq"\s*:)(?=[^\n]*"code"\s*:)(?=[^\n]*"latency"\s*:)')
_MOST_NS = 3_600_000_000_000


class _Lines:
    form = Form(
        name="vegeta-results",
        tool="vegeta",
        title="vegeta results as JSON lines (vegeta encode)",
        latency_unit="ns",
        latency_origin="actual: when a worker takes the tick",
        loop="open, with as many workers as it takes",
        errors="known: a status below 200 or from 400 on, 0 for no reply; only successes are in the latencies",
        resolution="every latency, gathered into a histogram of three digits",
    )

    def looks_like(self, incoming: Incoming) -> float:
        return 0.95 if _FIRST.match(head_text(incoming)) else 0.0

    def read(self, incoming: Incoming) -> Iterator[Imported]:
        samples, tally = Samples(), Tally()
        urls: set[str] = set()
        methods: set[str] = set()
        first: datetime | None = None
        last: datetime | None = None
        end: datetime | None = None
        bytes_in = bytes_out = 0
        notes: list[ImportNote] = []
        for begin, lines, ended in line_batches(incoming):
            if not ended and not lines[0].rstrip().endswith(b"}"):
                notes.append(truncated(begin))
                break
            for number, line in enumerate(lines, start=begin):
                if not line.strip():
                    continue
                result = _parsed(line, incoming, number)
                time = moment(str(result.get("timestamp")))
                latency, code = _count(result, "latency"), _count(result, "code")
                if time is None or latency is None or code is None:
                    raise _wrong(incoming, "MP2402", "`timestamp`, `latency` or `code` is missing or wrong", number)
                if latency > _MOST_NS:
                    raise _wrong(incoming, "MP2403", f"a latency of {latency / 1e9:g} s cannot be", number)
                if is_success(str(code)):
                    samples.add(latency * 1e-9)
                    tally.ok += 1
                elif code:
                    tally.failed(tally.by_status, str(code))
                else:
                    tally.failed(tally.by_reason, str(result.get("error") or "no reply"))
                done = time + timedelta(microseconds=latency / 1e3)
                first = time if first is None else min(first, time)
                last = time if last is None else max(last, time)
                end = done if end is None else max(end, done)
                for name, words in (("url", urls), ("method", methods)):
                    if isinstance(result.get(name), str) and len(words) < 2:
                        words.add(result[name])
                sizes = [_count(result, name, absent=0) for name in ("bytes_in", "bytes_out")]
                if sizes[0] is None or sizes[1] is None:
                    raise _wrong(incoming, "MP2402", "`bytes_in` and `bytes_out` must be whole numbers", number)
                bytes_in, bytes_out = bytes_in + sizes[0], bytes_out + sizes[1]
        if first is None or last is None or end is None:
            raise DocumentError("MP2402", "there is no result in the file", location=Location(path=incoming.path))
        requests, duration = tally.ok + tally.errors, (end - first) / timedelta(seconds=1)
        attack = (last - first) / timedelta(seconds=1)
        yield Imported(
            source=Source(tool="vegeta", form="results-ndjson"),
            start_time=first,
            end_time=end,
            duration_s=duration,
            method=next(iter(methods)) if len(methods) == 1 else None,
            url=shown_url(next(iter(urls))) if len(urls) == 1 else None,
            loop=LoopModel.OPEN,
            offered_rps=(requests - 1) / attack if attack > 0 else None,
            achieved_rps=tally.ok / duration if duration else None,
            requests=requests,
            ok=tally.ok,
            errors=tally.errors,
            errors_by_status=tally.by_status,
            errors_by_reason=tally.by_reason,
            bytes_in=bytes_in,
            bytes_out=bytes_out,
            latency_origin=LatencyOrigin.ACTUAL,
            latency_of=LatencyOf.SUCCESSES,
            latency_unit="ns",
            latency_count=tally.ok,
            mean_s=samples.mean_s,
            stddev_s=samples.stddev_s,
            min_s=samples.min_s,
            max_s=samples.max_s,
            quantiles=samples.quantiles(),
            response=samples.histogram(),
            notes=tuple(notes),
        )


def _parsed(line: bytes, incoming: Incoming, number: int) -> dict[str, Any]:
    try:
        result = json.loads(line)
    except (ValueError, RecursionError) as problem:
        raise _wrong(incoming, "MP2402", f"not valid JSON: {str(problem)[:100]}", number) from None
    if not isinstance(result, dict):
        raise _wrong(incoming, "MP2402", "the line is not a JSON object", number)
    return result


def _count(result: dict[str, Any], name: str, absent: int | None = None) -> int | None:
    """A whole number that is not negative; None for anything else."""
    value = result.get(name, absent)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10**18 else None


def _wrong(incoming: Incoming, code: str, what: str, line: int) -> DocumentError:
    return DocumentError(code, what, location=Location(path=incoming.path, line=line))


def is_binary(incoming: Incoming) -> bool:
    """Whether it begins with the types of vegeta's results in Go's encoding."""
    head = incoming.head[:512]
    return b"\x00" in head and all(name in head for name in (b"\x06Attack", b"\x03Seq", b"\x04Code", b"\x07Latency"))


class _Binary:
    form = Form(
        name=BINARY,
        tool="vegeta",
        title="vegeta results, binary (with vegeta installed)",
        latency_unit="ns",
        latency_origin="actual: when a worker takes the tick",
        loop="open, with as many workers as it takes",
        errors="known: a status below 200 or from 400 on, 0 for no reply; only successes are in the latencies",
        resolution="every latency, gathered into a histogram of three digits",
    )

    def looks_like(self, incoming: Incoming) -> float:
        return 0.95 if is_binary(incoming) else 0.0

    def read(self, incoming: Incoming) -> Iterator[Imported]:
        name = "FILE" if incoming.path is None else incoming.path.name
        raise DocumentError(
            "MP2401",
            "these are vegeta's results in its binary form, which only vegeta reads",
            location=Location(path=incoming.path),
            hint=f"run `vegeta encode --to json {name} > results.ndjson` and import that; with vegeta on the PATH "
            "`meshperf import` does it by itself",
        )
        yield  # a reader is an iterator, this one of nothing


READERS: tuple[Reader, ...] = (_Lines(), _Binary())
