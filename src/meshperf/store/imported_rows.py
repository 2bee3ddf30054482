"""A result of another tool as a row: its figures for lists, and its SMP document, which is the result."""

from __future__ import annotations

import json
import uuid
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import RowMapping

from meshperf import __version__
from meshperf.spec.completeness import completeness
from meshperf.spec.smp_imported import imported_from_document
from meshperf.store.rows import utc

__all__ = ["ImportedRow", "imported_from_row", "imported_row", "unpacked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedRow:
    """One result of another tool in figures: seconds, requests per second, counts. Unknown is None."""

    imported_id: str
    saved: datetime
    tool: str
    tool_version: str | None
    form: str
    file: str | None
    digest: str | None
    place: str | None
    name: str | None
    mesh: str | None
    start_time: datetime | None
    end_time: datetime | None
    offered_rps: float | None
    achieved_rps: float | None
    p50_s: float | None
    p90_s: float | None
    p99_s: float | None
    mean_s: float | None
    requests: int | None
    ok: int | None
    errors: int | None
    """None: nobody knows whether any failed."""
    completeness: str
    notes: tuple[str, ...]
    """Kinds of its notes."""
    labels: Mapping[str, str]


def imported_row(document: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a document. Raises DocumentError as `imported_from_document`."""
    record = imported_from_document(document)
    quantiles = {one.q: one.value_s for one in record.quantiles}
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    source = record.source
    return {
        "imported_id": str(document.get("id") or f"{source.tool}-{uuid.uuid4().hex[:12]}"),
        "saved": datetime.now(UTC).replace(tzinfo=None),
        "tool": source.tool,
        "tool_version": source.tool_version,
        "form": source.form,
        "file": source.file,
        "digest": source.digest,
        "place": source.place,
        "name": record.name,
        "mesh": record.mesh,
        "start_time": _stored(record.start_time),
        "end_time": _stored(record.end_time),
        "offered_rps": record.offered_rps,
        "achieved_rps": record.achieved_rps,
        "p50_s": quantiles.get(0.5),
        "p90_s": quantiles.get(0.9),
        "p99_s": quantiles.get(0.99),
        "mean_s": record.mean_s,
        "requests": record.requests,
        "ok": record.ok,
        "errors": record.errors,
        "completeness": completeness(record).value,
        "notes": sorted({note.kind.value for note in record.notes}),
        "labels": {str(key): str(value) for key, value in document.get("labels", {}).items()},
        "document": zlib.compress(text.encode()),
        "meshperf": __version__,
    }


def imported_from_row(row: RowMapping) -> ImportedRow:
    """A row without its document."""
    values = {name: row[name] for name in ImportedRow.__slots__}
    times = {name: utc(row[name]) for name in ("saved", "start_time", "end_time")}
    return ImportedRow(**{**values, **times, "notes": tuple(row["notes"])})


def unpacked(document: bytes) -> dict[str, Any]:
    """The document that a row holds."""
    found: dict[str, Any] = json.loads(zlib.decompress(document))
    return found


def _stored(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None)
