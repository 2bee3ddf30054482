"""Verdicts from rows: the same as from documents wherever a row holds all that they rest on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from simulated import constant_run

from meshperf.analysis import Terms, Verdict, judge_paired
from meshperf.analysis.pairing import pair_rounds
from meshperf.analysis.run_statistics import RunStatistics, judge_statistics
from meshperf.analysis.series import PairedRounds
from meshperf.spec.records import RunResult

RATIOS = (1.20, 1.22, 1.19, 1.21, 1.20, 1.23, 1.22)
TERMS = Terms(arm="envoy", against="baseline", grade="A", margins={"p50": 0.05, "p90": 0.1, "mean": 0.05})


def _runs(ratios: tuple[float, ...] = RATIOS, base_s: float = 1e-3) -> list[RunResult]:
    runs = [constant_run(base_s, arm="baseline", round=n + 1) for n in range(len(ratios))]
    return runs + [constant_run(base_s * ratio, arm="envoy", round=n + 1) for n, ratio in enumerate(ratios)]


def _row(run: RunResult, **changes: object) -> RunStatistics:
    p50, p90, p99 = (float(value) for value in run.response.quantile([0.5, 0.9, 0.99]))
    row = RunStatistics(
        arm=run.arm,
        round=run.round,
        group=run.group,
        attempt=run.attempt,
        start_time=run.start_time,
        end_time=run.end_time,
        requests=run.counts.ok,
        figures={"p50": p50, "p90": p90, "p99": p99, "mean": run.response.mean()},
    )
    return replace(row, **changes)


@pytest.mark.parametrize(
    "ratios", [RATIOS, (1.0, 1.01, 0.99, 1.0, 1.01, 0.99), (1.0, 1.3, 0.9, 1.2, 1.0, 0.8), RATIOS[:2]]
)
def test_rows_give_what_documents_without_slices_give(ratios: tuple[float, ...]) -> None:
    runs = _runs(ratios)
    paired = PairedRounds(pairing=pair_rounds(runs, baseline=("baseline", 0), candidate=("envoy", 0)))
    whole = {
        one.comparison.metric: one.comparison for one in judge_paired(paired, replace(TERMS, metrics=("p50", "mean")))
    }
    for found in judge_statistics([_row(run) for run in runs], [replace(TERMS, metrics=("p50", "mean"))]):
        own = whole[found.metric]
        assert (found.verdict, found.reason, found.rounds_needed) == (own.verdict, own.reason, own.rounds_needed)
        assert found.ratio == own.ratio and found.companion == own.companion and found.added == own.added


def test_a_p99_of_few_requests_is_left_out_and_so_are_cpu_and_memory() -> None:
    rows = [_row(run) for run in _runs()]
    few = [replace(row, requests=9999) if row.arm == "envoy" else replace(row, requests=10_000) for row in rows]
    many = [replace(row, requests=10_000) for row in rows]
    assert [one.metric for one in judge_statistics(few, [TERMS])] == ["p50", "p90", "mean"]
    found = {one.metric: one for one in judge_statistics(many, [TERMS])}
    assert list(found) == ["p50", "p90", "p99", "mean"] and not found["p99"].pooled
    assert found["p99"].verdict is Verdict.WORSE


def test_excluded_runs_and_rounds_do_not_count_and_stay_listed() -> None:
    rows = [
        _row(run, excluded="baseline: invalid") if (run.arm, run.round) == ("baseline", 2) else _row(run)
        for run in _runs()
    ]
    (p50,) = judge_statistics(rows, [replace(TERMS, metrics=("p50",))], {("envoy", "baseline"): {5: "steal"}})
    assert p50.ratio.n == len(RATIOS) - 2
    assert {one.round: one.excluded for one in p50.rounds if one.excluded} == {2: "baseline: invalid", 5: "steal"}


def test_only_the_last_attempt_at_a_round_counts() -> None:
    runs = _runs()
    broken = [_row(run, attempt=0, figures={"p50": 1.0}) for run in runs if run.round == 1]
    rows = [_row(run, attempt=1 if run.round == 1 else 0) for run in runs]
    (with_both,) = judge_statistics([*broken, *rows], [replace(TERMS, metrics=("p50",))])
    (alone,) = judge_statistics(rows, [replace(TERMS, metrics=("p50",))])
    assert with_both.ratio == alone.ratio


def test_arms_one_after_the_other_are_indicative() -> None:
    rows = [_row(run) for run in _runs()]
    hour = timedelta(hours=1)
    later = [
        replace(row, start_time=row.start_time + hour, end_time=row.end_time + hour) if row.arm == "envoy" else row
        for row in rows
    ]
    (p50,) = judge_statistics(later, [replace(TERMS, metrics=("p50",))])
    assert p50.verdict is Verdict.INCONCLUSIVE and "one arm after the other" in p50.reason


def test_an_arm_without_rows_has_no_rounds() -> None:
    rows = [_row(run) for run in _runs() if run.arm == "baseline"]
    (p50,) = judge_statistics(rows, [replace(TERMS, metrics=("p50",))])
    assert p50.rounds == () and p50.reason == "not measured in any round that counts"
