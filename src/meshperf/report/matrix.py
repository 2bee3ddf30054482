"""Which arms may be set against which: a class for every pair that was judged, and why it is no better one.

What it decides: what a matrix is made of. Where one pair was judged at several load points, its lowest class counts.
What it refuses: a matrix that a sentence says as well: two arms, or pairs that are all of one class, have none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from meshperf.analysis.records import Comparability, Comparison
from meshperf.report import wording
from meshperf.report.prose import grade
from meshperf.report.tables import Cell, Column, Exhibit, Section, Table, cells

__all__ = ["CLASSES", "PairClass", "pair_classes", "section"]

CLASSES = ("A", "B", "C", "D", "X")
"""From what may be said most of to what may be said nothing of."""
_FEWEST_ARMS = 3
_NOTED = "unknown-note"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairClass:
    """One pair of arms. `reasons`: what keeps it from class A, each with what would mend it."""

    arm: str
    against: str
    grade: str
    reasons: tuple[str, ...] = ()
    fixes: tuple[str, ...] = ()


def pair_classes(comparisons: Sequence[Comparison]) -> tuple[PairClass, ...]:
    """Every judged pair once, in order; empty where a matrix would tell nothing."""
    found: dict[tuple[str, str], PairClass] = {}
    for comparison in comparisons:
        for pair in _pairs(comparison):
            known = found.get((pair.arm, pair.against))
            if known is None or _rank(pair.grade) > _rank(known.grade):
                found[pair.arm, pair.against] = pair
    pairs = tuple(found.values())
    arms = {pair.arm for pair in pairs} | {pair.against for pair in pairs}
    return pairs if len(arms) >= _FEWEST_ARMS and len({pair.grade for pair in pairs}) > 1 else ()


def section(pairs: Sequence[PairClass]) -> Section:
    """The matrix with its table."""
    rows = tuple(
        cells(
            Cell(text=f"{wording.clean(pair.arm)} with {wording.clean(pair.against)}"),
            wording.clean(pair.grade),
            "; ".join(pair.reasons) or "nothing stands in the way",
            "; ".join(pair.fixes) or "nothing to mend",
        )
        for pair in pairs
    )
    titles = ("arms", "class", "why it is no better one", "smallest change that mends it")
    table = Table(
        caption="Which arms may be compared", columns=tuple(Column(title=title) for title in titles), rows=rows
    )
    return Section(
        key="matrix",
        title="Which arms may be compared",
        sentences=(
            "A and B: verdicts. C: ratios to the own baseline. D: figures side by side. X: nothing. "
            "Where a cell is empty the two were not set against each other.",
        ),
        exhibits=(Exhibit(table=table, chart="matrix"),),
    )


def _pairs(comparison: Comparison) -> list[PairClass]:
    own = [_of(each) for each in comparison.pairs if each.arm and each.against]
    if own:
        return own
    pairs = dict.fromkeys((m.arm, m.against) for m in comparison.metrics)
    return [
        _of(comparison.comparability, arm=arm, against=against, grade_=grade(comparison, arm, against))
        for arm, against in pairs
    ]


def _of(of: Comparability, *, arm: str = "", against: str = "", grade_: str = "") -> PairClass:
    lowering = [v for v in of.unknowns if v.severity != _NOTED]
    return PairClass(
        arm=arm or of.arm,
        against=against or of.against,
        grade=grade_ or of.grade,
        reasons=tuple(
            dict.fromkeys(
                [
                    *(
                        f"{wording.clean(v.path)} differs: {wording.value(v.a)} and {wording.value(v.b)}"
                        for v in of.violations
                    ),
                    *(f"{wording.clean(v.path)} is not known" for v in lowering),
                ]
            )
        ),
        fixes=tuple(dict.fromkeys(wording.clean(v.fix) for v in (*of.violations, *lowering) if v.fix)),
    )


def _rank(of: str) -> int:
    return CLASSES.index(of) if of in CLASSES else len(CLASSES)
