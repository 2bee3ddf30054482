"""MeshMark-R of the arms of one experiment, with its interval.

What it decides: the score with a t interval on the logarithms of the rounds' scores, and whether one is published at
all.

Why this way: the unit of repetition is the round, so each round has a score of its own. Whether an efficiency counts
as 1 is read from its mean over rounds, not round by round: then the score follows from the printed vector, and noise
about 1 does not pull it down.

What it assumes: capacities are taken as exact; their uncertainty is not in the interval.

What it refuses: a score without capacity, without all three cells, from fewer than five rounds, from a pilot, of arms
that are not comparable, without compute, latency and reliability, or where the baseline itself falls behind. The
vector is there all the same, with the reasons.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from meshperf.analysis.efficiency import use_of
from meshperf.analysis.intervals import ratio_estimate, t_bounds
from meshperf.analysis.meshmark import (
    CLASSES,
    FLOOR,
    NAME,
    NEEDED,
    Weights,
    arithmetic,
    class_mean,
    corners,
    counted,
    log_score,
    score,
)
from meshperf.analysis.meshmark_cells import Place, cell_points, efficiencies, is_sustained, round_pairs
from meshperf.analysis.records import Estimate
from meshperf.spec.records import RunResult
from meshperf.units import Unit

__all__ = ["FEWEST_ROUNDS", "MarkTerm", "MeshMark", "mark"]

FEWEST_ROUNDS = 5
_SUSTAINED = 0.99
"""Of the requests that were due, so that the luck of random arrivals in a short run is no fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkTerm:
    """One efficiency: the raw one with its interval, and what of it counts."""

    class_name: str
    name: str
    cell: float | None
    """Share of the least capacity; None: of the workload as a whole."""
    raw: Estimate
    counted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshMark:
    """The vector of one arm, and its score where there may be one."""

    name: str = NAME
    arm: str
    against: str
    rounds: int
    capacity_rps: Mapping[str, float]
    cells_rps: Mapping[float, float]
    """Offered rate of each cell, by its share of the least capacity."""
    terms: tuple[MarkTerm, ...]
    missing: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    """Why there is no score."""
    value: Estimate | None = None
    """The score in (0, 100], unit 1."""
    arithmetic: float | None = None
    """Upstream's arithmetic shape over the same vector."""
    classes: Mapping[str, float] = field(default_factory=dict)
    """Geometric mean of each class over cells."""
    range_low: float | None = None
    range_high: float | None = None
    """Smallest and largest score that admissible weights can give."""
    sensitivity: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """By class: the score with its adjustment at -50 % and at +50 %."""
    headroom: Mapping[float, float] = field(default_factory=dict)
    """By cell: share of the machine's cores that the arm leaves; upstream's MUE, never scored."""
    weights: Weights = field(default_factory=Weights)
    basis: Mapping[str, str] = field(default_factory=dict)
    """What must be the same for two scores to be compared."""
    logs: Mapping[Place, float] = field(default_factory=dict)
    """Logarithm of the score of each round and group."""

    def cells(self) -> list[dict[str, list[tuple[str, float]]]]:
        """The counted efficiencies as `meshmark.score` takes them."""
        whole = [term for term in self.terms if term.cell is None]
        return [
            {
                name: [(t.name, t.counted) for t in (*self.terms_of(cell), *whole) if t.class_name == name]
                for name in CLASSES
            }
            for cell in self.cells_rps
        ]

    def terms_of(self, cell: float) -> list[MarkTerm]:
        return [term for term in self.terms if term.cell == cell]


