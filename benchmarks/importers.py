"""What every importer reads of files: rate, p50 and p99 with their bounds, and whether errors are known.

Each file is read as `meshperf import` reads it, found out by its content and not by its name, and every form is tried
on our own samples too, so that the table says of each form whether there is a file of it. A file that is no result of
any tool must be refused; what is refused and why stands below the table.

Of the recorded data: `smp/meshery-records.json` holds two runs against Linkerd whose requests all failed. They must
come out as failed, not as runs with a median of 1.4 ms.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.findings import Finding, Outcome, show_findings
from meshperf.errors import DocumentError
from meshperf.interchange.detection import detect
from meshperf.interchange.incoming import open_incoming
from meshperf.interchange.reading import read_incoming
from meshperf.interchange.registry import forms
from meshperf.spec.completeness import completeness
from meshperf.spec.imported import Imported

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "tests" / "samples" / "interchange"
RECORDED = ROOT.parent / "shared" / "data"
FOLDERS = ("generators", "smp")
"""Of the recorded data: those with results. The others hold objects of clusters."""
NO_RESULTS = frozenset({"profile-load-test.yaml"})
"""Of them: an SMP test."""
NEEDS_VEGETA = "vegeta-binary"
"""The form that only the verb can read, with vegeta's help."""
HEADINGS = ("form", "file", "rate", "p50", "p99", "errors", "latency from", "loop", "grade")
UNKNOWN = "not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What was read of one result."""

    form: str
    file: str
    rate: str
    p50: str
    p99: str
    errors: str
    origin: str
    loop: str
    grade: str


def rows_of(path: Path, shown: str) -> Iterator[Row]:
    """A row for each result in the file. Raises DocumentError."""
    with open_incoming(path) as incoming:
        form = detect(incoming).form.name
        for record in read_incoming(incoming, form=form):
            place = f" {record.source.place}" if record.source.place else ""
            yield Row(
                form=form,
                file=shown + place,
                rate=UNKNOWN if record.achieved_rps is None else f"{record.achieved_rps:.6g}/s",
                p50=_quantile(record, 0.5),
                p99=_quantile(record, 0.99),
                errors=_errors(record),
                origin=record.latency_origin.value,
                loop=record.loop.value,
                grade=completeness(record).value,
            )


def _quantile(record: Imported, q: float) -> str:
    """In milliseconds, with the bounds where the figure is not exact."""
    one = next((one for one in record.quantiles if one.q == q), None)
    if one is None:
        return UNKNOWN
    value, low, high = (f"{each * 1e3:.4g}" for each in (one.value_s, one.low_s, one.high_s))
    failed = " of failures" if record.errors and record.ok == 0 else ""
    return (f"{value} ms" if value == low == high else f"{value} [{low}, {high}] ms") + failed


def _errors(record: Imported) -> str:
    if record.errors is None:
        return UNKNOWN
    of = "" if record.requests is None else f" of {record.requests}"
    return f"{record.errors}{of}" + (": all failed" if record.errors and record.ok == 0 else "")


def table(rows: Sequence[Row]) -> str:
    """As Markdown."""
    lines = [HEADINGS, ("---",) * len(HEADINGS), *(tuple(asdict(row).values()) for row in rows)]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def main(arguments: Sequence[str] | None = None) -> Outcome:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks importers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="*", type=Path, help="default: the recorded data beside the project")
    parser.add_argument("--samples", action="store_true", help="also the rows of our own samples")
    options = parser.parse_args(arguments)
    given = [(path, path.name) for path in options.files] or [
        (path, path.relative_to(RECORDED).as_posix())
        for folder in FOLDERS
        for path in sorted((RECORDED / folder).rglob("*"))
        if path.is_file()
    ]
    rows, refused = _all(given)
    own, own_refused = _all([(path, path.name) for path in sorted(SAMPLES.iterdir())])
    print(table([*rows, *(own if options.samples else ())]))
    for line in (*refused, *own_refused):
        print(f"refused: {line}")
    findings = _findings(rows, refused, own, own_refused, recorded=not options.files and bool(given))
    show_findings(findings)
    data = {"files": [asdict(row) for row in rows], "samples": [asdict(row) for row in own], "refused": refused}
    return Outcome(findings=findings, data=json.loads(json.dumps(data)))


def _all(files: Sequence[tuple[Path, str]]) -> tuple[list[Row], list[str]]:
    rows: list[Row] = []
    refused: list[str] = []
    for path, shown in files:
        try:
            rows += rows_of(path, shown)
        except DocumentError as problem:
            refused.append(f"{shown}: {problem.code} {problem.message}")
    return rows, refused


def _findings(
    rows: Sequence[Row], refused: Sequence[str], own: Sequence[Row], own_refused: Sequence[str], *, recorded: bool
) -> tuple[Finding, ...]:
    known = {form.name for form in forms()} - {NEEDS_VEGETA}
    without = sorted(known - {row.form for row in own})
    found = [
        Finding(
            what="forms without a sample that is read",
            figure=", ".join([*without, *own_refused]) or "none",
            limit="none",
            met=not without and not own_refused,
        )
    ]
    if recorded:
        strange = [one for one in refused if not any(name in one for name in (*NO_RESULTS, "results.bin"))]
        linkerd = [row for row in rows if row.file.startswith("smp/meshery-records.json")][1:]
        found += [
            Finding(
                what="recorded results refused", figure="; ".join(strange) or "none", limit="none", met=not strange
            ),
            Finding(
                what="the two Linkerd records",
                figure="; ".join(row.errors for row in linkerd),
                limit="both failed",
                met=len(linkerd) == 2 and all("all failed" in row.errors for row in linkerd),
            ),
        ]
    return tuple(found)


if __name__ == "__main__":
    main()
