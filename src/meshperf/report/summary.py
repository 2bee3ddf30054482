"""A summary in Markdown: the answer, verdicts, objectives and warnings, for a pull request or a build's page.

The same sections as the report's, without the evidence; `meshperf report` writes all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from meshperf.analysis.records import Comparison
from meshperf.report import context, naming, sections, single, wording
from meshperf.report.headline import headline
from meshperf.report.markdown import markdown
from meshperf.report.tables import Section
from meshperf.spec.records import RunResult

__all__ = ["summary"]

_OF_COMPARISON = ("answer", "verdicts", "objectives", "warnings")
_OF_RUN = ("answer", "kind", "failures")


def summary(comparisons: Sequence[Comparison], runs: Sequence[RunResult]) -> str:
    """The summary of an experiment, or of runs that stand by themselves where there is no comparison.

    Raises:
        ValueError: neither a comparison nor a run was given.
    """
    if not comparisons and not runs:
        raise ValueError("a summary needs a comparison or a run")
    note = naming.footnote(runs)
    comparisons = [naming.labelled(comparison) for comparison in comparisons]
    runs = [naming.labelled_run(run) for run in runs]
    parts: list[tuple[str | None, Sequence[Section]]] = []
    for comparison in comparisons:
        own = context.own_runs(comparison, runs)
        heading = context.heading(comparison, own) if len(comparisons) > 1 else None
        parts.append(
            (heading, _chosen(sections.of_load_point(comparison, own, in_short=headline(comparison)), _OF_COMPARISON))
        )
    if not comparisons:
        for run in runs:
            heading = single.title(run) if len(runs) > 1 else None
            parts.append((heading, _chosen(single.of_run(run), _OF_RUN)))
    title = wording.clean(comparisons[0].experiment if comparisons else runs[0].experiment) or "unnamed experiment"
    return markdown(title, parts, charts={}, note=note)


def _chosen(of: Sequence[Section], keys: Sequence[str]) -> tuple[Section, ...]:
    """These sections, without what the report folds away: it is evidence and no answer."""
    return tuple(
        replace(section, exhibits=tuple(one for one in section.exhibits if not one.folded))
        for section in of
        if section.key in keys
    )
