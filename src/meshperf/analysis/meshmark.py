"""MeshMark-R 1.0: one number for what a mesh costs against its baseline, from efficiencies and weights.

What it decides: how efficiencies become a score. An efficiency is baseline by mesh for a cost and mesh by baseline for
a benefit, so 1 means "costs nothing"; it counts for at most 1 and at least `FLOOR`. Efficiencies of a class, classes of
a cell, and cells are averaged geometrically, with weights of 1 + adjustment, divided by their sum.

Why this way: the geometric mean ranks two meshes the same way whatever the baseline machine was, the arithmetic mean of
ratios does not (Fleming & Wallace 1986); dividing by the sum of weights keeps the score within 100 for all weights.

What it refuses: an adjustment outside -50 % to +50 %, which is upstream's range.

The R stands for ratio: no number of this name was ever published by the Service Mesh Performance project, whose own
text gives an arithmetic form without a baseline. `arithmetic` is that shape over the same efficiencies.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

__all__ = [
    "CLASSES",
    "FLOOR",
    "NAME",
    "NEEDED",
    "CellTerms",
    "Weights",
    "arithmetic",
    "class_mean",
    "corners",
    "counted",
    "log_score",
    "score",
]

NAME = "MeshMark-R 1.0"
CLASSES: Mapping[str, tuple[str, ...]] = {
    "compute": ("cpu",),
    "memory": ("resident",),
    "network": ("wire",),
    "latency": ("p50", "p99", "p99.9"),
    "capacity": ("rate",),
    "reliability": ("success",),
}
"""Classes and the efficiencies in each."""
NEEDED = ("compute", "latency", "reliability")
"""A score without one of these is not published."""
FLOOR = 0.001
_REACH = 0.5

CellTerms = Mapping[str, Sequence[tuple[str, float]]]
"""Of one cell: by class, the name of each efficiency and its counted value, in [FLOOR, 1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Adjustments of classes and of single efficiencies, shares in [-0.5, 0.5]; what is not named is 0.

    Raises:
        ValueError: an unknown name, or an adjustment out of its range.
    """

    classes: Mapping[str, float] = field(default_factory=dict)
    efficiencies: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = {name for names in CLASSES.values() for name in names}
        for given, names, what in (
            (self.classes, set(CLASSES), "class"),
            (self.efficiencies, known, "efficiency"),
        ):
            for name, value in given.items():
                if name not in names:
                    raise ValueError(f"there is no {what} {name!r}; one of: {', '.join(sorted(names))}")
                if not -_REACH <= value <= _REACH:
                    raise ValueError(f"the adjustment of {name} must be from -50% to +50%, found {value:+.0%}")

    def of_class(self, name: str) -> float:
        return 1.0 + self.classes.get(name, 0.0)

    def of_efficiency(self, name: str) -> float:
        return 1.0 + self.efficiencies.get(name, 0.0)


def counted(efficiency: float) -> float:
    """The efficiency as it counts: at most 1, at least `FLOOR`."""
    return max(FLOOR, min(1.0, efficiency))


def class_mean(terms: Sequence[tuple[str, float]], weights: Weights) -> float:
    """Weighted geometric mean of a class's efficiencies."""
    return math.exp(_log_mean(terms, weights))


def log_score(cells: Sequence[CellTerms], weights: Weights) -> float:
    """Natural logarithm of the score; classes without an efficiency are left out of their cell.

    Raises:
        ValueError: a cell without any class, or no cell.
    """
    if not cells:
        raise ValueError("a score needs a cell")
    return math.fsum(math.log(100.0) + _log_cell(cell, weights) for cell in cells) / len(cells)


def score(cells: Sequence[CellTerms], weights: Weights) -> float:
    """The score, in (0, 100]."""
    return min(100.0, math.exp(log_score(cells, weights)))


def arithmetic(cells: Sequence[CellTerms], weights: Weights) -> float:
    """Upstream's arithmetic shape over the same efficiencies, with the sum of weights as divisor; not MeshMark-R."""
    found = []
    for cell in cells:
        classes = {name: terms for name, terms in cell.items() if terms}
        means = {
            name: math.fsum(weights.of_efficiency(each) * value for each, value in terms)
            / math.fsum(weights.of_efficiency(each) for each, _ in terms)
            for name, terms in classes.items()
        }
        total = math.fsum(weights.of_class(name) for name in means)
        found.append(math.fsum(weights.of_class(name) * mean for name, mean in means.items()) / total)
    return 100.0 * math.fsum(found) / len(found)


def corners(cells: Sequence[CellTerms]) -> Iterator[Weights]:
    """Every combination of smallest and largest adjustments that can move a score of these cells.

    A weighted mean is largest and smallest where every weight is at an end of its range, so among all admissible
    weights no score of one cell lies outside those of the corners.
    """
    classes = list(dict.fromkeys(name for cell in cells for name, terms in cell.items() if terms))
    single = list(
        dict.fromkeys(each for cell in cells for terms in cell.values() if len(terms) > 1 for each, _ in terms)
    )
    for ends in itertools.product((-_REACH, _REACH), repeat=len(classes) + len(single)):
        yield Weights(
            classes=dict(zip(classes, ends, strict=False)),
            efficiencies=dict(zip(single, ends[len(classes) :], strict=True)),
        )


def _log_cell(cell: CellTerms, weights: Weights) -> float:
    classes = {name: terms for name, terms in cell.items() if terms}
    if not classes:
        raise ValueError("a cell needs a class")
    total = math.fsum(weights.of_class(name) for name in classes)
    return math.fsum(weights.of_class(name) * _log_mean(terms, weights) for name, terms in classes.items()) / total


def _log_mean(terms: Sequence[tuple[str, float]], weights: Weights) -> float:
    total = math.fsum(weights.of_efficiency(name) for name, _ in terms)
    return math.fsum(weights.of_efficiency(name) * math.log(value) for name, value in terms) / total
