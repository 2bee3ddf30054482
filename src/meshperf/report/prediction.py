"""How a prediction for a call graph is told, and how a measurement held against it is.

The measured figure stands beside the foretold one and their difference keeps its sign; what was not as the prices
assume is told before any figure. Where there is no interval, nothing is said to agree.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from meshperf.analysis.documents import plain
from meshperf.analysis.prediction import Prediction
from meshperf.analysis.prediction_check import MetricCheck
from meshperf.analysis.prediction_document import prediction_to_document
from meshperf.analysis.records import Estimate, Violation
from meshperf.report import console as terminal
from meshperf.report import wording
from meshperf.report.pages import pages
from meshperf.report.tables import Cell, Column, Exhibit, Section, Table, Tone, cells

__all__ = [
    "assemble_prediction",
    "check_document",
    "check_sections",
    "condition",
    "prediction_sections",
    "show_check",
    "show_prediction",
]

_CLIENT = "client"
_NOT_A_SUM = (
    "Memory and tails are not foretold: neither is a sum over hops. p50 is an approximation: medians hardly add up."
)


def prediction_sections(prediction: Prediction, *, told: Sequence[str] = ()) -> tuple[Section, ...]:
    """What is foretold. `told`: what a reader must know of it beforehand."""
    return (
        Section(
            key="prediction",
            title="The prediction",
            sentences=(_made(prediction), _way(prediction), _NOT_A_SUM, *_of_sidecars(prediction)),
            points=tuple(map(wording.clean, told)),
            exhibits=(Exhibit(table=_foretold(prediction)),),
        ),
    )


def check_sections(
    prediction: Prediction, checks: Sequence[MetricCheck], *, arm: str, told: Sequence[str] = ()
) -> tuple[Section, ...]:
    """The measurement against it. `told`: what was otherwise than the prices assume."""
    sentences = [_made(prediction), _way(prediction), *(_said(check) for check in checks)]
    if told:
        sentences.append("Not as the prediction assumes:")
    return (
        Section(
            key="check",
            title=f"{wording.clean(arm)}, foretold and measured",
            sentences=tuple(sentences),
            points=tuple(map(wording.clean, told)),
            exhibits=(Exhibit(table=_checks(checks)),),
        ),
    )


def show_prediction(prediction: Prediction, console: Console, *, told: Sequence[str] = ()) -> None:
    """Print what is foretold."""
    terminal.show_sections(_title(prediction), prediction_sections(prediction, told=told), console)


def show_check(
    prediction: Prediction, checks: Sequence[MetricCheck], console: Console, *, arm: str, told: Sequence[str] = ()
) -> None:
    """Print the measurement against the prediction."""
    terminal.show_sections(_title(prediction), check_sections(prediction, checks, arm=arm, told=told), console)


def assemble_prediction(
    prediction: Prediction, sections: Sequence[Section], *, data: Mapping[str, Any], command: str
) -> dict[str, bytes]:
    """Every file of the report by relative path, of a prediction or of its check.

    Args:
        data: the document that the sections are of.
        command: what a reader types to have it again.
    """
    about = Section(key="about", title="How it was made", verbatim=(("Command", command),))
    return pages(_title(prediction), [*sections, about], data=data, about="prediction", charts=tuple)


def check_document(
    prediction: Prediction,
    checks: Sequence[MetricCheck],
    *,
    arm: str,
    experiment_id: str,
    differences: Sequence[str],
    command: str,
) -> dict[str, Any]:
    """The check as JSON types; an unknown number is null."""
    return {
        "kind": "meshperf-prediction-check",
        "version": 1,
        "command": command,
        "prediction": {
            "sha256": prediction_to_document(prediction)["sha256"],
            "made_at": prediction.made_at.isoformat(),
            "source": prediction.source,
        },
        "graph": prediction.graph,
        "experiment_id": experiment_id,
        "arm": arm,
        "metrics": [{**plain(check), "agrees": check.agrees} for check in checks],
        "differences": list(differences),
    }


def condition(of: Violation) -> str:
    """A condition that is not the prices' own, in words; `a` is the price list's value."""
    return f"{of.path}: the prices were measured at {wording.value(of.a)}, this at {wording.value(of.b)} ({of.why})"


def _title(prediction: Prediction) -> str:
    steps = wording.listing(list(prediction.steps))
    return f"What {steps} will add to the graph {wording.clean(prediction.graph)}"


def _made(prediction: Prediction) -> str:
    when = prediction.made_at.isoformat(timespec="seconds")
    source = wording.clean(prediction.source) or "a price list that is not named"
    return f"Made at {when} from the prices of {source}."


def _way(prediction: Prediction) -> str:
    counts = {one.metric: one.hops for one in prediction.metrics}
    way = " > ".join(map(wording.clean, (_CLIENT, *prediction.path)))
    return f"A reply waits for {_hops(counts['mean'])} ({way}); a request causes {_hops(counts['cpu_per_request'])}."


def _of_sidecars(prediction: Prediction) -> tuple[str, ...]:
    """What CPU time at rest does to the prediction, where it is known how many sidecars there are."""
    ends = 2 * next(one.hops for one in prediction.metrics if one.metric == "cpu_per_request")
    if not prediction.sidecars or ends <= prediction.sidecars:
        return ()
    return (
        f"The hops have {ends:g} ends and the graph {prediction.sidecars} sidecars: what a sidecar uses at rest is "
        "foretold for each end, so CPU per request is foretold a little too high.",
    )


def _foretold(prediction: Prediction) -> Table:
    rows = [
        cells(wording.metric_name(one.metric), f"{one.hops:g}", _amount(one.price), _amount(one.added))
        for one in prediction.metrics
    ]
    columns = _columns("metric", "hops", "price of a hop", "foretold")
    note = "What the mesh adds to the baseline; below a figure its interval over the rounds of the price list."
    return Table(caption="What it will add", columns=columns, rows=tuple(rows), note=note)


def _checks(checks: Sequence[MetricCheck]) -> Table:
    rows = [
        cells(
            wording.metric_name(one.metric),
            _amount(one.foretold),
            _amount(one.measured),
            _amount(one.difference),
            wording.share(one.share, sign=True),
            _agrees(one),
        )
        for one in checks
    ]
    columns = _columns("metric", "foretold", "measured", "difference", "of measured", "agrees")
    note = "The difference is measured less foretold; they agree where its interval contains 0. Nothing is fitted."
    return Table(caption="Foretold and measured", columns=columns, rows=tuple(rows), note=note)


def _said(check: MetricCheck) -> str:
    left = f"{wording.added(check.difference)} ({wording.interval(check.difference)})"
    verdict = {True: "they agree", False: "they do not agree", None: "without an interval nothing is decided"}
    blunt = check.agrees and check.difference.high - check.difference.low > abs(check.measured.value)
    return (
        f"{wording.metric_name(check.metric)}: foretold {wording.added(check.foretold)}, measured "
        f"{wording.added(check.measured)}; the difference is {left}: {verdict[check.agrees]}"
        f"{', which says little: the interval is wider than what was measured' if blunt else ''}."
    )


def _agrees(check: MetricCheck) -> Cell:
    return {
        True: Cell(text="yes", tone=Tone.GOOD),
        False: Cell(text="no", tone=Tone.BAD),
        None: Cell(text="not decided", tone=Tone.OPEN),
    }[check.agrees]


def _amount(of: Estimate) -> Cell:
    if not math.isfinite(of.value):
        return Cell(text=wording.UNKNOWN)
    return Cell(text=wording.added(of), detail=wording.interval(of))


def _hops(count: float) -> str:
    return f"{count:g} hop{'' if count == 1 else 's'}"


def _columns(*titles: str) -> tuple[Column, ...]:
    return tuple(Column(title=title, figures=title not in ("metric", "agrees")) for title in titles)
