"""From result documents to verdicts, end to end."""

import math
from dataclasses import replace

import pytest
from simulated import BARE, BASELINE, ENVOY, HOST, MARGINS, SimulatedArm, Simulation, constant_run, facts_of

from meshperf.analysis import Verdict, compare
from meshperf.errors import ComparisonError
from meshperf.spec.experiment import Objective
from meshperf.spec.records import Counts, Fact, GuardReading, Validity, ValidityState, WarningKind
from meshperf.units import Unit

STEAL = (GuardReading(guard="steal", value=0.07, unit="1", warn_above=0.01, invalid_above=0.05, outcome="invalid"),)


def _compare(runs, subject=("mesh",), **settings):
    (found,) = compare(runs, baseline="baseline", subject=subject, margins=MARGINS, **settings)
    return found


def _metric(comparison, metric, arm="envoy", against="baseline"):
    return next(m for m in comparison.metrics if (m.metric, m.arm, m.against) == (metric, arm, against))


def _kinds(comparison):
    return [entry.kind for entry in comparison.warnings]


def _clear(**settings):
    arms = {"baseline": BASELINE, "envoy": SimulatedArm(ratio=1.5, cpu_ratio=3.0, memory_bytes=60_000_000)}
    return Simulation(**{"arms": arms, "run_sd": 0.01, **settings})


def test_a_clear_difference_is_worse_in_every_metric_that_may_be_judged():
    found = _compare(_clear().run(1))
    for metric in ("p50", "p90", "mean", "cpu_per_request", "memory"):
        assert _metric(found, metric).verdict is Verdict.WORSE, metric
    assert found.comparability.grade == "A"
    assert _metric(found, "cpu_per_request").ratio.value == pytest.approx(3.0, rel=0.05)
    assert _metric(found, "memory").added.value == pytest.approx(40e6, rel=0.05)


def test_only_the_primary_family_carries_adjusted_p_values():
    found = _compare(_clear().run(1))
    assert {m.metric for m in found.metrics if m.primary} == {"p50", "p90", "cpu_per_request"}
    assert all((m.p_adjusted is not None) == m.primary for m in found.metrics)


def test_a_p99_of_too_few_requests_is_pooled_shown_and_not_judged():
    small = _metric(_compare(_clear(requests=9_000, rounds=3).run(1)), "p99")
    assert small.pooled
    assert small.verdict is Verdict.INCONCLUSIVE
    assert small.ratio.value == pytest.approx(1.5, rel=0.1)
    assert math.isnan(small.ratio.low)
    large = _metric(_compare(_clear(requests=10_000, rounds=3).run(1)), "p99")
    assert not large.pooled
    assert large.verdict is Verdict.WORSE


def test_one_small_round_is_enough_to_pool_the_tail():
    runs = _clear(requests=10_000, rounds=3).run(1)
    runs[1] = replace(runs[1], response=_clear(requests=9_000, rounds=1).run(2)[1].response)
    assert _metric(_compare(runs), "p99").pooled


def test_disturbed_runs_are_excluded_but_listed():
    runs = _clear().run(1)
    runs[3] = replace(constant_run(5.0, arm="envoy", round=2), guards=STEAL)
    found = _compare(runs)
    metric = _metric(found, "p50")
    assert metric.ratio.n == 5
    assert metric.ratio.value == pytest.approx(1.5, rel=0.05)
    assert [entry.excluded for entry in metric.rounds if entry.round == 2] == [
        "envoy: the machine was not quiet (steal 0.07, more than 0.05)"
    ]
    assert found.rounds_excluded == ("round 2, envoy: the machine was not quiet (steal 0.07, more than 0.05)",)
    assert WarningKind.ROUND_EXCLUDED in _kinds(found)
    assert next(arm for arm in found.arms if arm.arm == "envoy").invalid == found.rounds_excluded


def test_an_arm_without_a_valid_run_is_not_comparable():
    runs = [replace(run, guards=STEAL) if run.arm == "envoy" else run for run in _clear().run(1)]
    found = _compare(runs)
    assert found.comparability.grade == "X"
    assert {m.verdict for m in found.metrics} == {Verdict.NOT_COMPARABLE}
    assert len(found.rounds_excluded) == 6


def test_an_arm_that_cannot_be_compared_does_not_take_the_others_with_it():
    other = SimulatedArm(ratio=2.0, facts={**ENVOY, "host.kernel": "6.2.1"})
    arms = {"baseline": BASELINE, "envoy": SimulatedArm(ratio=1.5), "other": other}
    found = _compare(_clear(arms=arms).run(1))
    assert _metric(found, "p50", "other").verdict is Verdict.NOT_COMPARABLE
    assert _metric(found, "p50", "envoy").verdict is Verdict.WORSE
    assert found.comparability.grade == "X"
    assert {pair.arm: pair.grade for pair in found.pairs if pair.against == "baseline"} == {"envoy": "A", "other": "X"}
    assert [entry.arm for entry in found.comparability.violations] == ["other"]


