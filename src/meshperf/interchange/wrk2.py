"""wrk2's text: wrk's, with latencies from the scheduled start in an HdrHistogram and its spectrum."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from meshperf.interchange.documents import numbered
from meshperf.interchange.format import Form, Incoming, Reader
from meshperf.interchange.printed import Printed
from meshperf.interchange.quantiles import bounded, bounds_in, completed, hdr_bounds
from meshperf.interchange.spectrum import Spectrum, read_spectrum
from meshperf.interchange.text import head_text, lines_of
from meshperf.interchange.wrk_output import BEGIN, Run, imported, runs_of
from meshperf.spec.imported import Bucket, Imported, ImportNote, LatencyOrigin, LoopModel, NoteKind, Quantile, Source

__all__ = ["READERS", "is_wrk2"]

_SIGNS = re.compile(r"^\s*(Thread calibration: |Latency Distribution \(HdrHistogram|#\[Mean )", re.MULTILINE)
_MS_IN_NS = 1_000_000
_US = 1e-6


def is_wrk2(text: str) -> bool:
    """Whether output of wrk's form is of wrk2."""
    return _SIGNS.search(text) is not None


class _Wrk2:
    form = Form(
        name="wrk2",
        tool="wrk2",
        title="wrk2 text, with the HdrHistogram spectrum where --latency gave it",
        latency_unit="stated; the spectrum in ms",
        latency_origin="intended: the schedule of each connection",
        loop="closed, with a schedule for each connection; latencies count from it",
        errors="known: lines of errors are printed only where there were any. Replies other than 2xx and 3xx are among "
        "the latencies, timeouts and broken connections are not",
        resolution="the HdrHistogram's bucket (3 significant figures, at least 1 us), the last printed digit, and the "
        "spectrum's rows on both sides",
    )

    def looks_like(self, incoming: Incoming) -> float:
        head = head_text(incoming)
        return 0.97 if BEGIN.search(head) is not None and is_wrk2(head) else 0.0

    def read(self, incoming: Incoming) -> Iterator[Imported]:
        runs = list(runs_of(lines_of(incoming)))
        for number, run in enumerate(runs, start=1):
            if run.quantiles.get(""):
                raise run.lines[0].contradicts("this run is of wrk, the file's others are of wrk2")
            yield _record(run, Source(tool="wrk2", form="text", place=numbered(number, len(runs))))


def _record(run: Run, source: Source) -> Imported:
    record = imported(run, source, origin=LatencyOrigin.INTENDED, loop=LoopModel.SCHEDULED_CLOSED, arrivals="constant")
    spectrum = _spectrum(run, "Recorded")
    if spectrum is None:
        return replace(record, quantiles=completed(_quantiles(run, "Recorded", None), ()))
    notes = list(record.notes)
    if run.replies is not None and spectrum.total != run.replies:
        text = f"the latencies are of {spectrum.total} of {run.replies} replies: wrk2 leaves its calibration (10 s) out"
        figures = {"latencies": float(spectrum.total), "replies": float(run.replies)}
        notes.append(ImportNote(kind=NoteKind.SAMPLED, text=text, figures=figures))
    return replace(
        record,
        quantiles=completed(_quantiles(run, "Recorded", spectrum), spectrum.buckets),
        buckets=spectrum.buckets,
        latency_count=spectrum.total,
        mean_s=spectrum.mean_s if spectrum.mean_s is not None else record.mean_s,
        stddev_s=spectrum.stddev_s if spectrum.stddev_s is not None else record.stddev_s,
        max_s=spectrum.max_s,
        notes=tuple(notes),
        extra={**record.extra, **_uncorrected(run)},
    )


def _spectrum(run: Run, section: str) -> Spectrum | None:
    begin = run.sections.get(section)
    if begin is None:
        return None
    end = min((at for at in run.sections.values() if at > begin), default=len(run.lines))
    return read_spectrum(run.lines[begin:end], unit_ns=_MS_IN_NS)


def _quantiles(run: Run, section: str, spectrum: Spectrum | None) -> Iterator[Quantile]:
    digits = 3 if spectrum is None else spectrum.digits
    buckets: tuple[Bucket, ...] = () if spectrum is None else spectrum.buckets
    for _, q, printed in run.quantiles.get(section, []):
        if 0 < q < 1:
            yield bounded(q, printed.value, [_resolved(printed, digits), bounds_in(buckets, q)])


def _resolved(printed: Printed, digits: int) -> tuple[float, float]:
    """Bounds [s] of the histogram's buckets that print so; it counts whole microseconds."""
    first = math.ceil(printed.low / _US - 1e-6)
    last = max(math.floor(printed.high / _US + 1e-6), first)
    return hdr_bounds(first, digits=digits)[0] * _US, hdr_bounds(last, digits=digits)[1] * _US


def _uncorrected(run: Run) -> dict[str, Any]:
    """Latencies from the actual send, which wrk2 prints beside its own with `-U`."""
    given = run.quantiles.get("Uncorrected", [])
    return {"uncorrected_latency_s": {f"p{q * 100:g}": printed.value for _, q, printed in given}} if given else {}


READERS: tuple[Reader, ...] = (_Wrk2(),)
