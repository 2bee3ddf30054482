"""SMP documents of every dialect and generation, from a file or bytes, told apart by their content.

Text is JSON or YAML; anything else is one binary message or several with their lengths. All problems of a file come as
one error, each with its line and column; a binary file has only JSON pointers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshperf.errors import DocumentError, Location
from meshperf.spec.document import Document, escape, raise_all
from meshperf.spec.imported import NoteKind
from meshperf.spec.reader import parse_document
from meshperf.spec.smp_document import Dialect, Generation, Kind, SmpDocument, SmpNote
from meshperf.spec.smp_generations import Modern, modern
from meshperf.spec.smp_labels import EXTENSIONS, KIND, labels_of, put_back, show_meshes
from meshperf.spec.smp_messages import ROOTS, kind_of, table_of
from meshperf.spec.smp_normal import Normaliser, Problem
from meshperf.spec.smp_suspicions import settle_units, without_placeholders
from meshperf.spec.smp_wire import from_wire, kinds_of_wire, split_delimited

__all__ = ["MAX_SMP_BYTES", "is_binary", "parse_smp", "read_smp", "smp_from_data", "smp_from_document"]

MAX_SMP_BYTES = 256 * 2**20
MAX_TEXT_BYTES = 16 * 2**20
"""Of YAML: its parser is slow, and no YAML document of SMP is larger."""
_KIND_HINT = (
    f"results of other tools are for `meshperf import`; of SMP, say what it is with `--kind`: {', '.join(Kind)}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where problems of one document are told."""

    path: Path | None
    document: Document | None = None
    prefix: str = ""
    moved: Modern | None = None

    def error(self, problem: Problem) -> DocumentError:
        pointer = problem.pointer if self.moved is None else self.moved.pointer(problem.pointer)
        pointer = self.prefix + pointer
        if self.document is not None:
            return self.document.error(problem.code, problem.message, pointer, hint=problem.hint, key=problem.key)
        location = Location(path=self.path, pointer=pointer)
        return DocumentError(problem.code, problem.message, location=location, hint=problem.hint)