def test_unknown_connections_forbid_a_comparison():
    unseen = {"load.connections": Fact(unavailable="the tool does not say")}
    found = _compare([replace(run, facts={**run.facts, **unseen}) for run in _clear().run(1)])
    assert found.comparability.grade == "X"
    assert WarningKind.FACT_UNKNOWN in _kinds(found)


def test_candidates_of_one_group_are_compared_directly_outside_the_primary_family():
    arms = {"baseline": BASELINE, "slow": SimulatedArm(ratio=2.0), "quick": SimulatedArm(ratio=1.2)}
    found = _compare(_clear(arms=arms).run(1))
    direct = _metric(found, "p50", "slow", "quick")
    assert direct.ratio.value == pytest.approx(2.0 / 1.2, rel=0.05)
    assert direct.verdict is Verdict.WORSE
    assert not direct.primary


def test_candidates_that_never_shared_a_group_are_not_compared_directly():
    arms = {"baseline": BASELINE, "slow": SimulatedArm(ratio=2.0), "quick": SimulatedArm(ratio=1.2)}
    runs = _clear(arms=arms).run(1)
    apart = [replace(run, group=1) if run.arm == "quick" else run for run in runs]
    apart += [replace(run, group=1, run_id=run.run_id + "-second") for run in runs if run.arm == "baseline"]
    found = _compare(apart)
    assert {(m.arm, m.against) for m in found.metrics} == {("quick", "baseline"), ("slow", "baseline")}


def test_each_load_point_is_a_comparison_of_its_own():
    first = _clear().run(1)
    second = [replace(run, load_point=1, run_id=run.run_id + "-1") for run in _clear(rounds=3).run(2)]
    found = compare([*second, *first], baseline="baseline", subject=("mesh",), margins=MARGINS)
    assert [(entry.load_point, entry.rounds) for entry in found] == [(0, 6), (1, 3)]


def test_two_rounds_show_figures_and_decide_nothing():
    found = _compare(_clear(rounds=2).run(1))
    assert {m.verdict for m in found.metrics} == {Verdict.INCONCLUSIVE}
    assert WarningKind.FEW_ROUNDS in _kinds(found)


def test_a_single_round_is_class_d_with_values_and_no_bounds():
    found = _compare(_clear(rounds=1).run(1))
    metric = _metric(found, "p50")
    assert found.comparability.grade == "D"
    assert metric.ratio.value == pytest.approx(1.5, rel=0.1)
    assert math.isnan(metric.ratio.low)
    assert metric.verdict is Verdict.INCONCLUSIVE


def test_a_pilot_shows_figures_withholds_verdicts_and_says_so():
    found = _compare(_clear(pilot=True).run(1))
    assert found.pilot
    assert found.comparability.grade == "D"
    assert {m.verdict for m in found.metrics} == {Verdict.INCONCLUSIVE}
    assert WarningKind.PILOT in _kinds(found)


def test_interleaved_slices_give_a_centred_ratio_with_the_uncentred_one_beside_it():
    found = _compare(_clear(slices=40, requests=2000, storm_sd=0.3).run(1))
    metric = _metric(found, "p90")
    assert metric.uncentred is not None
    assert "this deployment only" in metric.within.method
    assert metric.rounds[0].ratio != metric.rounds[0].uncentred_ratio
    assert metric.rounds[0].within_low < metric.rounds[0].ratio < metric.rounds[0].within_high
    assert metric.within_sd > 0
    assert _metric(found, "mean").uncentred is None


def test_weather_that_hides_a_difference_is_named():
    arms = {"baseline": BASELINE, "envoy": SimulatedArm(ratio=1.15)}
    kinds = set()
    for seed in range(6):
        kinds |= set(_kinds(_compare(_clear(arms=arms, slices=40, requests=400, storm_sd=3.0, run_sd=0.005).run(seed))))
    assert WarningKind.WEATHER in kinds


def test_objectives_are_tried_on_every_arm():
    objective = Objective(metric="p90", op="<=", threshold=2.2e-3, unit=Unit.SECONDS, text="p90 <= 2.2ms")
    found = _compare(_clear().run(1), objectives=[objective])
    assert [(entry.arm, entry.outcome) for entry in found.objectives] == [("baseline", "held"), ("envoy", "broken")]


def test_twins_give_noise_floors_and_their_own_summaries():
    found = _compare(_clear(twins=("baseline", "envoy")).run(1), aa=("baseline", "envoy"))
    assert {entry.arm for entry in found.noise_floors} == {"baseline", "envoy"}
    assert [arm.resident for arm in found.arms] == ["baseline", "baseline#2", "envoy", "envoy#2"]


def test_a_candidate_is_judged_against_the_first_twin_of_the_baseline():
    runs = _clear().run(1)
    slow_twins = [constant_run(9.0, arm="baseline", twin=1, round=number) for number in range(1, 7)]
    assert _metric(_compare([*runs, *slow_twins]), "p50").ratio == _metric(_compare(runs), "p50").ratio


