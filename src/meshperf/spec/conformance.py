"""The conformance suite: numbered SMP files with what a reader must make of them.

Each case is an input file and an expectation as JSON, so that an implementation in any language can run them: either
the document in the neutral form with its kind, generation and notes, or the code of the error. The other direction:
an implementation writes each document in a dialect, and here it is judged whether the file says the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshperf.errors import DocumentError, Location
from meshperf.spec.reader import read_document
from meshperf.spec.smp_document import Dialect, Kind, SmpDocument
from meshperf.spec.smp_reading import read_smp
from meshperf.spec.smp_writing import lost_paths

__all__ = ["CASES", "Case", "Outcome", "cases", "judge_reader", "judge_writer"]

CASES = Path(__file__).with_name("conformance_cases")
"""The cases that come with meshperf."""
_EXPECTATION = ".expect.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One input and what must come of it."""

    name: str
    title: str
    input: Path
    kind: Kind | None
    """What the reader is told of the kind; None where it must find out."""
    convert_units: bool
    expected: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Whether a case held. `found` says what came instead."""

    case: str
    title: str
    ok: bool
    found: str = ""


def cases(folder: Path = CASES) -> tuple[Case, ...]:
    """The cases in a folder, by their number.

    Raises:
        DocumentError: there are none (MP2001), an expectation is broken, or its input is missing.
    """
    paths = sorted(folder.glob(f"*{_EXPECTATION}")) if folder.is_dir() else []
    if not paths:
        hint = f"a case is a pair such as 001-name.input.json and 001-name{_EXPECTATION}"
        message = f"there are no conformance cases in {folder}"
        raise DocumentError("MP2001", message, location=Location(path=folder), hint=hint)
    return tuple(_case(path) for path in paths)


def judge_reader(case: Case) -> Outcome:
    """Run our own reader over a case."""
    try:
        documents = read_smp(case.input, kind=case.kind, convert_units=case.convert_units)
    except DocumentError as error:
        problems = [[one.code, one.location.pointer] for one in (error, *error.others)]
        ok = _same_errors(case.expected.get("errors"), problems)
        return Outcome(case=case.name, title=case.title, ok=ok, found="" if ok else f"the errors {problems}")
    return _compare(case, documents, None)


def judge_writer(case: Case, folder: Path) -> Iterator[Outcome]:
    """Judge the files that another implementation wrote of a case: `<case>.<dialect>.json` or `.binpb`."""
    if "documents" not in case.expected:
        return
    for dialect in Dialect:
        ending = "binpb" if dialect in (Dialect.PROTOBUF, Dialect.PROTOBUF_DELIMITED) else "json"
        path = folder / f"{case.name}.{dialect}.{ending}"
        if not path.exists():
            continue
        title = f"{case.title}, written as {dialect}"
        kinds = {Kind(one["kind"]) for one in case.expected["documents"]}
        told = kinds.pop() if len(kinds) == 1 else None
        binary = dialect if ending == "binpb" else None
        try:
            documents = read_smp(path, dialect=binary, kind=told)
        except DocumentError as error:
            yield Outcome(case=case.name, title=title, ok=False, found=f"{error.code} {error.message}")
            continue
        compared = _compare(case, documents, dialect)
        yield Outcome(case=case.name, title=title, ok=compared.ok, found=compared.found)


def _case(path: Path) -> Case:
    document = read_document(path)
    expected = document.data
    if not isinstance(expected, dict) or not ("documents" in expected) ^ ("errors" in expected):
        raise document.error("MP2102", "an expectation needs either `documents` or `errors`")
    name = path.name.removesuffix(_EXPECTATION)
    inputs = sorted(path.parent.glob(f"{name}.input.*"))
    if len(inputs) != 1:
        raise document.error("MP2001", f"there must be one input {name}.input.*, and there are {len(inputs)}")
    kind = expected.get("told_kind")
    if kind is not None and kind not in {one.value for one in Kind}:
        raise document.error("MP2104", "no such kind of document", "/told_kind", hint=", ".join(Kind))
    for at, one in enumerate(expected.get("documents", [])):
        if not isinstance(one, dict) or not isinstance(one.get("data"), dict) or one.get("kind") not in set(Kind):
            raise document.error("MP2104", "a document needs `kind` and `data`", f"/documents/{at}")
    return Case(
        name=name,
        title=str(expected.get("title", name)),
        input=inputs[0],
        kind=None if kind is None else Kind(kind),
        convert_units=expected.get("convert_units") is True,
        expected=expected,
    )


def _same_errors(wanted: Any, found: list[list[str]]) -> bool:
    """Whether all errors are the expected ones, in the order of the file; a pointer that is null may be any."""
    if not isinstance(wanted, list) or len(wanted) != len(found):
        return False
    pairs = zip(wanted, found, strict=True)
    return all(one[:1] == two[:1] and one[1:] in ([None], two[1:]) for one, two in pairs if isinstance(one, list))


def _compare(case: Case, documents: tuple[SmpDocument, ...], dialect: Dialect | None) -> Outcome:
    """Hold documents against the expected ones; `dialect` given: only as far as it has a place for them."""
    wanted = case.expected.get("documents")
    if wanted is None:
        found = "it was read without an error"
    elif len(wanted) != len(documents):
        found = f"{len(documents)} documents instead of {len(wanted)}"
    else:
        pairs = zip(wanted, documents, strict=True)
        found = "; ".join(filter(None, (_difference(one, document, dialect) for one, document in pairs)))
    return Outcome(case=case.name, title=case.title, ok=not found, found=found)


def _difference(wanted: dict[str, Any], document: SmpDocument, dialect: Dialect | None) -> str:
    data = wanted["data"]
    if dialect is not None:
        expected = SmpDocument(kind=Kind(wanted["kind"]), data=data)
        data = _without(data, lost_paths(expected, dialect))
    facts: list[tuple[str, Any, Any]] = [("kind", wanted["kind"], document.kind.value), ("data", data, document.data)]
    if dialect is None:
        facts.append(("generation", wanted.get("generation", "G2"), document.generation.value))
        facts.append(("notes", sorted(wanted.get("notes", [])), sorted({note.kind.value for note in document.notes})))
        if "dialect" in wanted:
            facts.append(("dialect", wanted["dialect"], document.dialect.value))
    return "; ".join(
        f"{name} is {_short(found)}, not {_short(expected)}" for name, expected, found in facts if found != expected
    )


def _without(data: dict[str, Any], pointers: tuple[str, ...]) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(data))
    for pointer in pointers:
        *way, last = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
        at: Any = copy
        for part in way:
            at = at[int(part)] if isinstance(at, list) else at[part]
        del at[last]
    return copy


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 300 else text[:299] + "…"
