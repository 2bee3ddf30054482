"""Looks that all charts share: a palette that colour-blind readers can tell apart, quiet axes, no random parts.

The palette is Okabe and Ito's; the baseline arm is always the neutral ink, candidates take the colours in order. Each
arm has a dash and a shape of its own as well. The page maps `INK`, `MUTED`, `GRID`, `BAND` and `PAPER` to its light or
dark scheme by these very values, so no other part of a chart may use them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from meshperf.report.charts.compact import FONT

__all__ = ["BAND", "CONFIG", "GRID", "INK", "MUTED", "PAPER", "PARTS", "WIDTH", "ArmStyle"]

INK = "#1f2a33"
MUTED = "#5a6772"
GRID = "#dfe4e8"
BAND = "#e4e9ed"
PAPER = "#ffffff"
WIDTH = 780

_CANDIDATES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
PARTS = ("#56b4e9", "#d55e00", "#e69f00", "#009e73", "#cc79a7", "#0072b2", "#f0e442")
"""Colours of stacked components, neighbours well apart in lightness."""
_LEGEND_LETTERS = 36
"""A longer name is cut in a legend; the tables have it whole."""
_DASHES = ([1, 0], [9, 3], [3, 2], [10, 3, 2, 3], [16, 4], [5, 5], [2, 4])
_SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right")

CONFIG: dict[str, Any] = {
    "aria": False,  # the page gives the whole picture one name and a table; a name for each dot would drown a listener
    "background": PAPER,
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        "labelColor": MUTED,
        "titleColor": MUTED,
        "labelFontSize": 11,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "gridColor": GRID,
        "domainColor": GRID,
        "tickColor": GRID,
        "labelLimit": 220,
        "titlePadding": 8,
    },
    "legend": {
        "labelColor": INK,
        "titleColor": MUTED,
        "labelFontSize": 12,
        "orient": "top",
        "title": None,
        "symbolSize": 90,
        "symbolStrokeWidth": 2.5,
        "labelLimit": 180,
        "columnPadding": 18,
    },
    "title": {"color": INK, "fontSize": 12, "fontWeight": "bold", "anchor": "start", "offset": 6},
    "text": {"fontSize": 12},
}


class ArmStyle:
    """Colour, dash and shape of each arm, the baseline first; the same in every chart of a comparison."""

    def __init__(self, arms: Sequence[str]) -> None:
        self.arms = list(arms)

    @property
    def legend(self) -> dict[str, Any]:
        """How a legend of all arms is laid out: in as many columns as fit beside one another."""
        longest = max((min(len(arm), _LEGEND_LETTERS) for arm in self.arms), default=1)
        return {"columns": max(1, int(WIDTH / (longest * 6.4 + 52))), "labelLimit": _LEGEND_LETTERS * 8}

    @property
    def colours(self) -> list[str]:
        return [INK if n == 0 else _CANDIDATES[(n - 1) % len(_CANDIDATES)] for n in range(len(self.arms))]

    @property
    def dashes(self) -> list[list[int]]:
        return [list(_DASHES[n % len(_DASHES)]) for n in range(len(self.arms))]

    @property
    def shapes(self) -> list[str]:
        return [_SHAPES[n % len(_SHAPES)] for n in range(len(self.arms))]