def test_runs_of_two_experiments_are_refused():
    runs = _clear().run(1)
    with pytest.raises(ComparisonError) as caught:
        _compare([*runs[:4], *(replace(run, experiment_id="another") for run in runs[4:])])
    assert caught.value.code == "MP4001"


def test_an_experiment_without_its_baseline_is_refused():
    with pytest.raises(ComparisonError) as caught:
        _compare([run for run in _clear().run(1) if run.arm != "baseline"])
    assert caught.value.code == "MP4002"
    with pytest.raises(ComparisonError):
        _compare([])


def test_a_proxy_declared_strict_but_seen_plain_is_no_subject_between_candidates():
    plain = SimulatedArm(ratio=1.2, facts={**ENVOY, "security.mtls": "off", "security.tls_version": "none"})
    arms = {"baseline": BASELINE, "envoy": SimulatedArm(ratio=1.5), "plain": plain}
    found = _compare(_clear(arms=arms).run(1))
    assert _metric(found, "p50", "plain", "envoy").verdict is Verdict.NOT_COMPARABLE
    assert _metric(found, "p50", "plain").verdict is Verdict.WORSE


def test_missing_clocks_leave_cpu_open_and_the_rest_judged():
    runs = [replace(run, resources=()) if run.arm == "envoy" else run for run in _clear().run(1)]
    found = _compare(runs)
    assert "not measured" in _metric(found, "cpu_per_request").reason
    assert _metric(found, "p50").verdict is Verdict.WORSE


def test_the_facts_of_the_simulation_are_those_of_two_arms():
    assert facts_of(BARE).keys() == facts_of(ENVOY).keys()
    assert not set(HOST) & set(BARE)


def test_a_baseline_alone_with_its_twin_is_an_aa_test():
    runs = Simulation(arms={"baseline": BASELINE}, twins=("baseline",)).run(1)
    found = _compare(runs, subject=("time",))
    assert found.comparability.grade == "A"
    assert found.metrics == ()
    assert {entry.metric for entry in found.noise_floors} >= {"p50", "p90", "cpu_per_request"}
    assert WarningKind.FEW_ROUNDS not in _kinds(found)
    assert _compare([replace(run, guards=STEAL) for run in runs]).comparability.grade == "X"


def _failing(runs, rounds, state=ValidityState.INVALID):
    """Half of envoy's requests fail in these rounds."""
    return [
        replace(
            run,
            counts=Counts(offered=2000, sent=2000, ok=1000, errors=1000),
            validity=Validity(state=state, reasons=("50.00% of the requests failed",)),
        )
        if run.arm == "envoy" and run.round in rounds
        else run
        for run in runs
    ]


@pytest.mark.parametrize("state", [ValidityState.INVALID, ValidityState.NOT_SUSTAINED])
def test_an_arm_that_fails_in_one_round_is_not_judged_by_those_it_survived(state):
    found = _compare(_failing(_clear().run(1), {4}, state))
    assert found.comparability.grade == "X"
    assert {m.verdict for m in found.metrics} == {Verdict.NOT_COMPARABLE}
    named = next(entry for entry in found.comparability.violations if entry.path == "run.validity")
    assert "round 4, envoy" in named.why and "50.00% of the requests failed" in named.why
    assert ("rate" in named.fix) == (state is ValidityState.NOT_SUSTAINED)


def test_an_arm_that_fails_in_every_round_says_why_it_cannot_be_compared():
    found = _compare(_failing(_clear().run(1), range(1, 7)))
    assert found.comparability.grade == "X"
    assert sum(entry.path == "run.validity" for entry in found.comparability.violations) == 6


def test_failures_count_in_the_error_share_and_the_objectives_of_their_arm():
    objective = Objective(metric="errors", op="<=", threshold=0.001, unit=Unit.RATIO, text="errors <= 0.1%")
    found = _compare(_failing(_clear().run(1), {1, 2, 3}), objectives=[objective])
    assert [(entry.arm, entry.outcome) for entry in found.objectives] == [("baseline", "held"), ("envoy", "broken")]
    assert next(arm for arm in found.arms if arm.arm == "envoy").error_share == pytest.approx(0.25, abs=0.01)
    assert "errors.share" in {entry.path for entry in found.comparability.violations}


def test_failures_in_a_round_that_the_machine_disturbed_are_not_held_against_the_arm():
    objective = Objective(metric="errors", op="<=", threshold=0.001, unit=Unit.RATIO, text="errors <= 0.1%")
    runs = [replace(run, guards=STEAL) if run.round == 4 else run for run in _failing(_clear().run(1), {4})]
    found = _compare(runs, objectives=[objective])
    assert found.comparability.grade == "A"
    assert {entry.outcome for entry in found.objectives} == {"held"}
