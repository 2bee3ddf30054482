"""A run's figures once more, from its slices alone.

What it decides: whether a run says what its slices say. Everything a run publishes about successful replies is the
exact sum of its slices, or follows from that sum: so the run is put together anew from the slices, written by the code
that wrote it the first time, and the two documents are compared. Its verdict on itself follows from these figures and
from the readings of the machine, so it is passed again too, by the code that passed it the first time.
What it assumes: each slice's counts and histograms are the recording. There is nothing below them to check them against
except one another. Service times, failed replies and the generator's own times are kept once a run, not once a slice;
their distributions are checked against the figures drawn from them only.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from meshperf.experiment.assembly import judged
from meshperf.experiment.document_differences import RELATIVE_TOLERANCE, differences
from meshperf.histograms import Histogram, merge
from meshperf.load.plan import Arrivals
from meshperf.spec.records import Counts, GuardReading, RunResult, SliceRecord, ValidityState
from meshperf.spec.smp import result_to_document
from meshperf.telemetry import noise_guards

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
    if found:  # else each wrong sum would be told again by every figure that follows from it
        return
    yield from differences(_unpacked(document), _unpacked(result_to_document(_from_slices(run))))
    yield from _verdict(run)


def _unpacked(document: Any) -> Any:
    """The document with its packed histograms as what they hold: zlib may pack the same counts in several ways."""
    if isinstance(document, Mapping):
        return {
            key: _counts_of(value) if key == "hdr_v2" and isinstance(value, str) else _unpacked(value)
            for key, value in document.items()
        }
    return [_unpacked(value) for value in document] if isinstance(document, list) else document


def _counts_of(packed: str) -> Any:
    try:
        return Histogram.from_hdr_v2(packed).pairs()
    except ValueError as broken:
        return f"unreadable: {broken}"


def _verdict(run: RunResult) -> Iterator[tuple[str, str]]:
    """What the run says of its own validity, against what its figures say."""
    again = judged(run, _arrivals(run))
    stored, derived = run.validity, again.validity
    single = run.design.design == "single"
    # A single run may be invalid for more than its figures: it was broken off, or the machine was not quiet. One that
    # was broken off before anything was counted has no figures to say why.
    harsher = single and stored.state is ValidityState.INVALID
    unreached = harsher and run.counts == Counts()
    reasons = stored.reasons[: len(derived.reasons)] if harsher else stored.reasons
    if not unreached and ((stored.state is not derived.state and not harsher) or reasons != derived.reasons):
        said = "; ".join(derived.reasons)
        yield "validity", f"says {stored.state.value}, its figures say {derived.state.value}{said and f' ({said})'}"
    readings = {guard.guard: guard for guard in run.guards}
    for guard in (*again.guards, *noise_guards(run.noise)[0]):
        reading = readings.get(guard.guard)
        if single and guard.guard == "background_cpu" and reading is not None and reading.outcome == "unavailable":
            continue  # the target may itself run beside the generator
        if reading is None and guard.outcome == "unavailable":
            continue  # written before there was this guard, and before what it reads
        if reading is None or not _same_reading(reading, guard):
            said = "nothing" if reading is None else f"{reading.value} ({reading.outcome})"
            yield f"guards.{guard.guard}", f"says {said}, its figures say {guard.value} ({guard.outcome})"
    told = {warning.kind for warning in run.warnings}
    for warning in again.warnings:
        if warning.kind not in told and not unreached:
            yield "warnings", f"does not warn of {warning.kind.value}: {warning.text}"


def _arrivals(run: RunResult) -> Arrivals:
    """How the load arrived; where the facts do not say, a run without a rate was a closed loop."""
    fact = run.facts.get("load.arrivals")
    if fact is not None and fact.known and fact.value in list(Arrivals):
        return Arrivals(fact.value)
    return Arrivals.CLOSED if run.offered_rps is None else Arrivals.POISSON


def _same_reading(one: GuardReading, other: GuardReading) -> bool:
    """Equal in what was read, in what it led to and in where the limits were."""
    if one.outcome != other.outcome:
        return False
    pairs = itertools.starmap(
        _close,
        ((one.value, other.value), (one.warn_above, other.warn_above), (one.invalid_above, other.invalid_above)),
    )
    return all(pairs)


def _close(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=RELATIVE_TOLERANCE, abs_tol=1e-12)


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
    yield from _series(run)
    for usage, summed_usage in zip(run.resources, derived.resources, strict=True):
        if usage.cpu_s is not None and not math.isclose(
            usage.cpu_s, summed_usage.cpu_s or 0.0, rel_tol=RELATIVE_TOLERANCE, abs_tol=1e-12
        ):
            yield (
                f"resources.{usage.component}.cpu_s",
                f"says {usage.cpu_s} s, the slices add up to {summed_usage.cpu_s} s",
            )


def _series(run: RunResult) -> Iterator[tuple[str, str]]:
    """Counts over time, where there are any, add up to the run's."""
    for metric, count in (("offered", run.counts.offered), ("ok", run.counts.ok)):
        values = [value or 0.0 for series in run.series if series.metric == metric for value in series.values]
        if values and math.fsum(values) != count:
            yield f"series.{metric}", f"says {math.fsum(values):.0f} over its intervals, the counts say {count}"


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
