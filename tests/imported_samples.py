"""Files of other tools for tests of importers: small ones of our own, and reading from memory."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from meshperf.interchange.format import HEAD_BYTES, Incoming
from meshperf.interchange.reading import read_incoming
from meshperf.spec.imported import Imported, NoteKind, Quantile

SAMPLES = Path(__file__).parent / "samples" / "interchange"
SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


def incoming(data: bytes, *, convert_units: bool = False) -> Incoming:
    """A file in memory."""
    return Incoming(
        path=None,
        head=data[:HEAD_BYTES],
        size=len(data),
        stream=lambda: io.BytesIO(data),
        convert_units=convert_units,
    )


def records(data: bytes | str, *, form: str | None = None, convert_units: bool = False) -> list[Imported]:
    """All results in a file in memory."""
    content = data.encode() if isinstance(data, str) else data
    return list(read_incoming(incoming(content, convert_units=convert_units), form=form))


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def one(name: str, *, form: str | None = None) -> Imported:
    """The only result in a sample."""
    (record,) = records(sample(name), form=form)
    return record


def changed(name: str, change: Callable[[Any], object]) -> bytes:
    """A JSON sample after `change` was at it."""
    data = json.loads(sample(name))
    change(data)
    return json.dumps(data).encode()


def kinds(record: Imported) -> set[NoteKind]:
    return {note.kind for note in record.notes}


def quantile(record: Imported, q: float) -> Quantile:
    return next(found for found in record.quantiles if found.q == q)


def milliseconds(record: Imported, q: float) -> tuple[float, float, float]:
    """Low bound, value and high bound [ms], to six digits."""
    found = quantile(record, q)
    low, value, high = (float(f"{each * 1e3:.6g}") for each in (found.low_s, found.value_s, found.high_s))
    return low, value, high
