"""Nighthawk: its JSON and YAML, and what its transform to fortio's form writes (getnighthawk's records too)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import replace

from meshperf.interchange.documents import numbered, read_json, read_tree
from meshperf.interchange.format import Form, Incoming, Reader
from meshperf.interchange.fortio import is_run, runs_in
from meshperf.interchange.fortio_histogram import duration_histogram
from meshperf.interchange.fortio_run import run_of
from meshperf.interchange.json_value import Value
from meshperf.interchange.nighthawk_run import DIGITS, record_of
from meshperf.interchange.sniffing import keys_at
from meshperf.interchange.text import head_text
from meshperf.spec.imported import Imported, ImportNote, LatencyOf, LoopModel, NoteKind, Source

__all__ = ["READERS", "as_nighthawk"]

_TEXT_COUNT = re.compile(r'"Count"\s*:\s*"\d')
_MOST = 1e18
_TEMPLATE = re.compile(r"^([ ]*[a-z_]+:) @[a-z_]+@[ ]*$", re.MULTILINE)
_STATISTICS = re.compile(r'^\s*"?statistics"?\s*:|"statistics"\s*:', re.MULTILINE)


class _Nighthawk:
    form = Form(
        name="nighthawk",
        tool="nighthawk",
        title="Nighthawk JSON or YAML",
        latency_unit="s, as text with the unit",
        latency_origin="actual: after the headers were written to a ready connection",
        loop="closed with a schedule; open with --open-loop; rate and connections are for each worker",
        errors="known by counters: 4xx, 5xx, other codes, stream resets, pool overflow, connection failures; "
        "unknown without counters of its HTTP client",
        resolution="the HdrHistogram's bucket (4 significant figures, ns)",
    )

    def looks_like(self, incoming: Incoming) -> float:
        keys = keys_at(incoming)
        if not {"options", "results"} <= keys:
            return 0.0
        return 0.95 if _STATISTICS.search(head_text(incoming)) else 0.0

    def read(self, incoming: Incoming) -> Iterator[Imported]:
        for document in read_tree(incoming, mend=_without_templates):
            root = Value(document, document.data)
            results = list(root.need("results").each())
            whole = [one for one in results if one.need("name").text() == "global"]
            shown = whole or results
            workers = max(len(results) - len(whole), 1)
            for number, one in enumerate(shown, start=1):
                source = Source(
                    tool="nighthawk",
                    form="json" if document.text.lstrip()[:1] == "{" else "yaml",
                    tool_version=_version(root),
                    place=numbered(number, len(shown)),
                )
                options = root.get("options") or Value(document, {}, "/options")
                yield record_of(one, options, source, workers=workers if whole else 1)


class _NighthawkFortio:
    form = Form(
        name="nighthawk-fortio",
        tool="nighthawk",
        title="Nighthawk in fortio's form, and getnighthawk",
        latency_unit="s",
        latency_origin="actual: after the headers were written to a ready connection",
        loop="closed with a schedule; --open-loop is not in this form",
        errors="unknown: only the number of 2xx replies is there",
        resolution="the HdrHistogram's bucket (4 significant figures, ns); else the distance of the percentiles given",
    )

    def looks_like(self, incoming: Incoming) -> float:
        return 0.96 if is_run(keys_at(incoming)) and _TEXT_COUNT.search(head_text(incoming)) else 0.0

    def read(self, incoming: Incoming) -> Iterator[Imported]:
        for run, place in runs_in(list(read_json(incoming)), key="DurationHistogram"):
            version = run.get("Version")
            source = Source(
                tool="nighthawk",
                form="fortio-json",
                tool_version=version.text() if version is not None else None,
                place=place,
            )
            yield as_nighthawk(run_of(run, source), run)


def as_nighthawk(record: Imported, run: Value) -> Imported:
    """fortio's reading, without what this form does not say, and with what it says otherwise."""
    histogram = duration_histogram(run.need("DurationHistogram"), hdr_digits=DIGITS)
    rate, duration = run.get("ActualQPS"), record.duration_s
    counted = rate.number() * duration if rate is not None and duration else math.inf
    requests = round(counted) if counted < _MOST else None
    notes = [note for note in record.notes if note.kind is not NoteKind.INCONSISTENT]
    if requests is not None and requests != histogram.count:
        text = f"{requests} requests by rate and duration, {histogram.count} of them among the latencies"
        notes.append(ImportNote(kind=NoteKind.SAMPLED, text=text))
    replies = record.ok if record.ok else None
    if record.ok == 0 and histogram.count:
        text = f"no reply is counted as 2xx, and yet there are {histogram.count} latencies"
        notes.append(ImportNote(kind=NoteKind.INCONSISTENT, text=text, figures={"latencies": float(histogram.count)}))
    return replace(
        record,
        loop=LoopModel.SCHEDULED_CLOSED if record.offered_rps else LoopModel.UNKNOWN,
        arrivals=None,
        achieved_rps=replies / duration if replies and duration else None if rate is None else rate.number(),
        requests=requests,
        ok=replies,
        errors=None,
        errors_by_status={},
        errors_by_reason={},
        timeouts=None,
        bytes_in=record.bytes_in or None,
        latency_of=LatencyOf.UNKNOWN,
        quantiles=histogram.quantiles,
        notes=(*histogram.notes, *notes),
    )


def _without_templates(text: str) -> str:
    """A version that a build left as `@version_major@` is not YAML; nothing is known of it."""
    return _TEMPLATE.sub(r"\1 null", text)


def _version(root: Value) -> str | None:
    outer = root.get("version")
    inner = outer.get("version") if outer is not None else None
    if inner is None:
        return None
    parts = [inner.get(name) for name in ("major_number", "minor_number", "patch")]
    if all(part is None for part in parts):
        return None
    return ".".join(str(part.count()) if part is not None else "0" for part in parts)


READERS: tuple[Reader, ...] = (_Nighthawk(), _NighthawkFortio())
