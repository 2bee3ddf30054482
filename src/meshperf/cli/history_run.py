"""The phases of `meshperf history`: collect the results of one experiment, look for changes, show."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from meshperf.analysis import METRICS, PRIMARY_FAMILY, History, HistoryEntry, comparison_from_document, history
from meshperf.cli.judged_bundle import judged_experiment, write_report
from meshperf.cli.output import page
from meshperf.errors import ExitCode, UsageError
from meshperf.report.history import assemble_history, history_document, show_history
from meshperf.spec.records import Facts, FactValue
from meshperf.store import ExperimentRow, Store

__all__ = ["run_history"]


def run_history(
    references: Sequence[str],
    *,
    arms: Sequence[str],
    metrics: Sequence[str],
    absolute: bool,
    alpha: float,
    seed: int,
    fail_on_change: bool,
    out: Path | None,
    as_json: bool,
) -> int:
    """Follow an experiment. Returns exit code 1 where that was asked for and the newest level is worse.

    Raises:
        UsageError: MP1001, an unknown metric or arm, nothing judged, or several experiments; MP1004, nothing stored.
    """
    unknown = [metric for metric in metrics if metric not in METRICS]
    if unknown:
        raise UsageError("MP1001", f"unknown metric {unknown[0]!r}", hint=f"one of: {', '.join(METRICS)}")
    name, entries = _entries(references)
    known = {arm.arm for entry in entries for one in entry.comparisons for arm in one.arms}
    strange = [arm for arm in arms if arm not in known]
    if strange:
        raise UsageError("MP1001", f"{name} has no arm {strange[0]!r}", hint=f"one of: {', '.join(sorted(known))}")
    found = history(
        name, entries, metrics=metrics or PRIMARY_FAMILY, arms=arms, absolute=absolute, alpha=alpha, seed=seed
    )
    options = [
        *(part for arm in arms for part in ("--arm", arm)),
        *(part for metric in metrics for part in ("--metric", metric)),
        *(["--absolute"] if absolute else []),
    ]
    command = shlex.join(["meshperf", "history", *references, *options, "--alpha", f"{alpha:g}", "--seed", str(seed)])
    if out is not None:
        click.echo(f"the report is {write_report(assemble_history(found, command=command), out)}", err=True)
    if as_json:
        click.echo(json.dumps(history_document(found, command), indent=1, ensure_ascii=False, allow_nan=False))
    else:
        with page() as to_show:
            show_history(found, to_show)
    return ExitCode.GATE_FAILED if fail_on_change and _worse_now(found) else ExitCode.OK


def _worse_now(of: History) -> bool:
    """Whether the last change of some figure made it larger: all figures are times, CPU and memory."""
    return any(each.changes and each.changes[-1].ratio.value > 1 for each in of.series)


def _entries(references: Sequence[str]) -> tuple[str, list[HistoryEntry]]:
    if len(references) == 1 and not Path(references[0]).exists():
        return _stored(references[0])
    found = [judged_experiment(reference) for reference in references]
    names = list(dict.fromkeys(kept.name for kept in found))
    if len(names) > 1:
        raise UsageError(
            "MP1001", f"these are several experiments: {', '.join(names)}", hint="a history is of one experiment"
        )
    entries = {
        kept.experiment_id: HistoryEntry(
            experiment_id=kept.experiment_id,
            time=min(run.start_time for run in kept.runs),
            comparisons=tuple(comparison_from_document(document) for document in kept.comparisons),
            facts=_values(kept.facts, {}),
        )
        for kept in found
    }
    return names[0], list(entries.values())


def _stored(reference: str) -> tuple[str, list[HistoryEntry]]:
    with Store.open() as store:
        rows = store.experiments()
        name = reference
        if not any(row.name == name for row in rows):
            name = store.experiment(reference).name
        entries = []
        for row in (each for each in rows if each.name == name):
            documents = store.comparisons(row.experiment_id)
            if documents:
                entries.append(_entry(row, documents))
    if not entries:
        raise UsageError(
            "MP1001", f"no stored result of {name} was judged", hint="`meshperf run` stores an experiment's judgement"
        )
    return name, entries


def _entry(row: ExperimentRow, documents: Sequence[Mapping[str, object]]) -> HistoryEntry:
    return HistoryEntry(
        experiment_id=row.experiment_id,
        time=_utc(row.start_time or row.saved),
        comparisons=tuple(comparison_from_document(document) for document in documents),
        facts=_values(row.facts or {}, {"experiment file": row.digest[:12], "meshperf": row.meshperf}),
    )


def _values(facts: Facts, more: Mapping[str, FactValue]) -> dict[str, FactValue]:
    return {**{path: fact.value for path, fact in facts.items() if fact.known}, **more}


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
