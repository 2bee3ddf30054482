"""Meshery's performance records: older keys with underscores, newer ones in camel case; one, a list, or a page of them.

Around a run in fortio's form stand the record's name and mesh. Percentiles are those of the generator that Meshery
drove, and so is the meaning of the clock. Nothing is taken from a record's name: `<mesh>_<time>` misleads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from meshperf.interchange.documents import numbered, read_tree
from meshperf.interchange.extras import rest_of
from meshperf.interchange.format import Form, Incoming, Reader
from meshperf.interchange.fortio_run import run_of
from meshperf.interchange.json_value import Value
from meshperf.interchange.mesh_names import mesh_of
from meshperf.interchange.nighthawk import as_nighthawk
from meshperf.interchange.text import head_text
from meshperf.spec.imported import Imported, ImportNote, LatencyOrigin, NoteKind, Source

__all__ = ["READERS"]

_RESULTS = ("runner_results", "runnerResults")
_GENERATOR = ("load-generator", "loadGenerator", "load_generator")
_MARKS = re.compile(r'"?\b(?:runner_results|runnerResults|meshery_id|mesheryId)"?\s*:')
_TAKEN = frozenset({*_RESULTS, "name", "mesh", "test_start_time", "testStartTime"})


class _Meshery:
    form = Form(
        name="meshery",
        tool="meshery",
        title="Meshery performance results, JSON or YAML, old and new keys",
        latency_unit="s",
        latency_origin="of the generator driven: fortio and Nighthawk actual, wrk2 intended",
        loop="of the generator driven: a closed loop that tries to keep a rate; `max` is closed",
        errors="known by code as fortio's; unknown from Nighthawk. Failures are in the same histogram",
        resolution="the bucket of the quantile, as listed",
    )

    def looks_like(self, incoming: Incoming) -> float:
        marks = {found[0].strip('": \t\r\n').replace("_", "").lower() for found in _MARKS.finditer(head_text(incoming))}
        return 0.98 if "runnerresults" in marks else 0.7 if marks else 0.0

    def read(self, incoming: Incoming) -> Iterator[Imported]:
        records = [one for document in read_tree(incoming) for one in _records(Value(document, document.data))]
        runs = [(record, run) for record in records for run in _runs(record)]
        for number, (record, run) in enumerate(runs, start=1):
            yield _record(record, run, numbered(number, len(runs)))


def _records(root: Value) -> Iterator[Value]:
    if isinstance(root.data, list):
        yield from root.each()
    elif isinstance(root.data, dict) and isinstance(root.data.get("results"), list):
        yield from root.need("results").each()
    else:
        yield root


def _runs(record: Value) -> Iterator[Value | None]:
    """The record's runs; None for a record that kept none."""
    found = record.get(*_RESULTS)
    if found is None and not any(name in record.data for name in ("meshery_id", "mesheryId", *_RESULTS)):
        raise record.document.error("MP2403", "no record of Meshery: it has no `runner_results`", record.pointer)
    if found is None or found.data in ([], {}):
        yield None
    elif isinstance(found.data, list):
        yield from found.each()
    else:
        yield found


def _record(record: Value, run: Value | None, place: str | None) -> Imported:
    name, mesh = record.get("name"), record.get("mesh")
    extra = rest_of(record.data, _TAKEN)
    known = mesh_of(mesh.text()) if mesh is not None else None
    if known == "OTHER" and mesh is not None:
        extra["mesh"] = mesh.text()
    if run is None:
        note = ImportNote(kind=NoteKind.DROPPED, text="the record holds no run: it failed, or its result was not kept")
        source = Source(tool="meshery", form="record", place=place)
        return Imported(source=source, name=name.text() if name else None, mesh=known, notes=(note,), extra=extra)
    found = run.get(*_GENERATOR)
    generator = found.text().strip().lower() if found is not None else "fortio"
    version = run.get("Version")
    source = Source(
        tool="meshery",
        form=f"record of {generator[:20]}",
        tool_version=version.text() if version is not None else None,
        place=place,
    )
    result = run_of(run, source)
    if generator == "nighthawk":
        result = as_nighthawk(result, run)
    begin = record.get("test_start_time", "testStartTime")
    return replace(
        result,
        name=name.text() if name is not None else result.name,
        mesh=known,
        start_time=result.start_time or (begin.time() if begin is not None else None),
        latency_origin=LatencyOrigin.INTENDED if generator == "wrk2" else result.latency_origin,
        extra={**result.extra, **extra},
    )


READERS: tuple[Reader, ...] = (_Meshery(),)
