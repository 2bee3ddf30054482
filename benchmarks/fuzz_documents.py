"""Every reader of files as something that takes bytes, and its seed corpus: the samples that the tests read.

A reader may give what it read or one `DocumentError`; anything else is a finding. What it gave is held against what
readers promise: no figure that cannot be, a document that can be written, and that says the same when it is read again.
"""

from __future__ import annotations

import io
import itertools
import json
import math
import tempfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from meshperf.errors import CODES, DocumentError, Location
from meshperf.interchange.format import HEAD_BYTES, Incoming
from meshperf.interchange.reading import read_incoming
from meshperf.interchange.registry import forms
from meshperf.spec.conformance import CASES
from meshperf.spec.experiment_reading import experiment_from_document
from meshperf.spec.imported import Imported
from meshperf.spec.load_files import read_trace
from meshperf.spec.reader import parse_document
from meshperf.spec.smp import read_result_document, result_from_document, result_to_document
from meshperf.spec.smp_document import Dialect, Kind, SmpDocument
from meshperf.spec.smp_imported import imported_from_document, imported_to_document
from meshperf.spec.smp_reading import parse_smp
from meshperf.spec.smp_writing import write_smp
from meshperf.store.imported_rows import imported_row

__all__ = ["Broken", "Target", "targets", "tried"]

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "tests" / "samples"
_JSON = Path("fuzz.json")
"""A name for what is in memory: some readers take JSON by name. It is never opened."""


class Broken(AssertionError):
    """A reader broke a promise without raising."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One reader."""

    name: str
    samples: tuple[bytes, ...]
    """Those of its own form first."""
    read: Callable[[bytes], object]


def tried(target: Target, data: bytes) -> str:
    """`read`, or the code of the one error that a reader may raise.

    Raises:
        Broken: a promise was broken.
        Exception: whatever else the reader let through.
    """
    try:
        target.read(data)
    except DocumentError as error:
        for one in (error, *error.others):
            if one.code not in CODES or not str(one).strip():
                raise Broken(f"{one.code!r} is no code, or its text is empty") from error
        return error.code
    return "read"


@cache
def targets() -> dict[str, Target]:
    """All of them, by name."""
    imports = _samples("interchange/*")
    found = [
        Target(name="import", samples=tuple(imports.values()), read=partial(_imported, form=None)),
        *(
            Target(
                name=f"import-{form.name}",
                samples=_own_first(imports, form.name),
                read=partial(_imported, form=form.name),
            )
            for form in forms()
        ),
    ]
    cases = {path.name: path.read_bytes() for path in sorted(CASES.glob("*.input.*"))}
    binary = tuple(data for name, data in cases.items() if name.endswith(".binpb"))
    text = tuple(data for name, data in cases.items() if not name.endswith(".binpb"))
    documents = _samples("documents/*")
    mine = [documents[name] for name in ("experiment.yaml", "smp-test.yaml")]
    found += [
        Target(name="smp", samples=(*text, *binary, documents["result.json"]), read=_smp),
        Target(name="smp-binary", samples=binary, read=_smp_binary),
        Target(name="result", samples=(documents["result.json"],), read=_result),
        Target(name="experiment", samples=(*mine, *_examples()), read=_experiment),
        Target(name="trace", samples=(documents["trace.txt"],), read=_trace),
    ]
    return {target.name: target for target in found}


def _samples(pattern: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(SAMPLES.glob(pattern))}


def _examples() -> tuple[bytes, ...]:
    return tuple(path.read_bytes() for path in sorted((ROOT / "examples").glob("*.yaml")))


def _own_first(samples: Mapping[str, bytes], form: str) -> tuple[bytes, ...]:
    """The samples that the form can read, three times as often as the others together."""
    own = [data for data in samples.values() if _can(data, form)]
    rest = [data for data in samples.values() if data not in own]
    often = max(1, 3 * len(rest) // max(1, len(own)))
    return (*(own * often), *rest)


def _can(data: bytes, form: str) -> bool:
    try:
        return bool(list(read_incoming(_in_memory(data), form=form)))
    except DocumentError:
        return False


def _in_memory(data: bytes, *, convert_units: bool = False) -> Incoming:
    return Incoming(
        path=None,
        head=data[:HEAD_BYTES],
        size=len(data),
        stream=lambda: io.BytesIO(data),
        convert_units=convert_units,
    )


def _imported(data: bytes, *, form: str | None) -> None:
    """Read; then what the verb does with it: write the document, put it into the store, read it from there."""
    for record in read_incoming(_in_memory(data, convert_units=zlib.crc32(data) % 4 == 0), form=form):
        _possible(record)
        try:
            document = imported_to_document(record)
        except ValueError as problem:  # the verb refuses such a record with MP2403
            raise DocumentError("MP2403", str(problem), location=Location()) from None
        text = json.dumps(document, allow_nan=False)
        text.encode()
        again = imported_from_document(json.loads(text))
        if imported_to_document(again) != document:
            raise Broken("the document of an imported result says something else when it is read again")
        imported_row(document)


def _possible(record: Imported) -> None:
    for one in record.quantiles:
        if not 0 <= one.low_s <= one.value_s <= one.high_s < math.inf:
            raise Broken(f"the quantile {one} cannot be")
    for name in ("requests", "ok", "errors", "timeouts", "achieved_rps", "offered_rps", "duration_s", "mean_s"):
        value = getattr(record, name)
        if value is not None and not 0 <= value < math.inf:
            raise Broken(f"{name} = {value} cannot be")


def _smp(data: bytes) -> None:
    for name in (None, _JSON):
        try:
            found = parse_smp(data, name)
        except DocumentError:
            if name is _JSON:
                raise
        else:
            _written(found, data)


def _smp_binary(data: bytes) -> None:
    chosen = zlib.crc32(data)
    kinds = [None, *Kind]
    told = kinds[chosen % len(kinds)]
    dialect = (None, Dialect.PROTOBUF, Dialect.PROTOBUF_DELIMITED)[chosen // 16 % 3]
    _written(parse_smp(data, dialect=dialect, kind=told), data)


def _written(documents: tuple[SmpDocument, ...], data: bytes) -> None:
    """In one of the dialects, and read again: what loses nothing must say the same."""
    dialect = list(Dialect)[zlib.crc32(data) % len(Dialect)]
    for one in documents:
        text = write_smp([one], dialect, lossy=True)
        named = dialect if dialect in (Dialect.PROTOBUF, Dialect.PROTOBUF_DELIMITED) else None
        (again,) = parse_smp(text, None if named else _JSON, dialect=named, kind=one.kind)
        lossless = dialect not in (Dialect.SMP_GO, Dialect.PROTOJSON)
        if lossless and again.data != one.data:
            raise Broken(f"written as {dialect}, a document says something else when it is read again")


def _result(data: bytes) -> None:
    run = read_result_document(parse_document(data, _JSON))
    document: dict[str, Any] = result_to_document(run)
    text = json.dumps(document, allow_nan=False)
    if result_to_document(result_from_document(json.loads(text))) != document:
        raise Broken("a result says something else when it is read again")


def _experiment(data: bytes) -> None:
    experiment_from_document(parse_document(data), files_beside=False)


def _trace(data: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as file:
        file.write(data)
        file.flush()
        times = read_trace(Path(file.name))
    if any(later < earlier for earlier, later in itertools.pairwise(times)):
        raise Broken("the times of a trace fall")
