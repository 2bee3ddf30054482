"""Which runs are paired, and that what is left out stays listed."""

from dataclasses import replace

import pytest
from simulated import Simulation, constant_run

from meshperf.analysis.pairing import arm_fault, excluded_runs, in_order, pair_rounds, set_aside, why_excluded
from meshperf.histograms import Histogram
from meshperf.spec.records import Claim, GuardReading, Validity, ValidityState

INVALID = Validity(state=ValidityState.INVALID, reasons=("steal 7 %",))


def _run(arm, number, **settings):
    return constant_run(1e-3, arm=arm, round=number, **settings)


def _pairing(runs):
    return pair_rounds(in_order(runs), baseline=("baseline", 0), candidate=("envoy", 0))


def test_a_pair_with_an_invalid_run_is_left_out_whole_with_its_reason():
    runs = [_run(arm, number) for number in (1, 2) for arm in ("baseline", "envoy")]
    runs[1] = replace(runs[1], validity=INVALID)
    found = _pairing(runs)
    assert [pair.round for pair in found.pairs] == [2]
    assert [(left.round, left.reason) for left in found.excluded] == [(1, "envoy: invalid (steal 7 %)")]
    assert excluded_runs(in_order(runs)) == ("round 1, envoy: invalid (steal 7 %)",)


def test_a_round_that_was_made_again_counts_only_as_its_last_attempt():
    first = [_run("baseline", 1), replace(_run("envoy", 1), validity=INVALID)]
    again = [_run("baseline", 1, attempt=1), _run("envoy", 1, attempt=1)]
    found = _pairing([*again, *first])
    assert [pair.baseline.attempt for pair in found.pairs] == [1]
    assert found.excluded == ()
    assert any("made again" in line for line in excluded_runs(in_order([*again, *first])))


def test_runs_of_different_attempts_never_meet():
    assert _pairing([_run("baseline", 1), _run("envoy", 1, attempt=1)]).pairs == ()


def test_a_candidate_meets_the_baseline_of_its_own_group():
    runs = [_run("baseline", 1, group=0), _run("baseline", 1, group=1), _run("envoy", 1, group=1)]
    (pair,) = _pairing(runs).pairs
    assert pair.baseline.group == 1


def test_a_candidate_without_a_baseline_in_its_group_is_left_out():
    found = _pairing([_run("baseline", 1, group=0), _run("envoy", 1, group=1)])
    assert found.pairs == ()
    assert "no run of baseline" in found.excluded[0].reason


def test_a_run_whose_slices_do_not_add_up_is_not_compared():
    base, candidate = Simulation(slices=10, requests=1000, rounds=1).run(1)
    forged = replace(candidate, response=candidate.response + Histogram.from_values([1e-4] * 100))
    found = _pairing([base, forged])
    assert found.pairs == ()
    assert "do not add up" in found.excluded[0].reason


def test_the_same_run_given_twice_counts_once():
    run = _run("baseline", 1)
    assert in_order([run, run]) == (run,)


def _guard(name, outcome="invalid"):
    return GuardReading(guard=name, value=0.07, unit="1", warn_above=0.01, invalid_above=0.05, outcome=outcome)


@pytest.mark.parametrize(
    ("state", "guards", "aside", "fault"),
    [
        (ValidityState.VALID, (), False, False),
        (ValidityState.VALID, (_guard("steal", "warn"),), False, False),
        (ValidityState.CLIENT_LIMITED, (_guard("busy_share"),), True, False),
        (ValidityState.NOT_SUSTAINED, (_guard("rate_shortfall"),), False, True),
        (ValidityState.INVALID, (_guard("error_share"), _guard("busy_share")), False, True),
        (ValidityState.INVALID, (_guard("error_share"), _guard("steal")), True, False),
        # A stored verdict that its own guards contradict is not believed.
        (ValidityState.VALID, (_guard("steal"),), True, False),
        (ValidityState.VALID, (_guard("client_delay_p99"),), True, False),
        (ValidityState.VALID, (_guard("error_share"),), False, True),
    ],
)
def test_the_machine_sets_a_run_aside_and_the_arm_answers_for_itself(state, guards, aside, fault):
    run = replace(_run("envoy", 1), validity=Validity(state=state, reasons=("why",)), guards=guards)
    assert (set_aside(run) is not None, arm_fault(run) is not None) == (aside, fault)
    assert (why_excluded(run) is not None) == (aside or fault)


def test_a_run_whose_claim_did_not_hold_is_not_compared_whatever_its_verdict():
    claim = Claim(claim="mtls: strict", held=False, evidence="plaintext was answered", when="end")
    assert "plaintext was answered" in why_excluded(replace(_run("envoy", 1), claims=(claim,)))
