"""SMP result documents of other writers: today's shape in both spellings of its keys, and the oldest one.

The standard's result holds six latencies and a rate. It says nothing of errors, counts, loop or clock, so all of that
stays unknown, and a percentile's bounds are its neighbours. In proto3 an absent number and 0 are the same, so 0 is
unknown too. Documents that meshperf made of imported results come back as they were.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from meshperf.errors import DocumentError
from meshperf.interchange.documents import read_tree
from meshperf.interchange.extras import rest_of
from meshperf.interchange.format import Form, Incoming, Reader
from meshperf.interchange.fortio import numbered
from meshperf.interchange.json_value import Value
from meshperf.interchange.smp_units import copied_from, signs
from meshperf.interchange.sniffing import keys_at
from meshperf.spec.imported import Imported, ImportNote, NoteKind, Quantile, Source
from meshperf.spec.redaction import shown_url
from meshperf.spec.smp_imported import imported_from_document, is_imported

__all__ = ["READERS"]

_LATENCIES = ("latencies_ms", "latenciesMs")
_FIGURES = ("min", "average", "p50", "p90", "p99", "max")
_LINKS = {
    "test_id": ("test_id", "testId"),
    "mesh_config_id": ("mesh_config_id", "meshConfigId"),
    "env_id": ("env_id", "envId"),
}
_PLACEHOLDERS = frozenset(
    ("test_smp_version", "test_id", "test_details", "test_test_id", "test_meshconfigID", "test_envID")
)
_VERSION = ("smp_version", "smpVersion", "smps_version", "smpsVersion")
_BEGIN, _END, _RATE = ("start_time", "startTime"), ("end_time", "endTime"), ("actual_qps", "actualQps")
_TAKEN = frozenset((*_LATENCIES, *_VERSION, *_BEGIN, *_END, *_RATE, "client", "endpoint_url", "endpointUrl"))


class _Smp:
    form = Form(
        name="smp",
        tool="smp",
        title="SMP result documents (standard, YAML or JSON, both spellings, and the oldest generation)",
        latency_unit="ms by name; seconds are detected",
        latency_origin="unknown",
        loop="unknown",
        errors="unknown: the standard has no place for them",
        resolution="unknown: the bounds are the neighbouring figures of the document",
    )

    def looks_like(self, incoming: Incoming) -> float:
        keys = keys_at(incoming)
        if "format" in keys and keys & {*_LATENCIES, *_RATE, "requests", "latency_distribution"}:
            return 0.9
        if keys & {*_LATENCIES, *_RATE}:
            return 0.9
        return 0.85 if "client" in keys and keys & {"exp_uuid", "endpoint_url", "env"} else 0.0

    def read(self, incoming: Incoming) -> Iterator[Imported]:
        roots = [Value(document, document.data) for document in read_tree(incoming)]
        found = [one for root in roots for one in (root.each() if isinstance(root.data, list) else [root])]
        for number, one in enumerate(found, start=1):
            yield _record(one, numbered(number, len(found)), incoming.convert_units)


def _record(root: Value, place: str | None, convert: bool) -> Imported:
    if is_imported(root.data):
        return _written_by_us(root)
    if root.get("format") is not None:
        hint = "it needs no import: give it to compare, report or validate as it is"
        raise root.document.error("MP2401", "this is a result document of meshperf itself", root.pointer, hint=hint)
    client = root.get("client") if root.get(*_LATENCIES) is None else None
    figures = (client or root).get(*_LATENCIES)
    if figures is None and root.get(*_RATE) is None:
        raise root.document.error("MP2402", "this is no SMP result: it has no `latencies_ms`", root.pointer)
    given = {} if figures is None else _figures(figures)
    placeholders = _placeholders(root)
    scale, unit, notes = _unit(given, root, convert=convert, placeholders=bool(placeholders))
    seconds = {name: value * scale for name, value in given.items()}
    rate = client.get("rps") if client is not None else root.get(*_RATE)
    begin, end = _time(root.get(*_BEGIN)), _time(root.get(*_END))
    duration = (end - begin).total_seconds() if begin is not None and end is not None and end > begin else None
    connections = client.get("connections") if client is not None else None
    url = root.get("endpoint_url", "endpointUrl")
    version = root.get(*_VERSION)
    return Imported(
        source=Source(
            tool="smp",
            form="first generation" if client is not None else "result",
            tool_version=version.text() if version is not None and version.data not in _PLACEHOLDERS else None,
            place=place,
        ),
        start_time=begin,
        end_time=end,
        duration_s=duration,
        url=shown_url(url.text()) if url is not None else None,
        connections=connections.count() or None if connections is not None else None,
        achieved_rps=(rate.number() or None) if rate is not None else None,
        latency_unit=unit,
        mean_s=seconds.get("average"),
        min_s=seconds.get("min"),
        max_s=seconds.get("max"),
        quantiles=tuple(_quantiles(seconds)),
        notes=(*notes, *_link_notes(root, placeholders, old=client is not None)),
        extra=_extra(root, client),
    )


def _written_by_us(root: Value) -> Imported:
    try:
        return imported_from_document(root.data)
    except DocumentError as wrong:
        raise root.document.error("MP2402", wrong.message, root.pointer + wrong.location.pointer) from None


def _figures(value: Value) -> dict[str, float]:
    found = {}
    for name in _FIGURES:
        one = value.get(name)
        if one is not None and one.number():
            found[name] = one.number()
    return found


def _unit(
    given: Mapping[str, float], root: Value, *, convert: bool, placeholders: bool
) -> tuple[float, str, list[ImportNote]]:
    """What one unit of the figures is in seconds, its name, and what is said of it."""
    why = signs(given, placeholders and bool(given))
    if given and copied_from(given, root.data):
        text = "`latencies_ms` holds seconds: the document's own histogram, in seconds, has the same figures"
        return 1.0, "s", [ImportNote(kind=NoteKind.UNIT_CONVERTED, text=text)]
    if not why:
        return 1e-3, "ms", []
    reasons = "; ".join(why)
    if convert:
        text = f"`latencies_ms` is taken as seconds, as asked for: {reasons}"
        return 1.0, "s", [ImportNote(kind=NoteKind.UNIT_CONVERTED, text=text)]
    text = f"`latencies_ms` may hold seconds: {reasons}; --convert-units takes them as such"
    return 1e-3, "ms", [ImportNote(kind=NoteKind.UNIT_SUSPECT, text=text)]


def _quantiles(seconds: Mapping[str, float]) -> Iterator[Quantile]:
    known = [(name, seconds[name]) for name in ("min", "p50", "p90", "p99", "max") if name in seconds]
    for number, (name, value) in enumerate(known):
        if name.startswith("p"):
            low = known[number - 1][1] if number else 0.0
            high = known[number + 1][1] if number + 1 < len(known) else value
            yield Quantile(q=int(name[1:]) / 100, value_s=value, low_s=min(low, value), high_s=max(high, value))


def _placeholders(root: Value) -> list[str]:
    return sorted(key for key, value in root.data.items() if isinstance(value, str) and value in _PLACEHOLDERS)


def _link_notes(root: Value, placeholders: list[str], *, old: bool) -> Iterator[ImportNote]:
    if placeholders:
        text = f"placeholders of Meshery's export, which say nothing: {', '.join(placeholders)}"
        yield ImportNote(kind=NoteKind.PLACEHOLDER, text=text)
    absent = [
        name
        for name, names in _LINKS.items()
        if (one := root.get(*names)) is None or one.data in _PLACEHOLDERS or one.data == ""
    ]
    if absent and not old:
        text = f"the document names no test, mesh or environment: {', '.join(absent)}"
        yield ImportNote(kind=NoteKind.LINK_ABSENT, text=text)


def _extra(root: Value, client: Value | None) -> dict[str, object]:
    kept = {key: value for key, value in root.data.items() if not _is_placeholder(value)}
    extra = rest_of(kept, _TAKEN)
    if client is not None:
        rest = rest_of(client.data, {*_LATENCIES, "rps", "connections"})
        if rest:
            extra["client"] = rest
    return extra


def _is_placeholder(value: object) -> bool:
    return isinstance(value, str) and value in _PLACEHOLDERS


def _time(value: Value | None) -> datetime | None:
    """A time as text, or in the seconds and nanoseconds that Go writes."""
    if value is None:
        return None
    if isinstance(value.data, dict):
        seconds, nanos = value.get("seconds"), value.get("nanos")
        whole = seconds.count() if seconds is not None else 0
        part = nanos.number(scale=1e-9) if nanos is not None else 0.0
        if whole > 253_402_300_799 - 1 or part >= 1:
            raise value.contradicts("is no point in time")
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=whole, microseconds=int(part * 1e6))
    return value.time()


READERS: tuple[Reader, ...] = (_Smp(),)
