"""Charts of a comparison as SVG and PNG, drawn by Altair and vl-convert without a browser.

What it decides: which charts a comparison has; a chart without a single figure to draw is left out.

Why this way: a Vega-Lite document is data, so the same comparison draws the same picture, byte for byte on one machine
(another machine's fonts may move a label). Nothing is fetched, nothing is random.

What it refuses: a bar that does not start at zero, and colour as the only sign of anything.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from meshperf.analysis.ladder import Ladder
from meshperf.analysis.records import Comparison
from meshperf.errors import PrerequisiteError
from meshperf.report.charts.drawing import Drawing, draw
from meshperf.report.charts.theme import ArmStyle
from meshperf.report.naming import labels
from meshperf.report.over_time import stretches
from meshperf.report.wording import clean
from meshperf.spec.records import RunResult, Validity

__all__ = ["MISSING", "Drawing", "available", "charts", "require", "run_charts"]

MISSING = "This report has no charts: the extra `charts` is not installed (pip install 'meshperf[charts]')."

_TITLES = {
    "percentiles": (
        "Response time curves",
        "Response time against the share of requests, one line a run and a thick one an arm.",
    ),
    "ratios": (
        "Ratios with intervals",
        "The ratio of each metric to the baseline with its interval, margin band and verdict.",
    ),
    "rounds": ("Rounds in order", "Each metric of each arm in each round, in order; excluded rounds are hollow."),
    "cpu": ("CPU per request", "CPU time per request, stacked by component, for each arm; the generator apart."),
    "memory": (
        "Memory",
        "Private memory at the end of a round, stacked by component, for each arm; the generator apart.",
    ),
    "noise": (
        "Noise floors",
        "The ratio of two fresh copies of the same arm for each metric, with the noise floor as a band.",
    ),
    "time": (
        "Response times over time",
        "Each stretch of each round of each arm, coloured by how much slower or faster it was than the arm's median.",
    ),
    "waterfall": (
        "The price list",
        "What each summed step adds to the baseline, one bar after the other, then the residual and the whole.",
    ),
    "series": (
        "The run over time",
        "Requests due and answered a second, response times and failures in each interval of the run.",
    ),
}


def available() -> bool:
    """Whether both libraries are installed; imports neither."""
    return all(importlib.util.find_spec(name) is not None for name in ("altair", "vl_convert"))


def require() -> None:
    """Refuse to go on without the chart libraries.

    Raises:
        PrerequisiteError: MP3004, they are not installed.
    """
    if not available():
        raise PrerequisiteError(
            "MP3004",
            "charts were asked for, but their libraries are not installed",
            hint="pip install 'meshperf[charts]'",
        )


def charts(
    comparison: Comparison, runs: Sequence[RunResult], *, prefix: str = "", ladder: Ladder | None = None
) -> tuple[Drawing, ...]:
    """Draw all charts of one comparison; `runs` are those of its load point, `prefix` goes before each file name.

    Args:
        ladder: its price list, where it is one.

    Raises:
        PrerequisiteError: MP3004, the chart libraries are not installed.
    """
    require()
    from meshperf.report.charts import components, heat, interval_plot, percentiles, rounds, waterfall

    arms = [comparison.baseline, *(a.arm for a in comparison.arms), *(m.arm for m in comparison.metrics)]
    arms += [run.arm for run in runs]
    style = ArmStyle(list(dict.fromkeys(map(clean, arms))))
    specifications = {
        "percentiles": percentiles.percentiles(runs, style),
        "ratios": interval_plot.ratios(comparison, style),
        "rounds": rounds.rounds(comparison, style),
        "time": heat.heat(stretches(runs)),
        "cpu": components.cpu(comparison),
        "memory": components.memory(comparison),
        "noise": interval_plot.noise(comparison, style),
        "waterfall": waterfall.waterfall(ladder, _shown_names(runs)) if ladder is not None else None,
    }
    return _drawn(specifications, prefix)


def run_charts(run: RunResult, *, prefix: str = "") -> tuple[Drawing, ...]:
    """Draw all charts of one run that stands by itself, whatever the verdict on it: that stands above them.

    Raises:
        PrerequisiteError: MP3004, the chart libraries are not installed.
    """
    require()
    from meshperf.report.charts import percentiles, series

    specifications = {
        "percentiles": percentiles.percentiles([replace(run, validity=Validity(), twin=0)], ArmStyle([clean(run.arm)])),
        "series": series.series(run),
    }
    return _drawn(specifications, prefix)


def _shown_names(runs: Sequence[RunResult]) -> dict[str, str]:
    """Arms of runs that carry a label in their name already, by the name that the experiment gives them."""
    return {arm.removesuffix(f" ({label})"): arm for arm, label in labels(runs).items()}


def _drawn(specifications: Mapping[str, Any], prefix: str) -> tuple[Drawing, ...]:
    return tuple(
        draw(chart, name=name, file=f"{prefix}{name}", title=_TITLES[name][0], description=_TITLES[name][1])
        for name, chart in specifications.items()
        if chart is not None
    )