def read_smp(
    path: Path, *, dialect: Dialect | None = None, kind: Kind | None = None, convert_units: bool = False
) -> tuple[SmpDocument, ...]:
    """The documents in a file; usually one.

    Args:
        dialect: what the file is, where its content does not tell; text or one of the binary forms matters.
        kind: what the documents are, where their content does not tell.
        convert_units: latencies that are probably seconds under a name that says milliseconds become milliseconds.

    Raises:
        DocumentError: MP2001 (cannot be read), MP2002 (cut off, or no form of SMP), MP2003 (a key given twice), MP2201
            (kind not to be told), MP2204 (a field's value); all problems of the file at once.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SMP_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else str(error)) or "unknown reason"
        message = f"cannot read {path}: {reason.lower()}"
        raise DocumentError("MP2001", message, location=Location(path=path)) from None
    return parse_smp(data, path, dialect=dialect, kind=kind, convert_units=convert_units)


def parse_smp(
    data: bytes,
    path: Path | None = None,
    *,
    dialect: Dialect | None = None,
    kind: Kind | None = None,
    convert_units: bool = False,
) -> tuple[SmpDocument, ...]:
    """The documents in the bytes of a file; see `read_smp`.

    Raises:
        DocumentError: as `read_smp`.
    """
    limit = MAX_SMP_BYTES if data[:64].lstrip()[:1] in (b"{", b"[") or is_binary(data) else MAX_TEXT_BYTES
    if len(data) > limit:
        raise DocumentError("MP2001", f"larger than {limit / 2**20:g} MiB", location=Location(path=path))
    binary = dialect in (Dialect.PROTOBUF, Dialect.PROTOBUF_DELIMITED) or (dialect is None and is_binary(data))
    if binary:
        return _from_binary(data, path, dialect, kind, convert_units)
    return smp_from_document(parse_document(data, path), kind=kind, convert_units=convert_units)


def is_binary(data: bytes) -> bool:
    """Whether bytes are a binary message rather than text."""
    head = data[:4096]
    if any(byte < 32 and byte not in b"\t\n\r\f" for byte in head):
        return bool(kinds_of_wire(data) or _delimited(data) or kinds_of_wire(data, newer=True))
    return head[:1] == b"\n" and b"\n" not in head[1:40] and bool(kinds_of_wire(data))


def smp_from_document(
    document: Document, *, kind: Kind | None = None, convert_units: bool = False
) -> tuple[SmpDocument, ...]:
    """The documents in JSON or YAML that was read: one, or a list of them.

    Raises:
        DocumentError: as `read_smp`.
    """
    if not isinstance(document.data, list):
        place = _Place(path=document.path, document=document)
        return (smp_from_data(document.data, place, kind=kind, convert_units=convert_units),)
    if not document.data:
        raise document.error("MP2201", "this is no SMP document: the list is empty")
    found, problems = [], []
    for at, data in enumerate(document.data):
        place = _Place(path=document.path, document=document, prefix=f"/{at}")
        try:
            found.append(smp_from_data(data, place, kind=kind, convert_units=convert_units))
        except DocumentError as error:
            first = DocumentError(error.code, error.message, location=error.location, hint=error.hint)
            problems += [first, *error.others]  # flat: each problem is told once
    raise_all(problems)
    return tuple(found)


def smp_from_data(
    data: Any, place: _Place | None = None, *, kind: Kind | None = None, convert_units: bool = False
) -> SmpDocument:
    """One document from plain JSON data of any text dialect.

    Raises:
        DocumentError: as `read_smp`.
    """
    where = place or _Place(path=None)
    moved = modern(data)
    where = _Place(path=where.path, document=where.document, prefix=where.prefix, moved=moved)
    found = kind or _labelled_kind(moved.data) or kind_of(moved.data)
    if found is None:
        raise where.error(_no_kind(moved.data))
    document, prefix = where.document, where.prefix

    def written(pointer: str) -> str | None:
        mark = None if document is None else document.marks.get(prefix + moved.pointer(pointer))
        return None if mark is None else mark.text

    normaliser = Normaliser(written=written)
    neutral = _neutral(found, moved.data, normaliser)
    problems = list(normaliser.problems)
    dialect = _dialect(found, neutral, normaliser)
    show_meshes(found, neutral)
    back = put_back(found, neutral)
    if dialect is Dialect.STRICT and not back and not problems:
        again = Normaliser()
        neutral = _neutral(found, neutral, again)
        label = "/test/labels" if found is Kind.TEST_FILE else "/labels"
        back = [
            Problem(code=one.code, message=f"{one.message} (at {one.pointer})", pointer=f"{label}/{escape(EXTENSIONS)}")
            for one in again.problems
        ]
        normaliser.unknown += again.unknown
    raise_all([where.error(problem) for problem in (*problems, *back)])
    notes = [SmpNote(kind=NoteKind.OLDER_GENERATION, text=text) for text in moved.told]
    return _settled(found, neutral, dialect, moved, notes, normaliser.unknown, convert_units)


def _neutral(kind: Kind, data: Any, normaliser: Normaliser) -> dict[str, Any]:
    if kind is not Kind.TEST_FILE or not isinstance(data, dict):
        return normaliser.message(data, table_of(kind), "")
    found: dict[str, Any] = {}
    for key, part in (("test", Kind.TEST), ("mesh", Kind.MESH)):
        if data.get(key) is None:
            message = f"an SMP test file needs the key `{key}`"
            normaliser.problems.append(Problem(code="MP2102", message=message, pointer="", hint=f"{key}: {{…}}"))
        else:
            found[key] = normaliser.message(data[key], table_of(part), f"/{key}")
    others = {key: value for key, value in data.items() if key not in ("test", "mesh")}
    return found | normaliser.foreign(others, "")


def _settled(
    kind: Kind,
    data: dict[str, Any],
    dialect: Dialect,
    moved: Modern | None,
    notes: list[SmpNote],
    unknown: Sequence[str],
    convert_units: bool,
) -> SmpDocument:
    generation = Generation.G2 if moved is None else moved.generation
    if kind is Kind.RESULT:
        data, placeholders = without_placeholders(data)
        data, units = settle_units(data, generation, placeholders=bool(placeholders), convert=convert_units)
        notes = [*notes, *placeholders, *units]
    if unknown:
        some = ", ".join(unknown[:5]) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
        text = f"keys that neither the standard nor meshperf knows are kept: {some}"
        notes.append(SmpNote(kind=NoteKind.UNKNOWN_KEYS, text=text, pointer=unknown[0]))
    return SmpDocument(kind=kind, data=data, dialect=dialect, generation=generation, notes=tuple(notes))


def _dialect(kind: Kind, neutral: dict[str, Any], seen: Normaliser) -> Dialect:
    if EXTENSIONS in (labels_of(kind, neutral) or {}):
        return Dialect.STRICT
    if seen.camel or seen.texts:
        return Dialect.PROTOJSON
    return Dialect.EXTENDED if (seen.extensions or seen.names) and not seen.clocks else Dialect.SMP_GO


def _labelled_kind(data: Any) -> Kind | None:
    """The kind that our own writer left in a label."""
    labels = data.get("labels") if isinstance(data, dict) else None
    label = labels.get(KIND) if isinstance(labels, dict) else None
    return Kind(label) if isinstance(label, str) and label in {one.value for one in ROOTS} else None


def _no_kind(data: Any) -> Problem:
    if isinstance(data, dict):
        message = "the keys do not tell which of SMP's documents this is"
        return Problem(code="MP2201", message=message, pointer="", hint=_KIND_HINT)
    return Problem(code="MP2201", message="this is no SMP document: a mapping of keys to values is needed", pointer="")


def _delimited(data: bytes) -> list[tuple[bytes, list[Kind]]] | None:
    """Messages of a delimited file with the kinds each may be; None where it is none."""
    found = split_delimited(data)
    if not found:
        return None
    several: list[tuple[bytes, list[Kind]]] = []
    for part in found:
        kinds = kinds_of_wire(part)
        if not kinds:
            return None
        several.append((part, kinds))
    return several


def _from_binary(
    data: bytes, path: Path | None, dialect: Dialect | None, kind: Kind | None, convert_units: bool
) -> tuple[SmpDocument, ...]:
    single = kinds_of_wire(data) if dialect is not Dialect.PROTOBUF_DELIMITED else []
    several = None if single or dialect is Dialect.PROTOBUF else _delimited(data)
    if not single and several is None and dialect is not Dialect.PROTOBUF_DELIMITED:
        single = kinds_of_wire(data, newer=True)
    if single or dialect is Dialect.PROTOBUF:
        return (_message(data, single, Dialect.PROTOBUF, path, "", kind, convert_units),)
    if several is None and dialect is not None and kind is not None:
        several = [(part, []) for part in split_delimited(data) or []]
    if not several:
        message = "not an SMP message: the bytes are cut off, or of something else"
        raise DocumentError("MP2002", message, location=Location(path=path))
    return tuple(
        _message(part, kinds, Dialect.PROTOBUF_DELIMITED, path, f"/{at}", kind, convert_units)
        for at, (part, kinds) in enumerate(several)
    )


def _message(
    data: bytes,
    kinds: list[Kind],
    dialect: Dialect,
    path: Path | None,
    prefix: str,
    kind: Kind | None,
    convert_units: bool,
) -> SmpDocument:
    place = _Place(path=path, prefix=prefix)
    if kind is None and len(kinds) != 1:
        which = f"it may be {' or '.join(kinds)}" if kinds else "no kind of SMP document fits it"
        problem = Problem(code="MP2201", message=f"a binary message does not say what it is: {which}", pointer="")
        raise place.error(Problem(code=problem.code, message=problem.message, pointer="", hint=_KIND_HINT))
    found = kind or kinds[0]
    try:
        neutral, problems = from_wire(found, data)
    except DocumentError as error:
        raise place.error(Problem(code=error.code, message=error.message, pointer="")) from None
    if found is Kind.TEST_FILE:
        neutral = {"test": neutral}
        problems = [Problem(code=one.code, message=one.message, pointer=f"/test{one.pointer}") for one in problems]
    show_meshes(found, neutral)
    problems += put_back(found, neutral)
    normaliser = Normaliser()
    neutral = _neutral(found, neutral, normaliser)
    raise_all([place.error(problem) for problem in (*problems, *normaliser.problems)])
    return _settled(found, neutral, dialect, None, [], normaliser.unknown, convert_units)
