"""Two load generators that were tried on one known server side by side: when their results may stand beside each other.

What it decides: which rules of comparability give way. Results of different generators are not comparable, because
each times requests in its own way. Where both were tried on the same server whose truth is known, it is known how far
each is off, and their figures may be shown together: indicative (class D), never with a winner.

Why this way: what a generator adds on a null server says how far its figures can be trusted; it is no factor by which
others could be corrected, since it depends on load and server. So nothing is multiplied, and what was loosened stands
in the label of the rules, as with rules of a user.

What it refuses: a generator, or a version of it, that was not tried. Whatever else differs (the loop, where latencies
begin, the resolution) stays as the rules have it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from meshperf.analysis.rules import Rule, Rules
from meshperf.errors import ComparisonError, DocumentError, Location

__all__ = ["Calibration", "TriedGenerator", "calibrated_rules", "calibration_from_document"]

_GIVING_WAY = ("load.generator", "load.generator_version", "load.generator_sha256")
_HINT = "`meshperf doctor --generators --json` prints one, of all generators on this machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedGenerator:
    """What one generator said of a service that waits a known time."""

    name: str
    version: str
    p50_error_s: float
    """Its median less the truth [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Generators that were tried in one session on the same servers, by name."""

    tried: Mapping[str, TriedGenerator]


def calibration_from_document(document: object) -> Calibration:
    """Read what `meshperf doctor --generators --json` prints. A trial that did not come to its end is left out.

    Raises:
        DocumentError: MP2201, it is something else; MP2104, a value has another form.
    """
    trials = document.get("generators") if isinstance(document, Mapping) else None
    if not isinstance(trials, list):
        raise DocumentError("MP2201", "this is no calibration of generators", location=Location(), hint=_HINT)
    tried = {}
    for place, trial in enumerate(trials):
        found = _tried(trial)
        if found is None:
            message = "a trial has a name, a version and how far its median was off, as a number or null"
            raise DocumentError("MP2104", message, location=Location(pointer=f"/generators/{place}"), hint=_HINT)
        if math.isfinite(found.p50_error_s) and found.version:
            tried[found.name] = found
    return Calibration(tried=tried)


def calibrated_rules(book: Rules, calibration: Calibration, generators: Iterable[tuple[str, str]]) -> Rules:
    """The rules under which results of these generators may stand side by side.

    Args:
        generators: name and version of each that made one of the results.

    Raises:
        ComparisonError: MP4001, one of them was not tried, or in another version.
    """
    version = book.rule("load.generator_version")
    used = dict.fromkeys(generators)
    missing = [
        f"{name} {number}"
        for name, number in used
        if name not in calibration.tried or not version.same(calibration.tried[name].version, number)
    ]
    if missing:
        raise ComparisonError(
            "MP4001",
            f"the calibration has no whole trial of {', '.join(missing)}",
            hint="try all of them in one session where was measured: `meshperf doctor --generators --json`",
        )
    off = ", ".join(
        f"{name} by {calibration.tried[name].p50_error_s * 1e3:+.3f} ms" for name in dict.fromkeys(n for n, _ in used)
    )
    told = f"load.generator by a calibration (p50 of one known server was off: {off}); indicative at best"
    return replace(
        book,
        fields=tuple(_giving_way(rule, off) if rule.path in _GIVING_WAY else rule for rule in book.fields),
        loosened=(*book.loosened, told),
        _found={},
    )


def _giving_way(rule: Rule, off: str) -> Rule:
    """A difference lowers the pair to indicative instead of blocking it."""
    return replace(
        rule,
        severity="CLOSE",
        unknown="flag",
        why=f"generators time requests differently; on one known server p50 was off: {off}",
        fix="measure both with the same generator",
    )


def _tried(trial: Any) -> TriedGenerator | None:
    if not isinstance(trial, Mapping) or not isinstance(trial.get("generator"), str):
        return None
    version, error = trial.get("version"), trial.get("p50_error_s")
    if not isinstance(version, str | None) or isinstance(error, bool) or not isinstance(error, int | float | None):
        return None
    return TriedGenerator(
        name=trial["generator"], version=version or "", p50_error_s=math.nan if error is None else float(error)
    )
