"""Two sets of runs that never met, and figures that were read from coarse buckets."""

import math
from dataclasses import replace

import pytest
from scipy import stats
from simulated import constant_run

from meshperf.analysis import Terms, Verdict, imported_reading, judge_paired, judge_unpaired, reading
from meshperf.analysis.pairing import pair_rounds
from meshperf.analysis.readings import Reading, log_reach
from meshperf.analysis.series import PairedRounds
from meshperf.analysis.unpaired import unpaired_series
from meshperf.spec.imported import Imported, Quantile, Source
from meshperf.spec.records import GeneratorHealth, QuantileBounds

SPREAD = [1.0, 1.01, 0.99, 1.02, 0.985, 1.005]
TERMS = Terms(arm="envoy", against="baseline", grade="B", margins={"p50": 0.05}, metrics=("p50",), family=("p50",))


def _set(arm, base_s, bounds=None, count=6):
    runs = []
    for number, factor in enumerate(SPREAD[:count]):
        seconds = base_s * factor
        run = constant_run(seconds, arm=arm, round=number + 1, requests=20_000)
        if bounds is not None:
            low, high = bounds
            told = QuantileBounds(q=0.5, value_s=seconds, low_s=low, high_s=high)
            run = replace(run, generator=GeneratorHealth(name="fortio", bounds=(told,)))
        runs.append(run)
    return runs


def _p50(a, b, terms=TERMS):
    return next(judge_unpaired(a, b, terms)).comparison


def test_the_interval_is_welchs_on_logarithms():
    a, b = _set("baseline", 1e-3), _set("envoy", 1.3e-3, count=5)
    found = _p50(a, b)
    logs = [[math.log(reading(run, "p50").value) for run in runs] for runs in (a, b)]
    theirs = stats.ttest_ind(logs[1], logs[0], equal_var=False).confidence_interval(0.95)
    assert (found.ratio.low, found.ratio.high) == pytest.approx((math.exp(theirs.low), math.exp(theirs.high)))
    assert found.verdict is Verdict.WORSE
    assert not found.paired
    assert found.ratio.n == 5
    assert "not paired" in found.ratio.method
    assert "rank-sum" in found.companion.method


def test_equal_sets_are_equivalent():
    assert _p50(_set("baseline", 1e-3), _set("envoy", 1.002e-3)).verdict is Verdict.EQUIVALENT


def test_sets_of_two_sessions_without_baselines_of_their_own_are_indicative():
    found = _p50(_set("baseline", 1e-3), _set("envoy", 2e-3), replace(TERMS, grade="D"))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.narrow is None
    assert found.ratio.low > 1.5


def test_one_run_a_side_has_no_interval_and_no_verdict():
    found = _p50(_set("baseline", 1e-3, count=1), _set("envoy", 2e-3, count=1))
    assert math.isnan(found.ratio.low)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.detectable is None


def test_a_p99_of_runs_with_few_requests_is_merged_and_not_judged():
    a = [constant_run(1e-3, arm="baseline", round=n, requests=2000) for n in range(6)]
    b = [constant_run(2e-3, arm="envoy", round=n, requests=2000) for n in range(6)]
    found = _p50(a, b, replace(TERMS, metrics=("p99",)))
    assert found.pooled
    assert found.ratio.value == pytest.approx(2.0, rel=0.01)
    assert found.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("paired", [True, False])
def test_a_five_percent_claim_from_buckets_of_a_third_is_refused_for_resolution(paired):
    """fortio with -r 0.000001 at 7.5 ms: everything from 7.5 to 10 ms is one bucket, and so is 5 to 7.5 ms."""
    a, b = _set("baseline", 7.4e-3, bounds=(5e-3, 7.5e-3)), _set("envoy", 7.8e-3, bounds=(7.5e-3, 10e-3))
    if paired:
        rounds = PairedRounds(pairing=pair_rounds([*a, *b], baseline=("baseline", 0), candidate=("envoy", 0)))
        found = next(judge_paired(rounds, replace(TERMS, margins={}))).comparison
    else:
        found = _p50(a, b, replace(TERMS, margins={}))
    sharp = _p50(_set("baseline", 7.4e-3), _set("envoy", 7.8e-3), replace(TERMS, margins={}))
    assert sharp.verdict is Verdict.WORSE
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "(resolution)" in found.reason
    assert found.rounds_needed is None
    assert found.ratio.low < 7.5 / 7.4 and found.ratio.high > 10 / 5.2
    assert found.added.high > 4e-3
    assert "buckets" in found.ratio.method


def test_coarse_buckets_cannot_show_equality_either():
    a, b = _set("baseline", 7.4e-3, bounds=(5e-3, 7.5e-3)), _set("envoy", 7.4e-3, bounds=(5e-3, 7.5e-3))
    assert _p50(a, b).verdict is Verdict.INCONCLUSIVE


def test_a_difference_wider_than_the_buckets_stands():
    a, b = _set("baseline", 1e-3, bounds=(0.9e-3, 1.1e-3)), _set("envoy", 5e-3, bounds=(4e-3, 6e-3))
    found = _p50(a, b)
    assert found.verdict is Verdict.WORSE
    assert found.ratio.low < 4 / 1.1 * 1.02


def test_a_quantile_that_a_tool_did_not_give_is_no_figure():
    (run,) = _set("baseline", 1e-3, bounds=(0.9e-3, 1.1e-3), count=1)
    assert reading(run, "p50") == Reading(value=1e-3, low=0.9e-3, high=1.1e-3)
    assert not reading(run, "p90").known
    assert reading(run, "cpu_per_request").known


def test_nighthawks_grid_point_is_not_relabelled_a_p99():
    run = _set("baseline", 1e-3, count=1)[0]
    told = QuantileBounds(q=0.990625, value_s=2e-3, low_s=1.9e-3, high_s=2.1e-3)
    assert not reading(replace(run, generator=GeneratorHealth(bounds=(told,))), "p99").known


def test_a_file_of_another_tool_is_read_by_its_quantiles():
    told = Imported(
        source=Source(tool="fortio", form="json"), quantiles=(Quantile(q=0.9, value_s=2e-3, low_s=1e-3, high_s=3e-3),)
    )
    assert imported_reading(told, "p90") == Reading(value=2e-3, low=1e-3, high=3e-3)
    assert not imported_reading(told, "p50").known
    assert not imported_reading(told, "memory").known


def test_a_bucket_that_begins_at_zero_bounds_nothing_from_below():
    assert log_reach(Reading(value=1e-3, low=0.0, high=1e-3)) == (math.inf, 0.0)
    series = unpaired_series(
        "p50", [Reading(value=1e-3, low=0.0, high=2e-3)] * 4, [Reading(value=9, low=9, high=9)] * 4
    )
    assert series.ratio().high == math.inf
    assert series.ratio().low == pytest.approx(4500)
