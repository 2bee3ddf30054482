"""Tables of the circumstances: comparability, what an arm brings, facts, method."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from meshperf.analysis.records import Comparison, Violation
from meshperf.report import wording
from meshperf.report.planned import planned_rows
from meshperf.report.tables import Column, Table, cells
from meshperf.spec.records import Facts, RunResult

__all__ = [
    "brings",
    "differences",
    "facts",
    "heading",
    "load_point",
    "method",
    "model",
    "noted",
    "obstacles",
    "own_runs",
    "place",
]

_NOTED = "unknown-note"
_MODEL = {
    "load.arrivals": "arrivals",
    "load.stages": "rates",
    "load.in_flight": "requests in flight",
    "load.think_s": "think time [s]",
    "load.quantum_s": "due times put off to multiples of [s]",
    "load.connections": "connections",
    "load.streams": "requests under way on a connection",
    "load.connection_model": "model of the connections",
    "load.http_version": "version of HTTP",
    "load.receive_clock": "receive times taken by",
}
"""Facts that name the model of the load, in the words of a report."""


def own_runs(comparison: Comparison, runs: Sequence[RunResult]) -> list[RunResult]:
    """The runs that a comparison is about: of its load point, and of its cell's arms."""
    arms = {comparison.baseline, *(summary.arm for summary in comparison.arms)}
    return [run for run in runs if run.load_point == comparison.load_point and run.arm in arms]


def place(comparison: Comparison) -> str:
    """Which comparison of an experiment it is: `load point 1`, with the cell where there are cells."""
    point = f"load point {comparison.load_point + 1}"
    return f"{point}, {wording.clean(comparison.cell)}" if comparison.cell else point


def heading(comparison: Comparison, own: Sequence[RunResult]) -> str:
    """The title of one of several comparisons."""
    where = place(comparison)
    return f"{where[0].upper()}{where[1:]}: {load_point(own)}"


def load_point(runs: Sequence[RunResult]) -> str:
    """The offered load in words, as far as the runs know it."""
    if not runs:
        return "load not known"
    run = runs[0]
    known = {key: wording.value(fact.value) for key, fact in run.facts.items() if fact.known}
    words = [known.get("load.protocol", ""), "closed loop"]
    if run.offered_rps is not None:
        words[1] = f"{run.offered_rps:g} requests/s offered"
        if "load.arrivals" in known:
            words[1] += f" ({known['load.arrivals']})"
    if "load.connections" in known:
        words.append(f"{known['load.connections']} connections")
    return ", ".join(word for word in words if word)


def obstacles(comparison: Comparison) -> Table:
    """Facts that differ outside the subject or are unknown, each with the smallest change that mends it."""
    of = comparison.comparability
    lowering = [v for v in of.unknowns if v.severity != _NOTED]
    return _findings(((of.violations, _violation_kind), (lowering, _unknown_kind)), caption="What stands in the way")


def noted(comparison: Comparison) -> Table:
    """Unknown facts that do not change the class."""
    only = [v for v in comparison.comparability.unknowns if v.severity == _NOTED]
    return _findings(((only, _unknown_kind),), caption="Unknown, and noted only")


def _findings(groups: Sequence[tuple[Sequence[Violation], Callable[[Violation], str]]], *, caption: str) -> Table:
    rows = [
        cells(
            wording.clean(v.path),
            wording.value(v.a),
            wording.value(v.b),
            kind,
            wording.clean(v.why),
            wording.clean(v.fix),
        )
        for group, kinds in groups
        for v in group
        for kind in (kinds(v),)
    ]
    heads = ("fact", "baseline", "candidate", "finding", "why it matters", "smallest change that mends it")
    return Table(
        caption=caption,
        columns=tuple(Column(title=head) for head in heads),
        rows=tuple(dict.fromkeys(rows)),
    )


def _violation_kind(of: Violation) -> str:
    return "differs beyond tolerance" if of.severity == "CLOSE" else "differs"


def _unknown_kind(of: Violation) -> str:
    kinds = {"unknown-block": "unknown, blocks", "unknown-flag": "unknown, lowers the class"}
    return kinds.get(of.severity, "unknown, noted")


def differences(comparison: Comparison) -> Table:
    """What differs on purpose: the subject."""
    rows = dict.fromkeys(
        cells(wording.clean(v.path), wording.value(v.a), wording.value(v.b), wording.clean(v.why) or "subject")
        for v in comparison.comparability.subject_differences
    )
    columns = tuple(Column(title=head) for head in ("fact", "baseline", "candidate", "belongs to"))
    return Table(caption="What differs on purpose (the subject)", columns=columns, rows=tuple(rows))


