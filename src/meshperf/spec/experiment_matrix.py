"""`matrix:` of an experiment file: settings that are varied, expanded to arms before anything else looks at them.

    matrix:
      - {arm: envoy, vary: {functions.routes: [1, 100, 1000]}}     variants of one arm, all against one baseline
      - {vary: {clusters: [1, 2]}}                                 variants of every arm: cells with a baseline each

A variant replaces its template and is named after it and what was set: `envoy.routes-100`. An entry without `arm` makes
cells, because what it varies (clusters, link delay, node types) is no property of a mesh: a candidate is only held
against the baseline of its own cell. The expanded document is a document like any other; a problem in a variant points
to the template, or to the value of the matrix that caused it.
"""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from meshperf.errors import DocumentError
from meshperf.spec.document import Document, Mark, escape, raise_all
from meshperf.spec.quantities import show

__all__ = ["Expanded", "expand_matrix"]

MOST_ARMS = 64
_CELL_SETTINGS = ("clusters", "link_delay", "limits")
"""What may be varied for all arms at once: the rest would make the baseline something it is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expanded:
    """A document whose arms are written out, and to which cell each arm belongs (`` for all: no cells)."""

    document: Document
    cells: Mapping[str, str]


def expand_matrix(document: Document) -> Expanded:
    """Write out the arms of a document; one without `matrix` is returned as it is.

    Raises:
        DocumentError: the matrix cannot be understood, or makes more than 64 arms.
    """
    data = document.data
    if not isinstance(data, dict) or data.get("matrix") is None or not isinstance(data.get("arms"), dict):
        return Expanded(document=document, cells={})
    entries = data["matrix"]
    problems = list(_problems(document, entries, data["arms"]))
    raise_all(problems)
    arms = {name: _Variant(name=name, data=arm, template=name) for name, arm in data["arms"].items()}
    for index, entry in enumerate(entries):
        arms = _apply(arms, entry, f"/matrix/{index}")
        if len(arms) > MOST_ARMS:
            message = f"the matrix makes more than {MOST_ARMS} arms"
            raise document.error("MP2103", message, f"/matrix/{index}", hint="vary fewer values, or split the file")
    return Expanded(document=_written_out(document, arms), cells={name: one.cell for name, one in arms.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Variant:
    name: str
    data: Any
    template: str
    cell: str = ""
    origins: tuple[tuple[str, str], ...] = ()
    """Pointers below the arm that the matrix set, and where in the matrix the value stands."""


def _apply(arms: Mapping[str, _Variant], entry: Mapping[str, Any], pointer: str) -> dict[str, _Variant]:
    only = entry.get("arm")
    found: dict[str, _Variant] = {}
    for variant in arms.values():
        if only is not None and variant.template != only:
            found[variant.name] = variant
            continue
        for choice in _choices(entry["vary"]):
            one = _varied(variant, choice, pointer, cell=only is None)
            found[one.name] = one
    return found


def _choices(vary: Mapping[str, Sequence[Any]]) -> Iterator[tuple[tuple[str, int, Any], ...]]:
    """Every combination, as (path, index of the value, value)."""
    axes = [[(path, index, value) for index, value in enumerate(values)] for path, values in vary.items()]
    yield from itertools.product(*axes)


def _varied(variant: _Variant, choice: Sequence[tuple[str, int, Any]], pointer: str, *, cell: bool) -> _Variant:
    data, origins = copy.deepcopy(variant.data), list(variant.origins)
    words = []
    for path, index, value in choice:
        here = data
        *outer, last = path.split(".")
        for key in outer:
            inner = here.get(key)
            here[key] = here = inner if isinstance(inner, dict) else {}
        here[last] = value
        origins.append(("".join(f"/{escape(key)}" for key in (*outer, last)), f"{pointer}/vary/{escape(path)}/{index}"))
        words.append(f"{last}-{_word(value)}")
    name = ".".join((variant.name, *words))
    cells = ".".join(filter(None, (variant.cell, *words))) if cell else variant.cell
    return replace(variant, name=name, data=data, cell=cells, origins=tuple(origins))


def _word(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_") or "none"


def _written_out(document: Document, arms: Mapping[str, _Variant]) -> Document:
    aa = document.data.get("aa")
    named = [
        variant.name
        for name in (aa if isinstance(aa, list) else [])
        for variant in arms.values()
        if variant.template == name
    ]
    unknown = [name for name in (aa if isinstance(aa, list) else []) if name not in document.data["arms"]]
    data = {key: value for key, value in document.data.items() if key != "matrix"}
    data["arms"] = {name: variant.data for name, variant in arms.items()}
    if aa is not None:
        data["aa"] = [*named, *unknown] if isinstance(aa, list) else aa

    def marks() -> Mapping[str, Mark]:
        written = dict(document.marks)
        for variant in arms.values():
            here, there = f"/arms/{escape(variant.name)}", f"/arms/{escape(variant.template)}"
            written |= {
                here + place.removeprefix(there): mark
                for place, mark in document.marks.items()
                if place == there or place.startswith(there + "/")
            }
            written |= {here + below: document.marks[origin] for below, origin in variant.origins}
        return written

    return replace(document, data=data, find_marks=marks)


def _problems(document: Document, entries: Any, arms: Mapping[str, Any]) -> Iterator[DocumentError]:
    if not isinstance(entries, list) or not entries:
        hint = "write for example `matrix: [{arm: envoy, vary: {proxy_concurrency: [1, 2]}}]`"
        yield document.error("MP2104", f"`matrix` must be a list, found {show(entries)}", "/matrix", hint=hint)
        return
    for index, entry in enumerate(entries):
        yield from _entry_problems(document, entry, f"/matrix/{index}", arms)


def _entry_problems(document: Document, entry: Any, pointer: str, arms: Mapping[str, Any]) -> Iterator[DocumentError]:
    if not isinstance(entry, dict) or not isinstance(entry.get("vary"), dict) or not entry["vary"]:
        message = "an entry of `matrix` must have `vary`: a mapping of settings to lists of values"
        yield document.error("MP2104", message, pointer, hint="for example `vary: {proxy_concurrency: [1, 2]}`")
        return
    for key in entry:
        if key not in ("arm", "vary"):
            hint = "known keys here: arm, vary"
            yield document.error("MP2101", f"unknown key `{key}`", f"{pointer}/{escape(key)}", hint=hint, key=True)
    named = entry.get("arm")
    if named is not None and (not isinstance(named, str) or named not in arms):
        hint = f"one of: {', '.join(map(str, arms))}"
        yield document.error("MP2105", f"`matrix` names the unknown arm {show(named)}", f"{pointer}/arm", hint=hint)
    if any(not isinstance(arm, dict) for arm in arms.values()):
        yield document.error("MP2104", "an arm must be a mapping of keys to values", "/arms")
    for path, values in entry["vary"].items():
        place = f"{pointer}/vary/{escape(path)}"
        if not isinstance(values, list) or not values:
            yield document.error("MP2104", f"`{path}` must be varied over a list of values", place)
        elif len({_word(value) for value in values}) != len(values):
            yield document.error("MP2107", f"two values of `{path}` would give arms of the same name", place)
        if named is None and str(path).split(".")[0] not in _CELL_SETTINGS:
            message = f"`{path}` cannot be varied for all arms, baseline included"
            hint = f"name one: `arm: <name>`; for all arms: {', '.join(_CELL_SETTINGS)}"
            yield document.error("MP2107", message, place, hint=hint, key=True)
