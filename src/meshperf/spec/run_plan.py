"""What a pilot planned: the document `plan.json` of a bundle, written before the first round that counts.

It fixes everything that decides when the experiment ends and at what level it is judged, so that whoever reads the
bundle can see that neither was chosen by what was measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from meshperf.errors import DocumentError, Location
from meshperf.spec.record_codec import record_from_plain, to_plain

__all__ = ["PLAN_KIND", "PLAN_VERSION", "PlannedMetric", "RunPlan", "plan_from_document", "plan_to_document"]

PLAN_KIND = "meshperf-plan"
PLAN_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedMetric:
    """One resolution that was asked for, of one candidate arm at one load point, and what the pilot says of it.

    Shares and standard deviations are on the ratio to the baseline; the latter on the log scale.
    """

    cell: str = ""
    load_point: int
    arm: str
    metric: str
    resolution: float
    """Half-width that the interval is to have."""
    between_sd: float | None = None
    """Of the pilot rounds' log ratios; None: fewer than two had one, and a luck of 3 % was assumed."""
    within_sd: float | None = None
    """Standard error of a pilot round's log ratio by its own slices; None where it has none."""
    rounds: int | None = None
    """That it takes by itself; None: more than 200."""
    half_width: float
    """Expected after the planned rounds, in the typical case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """Length and number of the rounds that count, and when they are looked at."""

    resolution: Mapping[str, float]
    """By metric, as the experiment asks."""
    power: float
    """Chance of each resolution to be met, over pilots and experiments together."""
    pilot_rounds: int
    """That the plan rests on; they are kept in `pilot/` and never count."""
    pilot_scale: float
    """Times the file's `duration` that a pilot round counted."""
    pilot_manifest: str
    """SHA-256 of the pilot's manifest, hexadecimal."""
    scale: float
    """Times the file's `duration` that a round counts."""
    slice_s: float | None = None
    """Length of a slice that the pilot chose [s]; None: `continuous`."""
    round_s: float
    """Wall time that a round takes, deployment included, as the pilot saw it [s]."""
    most: int
    """Rounds that the file allows."""
    needed: int | None = None
    """Rounds that all resolutions take; None: more than 200."""
    rounds: int
    """Planned: `needed`, or as many as are allowed."""
    looks: tuple[int, ...]
    """After how many finished rounds the results are judged; the last is after all of them."""
    alphas: tuple[float, ...]
    """Level of each look; together `alpha`."""
    alpha: float
    metrics: tuple[PlannedMetric, ...] = field(default_factory=tuple)

    def alpha_at(self, rounds: int) -> float | None:
        """Level of the look after so many finished rounds; None where none is planned."""
        return dict(zip(self.looks, self.alphas, strict=True)).get(rounds)


def plan_to_document(plan: RunPlan) -> dict[str, Any]:
    """The plan as JSON types."""
    return {"kind": PLAN_KIND, "version": PLAN_VERSION, **to_plain(plan)}


def plan_from_document(document: Mapping[str, Any], *, path: Path | None = None) -> RunPlan:
    """Read what `plan_to_document` wrote.

    Raises:
        DocumentError: another kind or version, or looks that do not fit the rounds (MP2201); a key is missing or of the
            wrong form (MP2102, MP2103, MP2104).
    """
    if document.get("kind") != PLAN_KIND or document.get("version") != PLAN_VERSION:
        message = f"this is not a {PLAN_KIND} document of version {PLAN_VERSION}"
        raise DocumentError("MP2201", message, location=Location(path=path, pointer="/kind"))
    plan = record_from_plain(RunPlan, dict(document), "")
    rising = list(plan.looks) == sorted(set(plan.looks))
    if not plan.looks or not rising or plan.looks[-1] != plan.rounds or len(plan.alphas) != len(plan.looks):
        message = f"the looks {list(plan.looks)} do not fit {plan.rounds} rounds and {len(plan.alphas)} levels"
        raise DocumentError("MP2201", message, location=Location(path=path, pointer="/looks"))
    return plan
