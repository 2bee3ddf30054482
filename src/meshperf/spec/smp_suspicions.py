"""What SMP results in the wild get wrong in a known way: seconds under `latencies_ms`, and placeholders for links.

The first writer of the standard copies seconds into fields that are named milliseconds, and writes fixed texts where
identities belong. A unit is never guessed in silence: it is converted only if the document itself proves it, or if
the caller says so; otherwise the doubt is told.
"""

from __future__ import annotations

import math
from typing import Any

from meshperf.spec.imported import NoteKind
from meshperf.spec.smp_document import Generation, SmpNote

__all__ = ["UNITS", "settle_units", "without_placeholders"]

UNITS = "smp.ext/units"
"""The label that says a document's latencies were converted, and from what."""
_PLACEHOLDERS = {
    "smp_version": "test_smp_version",
    "id": "test_id",
    "details_uri": "test_details",
    "test_id": "test_test_id",
    "mesh_config_id": "test_meshconfigID",
    "env_id": "test_envID",
}
IMPLAUSIBLE_MS = 0.1
"""No request over a network has a median below; as seconds the same number is an ordinary median."""
_SLOWEST_S = 600.0


def without_placeholders(data: dict[str, Any]) -> tuple[dict[str, Any], list[SmpNote]]:
    """A result without the fixed texts that stand for absent links; one note for each."""
    found = [key for key, text in _PLACEHOLDERS.items() if data.get(key) == text]
    if not {"details_uri", "test_id", "mesh_config_id", "env_id", "smp_version"} & set(found):
        return data, []  # an `id` of test_id alone is anybody's
    notes = [
        SmpNote(kind=NoteKind.PLACEHOLDER, text=f"`{key}` is the placeholder {data[key]!r}: absent", pointer=f"/{key}")
        for key in found
    ]
    return {key: value for key, value in data.items() if key not in found}, notes


def settle_units(
    data: dict[str, Any], generation: Generation, *, placeholders: bool, convert: bool
) -> tuple[dict[str, Any], list[SmpNote]]:
    """A result with its latencies in milliseconds as far as that can be known, and what to tell of them.

    Args:
        placeholders: whether the document is by the writer that copies seconds.
        convert: the caller says that suspect latencies are seconds.
    """
    latencies = data.get("latencies_ms")
    if not isinstance(latencies, dict) or UNITS in data.get("labels", {}) or _is_ours(data):
        return data, []
    proof = _proof(data, latencies)
    if proof is not None:
        return _converted(data, latencies, f"seconds, as {proof} shows")
    doubt = _doubt(latencies, old=generation is Generation.G0, placeholders=placeholders)
    if doubt is None or _vouched(data, latencies):
        return data, []
    if convert:
        return _converted(data, latencies, "seconds, as the caller said")
    text = f"`latencies_ms` probably holds seconds: {doubt}; it was taken as milliseconds (`--convert-units` converts)"
    return data, [SmpNote(kind=NoteKind.UNIT_SUSPECT, text=text, pointer="/latencies_ms")]


def _is_ours(data: dict[str, Any]) -> bool:
    """Whether meshperf wrote the document: then its latencies are in milliseconds."""
    return str(data.get("format", "")).startswith(("result/", "imported/"))


def _typical(latencies: dict[str, Any]) -> float | None:
    for key in ("p50", "average", "p90", "p99", "max"):
        value = latencies.get(key)
        if isinstance(value, float) and value > 0:
            return value
    return None


def _doubt(latencies: dict[str, Any], *, old: bool, placeholders: bool) -> str | None:
    typical, top = _typical(latencies), latencies.get("max")
    if typical is None or (isinstance(top, float) and top > _SLOWEST_S):
        return None
    if typical < IMPLAUSIBLE_MS:
        return f"a typical latency of {typical:.3g} ms is shorter than a network allows"
    if placeholders and typical < 10:
        return "its writer is known to copy seconds"
    return "documents of this generation were written so" if old and typical < 1 else None


def _percentiles(data: dict[str, Any]) -> dict[str, float]:
    """Percentiles in seconds that the document holds beside SMP's six figures."""
    found = {}
    for one in data.get("percentiles", []):
        p, value = one.get("p"), one.get("value_s")
        if p in (50.0, 90.0, 99.0) and isinstance(value, float) and value > 0:
            found[f"p{p:.0f}"] = value
    return found


def _proof(data: dict[str, Any], latencies: dict[str, Any]) -> str | None:
    """The place that proves seconds: a percentile in seconds that is the same number."""
    pairs = [(value, latencies[name]) for name, value in _percentiles(data).items() if latencies.get(name)]
    if pairs and all(math.isclose(value, written, rel_tol=1e-3) for value, written in pairs):
        return "`percentiles`"
    return None


def _vouched(data: dict[str, Any], latencies: dict[str, Any]) -> bool:
    """Whether percentiles in seconds prove milliseconds."""
    pairs = [(value, latencies[name]) for name, value in _percentiles(data).items() if latencies.get(name)]
    return bool(pairs) and all(math.isclose(value * 1e3, written, rel_tol=1e-2) for value, written in pairs)


def _converted(data: dict[str, Any], latencies: dict[str, Any], why: str) -> tuple[dict[str, Any], list[SmpNote]]:
    converted = {key: value * 1e3 if isinstance(value, float) else value for key, value in latencies.items()}
    labels = {**data.get("labels", {}), UNITS: f"latencies_ms was in {why}"}
    note = SmpNote(
        kind=NoteKind.UNIT_CONVERTED, text=f"`latencies_ms` was in {why}, and is converted", pointer="/latencies_ms"
    )
    return {**data, "labels": labels, "latencies_ms": converted}, [note]
