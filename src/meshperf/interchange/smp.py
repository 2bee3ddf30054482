"""SMP result documents of other writers, in every dialect and generation that `spec` reads.

The standard's result holds six latencies and a rate. It says nothing of errors, counts, loop or clock, so all of that
stays unknown, and a percentile's bounds are its neighbours. In proto3 an absent number and 0 are the same, so 0 is
unknown too. Documents that meshperf made of imported results come back as they were.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from meshperf.errors import DocumentError, Location
from meshperf.interchange.documents import MAX_TEXT_BYTES, numbered, read_tree
from meshperf.interchange.extras import rest_of
from meshperf.interchange.format import HEAD_BYTES, Form, Incoming, Reader
from meshperf.interchange.json_value import moment
from meshperf.interchange.smp_units import copied_from, finer_than_a_clock
from meshperf.interchange.sniffing import keys_at
from meshperf.spec.imported import Imported, ImportNote, NoteKind, Quantile, Source
from meshperf.spec.redaction import shown_url
from meshperf.spec.smp_document import Generation, Kind, SmpDocument
from meshperf.spec.smp_imported import imported_from_document, is_imported
from meshperf.spec.smp_reading import is_binary, parse_smp, smp_from_document

__all__ = ["READERS"]

_LATENCIES, _RATE = ("latencies_ms", "latenciesMs"), ("actual_qps", "actualQps")
_FIGURES = ("min", "average", "p50", "p90", "p99", "max")
_LINKS = ("test_id", "mesh_config_id", "env_id")
_TAKEN = frozenset(("latencies_ms", "actual_qps", "smp_version", "start_time", "end_time"))
_UNITS = (NoteKind.UNIT_SUSPECT, NoteKind.UNIT_CONVERTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """A document in neutral form, the plain data it was read from, and the place of its errors."""

    document: SmpDocument
    raw: Any
    location: Location


class _Smp:
    form = Form(
        name="smp",
        tool="smp",
        title="SMP result documents: JSON, YAML or binary, every dialect and generation",
        latency_unit="ms by name; seconds are detected",
        latency_origin="unknown",
        loop="unknown",
        errors="unknown: the standard has no place for them",
        resolution="unknown: the bounds are the neighbouring figures of the document",
    )

    def looks_like(self, incoming: Incoming) -> float:
        if b"\x00" in incoming.head:
            return 0.8 if len(incoming.head) < HEAD_BYTES and is_binary(incoming.head) else 0.0
        keys = keys_at(incoming)
        if keys & {*_LATENCIES, *_RATE} or ("format" in keys and keys & {"requests", "latency_distribution"}):
            return 0.9
        return 0.85 if "client" in keys and keys & {"exp_uuid", "endpoint_url", "env"} else 0.0

    def read(self, incoming: Incoming) -> Iterator[Imported]:
        found = list(_documents(incoming))
        for number, one in enumerate(found, start=1):
            yield _record(one, numbered(number, len(found)), incoming.convert_units)


def _documents(incoming: Incoming) -> Iterator[_Read]:
    if is_binary(incoming.head):
        with incoming.stream() as stream:
            data = stream.read(MAX_TEXT_BYTES + 1)
        place = Location(path=incoming.path)
        if len(data) > MAX_TEXT_BYTES:
            raise DocumentError("MP2404", "no SMP result is that large", location=place)
        for one in parse_smp(data, incoming.path, convert_units=incoming.convert_units):
            yield _Read(document=one, raw=one.data, location=place)
        return
    for document in read_tree(incoming):
        listed = isinstance(document.data, list)
        raws = document.data if listed else [document.data]
        results = smp_from_document(document, convert_units=incoming.convert_units)
        for number, (raw, one) in enumerate(zip(raws, results, strict=True)):
            yield _Read(document=one, raw=raw, location=document.locate(f"/{number}" if listed else ""))


def _record(read: _Read, place: str | None, convert: bool) -> Imported:
    data = read.document.data
    if is_imported(read.raw):
        return _written_by_us(read)
    if data.get("format") is not None:
        hint = "it needs no import: give it to compare, report or validate as it is"
        message = "this is a result document of meshperf itself"
        raise DocumentError("MP2401", message, location=read.location, hint=hint)
    given = {name: value for name, value in _mapping(data, "latencies_ms").items() if name in _FIGURES and value}
    if read.document.kind is not Kind.RESULT or not (given or data.get("actual_qps")):
        message = f"the {read.document.kind} holds no result: neither latencies nor a rate"
        raise DocumentError("MP2402", message, location=read.location)
    scale, unit, notes = _settled(read, given, convert=convert)
    seconds = {name: value * scale for name, value in given.items()}
    begin, end = (moment(str(data.get(name, ""))) for name in ("start_time", "end_time"))
    duration = (end - begin).total_seconds() if begin is not None and end is not None and end > begin else None
    client: Mapping[str, Any] = next(iter(_mapping(data, "test").get("clients") or ()), {})
    url = next(iter(client.get("endpoint_urls") or ()), None)
    return Imported(
        source=Source(
            tool="smp",
            form=f"{read.document.dialect} {read.document.generation}",
            tool_version=data.get("smp_version") or None,
            place=place,
        ),
        start_time=begin,
        end_time=end,
        duration_s=duration,
        url=None if url is None else shown_url(str(url)),
        connections=client.get("connections") or None,
        achieved_rps=data.get("actual_qps") or None,
        latency_unit=unit,
        mean_s=seconds.get("average"),
        min_s=seconds.get("min"),
        max_s=seconds.get("max"),
        quantiles=tuple(_quantiles(seconds)),
        notes=(*notes, *_link_notes(read.document)),
        extra=rest_of(data, _TAKEN),
    )


def _written_by_us(read: _Read) -> Imported:
    try:
        return imported_from_document(read.raw)
    except DocumentError as wrong:
        location = replace(read.location, pointer=read.location.pointer + wrong.location.pointer)
        raise DocumentError("MP2402", wrong.message, location=location, hint=wrong.hint) from None


def _mapping(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = data.get(key)
    return found if isinstance(found, dict) else {}


def _settled(read: _Read, given: Mapping[str, float], *, convert: bool) -> tuple[float, str, list[ImportNote]]:
    """What one unit of the figures is in seconds, the unit that the file holds, and all that is to be told."""
    told = _told(read.document)
    others = [note for note in told if note.kind not in _UNITS]
    if any(note.kind is NoteKind.UNIT_CONVERTED for note in told):
        return 1e-3, "s", told
    if given and copied_from(given, read.raw):
        text = "`latencies_ms` holds seconds: the document's own histogram, in seconds, has the same figures"
        return 1.0, "s", [*others, ImportNote(kind=NoteKind.UNIT_CONVERTED, text=text)]
    sign = finer_than_a_clock(given)
    if sign is None:
        return 1e-3, "ms", told
    if convert:
        text = f"`latencies_ms` is taken as seconds, as asked for: {sign}"
        return 1.0, "s", [*others, ImportNote(kind=NoteKind.UNIT_CONVERTED, text=text)]
    text = f"`latencies_ms` may hold seconds: {sign}; --convert-units takes them as such"
    return 1e-3, "ms", [*others, ImportNote(kind=NoteKind.UNIT_SUSPECT, text=text)]


def _told(document: SmpDocument) -> list[ImportNote]:
    """The notes of the document, those of one kind as one."""
    texts: dict[NoteKind, list[str]] = {}
    for note in document.notes:
        texts.setdefault(note.kind, []).append(note.text)
    return [ImportNote(kind=kind, text="; ".join(found)) for kind, found in texts.items()]


def _quantiles(seconds: Mapping[str, float]) -> Iterator[Quantile]:
    known = [(name, seconds[name]) for name in ("min", "p50", "p90", "p99", "max") if name in seconds]
    for number, (name, value) in enumerate(known):
        if name.startswith("p"):
            low = known[number - 1][1] if number else 0.0
            high = known[number + 1][1] if number + 1 < len(known) else value
            yield Quantile(q=int(name[1:]) / 100, value_s=value, low_s=min(low, value), high_s=max(high, value))


def _link_notes(document: SmpDocument) -> Iterator[ImportNote]:
    absent = [name for name in _LINKS if not document.data.get(name)]
    if absent and document.generation is not Generation.G0:
        text = f"the document names no test, mesh or environment: {', '.join(absent)}"
        yield ImportNote(kind=NoteKind.LINK_ABSENT, text=text)


READERS: tuple[Reader, ...] = (_Smp(),)
