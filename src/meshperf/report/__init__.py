"""Reports of a comparison: terminal, Markdown, one HTML file, charts, data.

`write` puts the files of a finished comparison into a folder, `terminal` prints it; `write_runs` and `terminal_run` do
the same for runs that have nothing to be compared with, `write_imported` for results of other tools. All show the same
records in the same words. Nothing here reads the store or starts a process, and nothing here judges.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshperf.spec.records import Facts, RunResult

if TYPE_CHECKING:
    from rich.console import Console

    from meshperf.analysis.records import Comparison
    from meshperf.spec.imported import Imported

__all__ = [
    "terminal",
    "terminal_efficiency",
    "terminal_ladders",
    "terminal_run",
    "write",
    "write_imported",
    "write_runs",
]


def write(
    comparisons: Sequence[Comparison],
    runs: Sequence[RunResult],
    *,
    out: Path,
    experiment_text: str,
    command: str,
    facts: Facts,
    charts: bool | None = None,
) -> tuple[Path, ...]:
    """Write report.html, report.md, charts/*.svg, charts/*.png, data.csv and data.json into `out`.

    Args:
        comparisons: one a load point, in order; at least one.
        runs: all runs of the experiment, invalid and excluded ones too; they are listed with their reason.
        out: the folder, made when missing; each file is written beside its place and renamed.
        experiment_text: the experiment file as it was.
        command: what a reader types to measure again.
        facts: of the environment; hostnames and addresses already hashed.
        charts: True needs the charts, False leaves them out, None draws them when their libraries are installed and
            says in the report when they are not.

    Returns:
        The paths written, report.html first.

    Raises:
        PrerequisiteError: MP3004, `charts` is True and their libraries are missing.
        StorageError: MP5401 or MP5402, a file cannot be written.
        ValueError: no comparison was given.
    """
    from meshperf.report.assembly import assemble
    from meshperf.report.files import place

    files = assemble(comparisons, runs, experiment_text=experiment_text, command=command, facts=facts, charts=charts)
    return tuple(place(out / name, content) for name, content in files.items())


def write_runs(
    runs: Sequence[RunResult], *, out: Path, command: str, experiment_text: str = "", charts: bool | None = None
) -> tuple[Path, ...]:
    """Write the report of runs that are not compared, with the same files as `write`; `data.csv` has figures over time.

    Args:
        runs: at least one.
        out, command, experiment_text, charts: as for `write`; the facts are the runs' own.

    Returns:
        The paths written, report.html first.

    Raises:
        PrerequisiteError: MP3004, `charts` is True and their libraries are missing.
        StorageError: MP5401 or MP5402, a file cannot be written.
        ValueError: no run was given.
    """
    from meshperf.report.files import place
    from meshperf.report.run_files import assemble_runs

    files = assemble_runs(runs, command=command, experiment_text=experiment_text, charts=charts)
    return tuple(place(out / name, content) for name, content in files.items())


def write_imported(
    results: Sequence[Imported], documents: Sequence[Mapping[str, Any]], *, out: Path
) -> tuple[Path, ...]:
    """Write the report of results of other tools: report.html, report.md and data.json.

    Args:
        results: at least one.
        documents: their SMP documents.
        out: as for `write`.

    Returns:
        The paths written, report.html first.

    Raises:
        StorageError: MP5401 or MP5402, a file cannot be written.
        ValueError: no result was given.
    """
    from meshperf.report.files import place
    from meshperf.report.imported import assemble_imported

    return tuple(place(out / name, content) for name, content in assemble_imported(results, documents).items())


def terminal_run(run: RunResult, console: Console, *, only: Collection[str] = ()) -> None:
    """Print one run that stands by itself to `console`: its evidence, then the answer.

    Args:
        only: keys of the sections to print, such as `kind` for the answer of a test kind; none: all.
    """
    from meshperf.report.console import show_run

    show_run(run, console, only=only)


def terminal_ladders(
    comparisons: Sequence[Comparison], runs: Sequence[RunResult], console: Console, *, experiment_text: str
) -> None:
    """Print the price list of every comparison that is one; nothing for any other experiment.

    Args:
        runs: all runs of the experiment.
        experiment_text: the experiment file as it was, from which the steps are read.
    """
    from meshperf.report import context, wording
    from meshperf.report import ladder as price_list
    from meshperf.report.console import show_sections

    orders = price_list.orders_in(experiment_text)
    for comparison in comparisons:
        found = price_list.ladder_of(comparison, runs, orders)
        if found is not None:
            title = f"{wording.clean(comparison.experiment)}, {context.place(comparison)}"
            show_sections(title, [price_list.section(found, runs)], console)


def terminal_efficiency(
    comparisons: Sequence[Comparison], runs: Sequence[RunResult], console: Console, *, ladders_only: bool = True
) -> None:
    """Print what the load points of an experiment say together of efficiency and power.

    Args:
        runs: all runs of the experiment.
        ladders_only: nothing for cells without a ladder of rates or concurrencies, whose load points say it already.
    """
    from meshperf.report import efficiency, wording
    from meshperf.report.console import show_sections

    for study in efficiency.studies_of(comparisons, runs):
        if study.rates or study.concurrencies or not ladders_only:
            title = wording.clean(comparisons[0].experiment)
            show_sections(title, [efficiency.section(study, comparisons, runs)], console)


def terminal(comparison: Comparison, console: Console) -> None:
    """Print one comparison to `console`: comparability first, the answer in sentences last."""
    from meshperf.report.console import show

    show(comparison, console)