def brings(comparison: Comparison) -> Table:
    """What each candidate has that the baseline has not: what the cost pays for."""
    rows = tuple(
        cells(wording.clean(arm.arm), wording.clean(path), wording.value(value))
        for arm in comparison.arms
        if "#" not in arm.resident
        for path, value in arm.brings.items()
    )
    columns = tuple(Column(title=head) for head in ("arm", "what", "value"))
    return Table(caption="What you get for it", columns=columns, rows=rows)


def facts(of: Facts, *, caption: str) -> Table:
    """Every fact with its value, or why there is none, and where it was read."""
    rows = []
    for path, fact in sorted(of.items()):
        seen = "seen at work" if fact.observed else "configured"
        rows.append(
            cells(
                wording.clean(path),
                wording.fact(fact),
                wording.clean(fact.source) or "none",
                seen if fact.known else "",
            )
        )
    columns = tuple(Column(title=head) for head in ("fact", "value", "source", "how known"))
    return Table(caption=caption, columns=columns, rows=tuple(rows))


def method(comparison: Comparison, runs: Sequence[RunResult]) -> Table:
    """How it was measured and judged."""
    rows = []
    if runs:
        run = runs[0]
        design = run.design
        rows += [
            ("design", f"{wording.clean(design.design)}{', pilot' if design.pilot else ''}"),
            ("slice", f"{_seconds(design.slice_s)} (chosen by: {wording.clean(design.slice_chosen_by)})"),
            ("lead-in, sent and not counted", _seconds(design.lead_in_s)),
            ("guard between slices", _seconds(design.guard_s)),
            ("blocks in a round", _or_none(design.blocks)),
            ("arms resident together", wording.listing(list(design.residents)) if design.residents else "none"),
            ("processes running at the same time", _or_none(design.co_resident_processes)),
            ("seed", _or_none(design.seed)),
            ("counted time per arm and round", wording.seconds(run.measured_s)),
            ("generator", _generator(run)),
            *_model(run.facts),
        ]
    excluded = "; ".join(map(wording.clean, comparison.rounds_excluded)) or "none"
    rows += [("rounds", str(comparison.rounds)), ("rounds excluded", excluded), *planned_rows(comparison)]
    rows += [
        ("experiment", wording.clean(comparison.experiment)),
        ("experiment id", wording.clean(comparison.experiment_id)),
    ]
    for label, methods in (
        ("published interval", [m.ratio.method for m in comparison.metrics]),
        ("added amount", [m.added.method for m in comparison.metrics]),
        ("second estimator", [m.companion.method for m in comparison.metrics if m.companion]),
        ("within a round, this deployment only", [m.within.method for m in comparison.metrics if m.within]),
    ):
        named = list(dict.fromkeys(wording.clean(name) for name in methods if name))
        rows.append((label, "; ".join(named) or "none"))
    family = wording.listing([wording.metric_name(m) for m in comparison.primary_family])
    rows.append(("primary metrics, corrected together", f"{family}; alpha {comparison.alpha:g}, Holm"))
    rows.append(("comparability rules", wording.clean(comparison.comparability.rules) or wording.UNKNOWN))
    columns = (Column(title="setting"), Column(title="value"))
    return Table(caption="Settings of measuring and judging", columns=columns, rows=tuple(cells(*row) for row in rows))


def model(facts: Facts) -> Table:
    """The model of the load in the words of a report."""
    columns = (Column(title="setting"), Column(title="value"))
    return Table(caption="The model of the load", columns=columns, rows=tuple(cells(*row) for row in _model(facts)))


def _model(facts: Facts) -> list[tuple[str, str]]:
    return [
        (name, wording.value(facts[path].value)) for path, name in _MODEL.items() if path in facts and facts[path].known
    ]


def _seconds(figure: float | None) -> str:
    return "none" if figure is None else wording.seconds(figure)


def _or_none(figure: int | None) -> str:
    return "none" if figure is None else str(figure)


def _generator(run: RunResult) -> str:
    health = run.generator
    workers = f"{health.workers} {'worker' if health.workers == 1 else 'workers'}"
    words = (health.name, health.version, f"{health.build} build", workers, f"{health.wait} waiting")
    return ", ".join(wording.clean(word) for word in words if word)
