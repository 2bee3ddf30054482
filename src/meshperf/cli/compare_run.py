"""The phases of `meshperf compare`: read the sources and rules, judge, show."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from meshperf.analysis import RecordGrade, Rules, comparison_to_document, laid_over, packaged_rules
from meshperf.cli.compare_calibration import rules_with_calibration
from meshperf.cli.compare_options import floor_of, margin_of
from meshperf.cli.compare_pairs import Settings, Shown, judge_sources
from meshperf.cli.compare_sources import Source, absolute_floors_of, margins_of, read_sources
from meshperf.cli.outside_bundles import refuse_bundle
from meshperf.errors import ExitCode
from meshperf.report import terminal, write
from meshperf.spec.experiment import DEFAULT_MARGINS
from meshperf.spec.reader import read_document

__all__ = ["exit_code", "read_rules", "records", "run_compare", "subject_of"]

_KIND = "meshperf-compare"


def run_compare(
    references: Sequence[str],
    *,
    subjects: Sequence[str],
    rules_file: Path | None,
    calibration: Path | None = None,
    margins: Sequence[str],
    absolute_floors: Sequence[str] = (),
    out: Path | None,
    as_json: bool,
) -> int:
    """Compare and show. Returns the exit code.

    Raises:
        UsageError: MP1001, a reference, an arm, a margin or a floor that cannot be used; MP1004, no such id.
        DocumentError: a file or the rules.
        StorageError: the report cannot be written.
    """
    if out is not None:
        refuse_bundle(out)
    rules = read_rules(rules_file)
    sources = read_sources(references)
    rules = rules_with_calibration(rules, calibration, sources)
    settings = Settings(
        subject=tuple(subjects) or subject_of(sources),
        margins={**margins_of(sources[0], DEFAULT_MARGINS), **dict(map(margin_of, margins))},
        rules=rules,
        absolute_floors={**absolute_floors_of(sources[0]), **dict(map(floor_of, absolute_floors))},
    )
    shown = judge_sources(sources, settings)
    command = shlex.join(
        [
            "meshperf", "compare", *references, *(word for s in subjects for word in ("--subject", s)),
            *(["--rules", str(rules_file)] if rules_file is not None else []),
            *(["--calibration", str(calibration)] if calibration is not None else []),
            *(word for m in margins for word in ("--margin", m)),
            *(word for f in absolute_floors for word in ("--absolute-floor", f)),
        ]
    )  # fmt: skip
    if out is not None:
        first, *_ = write(
            [one.comparison for one in shown],
            [run for one in shown for run in one.runs],
            out=out,
            experiment_text="",
            command=command,
            facts=sources[0].runs[0].facts,
        )
        click.echo(f"the report is {first}", err=True)
    if as_json:
        click.echo(json.dumps(_document(sources, rules, shown), indent=1, allow_nan=False))
    else:
        click.echo(_text(sources, rules, shown), nl=False)
    return exit_code(shown)


def read_rules(path: Path | None) -> Rules:
    """Our rules, with a user's laid over them.

    Raises:
        DocumentError: every problem of the file, with line and column.
    """
    return packaged_rules() if path is None else laid_over(read_document(path))


def subject_of(sources: Sequence[Source]) -> tuple[str, ...]:
    """What the experiments declare, taken together."""
    return tuple(dict.fromkeys(word for source in sources for word in source.subject))


def exit_code(shown: Sequence[Shown]) -> int:
    """4 where any of them is not comparable, else 0 (inconclusive too)."""
    unfit = any(one.comparison.comparability.grade == "X" for one in shown)
    return ExitCode.NOT_COMPARABLE if unfit else ExitCode.OK


def records(sources: Sequence[Source], rules: Rules) -> list[RecordGrade]:
    """How complete the record of every arm of every source is."""
    return [
        source.record(next(run for run in source.runs if run.arm == arm), rules)
        for source in sources
        for arm in (source.arms if source.arm is None else (source.arm,))
    ]


def _document(sources: Sequence[Source], rules: Rules, shown: Sequence[Shown]) -> dict[str, Any]:
    return {
        "kind": _KIND,
        "version": 1,
        "rules": rules.label,
        "loosened": list(rules.loosened),
        "records": [
            {"label": one.label, "grade": one.grade.value, "lacks": list(one.lacks)} for one in records(sources, rules)
        ],
        "comparisons": [comparison_to_document(one.comparison) for one in shown],
    }


def _text(sources: Sequence[Source], rules: Rules, shown: Sequence[Shown]) -> str:
    from meshperf.cli.output import consoles
    from meshperf.report.wording import clean

    to_show, _ = consoles()
    with to_show.capture() as captured:
        for number, one in enumerate(shown):
            if number:
                to_show.print()
            terminal(one.comparison, to_show)
        to_show.print()
        to_show.print("Records", markup=False)
        for record in records(sources, rules):
            lacks = f"; not known: {', '.join(map(clean, record.lacks))}" if record.lacks else ""
            to_show.print(f"- {clean(record.label)}: {record.grade.value}{lacks}", markup=False)
        to_show.print(f"Rules: {clean(rules.name)} {rules.version}", markup=False)
        for line in rules.loosened:
            to_show.print(f"- loosened: {clean(line)}", markup=False)
    return captured.get()
