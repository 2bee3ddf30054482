"""HdrHistogram's interval log, V2: one line a result, tagged with its name, for every tool that reads such logs.

Histograms hold nanoseconds, with three significant digits; the column of maxima is in milliseconds, as HdrHistogram's
own writers have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from meshperf.interchange.export.form import ExportForm, PartialWriter, Writer
from meshperf.interchange.export.outgoing import Outgoing, names_of
from meshperf.interchange.export.parts import Part

__all__ = ["WRITERS"]

_HEADING = '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"'


class _HdrLog(PartialWriter):
    form = ExportForm(
        name="hdr-log",
        title="HdrHistogram log V2, one histogram in nanoseconds a result",
        suffix=".hlog",
        carries=frozenset({Part.DISTRIBUTION, Part.FULL_RESOLUTION, Part.BOUNDS}),
        note="it holds no counts of failures and no rates, only the times of the requests that have one",
    )

    def lacks(self, result: Outgoing) -> str | None:
        return None if result.record.response.total else "an exact histogram"

    def write(self, results: Sequence[Outgoing], *, lossy: bool = False) -> bytes:
        starts = [one.record.start_time for one in results if one.record.start_time is not None]
        begin = min(starts, default=None)
        lines = ["#[Logged by meshperf]", "#[Histogram log format version 1.3]"]
        if begin is not None:
            shown = begin.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            lines.append(f"#[StartTime: {begin.timestamp():.3f} (seconds since epoch), {shown}]")
        lines.append(_HEADING)
        lines += [_line(one, name, begin) for one, name in zip(results, names_of(results), strict=True)]
        return ("\n".join(lines) + "\n").encode()


def _line(result: Outgoing, name: str, begin: datetime | None) -> str:
    record = result.record
    since = 0.0
    if begin is not None and record.start_time is not None:
        since = (record.start_time - begin).total_seconds()
    highest_ms = record.response.maximum() * 1e3
    histogram = record.response.to_hdr_v2()
    return f"Tag={name},{since:.3f},{record.duration_s or 0.0:.3f},{highest_ms:.6f},{histogram}"


WRITERS: tuple[Writer, ...] = (_HdrLog(),)
