"""What a run says once more, against what its slices say: figures over time and guards that came later."""

from __future__ import annotations

from dataclasses import replace

import pytest

import kept_sample
from meshperf.experiment.run_rederivation import contradictions
from meshperf.spec.records import RunResult, RunSeries
from meshperf.spec.smp import result_from_document, result_to_document


def run(**changes: object) -> RunResult:
    return replace(kept_sample.round_of(1)[0], **changes)  # type: ignore[arg-type]


def places(of: RunResult) -> list[str]:
    """Where the document of a run contradicts itself."""
    document = result_to_document(of)
    return [place for place, _ in contradictions(result_from_document(document), document)]


def over_time(metric: str, *counts: float) -> RunSeries:
    return RunSeries(metric=metric, unit="1", step_s=1.0, values=counts)


def test_counts_over_time_add_up_to_the_runs() -> None:
    offered, ok = run().counts.offered, run().counts.ok
    assert places(run(series=(over_time("offered", offered - 5, 5), over_time("ok", ok)))) == []
    assert places(run(series=(over_time("offered", offered - 5, 6), over_time("ok", ok)))) == ["series.offered"]
    assert places(run(series=(over_time("ok", ok / 2),))) == ["series.ok"]


@pytest.mark.parametrize("guard", ["late_read_p99", "run_queue_share"])
def test_a_result_that_is_older_than_a_guard_still_holds(guard: str) -> None:
    older = run(guards=tuple(one for one in run().guards if one.guard != guard))
    assert len(older.guards) == len(run().guards) - 1
    assert places(older) == []


def test_a_guard_that_was_left_out_though_its_figure_is_there_is_seen() -> None:
    assert places(run(guards=tuple(one for one in run().guards if one.guard != "censored_share"))) == [
        "guards.censored_share"
    ]


def test_a_starved_generator_cannot_call_its_run_valid() -> None:
    health = replace(run().generator, run_queue_share=0.8)
    assert {"validity", "guards.run_queue_share", "warnings"} <= set(places(run(generator=health)))