def mark(
    runs: Sequence[RunResult],
    *,
    arm: str,
    baseline: str,
    capacity_rps: Mapping[str, float],
    weights: Weights | None = None,
    grade: str = "A",
    pilot: bool = False,
) -> MeshMark:
    """The vector and, where the rules allow it, the score of one arm against its baseline.

    Args:
        runs: of all arms of the experiment.
        capacity_rps: highest rate that holds the objectives, by arm; the cells follow from the least of them.
        grade: of the pair's comparability.
    """
    chosen = Weights() if weights is None else weights
    arms = {run.arm for run in runs}
    refused = [f"the capacity of {name} is not known" for name in sorted(arms - capacity_rps.keys())]
    if grade in ("D", "X"):
        refused.append(f"{arm} and {baseline} are not comparable (class {grade})")
    if pilot:
        refused.append("a pilot gives no score")
    known = [capacity_rps[name] for name in arms & capacity_rps.keys()]
    points: dict[float, int] = {}
    if known and not arms - capacity_rps.keys():
        points, absent = cell_points(runs, min(known))
        refused += absent
    shown = points or _all_points(runs)
    vector = _Vector(runs, arm=arm, baseline=baseline, points=shown)
    terms = [*vector.terms()]
    if arm in capacity_rps and baseline in capacity_rps:
        terms.append(_capacity(capacity_rps[arm] / capacity_rps[baseline]))
    refused += vector.problems()
    have = {term.class_name for term in terms}
    if points:
        whole = [cell for cell in points if set(NEEDED) <= {term.class_name for term in terms if term.cell == cell}]
        refused += [] if whole else [f"no cell has all of {', '.join(NEEDED)}"]
    found = MeshMark(
        arm=arm,
        against=baseline,
        rounds=len(vector.places),
        capacity_rps=dict(capacity_rps),
        cells_rps={cell: _rate(runs, point) for cell, point in shown.items()},
        terms=tuple(terms),
        missing=(*vector.missing(), *(f"class {name}: left out" for name in CLASSES if name not in have)),
        refused=tuple(dict.fromkeys(refused)),
        headroom=vector.headroom(),
        weights=chosen,
        basis=_basis(runs, baseline, points, terms, chosen),
    )
    return found if found.refused else _scored(found, vector)


class _Vector:
    """Efficiencies of one arm over all rounds and cells."""

    def __init__(self, runs: Sequence[RunResult], *, arm: str, baseline: str, points: Mapping[float, int]) -> None:
        self.points = points
        self.named = {cell: f"{_rate(runs, point):g}/s" for cell, point in points.items()}
        self.pairs = {
            cell: round_pairs(runs, arm=arm, baseline=baseline, point=point) for cell, point in points.items()
        }
        shared = [set(pairs) for pairs in self.pairs.values()]
        self.places: list[Place] = sorted(set.intersection(*shared)) if shared else []
        self.values: dict[tuple[float, str], list[float]] = {}
        self.reasons: dict[tuple[float, str], str] = {}
        for cell, point in points.items():
            latency = is_sustained(runs, point)
            for place in self.places:
                found, missing = efficiencies(self.pairs[cell][place], latency=latency)
                for name, value in found.items():
                    self.values.setdefault((cell, name), []).append(value)
                self.reasons |= {(cell, name): why for name, why in missing.items()}
        for key in self.reasons:
            self.values.pop(key, None)

    def terms(self) -> list[MarkTerm]:
        found = []
        for cell in self.points:
            for class_name, names in CLASSES.items():
                for name in names:
                    values = self.values.get((cell, name))
                    if values:
                        raw = ratio_estimate([math.log(value) for value in values])
                        found.append(
                            MarkTerm(class_name=class_name, name=name, cell=cell, raw=raw, counted=counted(raw.value))
                        )
        return found

    def missing(self) -> list[str]:
        return list(dict.fromkeys(f"{name} at {self.named[cell]}: {why}" for (cell, name), why in self.reasons.items()))

    def problems(self) -> list[str]:
        found = []
        if len(self.places) < FEWEST_ROUNDS:
            found.append(f"{len(self.places)} rounds have both arms in every cell, {FEWEST_ROUNDS} are needed")
        for cell, pairs in self.pairs.items():
            behind = [
                place
                for place, pair in pairs.items()
                if pair.baseline.counts.ok < _SUSTAINED * pair.baseline.counts.offered
            ]
            if behind:
                found.append(f"the baseline itself fell behind at {self.named[cell]}, in {len(behind)} rounds")
        return found

    def headroom(self) -> dict[float, float]:
        found = {}
        for cell, pairs in self.pairs.items():
            cores = [use_of(pairs[place].mesh).cores for place in self.places]
            facts = [pairs[place].mesh.facts.get("host.cores") for place in self.places]
            sizes = [fact.value for fact in facts if fact is not None and isinstance(fact.value, int)]
            if cores and len(sizes) == len(cores) and all(map(math.isfinite, cores)) and min(sizes) > 0:
                found[cell] = 1 - math.fsum(cores) / math.fsum(sizes)
        return found


