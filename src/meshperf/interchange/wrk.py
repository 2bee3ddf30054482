"""wrk's text, with `--latency` and without."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from meshperf.interchange.documents import numbered
from meshperf.interchange.format import Form, Incoming, Reader
from meshperf.interchange.quantiles import bounded, in_order
from meshperf.interchange.text import head_text, lines_of
from meshperf.interchange.wrk2 import is_wrk2
from meshperf.interchange.wrk_output import BEGIN, Run, imported, runs_of
from meshperf.spec.imported import Imported, ImportNote, LatencyOrigin, LoopModel, NoteKind, Quantile, Source

__all__ = ["READERS"]

_BEYOND = 1.5
_TICK_S = 1e-6
"""wrk cuts a latency off to whole microseconds, so the truth is up to one above."""


class _Wrk:
    form = Form(
        name="wrk",
        tool="wrk",
        title="wrk text, with --latency or without",
        latency_unit="stated",
        latency_origin="actual; wrk adds made-up latencies for stalls, by the mean interval",
        loop="closed",
        errors="known: lines of errors are printed only where there were any. Replies other than 2xx and 3xx are among "
        "the latencies, timeouts and broken connections are not",
        resolution="half a unit of the last printed digit, and one microsecond above; none without --latency",
    )

    def looks_like(self, incoming: Incoming) -> float:
        head = head_text(incoming)
        if BEGIN.search(head) is None or "threads and " not in head or is_wrk2(head):
            return 0.0
        return 0.95

    def read(self, incoming: Incoming) -> Iterator[Imported]:
        runs = list(runs_of(lines_of(incoming)))
        for number, run in enumerate(runs, start=1):
            source = Source(tool="wrk", form="text", place=numbered(number, len(runs)))
            if "Recorded" in run.quantiles:
                raise run.lines[0].contradicts("this run is of wrk2, the file's others are of wrk")
            record = imported(run, source, origin=LatencyOrigin.ACTUAL, loop=LoopModel.CLOSED, arrivals="closed")
            yield replace(
                record,
                quantiles=_quantiles(run),
                latency_count=None if record.timeouts else run.replies,
                notes=(*record.notes, *_made_up(record, run.replies or 0)),
            )


def _quantiles(run: Run) -> tuple[Quantile, ...]:
    return in_order(
        bounded(q, printed.value, [(printed.low, printed.high + _TICK_S)])
        for _, q, printed in run.quantiles.get("", [])
        if 0 < q < 1
    )


def _made_up(record: Imported, replies: int) -> Iterator[ImportNote]:
    """Connections that wait for one reply at a time cannot have waited longer than the run; wrk's made-up ones can."""
    spent = (record.mean_s or 0.0) * replies
    had = (record.connections or 0) * (record.duration_s or 0.0)
    if had and spent > _BEYOND * had:
        text = (
            f"the latencies add up to {spent:.4g} s and the connections had {had:.4g} s: wrk made up latencies for "
            "what stalls kept from being sent"
        )
        yield ImportNote(kind=NoteKind.OMISSION, text=text, figures={"spent_s": spent, "had_s": had})


READERS: tuple[Reader, ...] = (_Wrk(),)
