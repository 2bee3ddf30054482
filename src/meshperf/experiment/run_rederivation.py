"""A run's figures once more, from its slices alone.

What it decides: whether a run says what its slices say. Everything a run publishes about successful replies is the
exact sum of its slices, or follows from that sum: so the run is put together anew from the slices, written by the code
that wrote it the first time, and the two documents are compared.
What it assumes: each slice's counts and histograms are the recording. There is nothing below them to check them against
except one another. Service times, failed replies and the generator's own times are kept once a run, not once a slice;
their distributions are checked against the figures drawn from them only.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from meshperf.experiment.document_differences import RELATIVE_TOLERANCE, differences
from meshperf.histograms import merge
from meshperf.spec.records import Counts, RunResult, SliceRecord
from meshperf.spec.smp import result_to_document

__all__ = ["contradictions"]


def contradictions(run: RunResult, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Place and sentence for each figure of `run`, read from `document`, that does not follow from its slices."""
    if not run.slices:
        yield "", "the run keeps no slices, so nothing it says can be derived"
        return
    found = False
    for place, sentence in [*_within_slices(run), *_sums(run)]:
        found = True
        yield place, sentence
    if not found:  # else each wrong sum would be told again by every figure that follows from it
        yield from differences(document, result_to_document(_from_slices(run)))


def _within_slices(run: RunResult) -> Iterator[tuple[str, str]]:
    for number, part in enumerate(run.slices):
        counts, place = part.counts, f"slice {number}"
        became = counts.ok + counts.errors + counts.timeouts + counts.unanswered + counts.not_sent
        if counts.offered != became:
            yield place, f"{counts.offered} requests were offered, but {became} are accounted for"
        if part.response.total != counts.ok:
            yield place, f"the histogram holds {part.response.total} replies, the counts say {counts.ok}"
        if not part.begin_s <= part.end_s <= part.drained_s:
            yield place, "its begin, end and end of drain are not in order"


def _sums(run: RunResult) -> Iterator[tuple[str, str]]:
    derived = _from_slices(run)
    if run.response != derived.response:
        yield "response", f"the histogram ({run.response.total} replies) is not the sum of its slices'"
    if run.lead_in != derived.lead_in:
        yield "lead_in", f"the lead-in histogram ({run.lead_in.total} replies) is not the sum of its slices'"
    for name in Counts.__slots__:
        published, summed = getattr(run.counts, name), getattr(derived.counts, name)
        if published != summed:
            yield f"counts.{name}", f"says {published}, the slices add up to {summed}"
    if not math.isclose(run.measured_s, derived.measured_s, rel_tol=RELATIVE_TOLERANCE):
        yield "measured_s", f"says {run.measured_s} s, the slices add up to {derived.measured_s} s"
    for usage, summed_usage in zip(run.resources, derived.resources, strict=True):
        if usage.cpu_s is not None and not math.isclose(
            usage.cpu_s, summed_usage.cpu_s or 0.0, rel_tol=RELATIVE_TOLERANCE, abs_tol=1e-12
        ):
            yield (
                f"resources.{usage.component}.cpu_s",
                f"says {usage.cpu_s} s, the slices add up to {summed_usage.cpu_s} s",
            )


def _from_slices(run: RunResult) -> RunResult:
    counts = sum((part.counts for part in run.slices), Counts())
    return replace(
        run,
        counts=counts,
        response=merge(part.response for part in run.slices),
        lead_in=merge(part.lead_in for part in run.slices),
        measured_s=math.fsum(part.end_s - part.begin_s for part in run.slices),
        resources=tuple(
            replace(usage, cpu_s=_cpu_s(run.slices, usage.component), requests=counts.sent)
            if usage.cpu_s is not None
            else usage
            for usage in run.resources
        ),
    )


def _cpu_s(slices: tuple[SliceRecord, ...], component: str) -> float:
    """CPU seconds of a component over all slices; a slice that does not name it adds nothing."""
    return math.fsum(part.cpu_s.get(component, 0.0) for part in slices)