def _scored(found: MeshMark, vector: _Vector) -> MeshMark:
    """The same with its score."""
    from dataclasses import replace

    cells, weights = found.cells(), found.weights
    logs = {place: log_score(_of_round(found, vector, number), weights) for number, place in enumerate(vector.places)}
    mean, low, high = t_bounds(list(logs.values()))
    value = Estimate(
        value=min(100.0, math.exp(mean)),
        low=math.exp(low),
        high=min(100.0, math.exp(high)),
        confidence=0.95,
        n=len(logs),
        unit=Unit.RATIO,
        method="t interval on the logarithms of the rounds' scores",
    )
    every = [score(cells, corner) for corner in corners(cells)]
    return replace(
        found,
        value=value,
        logs=logs,
        arithmetic=arithmetic(cells, weights),
        classes={
            name: math.exp(
                math.fsum(math.log(class_mean(cell[name], weights)) for cell in cells if cell[name])
                / sum(bool(cell[name]) for cell in cells)
            )
            for name in CLASSES
            if any(cell[name] for cell in cells)
        },
        range_low=min(every),
        range_high=max(every),
        sensitivity={
            name: tuple(
                score(cells, Weights(classes={**weights.classes, name: end}, efficiencies=weights.efficiencies))
                for end in (-0.5, 0.5)
            )
            for name in CLASSES
            if any(cell[name] for cell in cells)
        },
    )


def _of_round(found: MeshMark, vector: _Vector, number: int) -> list[dict[str, list[tuple[str, float]]]]:
    """One round's efficiencies; those that count as a bound over all rounds are at it in every round."""
    cells = found.cells()
    for cell, terms in zip(found.cells_rps, cells, strict=True):
        for own in terms.values():
            for place, (name, value) in enumerate(own):
                if (cell, name) in vector.values and FLOOR < value < 1.0:
                    own[place] = (name, vector.values[cell, name][number])
    return cells


def _capacity(ratio: float) -> MarkTerm:
    raw = Estimate(
        value=ratio, low=math.nan, high=math.nan, confidence=0.95, n=1, unit=Unit.RATIO, method="of two capacities"
    )
    return MarkTerm(class_name="capacity", name="rate", cell=None, raw=raw, counted=counted(ratio))


def _basis(
    runs: Sequence[RunResult], baseline: str, points: Mapping[float, int], terms: Sequence[MarkTerm], weights: Weights
) -> dict[str, str]:
    """What two scores must share."""
    base = next((run for run in runs if run.arm == baseline), None)

    def fact(path: str) -> str:
        found = base.facts.get(path) if base is not None else None
        return str(found.value) if found is not None and found.known else "unknown"

    classes = {cell: sorted({f"{t.class_name}/{t.name}" for t in terms if t.cell in (cell, None)}) for cell in points}
    return {
        "cells": ", ".join(f"{_rate(runs, point):g}/s" for point in points.values()),
        "classes": "; ".join(f"{cell:.0%}: {', '.join(names)}" for cell, names in classes.items()),
        "weights": f"{sorted(weights.classes.items())} {sorted(weights.efficiencies.items())}",
        "workload": " ".join(
            fact(f"workload.{name}") for name in ("graph", "graph_digest", "sha256", "response_bytes", "service_time")
        ),
        "baseline kind": f"{fact('mesh.type')}, client library {fact('client_library.functions')}",
    }


def _all_points(runs: Sequence[RunResult]) -> dict[float, int]:
    """Where there are no cells the vector is shown at every load point, each under its own number."""
    return {float(point): point for point in sorted({run.load_point for run in runs})}


def _rate(runs: Sequence[RunResult], point: int) -> float:
    return next((run.offered_rps for run in runs if run.load_point == point and run.offered_rps), math.nan)
