"""The phases of `meshperf gate`: read, judge, try what is asked, write what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from meshperf import __version__
from meshperf.analysis import comparison_to_document
from meshperf.cli.compare_pairs import Settings, Shown, judge_sources
from meshperf.cli.compare_run import read_rules, subject_of
from meshperf.cli.compare_sources import Source, absolute_floors_of, read_sources
from meshperf.cli.gate_checks import Check, checks_of, checks_of_runs, finding
from meshperf.cli.outside_bundles import refuse_bundle
from meshperf.errors import ExitCode, UsageError
from meshperf.report import console as terminal
from meshperf.report import findings, wording
from meshperf.report.files import place
from meshperf.report.findings import Finding, Rule, State
from meshperf.report.junit import junit
from meshperf.report.sarif import sarif
from meshperf.report.summary import summary
from meshperf.report.tables import Cell, Column, Exhibit, Section, Table, Tone, cells
from meshperf.spec.experiment import DEFAULT_MARGINS
from meshperf.spec.gate import Gate
from meshperf.spec.gate_reading import read_gate

__all__ = ["run_gate"]

_KIND = "meshperf-gate"
_TONES = {State.HELD: Tone.GOOD, State.BROKEN: Tone.BAD, State.UNKNOWN: Tone.OPEN, State.UNFIT: Tone.NONE}
_WORDS = {State.HELD: "held", State.BROKEN: "broken", State.UNKNOWN: "undecided", State.UNFIT: "could not be tried"}
_ANSWERS = {
    ExitCode.OK: "The gate holds.",
    ExitCode.GATE_FAILED: "The gate is broken.",
    ExitCode.NOT_COMPARABLE: "Nothing is broken, but not all that was asked could be tried.",
}


def run_gate(
    references: Sequence[str],
    file: Path,
    *,
    rules_file: Path | None,
    outputs: Mapping[str, Path | None],
    as_json: bool,
) -> int:
    """Hold results to a gate. Returns the exit code.

    Args:
        outputs: by form (junit, sarif, summary) the file to write; None: not asked for.

    Raises:
        UsageError: MP1001, references, arms or margins that cannot be used; MP1004, no such id.
        DocumentError: the gate file, the rules or a result, with its place.
        StorageError: a file cannot be written.
    """
    gate = read_gate(file)
    if len(references) > 2:
        raise UsageError("MP1001", f"a gate takes one or two results, found {len(references)}")
    for path in outputs.values():
        if path is not None:
            refuse_bundle(path.parent)
    rules = read_rules(rules_file)
    sources = read_sources(references)
    shown: list[Shown] = []
    if len(sources) == 1 and not sources[0].judged and len(sources[0].arms) == 1:
        checks, told = _alone(sources[0], gate)
    else:
        settings = Settings(
            subject=gate.subject or subject_of(sources),
            margins=DEFAULT_MARGINS,
            rules=rules,
            objectives=(),
            absolute_floors={**absolute_floors_of(sources[0]), **gate.absolute_floors},
        )
        shown = judge_sources(sources, settings)
        checks = [check for one in shown for check in checks_of(one, gate)]
        told = [one for each in shown for one in findings.of_comparison(each.comparison) if _is_told(one, gate)]
    if not checks:
        raise UsageError(
            "MP1001", f"the gate {gate.name!r} asks nothing of these results", hint=_arms_hint(gate, shown, sources)
        )
    checks = [_decided(check, gate) for check in checks]
    code = _exit_code(checks)
    _write(outputs, gate, checks, told, shown, sources, artifact=file, code=code)
    if as_json:
        click.echo(json.dumps(_document(gate, checks, shown, code, rules.loosened), indent=1, allow_nan=False))
    else:
        click.echo(_text(gate, checks, shown, code, rules.loosened), nl=False)
    return code


def _alone(source: Source, gate: Gate) -> tuple[list[Check], list[Finding]]:
    """Runs that stand by themselves: objectives only, load point by load point."""
    if gate.margins:
        raise UsageError(
            "MP1001",
            f"{source.name} has nothing to hold a margin against",
            hint="name two results, or leave `margins` out of the gate",
        )
    checks: list[Check] = []
    for point in source.points():
        runs = [run for run in source.runs if run.load_point == point]
        group = f"{source.name}, load point {point + 1}" if len(source.points()) > 1 else source.name
        if not gate.arms or runs[0].arm in gate.arms:
            checks += checks_of_runs(runs[0].arm or source.name, runs, gate.objectives, group)
    told = (
        []
        if source.imported
        else [one for run in source.runs for one in findings.of_run(run) if one.rule is Rule.WARNING]
    )
    return checks, told


def _is_told(one: Finding, gate: Gate) -> bool:
    """What stands beside the checks in JUnit and SARIF: nothing that would fail there and not in the exit code."""
    return one.rule in (Rule.VERDICT, Rule.WARNING) or (one.rule is Rule.COMPARABILITY and bool(gate.margins))


def _decided(check: Check, gate: Gate) -> Check:
    if gate.undecided_fails and check.state is State.UNKNOWN:
        return replace(
            check, state=State.BROKEN, reason=f"undecided, which this gate does not let pass: {check.reason}"
        )
    return check


def _exit_code(checks: Sequence[Check]) -> int:
    states = {check.state for check in checks}
    if State.BROKEN in states:
        return ExitCode.GATE_FAILED
    return ExitCode.NOT_COMPARABLE if State.UNFIT in states else ExitCode.OK


def _arms_hint(gate: Gate, shown: Sequence[Shown], sources: Sequence[Source]) -> str:
    arms = dict.fromkeys(arm.arm for one in shown for arm in one.comparison.arms) or dict.fromkeys(
        arm for source in sources for arm in source.arms
    )
    return f"it asks of {', '.join(gate.arms) or 'candidates'}; there are {', '.join(arms)}"


def _write(
    outputs: Mapping[str, Path | None],
    gate: Gate,
    checks: Sequence[Check],
    told: Sequence[Finding],
    shown: Sequence[Shown],
    sources: Sequence[Source],
    *,
    artifact: Path,
    code: int,
) -> None:
    groups: dict[str, list[Finding]] = {}
    for one in (*map(finding, checks), *told):
        groups.setdefault(one.group, []).append(one)
    found = [one for group in groups.values() for one in group]
    shown_as = artifact.name if artifact.is_absolute() else artifact.as_posix()
    contents = {
        "junit": lambda: junit(found),
        "sarif": lambda: sarif(found, artifact=shown_as, version=__version__),
        "summary": lambda: "\n".join(_markdown(gate, checks, shown, sources, code)),
    }
    for form, path in outputs.items():
        if path is not None:
            place(path, contents[form]().encode("utf-8", "replace"))
            click.echo(f"wrote {path}", err=True)


def _markdown(
    gate: Gate, checks: Sequence[Check], shown: Sequence[Shown], sources: Sequence[Source], code: int
) -> Iterator[str]:
    from meshperf.report.markdown import markdown

    yield markdown(f"Gate {wording.clean(gate.name)}", [(None, [_section(checks, code)])], charts={}, note="")
    if shown:
        yield summary([one.comparison for one in shown], [run for one in shown for run in one.runs])
    elif not sources[0].imported:
        yield summary([], sources[0].runs)


def _text(gate: Gate, checks: Sequence[Check], shown: Sequence[Shown], code: int, loosened: Sequence[str]) -> str:
    from meshperf.cli.output import consoles

    to_show, _ = consoles()
    with to_show.capture() as captured:
        reasons = (*_unfit(shown), *(f"The rules were loosened: {wording.clean(one)}." for one in loosened))
        terminal.show_sections(f"Gate {wording.clean(gate.name)}", [_section(checks, code, reasons)], to_show)
    return captured.get()


def _unfit(shown: Sequence[Shown]) -> tuple[str, ...]:
    """What stands in the way of a comparison, in the words of its rules."""
    return tuple(
        f"{wording.clean(one.comparison.experiment)}: class {one.comparison.comparability.grade}; "
        + "; ".join(
            f"{wording.clean(v.path)}: {wording.clean(v.why)}. To mend it: {wording.clean(v.fix)}" for v in found
        )
        for one in shown
        if (found := _lowering(one))
    )


def _lowering(one: Shown) -> list[Any]:
    of = one.comparison.comparability
    return [*of.violations, *(entry for entry in of.unknowns if entry.severity != "unknown-note")]


def _section(checks: Sequence[Check], code: int, points: tuple[str, ...] = ()) -> Section:
    columns = tuple(Column(title=title) for title in ("what was asked", "of", "outcome", "because"))
    rows = tuple(
        cells(
            wording.clean(check.asked),
            wording.clean(check.arm),
            Cell(text=_WORDS[check.state], tone=_TONES[check.state]),
            wording.clean(check.reason),
        )
        for check in checks
    )
    table = Table(caption="What was asked, and what came of it", columns=columns, rows=rows)
    return Section(
        key="gate", title="The gate", sentences=(_ANSWERS[code],), points=points, exhibits=(Exhibit(table=table),)
    )


def _document(
    gate: Gate, checks: Sequence[Check], shown: Sequence[Shown], code: int, loosened: Sequence[str]
) -> dict[str, Any]:
    return {
        "kind": _KIND,
        "version": 1,
        "gate": gate.name,
        "sha256": gate.digest,
        "exit_code": code,
        "loosened": list(loosened),
        "checks": [
            {
                "group": check.group,
                "arm": check.arm,
                "asked": check.asked,
                "outcome": _WORDS[check.state],
                "reason": check.reason,
                "figure": check.figure,
                "limit": check.limit,
            }
            for check in checks
        ],
        "comparisons": [comparison_to_document(one.comparison) for one in shown],
    }
